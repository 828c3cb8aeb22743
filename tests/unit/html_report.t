#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""hv/host/mkreport, on telemetry recorded in a `make run` and on lines made up for it."""
import csv
import json
import os
import re
import resource
import shutil
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
import lives  # noqa: E402
import report_page  # noqa: E402
from page import checks, compare, figures, markup, plots  # noqa: E402
from report_page import HOSTILE, Page, make, save, words  # noqa: E402
from tap import Tap, skip_all  # noqa: E402

TAGS = {  # all that the page is made of
    "html", "head", "meta", "title", "style", "body", "header", "nav", "main", "section", "footer",
    "h1", "h2", "h3", "ul", "li", "p", "a", "strong", "b", "span", "div", "dl", "dt", "dd",
    "table", "caption", "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "details",
    "summary", "svg", "desc", "g", "path", "text", "polygon", "defs", "use", "circle", "rect"}
SECONDS = 10
tap = Tap()
if not shutil.which("gnuplot"):
    skip_all("gnuplot is not installed: ./setup report installs it")
place = tempfile.mkdtemp()
recorded = report_page.recorded()


def shown(value):
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"


def structure(page, what):
    tap.none(page.faults, f"{what}: the markup is whole")
    tap.none(sorted({name for name in page.ids if page.ids.count(name) > 1}),
             f"{what}: each id is there once")
    lost = [link for link in page.links if link[0] == "#" and link[1:] not in page.ids]
    lost += [link for link in page.links if link[0] != "#"
             and not os.path.isfile(f"{place}/report/{link}")]
    lost += [name for name in page.labels if name not in page.ids]
    tap.none(lost, f"{what}: all links and labels lead somewhere")
    tap.none(sorted(set(page.tags) - TAGS), f"{what}: no element but those the page is made of")
    tap.none([name for name in page.attributes if name.startswith("on") or name == "src"],
             f"{what}: no handlers, nothing to be loaded")


# --- a recorded run ---------------------------------------------------------------------------

source = save(f"{place}/run.jsonl", recorded)
before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
made = make(place, FROM=source)
after, took = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - begin
tap.is_((made.status, made.err), (0, ""), "a page is made", made.out)
used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
tap.ok(used < SECONDS, f"in less than {SECONDS} s of processor time",
       f"{used:.1f} s, {took:.1f} s by the clock")
page = Page(made.text)
structure(page, "recorded")
tap.is_(page.title, "Tapvisor report: traps against hypercall", "it has a title")
for anchor in ("verdict", "about", "cost", "operations", "blame", "exits", "histograms", "vcpus",
               "cores", "stretches", "ipis", "identities", "guests", "events", "refused",
               "distributions"):
    tap.ok(anchor in page.ids and f"#{anchor}" in page.links, f"part {anchor}, from the contents")
tap.ok("differences" not in page.ids and "others" not in page.ids, "no part without a say")
tap.unlike(made.text, "https?://|@import", "nothing from the network")

cells = words(page.cells())
lacking = [f"{' '.join(name)}: {value:,}" for name, value in
           figures.flat(lives.added(recorded)).items() if shown(value) not in cells and value]
tap.none(lacking, "every figure of the telemetry is in a table")
everything = " ".join(page.text)
for record in recorded[:1] + [r for r in recorded if r["type"] == "machine"]:
    for name, value in record.items():
        text = {True: "yes", False: "no"}.get(value) if isinstance(value, bool) else \
            shown(value) if isinstance(value, int) else value
        if name not in ("type", "unit"):
            tap.ok(text in everything, f"{record['type']}: {name} is told", str(text))
tap.ok("instructions in Bochs, path lengths with no hardware" in everything, "and the unit")
tap.is_(page.row("trap", "x2apic", "unicast", "1"),
        ["trap", "x2apic", "unicast", "1", "200", "475", "475", "699", "2,572", "3.03", "ticks"],
        "a distribution")
tap.is_(page.row("trap", "1,256"), ["trap", "1,256", "-", "4,730,298", "1,659,560", "6,391,114"],
        "a row of blame")
tap.is_(page.row("trap", "xapic", "4,216"),
        ["trap", "xapic", "4,216", "8,656", "7,654", "1,002", "0", "5,966", "1,248", "✔ holds"],
        "IPI counters, their identity checked")
tap.is_(page.row("trap", "port-write-unclaimed")[:5],
        ["trap", "port-write-unclaimed", "0x21", "8259 interrupt controller", "1"], "refusals")

