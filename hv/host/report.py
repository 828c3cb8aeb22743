#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Print what a telemetry file says as three tables: the cost of an IPI, exits, blame. A table that
nothing was reported for is left out.

Exit status: 0 if the file's last verdict is ok, 1 if not, 2 if the file cannot be used.
"""
import argparse
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import telemetry  # noqa: E402

IPI_OPS = ["self", "unicast", "set", "broadcast"]
PATHS = ["xapic", "x2apic", "x2apic-cluster", "x2apic-self", "apic-write",
         "hypercall", "hypercall-tap"]
UNITS = {
    "bochs": "ticks: instructions in Bochs, path lengths with no hardware exit cost",
    "kvm": "ticks of the TSC, nested under KVM: each exit costs outer exits, so compare ratios",
    "qemu": "ticks of the TSC",
    "": "ticks: instructions in Bochs, TSC cycles on a processor",
}
COST_LEGEND = ["",
               "median, p99  from before the send until the last target has acknowledged; self: "
               "until its handler",
               "sender       until the send has returned, median",
               "exits        an operation, of all CPUs; self: of the sender's"]
BOLD, DIM, RED, GREEN, PLAIN = "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[0m"


class Paint:
    """Colour, on a terminal only."""

    def __init__(self, on):
        self.on = on

    def __call__(self, code, text):
        return f"{code}{text}{PLAIN}" if self.on else text


def number(value):
    """12345678 as 12,345,678; None as a dash."""
    if value is None:
        return "-"
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"


def table(rows, left=1, heads=1):
    """Lines of a table whose first `left` columns are flush left; None is a rule."""
    widths = {}
    for row in rows:
        for i, cell in enumerate(row or []):
            widths[i] = max(widths.get(i, 0), len(cell))
    lines = []
    for row in rows:
        if row is None:
            lines.append("-" * (sum(widths.values()) + 2 * (len(widths) - 1)))
        else:
            cells = [cell.ljust(widths[i]) if i < left else cell.rjust(widths[i])
                     for i, cell in enumerate(row)]
            lines.append("  ".join(cells).rstrip())
    return lines


def column_order(column):
    """Modes in PATHS' order, a mode's native column before its others."""
    mode, is_guest, vm = column
    return (PATHS.index(mode) if mode in PATHS else len(PATHS), mode, is_guest, vm)


def bench_column(record):
    """(mode, False, "") for the bare machine, (path, True, vm) for a guest."""
    if record["path"] == "native":
        return (record.get("via") or record.get("mode") or "", False, "")
    return (record["path"], True, record["vm"])


def bench_rows(benches):
    """The operations to show, in order: IPIs by number of targets, then what has no target."""
    seen = []
    for record in benches:
        key = (record["op"], record["targets"])
        if key not in seen and not record["op"].endswith("-send"):
            seen.append(key)
    ipis = sorted((key for key in seen if key[0] in IPI_OPS),
                  key=lambda key: (IPI_OPS.index(key[0]), key[1]))
    return ipis, [key for key in seen if key[0] not in IPI_OPS]


def cost_table(records):
    # Distributions cannot be added: of a VM that was made anew its last life's counts.
    value = {(r["op"], r["targets"], bench_column(r)): r for r in records if r["type"] == "bench"}
    benches = list(value.values())
    columns = sorted({bench_column(r) for r in benches if r["op"] in IPI_OPS}, key=column_order)
    ipis, others = bench_rows(benches)
    rows = [["operation", "targets", ""] + [c[0] for c in columns],
            ["", "", "in"] + [c[2] if c[1] else "native" for c in columns], None]
    for op, targets in ipis:
        if op == "set" and targets == 1 and ("unicast", 1) in ipis:
            continue  # the same once more
        found = [value.get((op, targets, c)) for c in columns]
        sends = [value.get((op + "-send", targets, c)) for c in columns]
        if len(rows) > 3:
            rows.append([""])
        rows.append([op, str(targets), "median"] + [number(r and r["p50"]) for r in found])
        rows.append(["", "", "p99"] + [number(r and r["p99"]) for r in found])
        if any(sends):
            rows.append(["", "", "sender"] + [number(r and r["p50"]) for r in sends])
        if any(exits_of(r) for r in found):
            rows.append(["", "", "exits"] + [number(exits_of(r)) for r in found])
    lines = table(rows, left=3)
    if others:
        lines += ["", "Other operations"] + other_table(benches, others)
    return lines


def exits_of(record):
    if record is None or record["path"] == "native" or record.get("exits_per_op") is None:
        return None
    return float(record["exits_per_op"])


def other_table(benches, others):
    rows = [["operation", "in", "path", "n", "min", "median", "p99", "max", "exits"], None]
    for key in others:
        for r in benches:
            if (r["op"], r["targets"]) == key:
                mode = bench_column(r)[0]
                rows.append([r["op"], "native" if r["path"] == "native" else r["vm"], mode]
                            + [number(r[name]) for name in ("n", "min", "p50", "p99", "max")]
                            + [number(exits_of(r))])
    return table(rows, left=3)


def hist_median(hist):
    """The bounds of the log2 bucket that holds the median: bucket b is 2^b to 2^(b+1) - 1."""
    total, so_far = sum(hist), 0
    for bucket, count in enumerate(hist):
        so_far += count
        if count and 2 * so_far >= total:
            return f"{0 if bucket == 0 else 1 << bucket:,}..{(2 << bucket) - 1:,}"
    return "-"


def add_lists(a, b):
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    return [v + (shorter[i] if i < len(shorter) else 0) for i, v in enumerate(longer)]


def exit_rows(records):
    """The exit lines, one for each VM and reason: a VM that was made anew has several."""
    rows = {}
    for r in records:
        if r["type"] != "exit" or not r["count"]:
            continue
        key = (r["vm"], r["reason"])
        sum_ = rows.get(key)
        rows[key] = dict(r) if sum_ is None else dict(
            r, count=sum_["count"] + r["count"], ticks=sum_["ticks"] + r["ticks"],
            min=min(sum_["min"], r["min"]), max=max(sum_["max"], r["max"]),
            hist=add_lists(sum_["hist"], r["hist"]))
    return list(rows.values())


def exits_table(records):
    exits = exit_rows(records)
    rows = [["VM", "reason", "count", "ticks", "share", "min", "median in", "max"], None]
    for vm in dict.fromkeys(record["vm"] for record in exits):
        mine = sorted((r for r in exits if r["vm"] == vm), key=lambda r: -r["ticks"])
        total = sum(r["ticks"] for r in mine)
        for i, r in enumerate(mine):
            share = f"{100 * r['ticks'] / total:.1f}%" if total else "-"
            rows.append([vm if i == 0 else "", r["reason"], number(r["count"]), number(r["ticks"]),
                         share, number(r["min"]), hist_median(r["hist"]), number(r["max"])])
        count = sum(r["count"] for r in mine)
        rows.append(["", "all", number(count), number(total), "", "", "", ""])
        rows.append(None)
    return table(rows[:-1], left=2)


def blame_table(records):
    blames = [record for record in records if record["type"] == "blame"]
    if not blames:
        return ["no VM waited for another"]
    cell, cause = {}, {}
    for r in blames:
        cell[r["victim"], r["culprit"]] = cell.get((r["victim"], r["culprit"]), 0) + r["ticks"]
        key = (r["victim"], r["culprit"], r["cause"])
        cause[key] = cause.get(key, 0) + r["ticks"]
    victims = list(dict.fromkeys(r["victim"] for r in blames))
    culprits = list(dict.fromkeys(r["culprit"] for r in blames))
    culprits.sort(key=lambda name: victims.index(name) if name in victims else len(victims))
    causes = list(dict.fromkeys(r["cause"] for r in blames))
    rows = [["victim"] + [f"by {name}" for name in culprits] + ["all (steal)"], None]
    for victim in victims:
        values = [cell.get((victim, culprit)) for culprit in culprits]
        rows.append([victim] + [number(v) for v in values] + [number(sum(v or 0 for v in values))])
    lines = table(rows)
    rows = [["victim", "culprit"] + causes, None]
    for victim, culprit in cell:
        if cell[victim, culprit]:
            rows.append([victim, culprit]
                        + [number(cause.get((victim, culprit, name))) for name in causes])
    return lines + ["", "the same by cause"] + table(rows, left=2)


def verdict(records):
    """True or False from the last verdict, None without one."""
    found = [record["ok"] for record in records if record["type"] == "verdict"]
    return found[-1] if found else None


def has_figures(records):
    """Is there anything to make a table of?"""
    return any(record["type"] in ("bench", "exit", "blame") for record in records)


def sections(records, machine):
    """(title, note, lines) of what there are figures for."""
    types = {record["type"] for record in records}
    if "bench" in types:
        yield ("What one IPI costs, by path and number of targets",
               UNITS.get(machine, UNITS[""]), cost_table(records) + COST_LEGEND)
    if "exit" in types:
        yield "Exits by VM and reason", "ticks from exit to entry", exits_table(records)
    if "exit" in types or "blame" in types:
        yield ("Blame: time that a VM was ready to run and could not, by who had the core",
               "ticks; cause guest: it ran; exit, monitor: work for it; kick, timer: its"
               " interrupts", blame_table(records))


def render(records, machine="", colour=False, verdict_due=True):
    paint = Paint(colour)
    lines = []
    for title, note, body in sections(records, machine):
        lines += [paint(BOLD, title), paint(DIM, f"({note})"), *body, ""]
    good = verdict(records)
    if not lines:
        lines = ["no figures were reported", ""]
    if verdict_due:
        lines.append({
            True: paint(GREEN, "verdict: ok"), False: paint(RED, "verdict: failed"),
            None: paint(RED, "verdict: missing, the run did not come to its end")}[good])
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--machine", default="", help="bochs, kvm or qemu: names the unit")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    args = parser.parse_args()
    try:
        with open(args.file, encoding="utf-8") as f:
            records = telemetry.parse(f.read(), args.file)
    except (OSError, telemetry.TelemetryError) as error:
        print(f"report: {error}", file=sys.stderr)
        return 2
    colour = args.color == "always" or (args.color == "auto" and sys.stdout.isatty())
    print(render(records, args.machine, colour))
    return 0 if verdict(records) else 1


if __name__ == "__main__":
    sys.exit(main())
