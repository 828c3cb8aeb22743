# SPDX-License-Identifier: MIT
"""The page: its parts in order, a list of contents, one style sheet, no script, nothing from
elsewhere."""
import os

import report
from page import (parts_changes, parts_cost, parts_exits, parts_ipi, parts_rest, parts_run,
                  parts_time)
from page.markup import Raw, element, join, lines, paragraph

# Anchor, heading, what makes it. A part that has nothing to say is left out, with its heading.
PARTS = (
    ("verdict", "Verdict", parts_run.verdict),
    ("glance", "At a glance", parts_run.glance),
    ("about", "What was run, and on what", parts_run.about),
    ("differences", "Differences", parts_changes.differences),
    ("cost", "What one IPI costs, by path and number of targets", parts_cost.cost),
    ("operations", "Other operations", parts_cost.others),
    ("blame", "Blame: who took time from whom", parts_time.blame),
    ("exits", "Exits by VM and reason", parts_exits.exits),
    ("histograms", "How long exits took", parts_exits.histograms),
    ("vcpus", "Time of vCPUs", parts_time.vcpus),
    ("cores", "Time of cores", parts_time.cores),
    ("stretches", "Longest stretches of ring 0", parts_time.stretches),
    ("ipis", "IPI counters", parts_ipi.ipis),
    ("identities", "What adds up", parts_ipi.conservation),
    ("guests", "What guests said of themselves", parts_rest.guests),
    ("events", "Single events", parts_rest.events),
    ("refused", "What was refused", parts_rest.refused),
    ("distributions", "Every distribution", parts_cost.all_lines),
    ("others", "Other lines", parts_rest.others),
)


def style():
    with open(f"{os.path.dirname(os.path.abspath(__file__))}/style.css", encoding="utf-8") as f:
        return Raw(f.read())


def headings(made):
    return element("nav", element("h2", "Contents", id="contents"), element("ul", lines(*(
        element("li", element("a", title, href=f"#{anchor}")) for anchor, title, _ in made))),
                   aria_labelledby="contents")


def section(anchor, title, blocks):
    head = element("h2", title, " ", element("a", "#", href=f"#{anchor}", class_="anchor",
                                             aria_label=f"link to: {title}"), id=f"{anchor}-h")
    return element("section", head, lines(*blocks), id=anchor, aria_labelledby=f"{anchor}-h")


def title_of(context):
    entry = context.first("run").get("entry")
    return f"Tapvisor report: {entry}" if entry else "Tapvisor report"


def page(context, beside):
    """The whole file's text. `beside` names the files that lie beside it: [(name, what)]."""
    made = [(anchor, title, blocks) for anchor, title, make in PARTS
            for blocks in [make(context)] if blocks]
    title = title_of(context)
    head = [element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="color-scheme", content="light dark"),
            element("title", title), element("style", style())]
    files = join(*(join(", " if i else "", element("a", name, href=name), f" ({what})")
                   for i, (name, what) in enumerate(beside)))
    foot = element("footer", paragraph("The same figures lie beside this page: ", files, "."),
                   paragraph(f"Unit: {report.UNITS[context.machine]}. How to read each part:"
                             " docs/report.md."))
    body = element("body", lines(
        element("header", element("h1", title)), headings(made),
        element("main", lines(*(section(*part) for part in made))), foot))
    text = element("html", element("head", lines(*head)), body, lang="en")
    return f"<!DOCTYPE html>\n{context.with_plots(text)}\n"
