# SPDX-License-Identifier: MIT
"""Every figure of a telemetry file under a name of its own, so that two files can be compared and
each cell of a table knows which figure it shows."""
import lives
import report

# Members that name or place a record, and texts: no figures.
NO_FIGURES = (*lives.NAMES, "value", "type")
# Types whose numbers say what was run, not how it went.
FACTS = ("run", "machine")


def number_of(record, name):
    """A member of a record if it is a number, else None: lines of unknown origin have anything."""
    value = record.get(name) if record else None
    return value if lives.is_number(value) else None


def identity(record):
    """(type, what tells it from others of its type)."""
    members = lives.KEYS.get(record["type"], ("vm", "path", "targets"))
    return (record["type"], *(str(record[name]) for name in members
                              if record.get(name) is not None))


def leaves(value, path=()):
    """(path, number) of all numbers in a member's value."""
    if lives.is_number(value):
        yield path, value
    elif isinstance(value, dict):
        for name, part in value.items():
            if name not in NO_FIGURES:
                yield from leaves(part, (*path, str(name)))
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from leaves(part, (*path, str(i)))


def sums(records):
    """Lines that tables show and no telemetry has: sums over reasons, causes and culprits."""
    found = [report.sum_of_exits(vm, exits)
             for vm, exits in report.exits_by_vm(records).items()]
    cell = report.sums_of_blame(records)
    return found + list(cell.values()) + [report.steal(cell, victim)
                                          for victim in report.blame_names(cell)[0]]


def flat(records):
    """{(type, ..., member, ...): number} of records whose lives are added up. Of several with one
    name the second and later ones have their turn in it."""
    found, seen = {}, {}
    for record in records:
        if record["type"] in FACTS:
            continue
        name = identity(record)
        turn = seen[name] = seen.get(name, 0) + 1
        for path, value in leaves(record):
            if path and path[0] not in lives.KEYS.get(record["type"], ()):
                found[name + ((f"#{turn}",) if turn > 1 else ()) + path] = value
    return found


def key(record, member):
    """The name under which flat() has a record's member."""
    return (*identity(record), member)
