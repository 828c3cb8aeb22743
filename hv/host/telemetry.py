# SPDX-License-Identifier: MIT
"""Telemetry: JSON objects, one a line, as docs/telemetry.md describes them."""
import json
import re

# What each kind of line must hold; more may be there.
FIELDS = {
    "bench": {"vm": str, "path": str, "op": str, "targets": int, "n": int, "min": int, "p50": int,
              "p99": int, "max": int, "unit": str},
    "exit": {"vm": str, "reason": str, "count": int, "ticks": int, "min": int, "max": int,
             "hist": list},
    "ipi": {"vm": str, "path": str, "requested": int, "posted": int, "coalesced": int,
            "dropped": int, "kicks": int},
    "blame": {"victim": str, "culprit": str, "cause": str, "ticks": int},
    "vm-end": {"vm": str, "reason": str},
    "verdict": {"ok": bool},
}

NUMBER_MAX = 2**64 - 1

# What may be missing or null, and is a number else.
NUMBERS = {"bench": ("exits_per_op",)}

# What a guest may report of itself. Its lines are told from the hypervisor's by "vm", which comes
# first in them; those of any other type become "guest-TYPE", so that none speaks for another.
FROM_GUESTS = ("bench", "storm", "victim", "text")


class TelemetryError(Exception):
    pass


def check(record, where):
    """Raise TelemetryError if a record of a known type lacks a field or has one of a wrong type."""
    if not isinstance(record, dict) or not isinstance(record.get("type"), str):
        raise TelemetryError(f'{where}: an object with a "type" was expected')
    for name, kind in FIELDS.get(record["type"], {}).items():
        if name not in record:
            raise TelemetryError(f'{where}: a "{record["type"]}" line without "{name}"')
        if not isinstance(record[name], kind) or (kind is int and isinstance(record[name], bool)):
            raise TelemetryError(
                f'{where}: "{name}" is {record[name]!r}, not of type {kind.__name__}')
        if kind is int and not 0 <= record[name] <= NUMBER_MAX:
            raise TelemetryError(f'{where}: "{name}" is {record[name]}, not from 0 to 2^64 - 1')
    for name in NUMBERS.get(record["type"], ()):
        value = record.get(name, 0)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))
                                  or not 0 <= value <= NUMBER_MAX):
            raise TelemetryError(f'{where}: "{name}" is {value!r}, no number from 0 to 2^64 - 1')


def from_guest(record):
    """A guest's line with its type made harmless if it is not for guests, or does not hold."""
    kind = record.get("type")
    if kind in FROM_GUESTS:
        try:
            check(record, "")
            return record
        except TelemetryError:
            pass
    return dict(record, type=f"guest-{kind}")


def parse(text, where="telemetry"):
    """All records of a text in which each line that is not blank must be one."""
    records = []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip("\r\0 ")
        if not line:
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:  # numbers of 4,300 digits, too, and depth
            why = getattr(error, "msg", str(error))
            raise TelemetryError(f"{where}:{number}: not JSON ({why}): {line[:60]}") from None
        if isinstance(record, dict) and next(iter(record), "") == "vm":
            record = from_guest(record)
        check(record, f"{where}:{number}")
        records.append(record)
    return records


def from_console(text, vm=None):
    """The records in console output; other lines are passed over. A line may begin with the name of
    the VM that printed it: `name: {...}` or `[name] {...}`."""
    records = []
    for line in text.split("\n"):
        match = re.match(r"\s*(?:\[([\w.-]+)\]|([\w.-]+)[:|])?\s*(\{.*\})\s*$", line)
        if not match:
            continue
        try:
            record = json.loads(match.group(3))
        except json.JSONDecodeError:
            continue
        if isinstance(record, dict) and "type" in record:
            name = match.group(1) or match.group(2) or vm
            if name:
                record.setdefault("vm", name)
            records.append(record)
    return records


def native(records, vm):
    """Benchmark records of an image that ran on the bare machine: their path is "native"."""
    found = []
    for record in records:
        if record["type"] == "bench":
            via = record.get("mode", record.get("path"))
            record = dict(record, vm=record.get("vm", vm), path="native", via=via)
            found.append(record)
    return found


def dump(records):
    return "".join(json.dumps(record) + "\n" for record in records)
