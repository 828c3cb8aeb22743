# SPDX-License-Identifier: MIT
"""What became of the interrupts that were sent, and all identities."""
import report
from page import blocks, markup, plots
from page.context import shown
from page.figures import number_of
from page.markup import element, join

FATES = ("posted", "coalesced", "dropped")
COUNTS = ("sends", "requested", *FATES, "kicks", "kicks_avoided")


def sign(holds):
    return element("span", "✔ holds" if holds else "✘ does not hold",
                   class_="good" if holds else "bad")


def fanout_bucket(number):
    """Bucket 0 is for none, bucket b for 2^(b-1) to 2^b - 1 targets."""
    return str(number) if number < 2 else f"{1 << (number - 1)}.."


def ipis(context):
    lines = context.of("ipi")
    if not lines:
        return []
    title = "What became of each target that was named"
    plot = plots.stacked("p-ipi", title, [
        (f"{r['path']} in {r['vm']}", [r[fate] for fate in FATES]) for r in lines], FATES)
    rows = [["VM", "path", *(name.replace("_", " ") for name in COUNTS),
             "requested = posted + coalesced + dropped"], None]
    for r in lines:
        holds = r["requested"] == sum(r[fate] for fate in FATES)
        rows.append([r["vm"], r["path"]] + context.cells(r, *COUNTS) + [sign(holds)])
    return [blocks.beside(context, [(plot, title)],
                          markup.table(rows, left=2, caption="IPI counters and their identity"),
                          by_member(lines, "modes", "Sends by delivery mode"),
                          by_fanout(lines), wide=True),
            blocks.legend("posted: newly pending at the target; coalesced: pending there already;"
                          " dropped: no such target, or it takes none; kicks: physical interrupts"
                          " sent to other cores; kicks avoided: targets that needed none.")]


def by_member(lines, member, caption):
    named = [r for r in lines if isinstance(r.get(member), dict)]
    names = list(dict.fromkeys(name for r in named for name in r[member]))
    if not names:
        return join()
    rows = [["VM", "path", *names], None]
    rows += [[r["vm"], r["path"]] + [report.number(number_of(r[member], name)) for name in names]
             for r in named]
    return markup.table(rows, left=2, caption=caption)


def by_fanout(lines):
    named = [r for r in lines if isinstance(r.get("fanout"), list)]
    longest = max((len(r["fanout"]) for r in named), default=0)
    if not longest:
        return join()
    rows = [["VM", "path", *(fanout_bucket(b) for b in range(longest))], None]
    rows += [[r["vm"], r["path"]] + [shown(r["fanout"][b]) if b < len(r["fanout"]) else "0"
                                     for b in range(longest)] for r in named]
    return markup.table(rows, left=2, caption="Sends by number of targets")


def conservation(context):
    """Each identity by name; those that do not hold come first, and one by one."""
    if not context.checks:
        return []
    broken = [check for check in context.checks if not check.holds]
    names = list(dict.fromkeys(check.identity for check in context.checks))
    rows = [["identity", "checked", "hold", ""], None]
    for name in names:
        mine = [check for check in context.checks if check.identity == name]
        held = sum(check.holds for check in mine)
        rows.append([name, report.number(len(mine)), report.number(held),
                     sign(held == len(mine))])
    parts = [markup.table(rows, left=1, caption="Identities")]
    if broken:
        parts.insert(0, check_table(broken, "Those that do not hold"))
    parts.append(markup.folded(f"all {len(context.checks)}",
                               check_table(context.checks, "Each identity with both sides")))
    return parts


def check_table(checks, caption):
    rows = [["of", "identity", "left", "right", ""], None]
    rows += [[check.subject, check.identity, report.number(check.left),
              report.number(check.right), sign(check.holds)] for check in checks]
    return markup.table(rows, left=2, caption=caption)
