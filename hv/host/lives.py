# SPDX-License-Identifier: MIT
"""A VM that was made anew has its telemetry lines once for each life: what counts is added up here,
of distributions the last life's are kept."""

# By which members records of one type are told apart. Of other types each record is one by itself.
KEYS = {
    "bench": ("vm", "path", "via", "op", "targets"),
    "exit": ("vm", "reason"),
    "ipi": ("vm", "path"),
    "blame": ("victim", "culprit", "cause"),
    "refused": ("vm", "event", "what"),
    "time": ("vm", "vcpu"),
    "events": ("vm",),
    "core": ("core",),
}
LAST = ("bench", "core")
# Numbers that tell which and where, not how much.
NAMES = ("vcpu", "core", "what", "rip", "targets", "at")


def key(record):
    """What tells this record from others of its type; None where nothing does."""
    members = KEYS.get(record["type"])
    if members is None:
        return None
    return (record["type"], *(repr(record.get(member)) for member in members))


def is_number(value):
    """Within what 64 bits hold: a guest can write others, infinite ones too."""
    return (isinstance(value, (int, float)) and not isinstance(value, bool)
            and -2**64 < value < 2**64)


def sum_of(name, a, b):
    """Two lives' values of one member."""
    if isinstance(a, list) and isinstance(b, list):
        longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
        return [v + (shorter[i] if i < len(shorter) else 0) for i, v in enumerate(longer)]
    if isinstance(a, dict) and isinstance(b, dict):
        return {n: sum_of(n, a[n], b[n]) if n in a and n in b else a.get(n, b.get(n))
                for n in {**a, **b}}
    if not is_number(a) or not is_number(b) or name in NAMES:
        return a
    return {"min": min, "max": max}.get(name, lambda x, y: x + y)(a, b)


def added(records):
    """The records with those of one key made one, in the order in which each came first."""
    found = {}
    for record in records:
        name = key(record)
        if name is None:
            name = len(found)
        before = found.get(name)
        if before is None or record["type"] in LAST:
            found[name] = record
        else:
            found[name] = sum_of("", before, record)
    return list(found.values())
