# SPDX-License-Identifier: MIT
"""The kinds of plots: lines, bars, stacked bars, a heat map. Each takes an identifier of its own in
the page, a title, and figures, says in words what it shows, and is None where there is nothing."""
import math

from page import markup
from page.plot import GRID, HEAT_INK, INK, LIMIT, Script, colour

WIDTH = 480
LABEL = 200              # pixels that a label may take
LINE = 20                # pixels of a line of names below
FAR = 2.5                # times the longest bar, what no line leads to
PER_CENT = 3             # pixels of a stacked bar, about
SERIES_MAX = 8           # colours that the style sheet has
DASHES = ("1", "2", "4", "5", "3")
POINTS = (5, 7, 9, 13, 4, 6, 8, 12)
LEVELS = 7               # of the heat map's colours, 0 the least
DARK = 4                 # from this level on the text in it is the other one


def short(value):
    """1,234 as it is, 12345678 as 12.3M: three digits, for where there is little room."""
    if value < 10000:
        return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
    unit, size = next((u, s) for u, s in (("E", 10**18), ("P", 10**15), ("T", 10**12),
                                          ("G", 10**9), ("M", 10**6), ("k", 10**3)) if value >= s)
    digits = next(d for d, least in ((0, 100), (1, 10), (2, 0)) if value / size >= least)
    text = f"{value / size:.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + unit


def width(text):
    """Pixels that a text takes in a wide font of the plots' size."""
    return sum(13 if c in "mwMW@%" else 5 if c in "ijlt.,:;'|!()[] /-" else
               11 if c.isupper() or not "!" < c < "{" or c in "<>=+#&" else 8.3 for c in text)


def clipped(text, at_most=LABEL):
    """As much of a text as there is room for."""
    text = markup.visible(text)
    if width(text) <= at_most:
        return text
    while width(text) + width("…") > at_most:
        text = text[:-1]
    return text + "…"


def pixels(texts):
    """Room for labels."""
    return int(max((width(clipped(text)) for text in texts), default=0)) + 10


def frame(script, left, right, top, bottom):
    """The axes' place: so many pixels from the edges."""
    script.add(f"set lmargin at screen {left / script.width:.5f}",
               f"set rmargin at screen {1 - right / script.width:.5f}",
               f"set tmargin at screen {1 - top / script.height:.5f}",
               f"set bmargin at screen {bottom / script.height:.5f}")


