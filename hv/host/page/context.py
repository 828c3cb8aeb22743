# SPDX-License-Identifier: MIT
"""What the parts of a report are made of: the records, what they are compared with, and how a cell
or a text is written."""
import re

import lives
import report
from page import checks, compare, figures, markup, plot
from page.markup import Raw, element, join


class Context:
    def __init__(self, lines, against=None, name="", against_name=""):
        """`lines`: all records of a file, `against`: those of another file or None."""
        self.lines, self.records = lines, lives.added(lines)
        self.name, self.against_name = name, against_name
        self.others = lives.added(against) if against is not None else []
        self.comparison = None
        if against is not None:
            self.comparison = compare.Comparison(self.records, self.others)
        self.scripts = []  # of plots, in the page's order
        self.checks = checks.checks(self.records, lines)
        self.unit = self.first("machine").get("unit") or "ticks"

    def plot(self, script):
        """The place of a plot in the page, until with_plots() puts it there."""
        self.scripts.append(script)
        return Raw(f"<!--plot {script.identifier}-->")

    def with_plots(self, text):
        """No text of a guest looks like such a place, since all are escaped."""
        svgs = plot.drawn(self.scripts) if self.scripts else {}
        return re.sub(r"<!--plot ([\w-]+)-->", lambda found: svgs[found.group(1)], text)

    def of(self, *types):
        return [r for r in self.records if r["type"] in types]

    def first(self, kind):
        """The first record of a type, or an empty one."""
        return next(iter(self.of(kind)), {})

    @property
    def machine(self):
        """bochs, kvm, qemu, or "" where it is not known."""
        named = self.first("run").get("machine")
        if named in report.UNITS:
            return named
        return "bochs" if self.first("machine").get("emulated") is True else ""

    def show(self, record, member):
        """A table's cell: the figure, and what it differs by from the other file's."""
        text = report.number(figures.number_of(record, member))
        return self.marked(text, self.comparison and self.comparison.of(record, member))

    @staticmethod
    def marked(text, change):
        return join(text, " ", mark(change)) if change else text

    def cells(self, record, *members):
        return [self.show(record, member) for member in members]


def mark(change):
    """Of costs it is said in colour, too, which way is the better one."""
    judged = change.both and change.key[0] == "bench" and change.key[-1] != "n"
    way = {True: " more", False: " less"}[change.difference > 0] if judged else ""
    return element("span", change.words(), class_=f"change{way}")


def shown(value):
    """Any JSON value as text: a guest may write what it likes."""
    if lives.is_number(value):
        return report.number(value)
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, list):
        return ", ".join(shown(part) for part in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {shown(part)}" for name, part in value.items())
    return markup.visible(value)
