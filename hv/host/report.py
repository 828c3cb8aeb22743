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
import lives  # noqa: E402
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


def written(record, member):
    """How a table shows a figure: the member of a record; None where there is no such record."""
    return number(record and record[member])


def cost_rows(records, show=written):
    """IPIs: rows of operations, columns of paths. The rows before the first None are heads."""
    # Distributions cannot be added: of a VM that was made anew its last life's counts.
    value = {(r["op"], r["targets"], bench_column(r)): r for r in records if r["type"] == "bench"}
    benches = list(value.values())
    columns = sorted({bench_column(r) for r in benches if r["op"] in IPI_OPS}, key=column_order)
    ipis, _ = bench_rows(benches)
    rows = [["operation", "targets", ""] + [c[0] for c in columns],
            ["", "", "in"] + [c[2] if c[1] else "native" for c in columns], None]
    for op, targets in ipis:
        if op == "set" and targets == 1 and ("unicast", 1) in ipis:
            continue  # the same once more
        found = [value.get((op, targets, c)) for c in columns]
        sends = [value.get((op + "-send", targets, c)) for c in columns]
        if len(rows) > 3:
            rows.append([""])
        rows.append([op, str(targets), "median"] + [show(r, "p50") for r in found])
        rows.append(["", "", "p99"] + [show(r, "p99") for r in found])
        if any(sends):
            rows.append(["", "", "sender"] + [show(r, "p50") for r in sends])
        if any(exits_of(r) for r in found):
            rows.append(["", "", "exits"] + [number(exits_of(r)) for r in found])
    return rows


def cost_table(records):
    others = other_rows(records)
    return table(cost_rows(records), left=3) + (["", "Other operations"] + table(others, left=3)
                                                if others else [])


def exits_of(record):
    if record is None or record["path"] == "native" or record.get("exits_per_op") is None:
        return None
    return float(record["exits_per_op"])


def other_rows(records, show=written):
    """What is no IPI; empty where nothing of the kind was measured."""
    value = {(r["op"], r["targets"], bench_column(r)): r for r in records if r["type"] == "bench"}
    rows = [["operation", "in", "path", "n", "min", "median", "p99", "max", "exits"], None]
    for key in bench_rows(value.values())[1]:
        for r in value.values():
            if (r["op"], r["targets"]) == key:
                mode = bench_column(r)[0]
                rows.append([r["op"], "native" if r["path"] == "native" else r["vm"], mode]
                            + [show(r, name) for name in ("n", "min", "p50", "p99", "max")]
                            + [number(exits_of(r))])
    return rows if len(rows) > 2 else []


def hist_median(hist):
    """The bounds of the log2 bucket that holds the median: bucket b is 2^b to 2^(b+1) - 1."""
    total, so_far = sum(hist), 0
    for bucket, count in enumerate(hist):
        so_far += count
        if count and 2 * so_far >= total:
            return f"{0 if bucket == 0 else 1 << bucket:,}..{(2 << bucket) - 1:,}"
    return "-"


def exits_by_vm(records):
    """{vm: its exit lines, the dearest first}, the lives of a VM added up."""
    found = {}
    for record in lives.added(records):
        if record["type"] == "exit" and record["count"]:
            found.setdefault(record["vm"], []).append(record)
    return {vm: sorted(mine, key=lambda r: -r["ticks"]) for vm, mine in found.items()}


def sum_of_exits(vm, exits):
    """An exit line without a reason."""
    return {"type": "exit", "vm": vm, "count": sum(r["count"] for r in exits),
            "ticks": sum(r["ticks"] for r in exits)}


def exit_rows(records, show=written):
    rows = [["VM", "reason", "count", "ticks", "share", "min", "median in", "max"], None]
    for vm, mine in exits_by_vm(records).items():
        all_ = sum_of_exits(vm, mine)
        for i, r in enumerate(mine):
            share = f"{100 * r['ticks'] / all_['ticks']:.1f}%" if all_["ticks"] else "-"
            rows.append([vm if i == 0 else "", r["reason"], show(r, "count"), show(r, "ticks"),
                         share, show(r, "min"), hist_median(r["hist"]), show(r, "max")])
        rows.append(["", "all", show(all_, "count"), show(all_, "ticks"), "", "", "", ""])
        rows.append(None)
    return rows[:-1]


def sums_of_blame(records):
    """{(victim, culprit): a blame line without a cause}."""
    cell = {}
    for r in records:
        if r["type"] == "blame":
            pair = (r["victim"], r["culprit"])
            before = cell[pair]["ticks"] if pair in cell else 0
            cell[pair] = {"type": "blame", "victim": r["victim"], "culprit": r["culprit"],
                          "ticks": before + r["ticks"]}
    return cell


def steal(cell, victim):
    """The sum of a victim's row: a blame line without a culprit."""
    return {"type": "blame", "victim": victim,
            "ticks": sum(r["ticks"] for pair, r in cell.items() if pair[0] == victim)}


def blame_names(cell):
    """Victims and culprits in the order of rows and columns."""
    victims = list(dict.fromkeys(victim for victim, _ in cell))
    culprits = list(dict.fromkeys(culprit for _, culprit in cell))
    culprits.sort(key=lambda name: victims.index(name) if name in victims else len(victims))
    return victims, culprits


def blame_rows(records, show=written):
    """The matrix of victims and culprits."""
    cell = sums_of_blame(records)
    victims, culprits = blame_names(cell)
    rows = [["victim"] + [f"by {name}" for name in culprits] + ["all (steal)"], None]
    for victim in victims:
        rows.append([victim] + [show(cell.get((victim, culprit)), "ticks") for culprit in culprits]
                    + [show(steal(cell, victim), "ticks")])
    return rows


def cause_rows(records, show=written):
    """The same by cause."""
    blames = [r for r in lives.added(records) if r["type"] == "blame"]
    cause = {(r["victim"], r["culprit"], r["cause"]): r for r in blames}
    causes = list(dict.fromkeys(r["cause"] for r in blames))
    rows = [["victim", "culprit"] + causes, None]
    for pair, whole in sums_of_blame(records).items():
        if whole["ticks"]:
            rows.append([*pair] + [show(cause.get((*pair, name)), "ticks") for name in causes])
    return rows


def blame_table(records):
    if not any(record["type"] == "blame" for record in records):
        return ["no VM waited for another"]
    return (table(blame_rows(records)) + ["", "the same by cause"]
            + table(cause_rows(records), left=2))


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
        yield ("Exits by VM and reason", "ticks from exit to entry",
               table(exit_rows(records), left=2))
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
