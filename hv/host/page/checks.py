# SPDX-License-Identifier: MIT
"""The identities of docs/telemetry.md, reckoned anew from the lines themselves."""
import dataclasses

from page.figures import number_of

STATES = ("guest", "exit", "monitor", "ready", "taken", "blocked")


@dataclasses.dataclass(frozen=True)
class Check:
    identity: str
    subject: str
    left: object             # None where the lines lack a member
    right: object
    at_least: bool = False   # left may be more than right

    @property
    def holds(self):
        if self.left is None or self.right is None:
            return False
        return self.left >= self.right if self.at_least else self.left == self.right


def total(values):
    """The sum; None where one of them is no number."""
    values = list(values)
    if any(not isinstance(v, int) for v in values):
        return None
    return sum(values)


def members(record, *names):
    return total(number_of(record, name) for name in names)


def of_list(record, name):
    value = record.get(name)
    return total(value) if isinstance(value, list) else None


def of_ipi(r):
    subject = f"{r['vm']} by {r['path']}"
    yield Check("requested = posted + coalesced + dropped", subject, r["requested"],
                members(r, "posted", "coalesced", "dropped"))
    modes = r.get("modes")
    yield Check("sends = sum of modes", subject, number_of(r, "sends"),
                total(modes.values()) if isinstance(modes, dict) else None)
    yield Check("sends = sum of fanout", subject, number_of(r, "sends"), of_list(r, "fanout"))


def of_exit(r):
    yield Check("count = sum of hist", f"{r['vm']}: {r['reason']}", r["count"], of_list(r, "hist"))


def of_time(r):
    yield Check("ticks = " + " + ".join(STATES), f"{r.get('vm')} vCPU {r.get('vcpu')}",
                number_of(r, "ticks"), members(r, *STATES))


def made_anew(records):
    """Was a VM made anew? Then the times before are on no line of a vCPU's core."""
    ends = [r["vm"] for r in records if r["type"] == "vm-end"]
    return len(ends) != len(set(ends))


def of_core(r, anew):
    yield Check("ticks = idle + vms + host" if not anew else "ticks ≥ idle + vms + host",
                f"core {r.get('core')}", number_of(r, "ticks"),
                members(r, "idle", "vms", "host"), at_least=anew)


def of_steal(records):
    waits, blames = {}, {}
    for r in records:
        if r["type"] == "time" and r.get("vm") != "host":
            waits.setdefault(r.get("vm"), []).extend(number_of(r, n) for n in ("ready", "taken"))
        elif r["type"] == "blame":
            blames[r["victim"]] = blames.get(r["victim"], 0) + r["ticks"]
    for vm, values in waits.items():
        yield Check("ready + taken = sum of blame", f"VM {vm}", total(values), blames.get(vm, 0))


KINDS = {"ipi": of_ipi, "exit": of_exit, "time": of_time}


def checks(records, lines):
    """All that can be made of records whose lives are added up; `lines` are they as they came."""
    anew, found = made_anew(lines), []
    for r in records:
        if r["type"] in KINDS:
            found += KINDS[r["type"]](r)
        elif r["type"] == "core":
            found += of_core(r, anew)
    return found + list(of_steal(records))
