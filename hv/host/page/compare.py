# SPDX-License-Identifier: MIT
"""Two telemetry files against each other: what differs, by how much, the largest first."""
import dataclasses

from page import figures


@dataclasses.dataclass(frozen=True)
class Change:
    key: tuple
    here: object             # None where only the other file has it
    there: object            # None where only this one has it

    @property
    def difference(self):
        return self.here - self.there

    @property
    def both(self):
        return self.here is not None and self.there is not None

    @property
    def size(self):
        """The part of the larger of the two that they differ by, so that halving and doubling are
        of one size; 1 where one of them is 0 or is not there."""
        if not self.both:
            return 1.0
        largest = max(abs(self.here), abs(self.there))
        return min(1.0, abs(self.difference) / largest)

    def words(self):
        """`+5 (+1.2%)`, with an arrow before it: the sign is never told by colour alone."""
        if self.there is None:
            return "new"
        if self.here is None:
            return "gone"
        arrow = "▲" if self.difference > 0 else "▼"
        return f"{arrow} {signed(self.difference)} ({self.percent()})"

    @property
    def ratio(self):
        """The difference in percent of the other file's figure; None where that is none."""
        return 100 * self.difference / self.there if self.both and self.there else None

    def percent(self):
        percent = self.ratio
        if percent is None:
            return "from 0" if self.both else ""
        if abs(percent) >= 1e6:
            return f"{percent:+.1e}%"
        return f"{percent:+,.1f}%" if abs(percent) >= 0.05 else f"{percent:+.1g}%"


def signed(value):
    if isinstance(value, float):
        return f"{value:+,.2f}"
    return f"{value:+,}"


class Comparison:
    """Of this file's records with another's; both with lives added up."""

    def __init__(self, records, others):
        here = figures.flat(records + figures.sums(records))
        there = figures.flat(others + figures.sums(others))
        self.count = len(here.keys() | there.keys())
        self.changes = {key: Change(key, here.get(key), there.get(key))
                        for key in {**here, **there} if here.get(key) != there.get(key)}

    def of(self, record, member):
        return self.changes.get(figures.key(record, member)) if record else None

    def sorted(self):
        """All changes, the largest first."""
        return sorted(self.changes.values(), key=self.rank)

    def by_type(self):
        """{type: its changes, the largest first}."""
        found = {}
        for change in self.sorted():
            found.setdefault(change.key[0], []).append(change)
        return found

    @staticmethod
    def rank(change):
        amount = change.difference if change.both else change.here or change.there or 0
        return (not change.both, -change.size, -abs(amount), change.key)