svgs = re.findall(r"<svg.*?</svg>", made.text, re.S)
tap.is_(len(svgs), 17, "plots")
for svg in svgs:
    name = re.search(r"<title[^>]*>(.*?)</title>", svg).group(1)
    tap.ok(re.match(r'<svg viewBox="0 0 \d+ \d+" role="img" class="plot" aria-labelledby=', svg)
           and re.search(r"<desc[^>]*>.{20,}</desc>", svg), f"{name}: named and put into words")
    tap.unlike(svg, "rgb|#[0-9a-f]{6}|black|@", f"{name}: in the page's colours")
tap.is_(made.text.count("<!--plot"), 0, "each has its place")

# --- beside it ---------------------------------------------------------------------------------

with open(f"{place}/report/report.json", encoding="utf-8") as f:
    told = json.load(f)
tap.is_(told["records"], lives.added(recorded), "report.json has all records")
tap.is_((told["verdict"], {c["holds"] for c in told["identities"]}), (True, {True}),
        "and verdict and identities")
for kind in ("bench", "exit", "ipi", "blame", "time", "core", "events", "refused", "vm-end"):
    with open(f"{place}/report/{kind}.csv", encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    want = [r for r in lives.added(recorded) if r["type"] == kind]
    bad = [f"{name}: {row[name]!r}, not {r[name]!r}" for row, r in zip(rows, want) for name in r
           if name != "type" and row[name] != (
               json.dumps(r[name]) if isinstance(r[name], (dict, list)) else
               "" if r[name] is None else str(r[name]))]
    tap.ok(len(rows) == len(want) and not bad, f"{kind}.csv has its lines", *bad)

# --- names that would do harm ------------------------------------------------------------------

bad = save(f"{place}/hostile.jsonl", report_page.hostile())
made = make(place, FROM=bad)
tap.is_(made.status, 0, "hostile names: a page is made", made.err)
page = Page(made.text)
structure(page, "hostile names")
everything = "\n".join(page.text)
for name in HOSTILE:
    tap.ok(markup.visible(name) in everything and markup.visible(name) in page.cells(),
           f"{name[:40]!a} stands as it is")
tap.unlike(made.text, r"[^\t\n -~…▲▼≥✔✘·]", "nothing unseen is in the page")
tap.is_(page.title, "Tapvisor report", "the title is the page's own")
tap.none([name for name in ("pwned", "report/pwned") if os.path.exists(f"{place}/{name}")],
         "no command was run")
with open(f"{place}/report/bench.csv", encoding="utf-8", newline="") as f:
    found = [cell for row in csv.reader(f) for cell in row]
tap.none([cell for cell in found if cell[:1] in ("=", "@", "+", "-")], "no formulas in the CSV")
tap.ok("'=1+1" in found, "but their text")
tap.is_(sorted(os.listdir(f"{place}/report")).count("storm.csv"), 0,
        "an earlier report's CSV is gone")

# --- two runs ----------------------------------------------------------------------------------


def changed(record):
    """The run before, some figures other than now."""
    key = tuple(record.get(n) for n in ("type", "vm", "path", "op", "targets", "reason"))
    if key == ("bench", "trap", "x2apic", "unicast", 1, None):
        return dict(record, p50=500, p99=699)
    if key == ("bench", "trap", "xapic", "unicast", 1, None):
        return dict(record, p50=520)
    if key[:2] == ("exit", "trap") and record["reason"] == "hlt":
        return dict(record, count=record["count"] * 2)
    if record["type"] == "blame" and record["cause"] == "monitor" and record["victim"] == "trap":
        return dict(record, ticks=0)
    if record["type"] == "run":
        return dict(record, commit="an-older-one")
    return record


old = save(f"{place}/old.jsonl", [changed(r) for r in recorded if r.get("vm") != "victim"
                                  or r["type"] != "victim"])
made = make(place, FROM=source, AGAINST=old)
tap.is_(made.status, 0, "two runs: a page is made", made.err)
page = Page(made.text)
structure(page, "two runs")
tap.ok("an-older-one" in " ".join(page.text), "what the other one was")
tap.is_(next(table for table in page.tables if table[0][0] == "figure")[1:],
        [["trap · xapic · unicast · 1 · p50", "1,040", "520", "▲ +520 (+100.0%)"],
         ["trap · x2apic · unicast · 1 · p50", "475", "500", "▼ -25 (-5.0%)"]],
        "costs that differ, the largest first, with sign and percentage")
tap.is_(page.row("trap · hlt · count"), ["trap · hlt · count", "3,124", "6,248",
                                         "▼ -3,124 (-50.0%)"], "an exit's count")
tap.is_(page.row("trap · host · monitor · ticks"),
        ["trap · host · monitor · ticks", "1,012,374", "0", "▲ +1,012,374 (from 0)"],
        "what was none")
tap.is_(page.row("victim · elapsed")[2:], ["-", "new"], "what only this one has")
tap.is_(page.row("trap", "x2apic", "unicast", "1")[6:8], ["475 ▼ -25 (-5.0%)", "699"],
        "marks in the tables, too, and none where nothing differs")
tap.is_(page.row("trap", "1,256")[4:], ["1,659,560 ▲ +1,012,374 (+156.4%)",
                                        "6,391,114 ▲ +1,012,374 (+18.8%)"], "and of sums")
tap.like(made.text, 'class="change less">▼ -25', "a lower cost looks better")
tap.unlike(made.text, 'class="change (more|less)">[^<]*1,012,374', "of counts that is not said")
with open(f"{place}/report/report.json", encoding="utf-8") as f:
    told = json.load(f)
found = [list(d.values()) for d in told["differences"] if d["figure"][0] == "bench"]
tap.is_(found[0], [["bench", "trap", "xapic", "unicast", "1", "p50"], 1040, 520, 520, 100.0],
        "the same in report.json")
same = make(place, FROM=source, AGAINST=source)
tap.like(same.out, r"^0 of 1?,?\d{3} figures differ", "a run does not differ from itself")
tap.unlike(same.text, "▲|▼", "and has no marks")
kvm = save(f"{place}/kvm.jsonl", [dict(r, unit="cycles", emulated=False) if r["type"] == "machine"
                                  else r for r in recorded])
tap.like(make(place, FROM=source, AGAINST=kvm).text,
         r"The machines differ</strong> in unit, emulated", "unlike machines are told")

# --- verdicts, identities, lines of new types, lives -------------------------------------------

wrong = [dict(r, posted=r["posted"] + 1) if r["type"] == "ipi" else r for r in recorded]
wrong[-1] = {"type": "verdict", "ok": False, "failures": ["trap <did> not end"]}
made = make(place, FROM=save(f"{place}/wrong.jsonl", wrong))
page = Page(made.text)
tap.is_(made.status, 0, "a bad run: a page is made all the same")
tap.like(made.err, r"^report: 6 identities do not hold, such as requested = ", "with a word")
tap.ok("Verdict: ✘ failed" in page.text and "trap <did> not end" in page.text,
       "its verdict and why")
tap.is_(page.row("trap by xapic"), ["trap by xapic", "requested = posted + coalesced + dropped",
                                    "8,656", "8,657", "✘ does not hold"], "which one, both sides")
for kind, records in (
        ("exit", [dict(r, hist=[1]) for r in recorded if r["type"] == "exit"]),
        ("time", [dict(r, guest=r["guest"] + 1) for r in recorded if r["type"] == "time"]),
        ("core", [dict(r, idle=r["idle"] - 1) for r in recorded if r["type"] == "core"]),
        ("ipi", [dict(r, fanout=[], modes={}) for r in recorded if r["type"] == "ipi"]),
        ("steal", [dict(r, ticks=r["ticks"] + 1) if r["type"] == "blame" else r for r in recorded
                   if r["type"] in ("blame", "time")])):
    broken = [c for c in checks.checks(records, records) if not c.holds]
    tap.ok(broken, f"{kind}: a sum that is off by one is noticed")
tap.is_([c for c in checks.checks(lives.added(recorded), recorded) if not c.holds], [],
        "and all hold of the recorded run")
made = make(place, FROM=save(f"{place}/cut.jsonl", recorded[:-1]))
tap.ok("Verdict: ✘ missing: the run did not come to its end" in Page(made.text).text,
       "a run that was cut short")

made = make(place, FROM=save(f"{place}/new.jsonl", [
    {"type": "machine", "unit": "cycles"},
    {"type": "anatomy", "vm": "a", "path": "x2apic", "stages": {"decode": 12, "route": 34}}]))
page = Page(made.text)
tap.is_(page.row("a", "x2apic"), ["a", "x2apic", "decode 12, route 34"],
        "lines of a type that it does not know are shown as they are")
tap.ok({"cost", "blame", "exits", "ipis", "cores"}.isdisjoint(page.ids),
       "parts that there is nothing for are left out")
tap.is_(page.tags["svg"], 0, "no plots of nothing")
twice = make(place, FROM=save(f"{place}/twice.jsonl", recorded + recorded))
tap.is_(Page(twice.text).row("trap", "io"), ["trap", "io", "30,118", "15,936,834", "33.4%", "465",
                                             "256..511", "2,377"], "lives are added up")
tap.like(twice.text, "ticks ≥ idle", "of a VM made anew cores hold at least the sum")

# --- what cannot be ----------------------------------------------------------------------------

empty = tempfile.mkdtemp(dir=place)
tap.is_((make(empty).status, make(empty).err),
        (2, f"report: {empty} has no telemetry yet: `make run` leaves some, or name a file by"
            " FROM=\n"), "no telemetry")
for name, body in (("text", b"hello\n"), ("binary", b"\xff\xfe\0"), ("list", b"[1]\n"),
                   ("nothing", b" \n"), ("strange", b'{"type":"x"}\n')):
    with open(f"{place}/{name}", "wb") as f:
        f.write(body)
for environment, says in (
        ({"FROM": "/nowhere"}, "FROM=/nowhere: there is no such file"),
        ({"FROM": place}, "that is a directory"),
        ({"FROM": source, "AGAINST": "/nowhere"}, "AGAINST=/nowhere: there is no such file"),
        ({"FROM": source, "AGAINST": f"{place}/text"}, f"AGAINST={place}/text is no telemetry"),
        ({"FROM": f"{place}/text"}, f"text is no telemetry: {place}/text:1: not JSON"),
        ({"FROM": f"{place}/binary"}, "that is no telemetry, it is not even text"),
        ({"FROM": f"{place}/list"}, 'is no telemetry: .*an object with a "type"'),
        ({"FROM": f"{place}/nothing"}, "has no line of a kind"),
        ({"FROM": f"{place}/strange"}, "has no line of a kind"),
        ({"FROM": source, "PATH": empty}, r"^report: gnuplot is not installed: ./setup installs it"
                                          r" \(package gnuplot-nox\)$")):
    got = make(empty, **environment)
    tap.is_((got.status, got.text), (2, ""), f"refused: {says[:50]}", got.out)
    tap.like(got.err, says, "and said so")
with open(f"{empty}/gnuplot", "w", encoding="ascii") as f:
    f.write("#!/bin/sh\necho no fonts here >&2\nexit 1\n")
os.chmod(f"{empty}/gnuplot", 0o755)
tap.is_(make(empty, FROM=source, PATH=f"{empty}:/bin").err, "report: gnuplot: no fonts here\n",
        "a gnuplot that fails is quoted")
tap.like(make(place, "--given", "FORM").err, "FORM=: there is no such setting; FROM= is meant?",
         "a variable that nobody reads")

for number, name in ((1, "run"), (3, "bench"), (2, "run.2")):
    os.makedirs(f"{place}/{name}")
    os.utime(save(f"{place}/{name}/telemetry.jsonl", recorded), (number, number))
tap.like(make(place).out, r"^report of .*/bench/telemetry\.jsonl: ", "without FROM=, the newest")

# --- small things ------------------------------------------------------------------------------

tap.is_([plots.short(n) for n in (0, 7, 9999, 12345, 99950, 316000, 4730298, 12345678, 2**64 - 1)],
        ["0", "7", "9,999", "12.3k", "100k", "316k", "4.73M", "12.3M", "18.4E"], "short numbers")
tap.is_([plots.step(n) for n in (1, 5, 6, 11, 30, 1040, 2**64)],
        [1, 1, 2, 5, 10, 500, 5 * 10**18], "steps of axes")
tap.is_([compare.Change(("x",), a, b).percent() for a, b in ((3, 2), (2, 3), (1, 0), (10001, 10000),
                                                             (2**64, 1))],
        ["+50.0%", "-33.3%", "from 0", "+0.01%", "+1.8e+21%"], "percentages")
tap.is_(compare.Change(("x",), 2, 1).size, compare.Change(("x",), 1, 2).size,
        "doubling and halving are of one size")
shutil.rmtree(place)
tap.done()
