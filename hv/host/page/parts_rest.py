# SPDX-License-Identifier: MIT
"""What guests said of themselves, single events, what was refused, and lines that no part of the
report knows: those are shown as they are, so that nothing of a file is lost."""
from page import blocks, markup
from page.context import shown
from page.markup import join

GUESTS = {
    "victim": "Equal pieces of work, and what they lost",
    "storm": "Storms of IPIs",
}
KNOWN = ("run", "machine", "bench", "exit", "ipi", "blame", "time", "core", "events", "refused",
         "vm-end", "verdict", *GUESTS)


def guests(context):
    return [blocks.any_table(lines, caption) for kind, caption in GUESTS.items()
            for lines in [context.of(kind)] if lines]


def events(context):
    lines = context.of("events")
    if not lines:
        return []
    names = list(dict.fromkeys(name for r in lines for name in r if name not in ("type", "vm")))
    rows = [["event", *(shown(r.get("vm")) for r in lines)], None]
    rows += [[name] + [context.show(r, name) for r in lines] for name in names]
    return [markup.table(rows, caption="Single events by VM"),
            blocks.legend("What each one counts: docs/telemetry.md.")]


def hexadecimal(value):
    return f"0x{value:x}" if type(value) is int else shown(value)


def refused(context):
    lines = context.of("refused")
    if not lines:
        return []
    rows = [["VM", "event", "what", "on PCs", "count", "first at rip"], None]
    rows += [[shown(r.get("vm")), shown(r.get("event")), hexadecimal(r.get("what")),
              shown(r.get("name")) or "-", context.show(r, "count"), hexadecimal(r.get("rip"))]
             for r in lines]
    return [markup.table(rows, left=2, caption="What VMs asked for in vain",
                         texts=(3,))]


def others(context):
    found = {}
    for r in context.records:
        if r["type"] not in KNOWN:
            found.setdefault(r["type"], []).append(r)
    return [join(blocks.any_table(lines, f"Lines of type {markup.visible(kind)}"))
            for kind, lines in found.items()]
