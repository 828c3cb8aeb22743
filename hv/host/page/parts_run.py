# SPDX-License-Identifier: MIT
"""How it ended, what was run and on what, and the few figures that most look for first."""
import report
from page import blocks, markup
from page.context import shown
from page.markup import element, join, paragraph

# Members of the lines `run` and `machine`, and what a reader calls them.
RUN = (("entry", "entry of grub.cfg"), ("machine", "machine"), ("why", "why that one"),
       ("emulator", "emulator"), ("cpus", "CPUs"), ("processor", "processor beneath"),
       ("host", "system beneath"), ("compiler", "compiled by"), ("commit", "commit"),
       ("date", "when"))
MACHINE = (("cores", "cores that run"), ("tsc_hz", "ticks a second"), ("emulated", "emulated"),
           ("nested", "under another hypervisor"), ("memory_free", "bytes free at the start"))
VERDICTS = {True: ("good", "✔ ok"), False: ("bad", "✘ failed"),
            None: ("bad", "✘ missing: the run did not come to its end")}


def verdict(context):
    """The hypervisor's own; then how each VM ended."""
    if not context.of("machine", "vm-end", "verdict"):
        return []
    good = report.verdict(context.lines)
    kind, words = VERDICTS[good]
    parts = [paragraph(element("strong", f"Verdict: {words}", class_=f"verdict {kind}"))]
    failures = [text for r in context.of("verdict") for text in r.get("failures") or []]
    if failures:
        parts.append(blocks.items(failures))
    ends = context.of("vm-end")
    if ends:
        rows = [["VM", "ended by", "value", "on vCPU"], None]
        rows += [[r["vm"], r["reason"], shown(r.get("value")), shown(r.get("vcpu"))] for r in ends]
        parts.append(markup.table(rows, caption="How each VM ended", texts=(1,)))
    return parts


def named(record, names):
    return [(words, shown(record[name])) for name, words in names
            if record.get(name) not in (None, "")]


def about(context):
    run, machine = context.first("run"), context.first("machine")
    pairs = [("telemetry", context.name)] + named(run, RUN) + named(machine, MACHINE)
    pairs.append(("unit", report.UNITS[context.machine]))
    parts = [markup.facts(pairs)]
    if context.comparison:
        old = next((r for r in context.others if r["type"] == "run"), {})
        parts += [element("h3", "Compared with"),
                  markup.facts([("telemetry", context.against_name)] + named(old, RUN))]
    return parts


def glance(context):
    """At most one sentence for each question."""
    found = [sentence for of in (cheapest, dearest, loser, longest, conserved)
             for sentence in [of(context)] if sentence]
    return [element("ul", *(element("li", sentence) for sentence in found), class_="glance")] \
        if found else []


def cheapest(context):
    single = [r for r in context.of("bench") if r["op"] == "unicast"]
    guests = [r for r in single if r["path"] != "native"]
    if not guests:
        return None
    best = min(guests, key=lambda r: r["p50"])
    native = [r["p50"] for r in single if r["path"] == "native"]
    times = ""
    if native and min(native):
        times = f", {best['p50'] / min(native):.1f} times the bare machine's {min(native):,}"
    return join("The shortest round trip to one target is ", element("b", f"{best['p50']:,}"),
                f" {best['unit']}, by {best['path']} in {best['vm']}{times}.")


def dearest(context):
    exits = [r for mine in report.exits_by_vm(context.records).values() for r in mine]
    if not exits:
        return None
    most, total = max(exits, key=lambda r: r["ticks"]), sum(r["ticks"] for r in exits)
    share = f"{100 * most['ticks'] / total:.0f}%" if total else "0%"
    return join("Most time in exits goes to ", element("b", most["reason"]),
                f" of {most['vm']}: {most['ticks']:,} {context.unit}, {share} of all.")


def loser(context):
    cell = report.sums_of_blame(context.records)
    others = [r for (victim, culprit), r in cell.items() if victim != culprit]
    if not others:
        return None
    worst = max(others, key=lambda r: r["ticks"])
    return join(element("b", worst["victim"]), " lost most to another: ",
                f"{worst['ticks']:,} {context.unit} because of {worst['culprit']}.")


def longest(context):
    found = [r["stretch"] for r in context.of("core") if isinstance(r.get("stretch"), dict)
             and isinstance(r["stretch"].get("max"), int)]
    if not found:
        return None
    worst = max(found, key=lambda stretch: stretch["max"])
    return join("Ring 0 had interrupts off for ", element("b", f"{worst['max']:,}"),
                f" {context.unit} at the longest, by {shown(worst.get('by'))}.")


def conserved(context):
    if not context.checks:
        return None
    held = sum(check.holds for check in context.checks)
    return join(element("b", f"{held:,} of {len(context.checks):,}"), " identities hold.")
