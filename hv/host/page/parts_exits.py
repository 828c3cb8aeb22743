# SPDX-License-Identifier: MIT
"""Exits by VM and reason, with their distributions."""
import math

import report
from page import blocks, markup, plots
from page.markup import element


def exits(context):
    """Where the time goes, for each VM."""
    parts = []
    for i, (vm, mine) in enumerate(report.exits_by_vm(context.records).items()):
        title = f"Time in exits of {vm}, by reason"
        bars = plots.bars(f"p-exits{i}", title, [(r["reason"], r["ticks"], None) for r in mine],
                          context.unit)
        table = markup.table(report.exit_rows(mine, context.show), left=2,
                             caption=f"Exits of {vm}")
        parts += [element("h3", markup.visible(vm)),
                  blocks.beside(context, [(bars, title)], table)]
    return parts + [blocks.legend("Ticks from exit to entry, the monitor's part included; without"
                                  " the time in which another had the core.")] if parts else []


def bucket(number):
    """From where a bucket of powers of two begins."""
    return f"{1 << number:,}" if number else "0"


def used(hists):
    """First and last bucket that has anything in it, of lists of counts."""
    buckets = [i for hist in hists for i, count in enumerate(hist) if count]
    return (min(buckets), max(buckets)) if buckets else (0, -1)


def hist_rows(named, head):
    """A table of histograms: named is [(name, counts)]."""
    first, last = used(counts for _, counts in named)
    rows = [[head] + [bucket(b) for b in range(first, last + 1)], None]
    for name, counts in named:
        rows.append([name] + [report.number(counts[b]) if b < len(counts) and counts[b] else ""
                              for b in range(first, last + 1)])
    return rows


def hist_plot(identifier, title, named):
    """A row for each histogram, the darker the more in a bucket: logarithmic, as counts differ by
    powers of ten."""
    first, last = used(counts for _, counts in named)
    cells = {(y, b - first): count for y, (_, counts) in enumerate(named)
             for b, count in enumerate(counts) if count}
    most = math.log(max(cells.values(), default=1) + 1)
    return plots.heat(identifier, title, [name for name, _ in named],
                      [bucket(b) for b in range(first, last + 1)], cells,
                      lambda count: min(int(plots.LEVELS * math.log(count + 1) / most),
                                        plots.LEVELS - 1), size=(50, 24))


def histograms(context):
    parts = []
    for i, (vm, mine) in enumerate(report.exits_by_vm(context.records).items()):
        named = [(r["reason"], r["hist"]) for r in mine]
        title = f"How long exits of {vm} took"
        table = markup.table(hist_rows(named, "reason"), caption=f"Exits of {vm} by length")
        parts += [element("h3", markup.visible(vm)), blocks.beside(
            context, [(hist_plot(f"p-hist{i}", title, named), title)], table)]
    if not parts:
        return []
    return [blocks.legend(f"Each column holds exits of at least so many {context.unit} and"
                               " fewer than the next column's; the number is how many."), *parts]