def key(script, count, columns):
    """Names of series below the axes, in rows of so many; returns the pixels that takes."""
    rows = -(-count // columns)
    script.height += rows * LINE
    script.add(f"set key at screen 0.02,screen {rows * LINE / script.height:.5f} left top vertical"
               f" maxrows {rows} Left reverse samplen 2 spacing 1 width 1")
    return rows * LINE


def ticks(script, axis, top):
    """Short numbers along an axis from 0 to `top`."""
    size = step(top)
    numbers = ", ".join(f"{script.text(short(i * size))} {i * size}"
                        for i in range(int(top) // size + 1))
    script.add(f"set {axis}tics ({numbers})")


def names(script, axis, texts, at_most=LABEL):
    """Texts along an axis, one at each whole number."""
    script.add(f"set {axis}tics (" + ", ".join(f"{script.text(clipped(text, at_most))} {i}"
                                               for i, text in enumerate(texts)) + ")")


def lines(identifier, title, series, across, up):
    """series: [(name, [(x, y)])]. A logarithmic scale where the figures need one."""
    series = [(name, sorted(points)) for name, points in series[:SERIES_MAX] if points]
    values = [y for _, points in series for _, y in points if y > 0]
    xs = sorted({x for _, points in series for x, _ in points})
    if not values or len(xs) < 2:
        return None
    script = Script(WIDTH, 310)
    below = key(script, len(series), 2)
    frame(script, 72, 14, 10, below + 54)
    wide = max(values) > 8 * min(values)
    script.add(f"set xlabel {script.text(across)} offset 0,0.4",
               f"set ylabel {script.text(up + ' (log)' * wide)} offset 1.5,0",
               f"set xrange [{xs[0] - 0.2}:{xs[-1] + 0.2}]",
               f"set xtics ({','.join(f'{x}' for x in xs[::len(xs) // 12 + 1])})")
    if wide:
        script.add("set logscale y", f"set yrange [{min(values) / 1.4}:{max(values) * 1.4}]")
        low, high = (math.floor(math.log10(v)) for v in (min(values), max(values)))
        numbers = [digit * 10**power for power in range(low, high + 2) for digit in (1, 2, 5)]
        script.add("set ytics (" + ", ".join(f"{script.text(short(n))} {n}" for n in numbers)
                   + ")")
    else:
        script.add(f"set yrange [0:{max(values) * 1.15}]")
        ticks(script, "y", max(values) * 1.15)
    parts = []
    for i, (name, points) in enumerate(series):
        script.data(f"d{i}", points)
        parts.append(f"$d{i} using 1:2 with linespoints lc {colour('series', i)} lw 2 "
                     f"dt {DASHES[i % len(DASHES)]} pt {POINTS[i % len(POINTS)]} ps 0.9 "
                     f"title {script.text(clipped(name))}")
    script.add("plot " + ", \\\n".join(parts))
    said = "; ".join(f"{name}: " + ", ".join(f"{y:,} at {x}" for x, y in points)
                     for name, points in series)
    return script.end(identifier, title, f"Lines, {up} by {across}. {said}.")


def bars(identifier, title, rows, unit, limit=None):
    """rows: [(label, value, far)], one bar each, the first on top; a thin line leads on to `far`,
    None where there is none. One that is far out of sight is written beside the bar."""
    rows = [(label, value, far) for label, value, far in rows if value is not None and value >= 0]
    if not rows:
        return None
    script = Script(WIDTH, 66 + 24 * len(rows))
    frame(script, pixels([label for label, _, _ in rows]), 8, 4, 58)
    sight = FAR * max(value for _, value, _ in rows)
    room = 1.6 if any(far is not None and far > sight for _, _, far in rows) else 1.25
    top = max([v for _, value, far in rows for v in (value, far or 0) if v <= sight]
              + [limit or 0, 1])
    script.add(f"set yrange [{len(rows) - 0.5}:-0.5]", f"set xrange [0:{top * room}]",
               f"set xlabel {script.text(unit)} offset 0,0.4", "set border 1", "unset grid",
               f"set grid xtics lc {colour('mark', GRID)} lt 1 lw 0.6",
               "set xtics nomirror out scale 0.5", "set style fill solid noborder")
    ticks(script, "x", top)
    names(script, "y", [label for label, _, _ in rows])
    script.add("set ytics scale 0")
    for i, (_, value, far) in enumerate(rows):
        hidden = far is not None and far > sight
        text = short(value) + (f" (p99 {short(far)})" if hidden else "")
        end = value if hidden or far is None else max(value, far)
        script.add(f"set label {i + 1} {script.text(text)} at {end},{i} "
                   f"offset 0.6,0 tc {colour('mark', INK)} front")
    if limit is not None:
        script.add(f"set arrow from {limit},graph 0 to {limit},graph 1 nohead dt 2 lw 1.6 "
                   f"lc {colour('mark', LIMIT)} front")
    script.data("bars", [(value, i) for i, (_, value, _) in enumerate(rows)])
    script.data("far", [(value, i, far) for i, (_, value, far) in enumerate(rows)
                        if far is not None and value < far <= sight] or [(None, None, None)])
    script.add(f"plot $bars using (0.5*$1):2:(0.5*$1):(0.34) with boxxyerror fc "
               f"{colour('series', 0)}, $far using 1:2:1:3 with xerrorbars pt 0 lw 1.4 "
               f"lc {colour('mark', INK)}")
    said = "; ".join(f"{label}: {value:,}" for label, value, _ in rows)
    return script.end(identifier, title, f"Bars, {unit}. {said}.")


def step(top):
    """Between the numbers of an axis from 0 to `top`: at most six of them, with short figures."""
    return next(digit * 10**power for power in range(21) for digit in (1, 2, 5)
                if top <= 5 * digit * 10**power)


def stacked(identifier, title, rows, kinds):
    """rows: [(label, [value of each kind])]: each bar is 100 %, the parts in the order of kinds."""
    rows = [(label, [v or 0 for v in values]) for label, values in rows if sum(v or 0
                                                                               for v in values)]
    if not rows:
        return None
    script = Script(WIDTH, 42 + 26 * len(rows))
    below = key(script, len(kinds), 3)
    frame(script, pixels([label for label, _ in rows]), 22, 4, below + 34)
    script.add(f"set yrange [{len(rows) - 0.5}:-0.5]", "set xrange [0:100]", "unset grid",
               "set border 0", "set xtics 25 out nomirror scale 0.5",
               'set format x "%.0f%%"', "set style fill solid noborder")
    names(script, "y", [label for label, _ in rows])
    script.add("set ytics scale 0")
    parts = []
    for n, name in enumerate(kinds):
        script.data(f"part{n}", [(middle, i, half) for i, (middle, half) in
                                 enumerate(places(values, n) for _, values in rows)])
        for i, (middle, half) in enumerate(places(values, n) for _, values in rows):
            if 2 * half * PER_CENT > 7 * len(name) + 6:  # so that colour is not the only sign
                script.add(f"set label {script.text(name)} at {middle},{i} center "
                           f"tc {colour('mark', HEAT_INK)} front")
        parts.append(f"$part{n} using 1:2:3:(0.34) with boxxyerror fs solid fc "
                     f"{colour('series', n)} title {script.text(name)}")
    script.add("plot " + ", \\\n".join(parts))
    said = "; ".join(f"{label}: " + ", ".join(f"{name} {100 * value / sum(values):.1f}%"
                                              for name, value in zip(kinds, values))
                     for label, values in rows)
    return script.end(identifier, title, f"Stacked bars, parts of the whole. {said}.")


def places(values, n):
    """Middle and half length of the n-th part of a bar of 100."""
    total = sum(values)
    half = 50 * values[n] / total
    return 100 * sum(values[:n]) / total + half, half


def heat(identifier, title, rows, columns, cells, level, size=(58, 30)):
    """cells: {(row, column): value}; `level` gives 0 to LEVELS - 1 for a value; each cell has its
    value written in it."""
    if not cells:
        return None
    left = pixels(rows)
    script = Script(max(left + size[0] * len(columns) + 8, 300), 32 + size[1] * len(rows))
    frame(script, left, script.width - left - size[0] * len(columns), 4, 28)
    script.add(f"set yrange [{len(rows) - 0.5}:-0.5]", f"set xrange [-0.5:{len(columns) - 0.5}]",
               "unset grid", "set border 0", "set style fill solid noborder")
    names(script, "x", columns, size[0] - 4)
    names(script, "y", rows)
    script.add("set tics scale 0", "set xtics offset 0,0.3")
    by_level = {}
    for (y, x), value in cells.items():
        by_level.setdefault(level(value), []).append((x, y))
        ink = HEAT_INK if level(value) >= DARK else INK
        script.add(f"set label {script.text(short(value))} at {x},{y} center "
                   f"tc {colour('mark', ink)} front")
    parts = []
    for of, places_ in sorted(by_level.items()):
        script.data(f"level{of}", places_)
        parts.append(f"$level{of} using 1:2:(0.48):(0.46) with boxxyerror fc {colour('heat', of)}")
    script.add("plot " + ", \\\n".join(parts))
    said = "; ".join(f"{rows[y]} {columns[x]}: {value:,}" for (y, x), value in cells.items())
    return script.end(identifier, title, f"Heat map. {said}.")
