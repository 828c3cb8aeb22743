# SPDX-License-Identifier: MIT
"""What an IPI costs, by path and number of targets; then whatever else was measured."""
import re

import report
from page import blocks, markup, plots
from page.markup import element

LEGEND = [re.split(r"  +", line, maxsplit=1) for line in report.COST_LEGEND if line]


def label(column):
    mode, is_guest, vm = column
    return f"{mode} in {vm}" if is_guest else f"{mode}, native"


def by_column(context, *operations):
    """{column: its bench lines of these operations}, in the table's order of columns."""
    lines = [r for r in context.of("bench") if r["op"] in operations]
    columns = sorted({report.bench_column(r) for r in lines}, key=report.column_order)
    return {column: [r for r in lines if report.bench_column(r) == column] for column in columns}


def by_targets(context, identifier, title, operations):
    """Lines of medians; as many plots as there are colours for. A set of one is a unicast."""
    found = [(label(column), list({r["targets"]: (r["targets"], r["p50"])
                                   for r in sorted(lines, key=lambda r: r["op"])}.values()))
             for column, lines in by_column(context, *operations).items()]
    for i in range(0, len(found), plots.SERIES_MAX):
        yield (plots.lines(f"{identifier}{i}", title, found[i:i + plots.SERIES_MAX],
                           "number of targets", f"median, {context.unit}"), title)


def of_operation(context, identifier, title, operation):
    """Bars of medians with lines to the 99th percentiles, of the largest number of targets."""
    found = by_column(context, operation)
    most = max((r["targets"] for lines in found.values() for r in lines), default=0)
    rows = [(label(column), r["p50"], r["p99"]) for column, lines in found.items() for r in lines
            if r["targets"] == most]
    said = f"{title}, {most} target{'s' if most > 1 else ''}" if operation != "self" else title
    return (plots.bars(identifier, said, rows, f"median, {context.unit}; line: 99th percentile"),
            said)


def cost(context):
    rows = report.cost_rows(context.records, context.show)
    if len(rows) < 4:
        return []
    drawn = [*by_targets(context, "p-trip", "Round trip to a set, all acknowledged",
                         ("unicast", "set")),
             *by_targets(context, "p-sender", "The same until the sender goes on",
                         ("unicast-send", "set-send")),
             of_operation(context, "p-self", "An IPI to oneself, until its handler", "self"),
             of_operation(context, "p-unicast", "Round trip", "unicast"),
             of_operation(context, "p-broadcast", "Broadcast, all acknowledged", "broadcast")]
    figures = [blocks.figure(context, *pair) for pair in drawn]
    return [element("div", *figures, class_="grid"),
            markup.table(rows, left=3, caption="Cost of an IPI by operation and path"),
            element("div", markup.facts(LEGEND), class_="legend")]


def others(context):
    rows = report.other_rows(context.records, context.show)
    if not rows:
        return []
    value = {(r["op"], report.bench_column(r)): r for r in context.of("bench")}
    bars = []
    for (op, column), r in value.items():
        if op not in report.IPI_OPS and not op.endswith("-send"):
            bars.append((f"{op}: {label(column)}", r["p50"], r["p99"]))
    return [blocks.beside(context, [(plots.bars("p-other", "Other operations", sorted(bars),
                                       f"median, {context.unit}; line: 99th percentile"),
                            "Other operations, median")],
                          markup.table(rows, left=3, caption="Other operations"))]


def all_lines(context):
    """Each line of a distribution, those too that the tables above have no place for."""
    rows = [["in", "path", "operation", "targets", "n", "min", "median", "p99", "max", "exits",
             "unit"], None]
    for r in context.of("bench"):
        mode, is_guest, vm = report.bench_column(r)
        rows.append([vm if is_guest else "native", mode, r["op"], str(r["targets"])]
                    + context.cells(r, "n", "min", "p50", "p99", "max")
                    + [report.number(report.exits_of(r)), r["unit"]])
    if len(rows) < 3:
        return []
    return [markup.folded(f"{len(rows) - 2} distributions",
                          markup.table(rows, left=3, caption="Every distribution measured"))]
