# SPDX-License-Identifier: MIT
"""Test Anything Protocol: test points on standard output, what went wrong on standard error."""
import re
import sys

NOTES_MAX = 40


class Tap:
    def __init__(self):
        self.count = self.failed = 0
        self.todo = ""       # why a point that does not hold from here on is no failure

    def ok(self, good, what, *why):
        """One test point. `why` (text, printed when it failed) may hold several lines."""
        self.count += 1
        self.failed += not good and not self.todo
        print(f"{'ok' if good else 'not ok'} {self.count} - {what}"
              + (f" # TODO {self.todo}" if self.todo else ""), flush=True)
        if not good:
            for text in why[:NOTES_MAX]:
                self.note(text)
            if len(why) > NOTES_MAX:
                self.note(f"... and {len(why) - NOTES_MAX} more")
        return bool(good)

    def is_(self, got, want, what, *why):
        return self.ok(got == want, what, f"got:      {got!r}", f"expected: {want!r}", *why)

    def none(self, found, what, *why):
        """A test point that holds when the list is empty; its items are printed else."""
        return self.ok(not found, what, *why, *found)

    def like(self, text, pattern, what, *why):
        return self.ok(re.search(pattern, text, re.M), what, f"no match for: {pattern}", *why)

    def unlike(self, text, pattern, what, *why):
        found = re.search(pattern, text, re.M)
        return self.ok(not found, what, f"found: {found and found.group(0)!r}", *why)

    def skip(self, what, reason):
        self.count += 1
        print(f"ok {self.count} - {what} # SKIP {reason}", flush=True)

    def note(self, text):
        for line in str(text).split("\n"):
            print(f"# {line}", file=sys.stderr, flush=True)

    def give_up(self, why):
        """The test cannot go on: fails. TAP's own word for it would end the other tests too."""
        self.ok(False, "the test can go on", why)
        self.done()

    def done(self):
        """Prints the plan and ends the test's process."""
        print(f"1..{self.count}")
        sys.exit(1 if self.failed else 0)


def skip_all(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)
