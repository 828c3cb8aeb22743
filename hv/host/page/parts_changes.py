# SPDX-License-Identifier: MIT
"""What differs from the other file, the largest first."""
import report
from page import blocks, markup
from page.context import mark
from page.markup import element, paragraph

# The types whose figures are looked at first, and what they are called.
FIRST = {"bench": "Cost of operations", "exit": "Exits", "ipi": "IPI counters", "blame": "Blame",
         "time": "Time of vCPUs", "core": "Time of cores", "events": "Single events"}
SETUP = ("cores", "tsc_hz", "unit", "emulated", "nested")


def other_machine(context):
    """What the two machines differ in; then figures say little about the hypervisor."""
    old = next((r for r in context.others if r["type"] == "machine"), {})
    new = context.first("machine")
    return [name for name in SETUP if old.get(name) != new.get(name)
            and not (name == "tsc_hz" and new.get("unit") == "ticks")] if old and new else []


def rows_of(changes):
    rows = [["figure", "here", "there", "difference"], None]
    for change in changes:
        rows.append([" · ".join(change.key[1:]), report.number(change.here),
                     report.number(change.there), mark(change)])
    return rows


def differences(context):
    compared = context.comparison
    if not compared:
        return []
    by_type = compared.by_type()
    parts = [paragraph(f"{len(compared.changes):,} of {compared.count:,} figures differ. Here: ",
                       element("b", context.name), "; there: ",
                       element("b", context.against_name), ".")]
    differing = other_machine(context)
    if differing:
        parts.append(paragraph(element("strong", "The machines differ", class_="bad"), " in "
                               + ", ".join(differing) + ": compare ratios, not figures."))
    kinds = [k for k in FIRST if k in by_type] + [k for k in by_type if k not in FIRST]
    for kind in kinds:
        title = f"{FIRST.get(kind, markup.visible(kind))}: {len(by_type[kind]):,} differ"
        table = markup.table(rows_of(by_type[kind]), left=1, caption=title)
        parts.append(table if kind == "bench"
                     else markup.folded(title, table))
    if compared.changes:
        parts.append(blocks.legend("Sorted by ratio: halving and doubling are of one size. ▲ more"
                                   " here, ▼ less here; the percentage is of the figure there."))
    return parts
