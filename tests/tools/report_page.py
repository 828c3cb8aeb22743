# SPDX-License-Identifier: MIT
"""For the tests of the HTML report: telemetry recorded and made up, pages made of it, and a parser
that holds HTML to its rules."""
import collections
import html.parser
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
MKREPORT = f"{HERE}/../../hv/host/mkreport"
RECORDED = f"{HERE}/../unit/telemetry.jsonl"   # of a `make run`, without x2APIC cluster mode

# Names that would be markup, commands of gnuplot or a shell, formulas, or unseen.
HOSTILE = (
    "<script>pwned=1</script>", "<img src=x onerror=pwned=1>", "\" onmouseover=\"pwned=1",
    "'><svg onload=pwned=1>", "</title><b>", "&amp;&#60;", "<!--plot p-self-->", "]]>--><b>",
    "`touch pwned`", "'; system('touch pwned'); print '", "$(touch pwned)", "@0@x", "\\n{/Bold x}",
    "=1+1", "@SUM(1)", "a\u202egpj", "nul\0esc\033[31m\x07", "half \ud800 pair", "x" * 300,
)


def recorded():
    with open(RECORDED, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def hostile():
    """A VM of each name, with lines of each type that names VMs."""
    found = [{"type": "machine", "cores": 2, "unit": "ticks", "emulated": True}]
    for i, name in enumerate(HOSTILE):
        ticks = {"guest": 500 + i, "exit": 90, "monitor": 5, "ready": 40, "taken": 2, "blocked": 3}
        found += [
            {"vm": name, "type": "bench", "path": name, "op": "unicast", "targets": 1, "n": 9,
             "min": 10, "p50": 300 + i, "p99": 400, "max": 900, "unit": name, "exits_per_op": 4.0},
            {"vm": name, "type": "bench", "path": name, "op": name, "targets": 0, "n": 9,
             "min": 10, "p50": 300 + i, "p99": 10**19, "max": 900, "unit": name},
            {"vm": name, "type": "victim", "slices": name, name: [name, {name: -1e300}]},
            {"vm": name, "type": "text", "line": name}, {"vm": name, "type": name},
            {"type": "exit", "vm": name, "reason": "io", "count": 3, "ticks": 60, "min": 9,
             "max": 40, "hist": [0, 0, 0, 3]},
            {"type": "ipi", "vm": name, "path": "xapic", "sends": 4, "requested": 4, "posted": 3,
             "coalesced": 1, "dropped": 0, "kicks": 2, "kicks_avoided": 1, "modes": {"fixed": 4},
             "fanout": [0, 4]},
            {"type": "blame", "victim": name, "culprit": HOSTILE[i - 1], "cause": "guest",
             "ticks": 42},
            {"type": "time", "vm": name, "vcpu": 0, "core": 0, "ticks": sum(ticks.values()),
             "wakes": 1, **ticks},
            {"type": "events", "vm": name, "halt": 7},
            {"type": "refused", "vm": name, "event": "msr-refused", "what": 911, "name": name,
             "count": 1, "rip": 2**63},
            {"type": "vm-end", "vm": name, "reason": "debug-exit", "value": 0, "vcpu": 0}]
    return found + [{"type": "verdict", "ok": False, "failures": list(HOSTILE)}]


def save(path, records):
    with open(path, "w", encoding="utf-8") as f:
        f.write("".join(json.dumps(record) + "\n" for record in records))
    return path


Made = collections.namedtuple("Made", "status out err place text")


def make(place, *args, **environment):
    """One call of mkreport for the build directory `place`, which is its working directory too."""
    clean = {name: text for name, text in os.environ.items() if name not in ("FROM", "AGAINST")}
    done = subprocess.run([sys.executable, MKREPORT, "--build", place, *args], text=True,
                          cwd=place, env={**clean, **environment}, capture_output=True,
                          check=False)
    page = f"{place}/report/index.html"
    text = ""
    if os.path.exists(page):
        with open(page, encoding="utf-8") as f:
            text = f.read()
    return Made(done.returncode, done.stdout, done.stderr, f"{place}/report", text)


class Page(html.parser.HTMLParser):
    """What a page holds, and in `faults` what is wrong with its markup."""
    VOID = ("meta", "br", "link", "img", "input", "hr")

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.faults, self.stack, self.tags = [], [], collections.Counter()
        self.attributes, self.ids, self.links, self.labels = collections.Counter(), [], [], []
        self.tables, self.title, self.text = [], "", []
        self.feed(text)
        self.close()
        self.faults += [f"<{name}> is not closed" for name in self.stack]

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes.update(name for name, _ in attrs)
        words = dict(attrs)
        if len(words) != len(attrs):
            self.faults.append(f"<{tag}> has an attribute twice: {attrs}")
        if "id" in words:
            self.ids.append(words["id"])
        self.labels += words.get("aria-labelledby", "").split()
        self.links += [words[name] for name in ("href", "src") if name in words]
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif tag in ("td", "th") and self.tables:
            self.tables[-1][-1].append("")
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()} closes something else")

    def handle_data(self, data):
        if "style" in self.stack:
            return
        self.text.append(data)
        if self.stack and self.stack[-1] == "title" and "svg" not in self.stack:
            self.title += data
        if self.tables and {"td", "th"} & set(self.stack):
            self.tables[-1][-1][-1] += data

    def cells(self):
        return {cell for table in self.tables for row in table for cell in row}

    def row(self, *head):
        """The first row of any table that begins so."""
        return next((row for table in self.tables for row in table
                     if tuple(row[:len(head)]) == head), None)


def words(cells):
    """All words of cells, which hold a figure and perhaps what it differs by."""
    return {word for cell in cells for word in re.split(r"\s+", cell)}
