#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The HTML report in a real browser, where there is one: quiet, alone, light and dark, on a desktop
and a phone, printed."""
import os
import re
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../tools", f"{HERE}/../../hv/host"]
import browser  # noqa: E402
import lives  # noqa: E402
import report_page  # noqa: E402
from page import figures, markup  # noqa: E402
from tap import Tap, skip_all  # noqa: E402

CELLS = "Array.from(document.querySelectorAll('td, th'), cell => cell.innerText)"
# The first bar of the page: its colour is a variable of the style sheet.
BAR = "getComputedStyle(document.querySelector('[aria-labelledby^=p-self] polygon')).fill"
PAPER = "getComputedStyle(document.body).backgroundColor"
INK = "getComputedStyle(document.body).color"
# Elements that are wider than the page and have no box around them that scrolls.
WIDE = """Array.from(document.querySelectorAll('body *')).filter(e => !e.closest('.scroll') &&
 e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + ' ' + e.className)"""
# The least height of a plot's letters as they are seen.
LETTERS = """Math.min(...Array.from(document.querySelectorAll('svg.plot'), svg =>
 13 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width))"""
# Texts of plots that are cut off, or lie outside of their plot.
CUT = """Array.from(document.querySelectorAll('svg.plot text')).filter(t => {
 const a = t.getBoundingClientRect(), b = t.ownerSVGElement.getBoundingClientRect();
 return a.left < b.left - 1 || a.right > b.right + 1 || a.top < b.top - 1 || a.bottom > b.bottom + 1
 }).map(t => t.ownerSVGElement.getAttribute('aria-labelledby') + ': ' + t.textContent)"""
FOLLOW = """(async () => { const lost = [];
 for (const link of document.querySelectorAll('nav a, .anchor')) { link.click();
  await new Promise(done => setTimeout(done, 0));
  const at = document.querySelector(location.hash), top = at && at.getBoundingClientRect().top;
  const end = scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
  if (!at || top < -1 || (top > 2 && !end)) lost.push(link.hash + ' ' + top); }
 return lost; })()"""

tap = Tap()
name, why = browser.program()
if not name:
    skip_all(why)
if not shutil.which("gnuplot"):
    skip_all("gnuplot is not installed: ./setup report installs it")
place = tempfile.mkdtemp()
recorded = report_page.recorded()
lines = lives.added(recorded)


def made(name, records, **environment):
    """A page of these records in a directory of its own; its address."""
    os.makedirs(f"{place}/{name}")
    source = report_page.save(f"{place}/{name}.jsonl", records)
    got = report_page.make(f"{place}/{name}", FROM=source, **environment)
    if got.status:
        tap.give_up(got.err)
    return f"file://{got.place}/index.html"


def shown(value):
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"


def as_told(chromium, what):
    """The tables that the browser shows have the telemetry's figures."""
    chromium.call("Runtime.evaluate",
                  expression="document.querySelectorAll('details').forEach(d => d.open = true)")
    seen = report_page.words(chromium.value(CELLS))
    lacking = [f"{' '.join(key)}: {value:,}" for key, value in figures.flat(lines).items()
               if value and shown(value) not in seen]
    tap.none(lacking, f"{what}: the figures are the telemetry's")


def look(chromium, url, what, width, scheme):
    chromium.open(url, width, 900, scheme)
    tap.is_(chromium.value("document.title"), "Tapvisor report: traps against hypercall",
            f"{what}: it is there")
    tap.ok(chromium.value("document.documentElement.scrollWidth") <= width,
           f"{what}: no wider than the screen", *chromium.value(WIDE))
    tap.ok(chromium.value(LETTERS) >= 8, f"{what}: letters in plots are at least 8 pixels",
           str(chromium.value(LETTERS)))
    tap.none(chromium.value(CUT), f"{what}: no text of a plot is cut off")
    as_told(chromium, what)
    return [chromium.value(expression) for expression in (PAPER, INK, BAR)]


url = made("recorded", recorded)
against = made("against", recorded, AGAINST=report_page.save(f"{place}/old.jsonl", [
    dict(r, p50=r["p50"] + 1) if r["type"] == "bench" else r for r in recorded]))
bad = made("hostile", report_page.hostile())
with browser.Browser(name) as chromium:
    looks = {}
    for width, device in ((1280, "desktop"), (390, "phone")):
        for scheme in ("light", "dark"):
            looks[device, scheme] = look(chromium, url, f"{device}, {scheme}", width, scheme)
    for i, what in enumerate(("paper", "ink", "a bar")):
        tap.ok(looks["desktop", "light"][i] != looks["desktop", "dark"][i],
               f"{what} is another in the dark", str(looks))
        tap.is_(looks["desktop", "light"][i], looks["phone", "light"][i],
                f"{what} is the same on a phone")
    lost = chromium.call("Runtime.evaluate", expression=FOLLOW, awaitPromise=True,
                         returnByValue=True)["result"]["value"]
    tap.none(lost, "each link of the contents leads to its part")

    chromium.call("Emulation.setEmulatedMedia", media="print", features=[
        {"name": "prefers-color-scheme", "value": "dark"}])
    tap.is_([chromium.value(PAPER), chromium.value(INK)], ["rgb(255, 255, 255)", "rgb(0, 0, 0)"],
            "printed: black on white, also in the dark")
    chromium.open(url)
    chromium.pdf(f"{place}/page.pdf")
    with open(f"{place}/page.pdf", "rb") as f:
        pages = len(re.findall(rb"/Type\s*/Page\b(?!s)", f.read()))
    tap.ok(3 <= pages <= 30, "printed: some pages", str(pages))

    chromium.open(against)
    rows = chromium.value("document.querySelectorAll('#differences table tbody tr').length")
    benches = sum(r["type"] == "bench" for r in lines)
    tap.is_(rows, benches, "two runs: a row for each figure that differs")
    tap.is_(chromium.value("document.querySelectorAll('#distributions .change.less').length"),
            benches, "two runs: a mark in each row")
    tap.is_((chromium.complaints, sorted(set(chromium.requests))), ([], sorted({url, against})),
            "the console is silent, and nothing is asked for but the pages")

    chromium.open(bad)
    tap.is_(chromium.value("typeof pwned"), "undefined", "hostile names: none is carried out")
    tap.is_(chromium.value("document.querySelectorAll('script, img, main b b').length"), 0,
            "hostile names: none is markup")
    text = chromium.value("document.body.textContent")
    tap.none([ascii(name) for name in report_page.HOSTILE if markup.visible(name) not in text],
             "hostile names: each is read as it is")
    tap.ok(chromium.value("document.documentElement.scrollWidth") <= 1280,
           "hostile names: no wider than the screen")
    tap.none(chromium.value(CUT), "hostile names: no text of a plot is cut off")
    tap.is_((chromium.complaints, chromium.requests[-1]), ([], bad),
            "hostile names: silent, nothing is asked for")
shutil.rmtree(place)
tap.done()
