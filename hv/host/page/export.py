# SPDX-License-Identifier: MIT
"""The report's figures for other programs: a CSV file for each type of line, one JSON file."""
import csv
import io
import json

import lives
import report

TYPES = ("bench", "exit", "ipi", "blame", "time", "core", "events", "refused", "victim", "storm",
         "vm-end")
COLUMNS_MAX = 64
# What a spreadsheet takes for a formula at the head of a cell.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value):
    """Lists and objects as JSON; a text that a spreadsheet would carry out gets a quote before."""
    if isinstance(value, (list, dict)):
        value = json.dumps(value)
    if isinstance(value, str):
        value = value.encode("utf-8", "backslashreplace").decode("utf-8")
        return f"'{value}" if value.startswith(FORMULA) else value
    return "" if value is None else value


def csv_of(records):
    names = list(dict.fromkeys(n for r in records for n in r if n != "type"))[:COLUMNS_MAX]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([cell(name) for name in names])
    writer.writerows([cell(r.get(name)) for name in names] for r in records)
    return out.getvalue()


def finite(value):
    """The value without numbers that JSON has no word for."""
    if isinstance(value, float) and not lives.is_number(value):
        return None
    if isinstance(value, dict):
        return {name: finite(part) for name, part in value.items()}
    return [finite(part) for part in value] if isinstance(value, list) else value


def json_of(context):
    found = {
        "source": context.name, "against": context.against_name or None,
        "verdict": report.verdict(context.lines),
        "records": context.records,
        "identities": [{"identity": c.identity, "of": c.subject, "left": c.left, "right": c.right,
                        "holds": c.holds} for c in context.checks],
    }
    if context.comparison:
        found["differences"] = [
            {"figure": list(change.key), "here": change.here, "there": change.there,
             "difference": change.difference if change.both else None,
             "percent": change.ratio}
            for change in context.comparison.sorted()]
    return json.dumps(finite(found), indent=1, allow_nan=False) + "\n"


def files(context):
    """[(name, what it is, text)]."""
    found = [("report.json", "all of it", json_of(context))]
    for kind in TYPES:
        records = context.of(kind)
        if records:
            found.append((f"{kind}.csv", f"{len(records):,} lines", csv_of(records)))
    return found
