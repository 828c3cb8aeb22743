# SPDX-License-Identifier: MIT
"""Whose time went where: blame, vCPUs, cores, ring 0's longest stretches."""
import math

import report
from page import blocks, checks, markup, plots
from page.context import shown
from page.figures import number_of
from page.parts_exits import hist_rows

STRETCH_LIMIT = 25000    # of ticks that are instructions: docs/architecture.md
PARTS = ("idle", "vms", "host")


def blame(context):
    cell = report.sums_of_blame(context.records)
    if not cell:
        return [markup.paragraph("No VM waited for another.")] if context.of("exit") else []
    victims, culprits = report.blame_names(cell)
    most = max(r["ticks"] for r in cell.values()) or 1
    cells = {(victims.index(v), culprits.index(c)): r["ticks"] for (v, c), r in cell.items()}
    title = "Time taken: rows are victims, columns culprits"
    plot = plots.heat("p-blame", title, victims, [f"by {name}" for name in culprits], cells,
                      lambda ticks: min(int(plots.LEVELS * math.sqrt(ticks / most)),
                                        plots.LEVELS - 1), size=(92, 40))
    return [blocks.beside(context, [(plot, title)],
                          markup.table(report.blame_rows(context.records, context.show),
                                       caption="Blame: victim by culprit"),
                          markup.table(report.cause_rows(context.records, context.show), left=2,
                                       caption="The same by cause")),
            blocks.legend(f"In {context.unit}. A VM was ready to run and could not; a row adds up"
                          " to that VM's steal time. Cause guest: the culprit ran; exit, monitor:"
                          " the hypervisor or the monitor worked for it; kick, timer: its"
                          " interrupts.")]


def vcpus(context):
    lines = context.of("time")
    if not lines:
        return []
    names = [f"{shown(r.get('vm'))} {shown(r.get('vcpu'))}" for r in lines]
    title = "Where the time of each vCPU went"
    plot = plots.stacked("p-vcpus", title, [
        (name, [number_of(r, state) for state in checks.STATES])
        for name, r in zip(names, lines)], checks.STATES)
    rows = [["VM", "vCPU", "core", "ticks", *checks.STATES, "wakes"], None]
    rows += [[shown(r.get("vm")), shown(r.get("vcpu")), shown(r.get("core"))]
             + context.cells(r, "ticks", *checks.STATES, "wakes") for r in lines]
    return [blocks.beside(context, [(plot, title)],
                          markup.table(rows, left=3, caption="Time of vCPUs"), wide=True),
            blocks.legend("guest: in guest mode; exit: ring 0 worked for it; monitor: ring 3 did;"
                          " ready: it waited for its core; taken: the core was interrupted for"
                          " another; blocked: halted or paused. VM host is root, the console.")]


def cores(context):
    lines = context.of("core")
    if not lines:
        return []
    title = "Where the time of each core went"
    plot = plots.stacked("p-cores", title, [
        (f"core {shown(r.get('core'))}", [number_of(r, part) for part in PARTS])
        for r in lines], PARTS)
    rows = [["core", "ticks", *PARTS, "kicks", "timers", "NMIs"], None]
    rows += [[shown(r.get("core"))] + context.cells(r, "ticks", *PARTS, "kicks", "timers", "nmis")
             for r in lines]
    return [blocks.beside(context, [(plot, title)], markup.table(rows, caption="Time of cores")),
            blocks.legend("kicks, timers, NMIs: physical interrupts that the core received.")]


def stretches(context):
    lines = [(r, r["stretch"]) for r in context.of("core") if isinstance(r.get("stretch"), dict)]
    if not lines:
        return []
    limit = STRETCH_LIMIT if context.first("machine").get("unit") == "ticks" else None
    title = "Longest time with interrupts off, by core"
    if limit:
        title += f"; the dashed line is the limit, {limit:,}"
    plot = plots.bars("p-stretch", title, [
        (f"core {shown(r.get('core'))}", number_of(stretch, "max"), None) for r, stretch in lines],
        context.unit, limit)
    rows = [["core", "longest", "for", "by", "at tick"], None]
    named = []
    for r, stretch in lines:
        change = context.comparison and context.comparison.changes.get(
            ("core", shown(r.get("core")), "stretch", "max"))
        longest = shown(number_of(stretch, "max"))
        rows.append([shown(r.get("core")), context.marked(longest, change),
                     f"{shown(stretch.get('vm'))} {shown(stretch.get('vcpu'))}",
                     shown(stretch.get("by")), shown(stretch.get("at"))])
        if isinstance(stretch.get("hist"), list):
            named.append((shown(r.get("core")), stretch["hist"]))
    tables = [markup.table(rows, caption="The longest stretch of each core",
                           texts=(2, 3))]
    if any(any(hist) for _, hist in named):
        tables.append(markup.table(hist_rows(named, "core"),
                                   caption="How many stretches there were, by length"))
    return [blocks.beside(context, [(plot, title)], *tables),
            blocks.legend("From an exit, a trap or the end of idling to the next place where"
                          " interrupts are taken. Those of fewer than 1,024 are not counted.")]
