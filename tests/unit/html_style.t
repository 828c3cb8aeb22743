#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The report's colours, light, dark and printed: texts can be read, and parts of a plot told apart
with any colour vision."""
import itertools
import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../tools")
from tap import Tap  # noqa: E402

TEXT, SHAPE = 4.5, 3.0   # contrasts that WCAG 2 wants of texts and of what has to be seen
APART = 8                # CIE 1976 colour difference; 2.3 can just be seen
# Linear RGB as seen without one kind of cones (Machado, Oliveira, Fernandes 2009).
VISIONS = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red cones": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216),
                     (-0.003882, -0.048116, 1.051998)),
    "no green cones": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
                       (-0.011820, 0.042940, 0.968881)),
    "no blue cones": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602),
                      (0.004733, 0.691367, 0.303900)),
}
tap = Tap()


def linear(text):
    parts = (int(text[i:i + 2], 16) / 255 for i in (1, 3, 5))
    return [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]


def luminance(text):
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear(text)))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def lab(text, vision):
    seen = [min(max(sum(w * p for w, p in zip(row, linear(text))), 0), 1) for row in vision]
    x, y, z = (sum(w * p for w, p in zip(row, seen)) for row in (
        (0.4339, 0.3762, 0.1899), (0.2126, 0.7152, 0.0722), (0.0178, 0.1098, 0.8730)))
    x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def difference(one, other, vision):
    return sum((a - b) ** 2 for a, b in zip(lab(one, vision), lab(other, vision))) ** 0.5


with open(f"{HERE}/../../hv/host/page/style.css", encoding="utf-8") as f:
    blocks = re.findall(r":root \{(.*?)\}", f.read(), re.S)
schemes = [dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", block)) for block in blocks]
tap.is_(len(schemes), 3, "three sets of colours")
tap.is_([sorted(s) for s in schemes], [sorted(schemes[0])] * 3, "each with all of them")
for name, of in zip(("light", "dark", "print"), schemes):
    texts = [(ink, paper) for ink in ("ink", "quiet", "link", "good", "bad", "mark0", "mark3")
             for paper in ("paper", "stripe")]
    texts += [(f"mark{2 if level >= 4 else 0}", f"heat{level}") for level in range(7)]
    texts += [("mark2", f"series{n}") for n in range(6)]  # names within stacked bars
    bad = [f"{a} on {b}: {contrast(of[a], of[b]):.1f}" for a, b in texts
           if contrast(of[a], of[b]) < (TEXT if b[:6] != "series" else SHAPE)]
    tap.none(bad, f"{name}: texts can be read")
    tap.none([f"series{n}: {contrast(of[f'series{n}'], of['paper']):.1f}" for n in range(8)
              if contrast(of[f"series{n}"], of["paper"]) < SHAPE], f"{name}: plots can be seen")
    for vision, matrix in VISIONS.items():
        # Stacked bars are the plots where neither a dash nor a shape tells parts apart.
        near = [f"{a} and {b}: {difference(of[a], of[b], matrix):.0f}" for a, b in
                itertools.combinations([f"series{n}" for n in range(6)], 2)
                if difference(of[a], of[b], matrix) < APART]
        near += [f"heat{n} and the next: {difference(of[f'heat{n}'], of[f'heat{n + 1}'], matrix)}"
                 for n in range(6)
                 if difference(of[f"heat{n}"], of[f"heat{n + 1}"], matrix) < 4]
        tap.none(near, f"{name}, {vision}: parts are told apart")
tap.done()
