#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/specification.md names tests that exist: each row has one, and each file, libcheck function,
quoted test point, image, document and make target in it is there. The other way round, each test,
lint and test image is named by a row."""
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tree  # noqa: E402
from tap import Tap  # noqa: E402

DOCUMENT = "docs/specification.md"
# Kind of test, as a row spells it: what a name in backquotes may stand for.
KINDS = {
    "unit": ("tests/unit/{}.c", "tests/unit/{}"),
    "lint": ("tests/lint/{}",),
    "proof": ("tests/proof/{}", "tests/proof/{}.pml"),
    "emu": ("tests/emu/{}",),
    "guest": ("guest-tools/tests/{}.c", "guest-tools/tests/{}.asm", "guest-tools/{}/main.c"),
}
TOKEN = re.compile(r'\b(units?|lints?|proofs?|emu|guests?|verdict)\b|`([^`]*)`|"([^"]*)"')
# What a test imports: names of its points may be made there.
TOOLS = re.compile(r"^(?:from|import) (\w+)", re.M)


def targets():
    text = "".join(tree.read(name) for name in tree.files("Makefile", ".mk"))
    return set(re.findall(r"^([a-z][a-z0-9-]*):", text, re.M))


def rows():
    """(line number, promise, test) of each row of a table of promises."""
    heads = None
    for number, line in enumerate(tree.read(DOCUMENT).split("\n"), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if not line.startswith("|"):
            heads = None
        elif heads is None:
            heads = cells
        elif heads == ["promise", "test"] and set(line) - set("|- "):
            yield number, cells[0], cells[-1] if len(cells) == 2 else ""


def text_of(name):
    """A test with what it includes or imports of tests/."""
    text, places = tree.read(name), ["tests/tools"]
    for header in re.findall(r'#include "(tests/[^"]+)"', text):
        text += text_of(header) if os.path.exists(f"{tree.TOP}/{header}") else ""
    if name.endswith(".t"):
        for module in TOOLS.findall(text):
            for place in places:
                path = f"{place}/{module}.py"
                text += tree.read(path) if os.path.exists(f"{tree.TOP}/{path}") else ""
    return text


def strings(text):
    """What stands in quotes in a test, one on each line."""
    return "\n".join(a or b for a, b in re.findall(r'"([^"\n]*)"|\'([^\'\n]*)\'', text))


def has_point(name, quoted):
    """May this test print that point? Its parts (at colons, where it says "...", and where N stands
    for a number) stand in the test's strings: names are put together from them."""
    there = strings(text_of(name))
    parts = [part.strip() for part in re.split(r": |:$|\.\.\.|\bN\b", quoted)]
    return all(re.search(rf"(?<!\w){re.escape(part)}(?!\w)", there) for part in parts if part)


class Row:
    """Walks through one row's words and keeps what is wrong with them."""

    def __init__(self, number, make):
        self.number, self.make = number, make
        self.kind = self.file = None
        self.found, self.wrong = [], []

    def complain(self, what):
        self.wrong.append(f"{DOCUMENT}:{self.number}: {what}")

    def file_of(self, word):
        for pattern in KINDS.get(self.kind, ()):
            path = pattern.format(word.split(" ")[0])
            if os.path.isfile(f"{tree.TOP}/{path}"):
                return path
        return None

    def backquoted(self, word):
        if word.startswith("make "):
            if word.split(" ")[1] not in self.make:
                self.complain(f"there is no `{word}`")
            self.found.append(word)
        elif self.file_of(word):
            self.file = self.file_of(word)
            self.found.append(self.file)
        elif any(os.path.isfile(f"{tree.TOP}/{place}{word}") for place in ("", "tests/unit/")):
            self.found.append(word)
        elif not self.file or not re.search(rf"^START_TEST\({re.escape(word)}\)",
                                            text_of(self.file), re.M):
            self.complain(f"`{word}` is no {self.kind or 'test'}"
                          + (f", and no case of {self.file}" if self.file else ""))

    def quoted(self, words):
        if not self.file or not has_point(self.file, words):
            self.complain(f'"{words}" is no point of {self.file or "any test"}')

    def walk(self, test):
        for kind, word, words in TOKEN.findall(test):
            if kind == "verdict":
                self.found.append(kind)
            elif kind:
                self.kind, self.file = kind.rstrip("s"), None
            elif word:
                self.backquoted(word)
            else:
                self.quoted(words)
        if not self.found:
            self.complain("names no test")
        return self


tap = Tap()
make = targets()
walked = [Row(number, make).walk(test) for number, _, test in rows()]
tap.ok(len(walked) > 100, f"{len(walked)} promises")
tap.none([line for row in walked for line in row.wrong], "each names tests that exist")

named = {name for row in walked for name in row.found}
tests = [name for name in tree.files(".t", ".c", ".asm")
         if re.match(r"tests/(emu|proof|lint|unit)/[^/]*[tc]$|guest-tools/tests/", name)]
tap.none([name for name in tests if name not in named],
         "each test is named by a promise")
tap.done()
