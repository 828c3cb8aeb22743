# SPDX-License-Identifier: MIT
"""The kinds of plots: lines, bars, stacked bars, a heat map. Each takes an identifier of its own in
the page, a title, and figures; each says in words what it shows."""
from page import plot
from page.plot import GRID, HEAT_INK, INK, LIMIT, Script, colour

WIDTH = 480
PER_CENT = 3             # pixels of a stacked bar, about
SERIES_MAX = 8           # colours that the style sheet has
DASHES = ("1", "2", "4", "5", "3")
POINTS = (5, 7, 9, 13, 4, 6, 8, 12)
LEVELS = 7               # of the heat map's colours, 0 the least
DARK = 4                 # from this level on the text in it is the other one


def short(value):
    """1234 as 1,234, 12345678 as 12.3M: for where there is little room."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if value >= 10 * size:
            text = f"{value / size:.1f}" if value < 100 * size else f"{value / size:.0f}"
            return text + unit
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def longest(texts):
    return max((len(text) for text in texts), default=0)


def margin(script, labels, at_most=24):
    """Room at the left for labels, in characters."""
    script.add(f"set lmargin {min(longest(labels), at_most) + 2}")


def clipped(text, at_most=24):
    return text if len(text) <= at_most else text[:at_most - 1] + "…"


def lines(identifier, title, series, across, up):
    """series: [(name, [(x, y)])]. A logarithmic scale where the figures need one."""
    series = [(name, sorted(points)) for name, points in series[:SERIES_MAX] if points]
    values = [y for _, points in series for _, y in points if y > 0]
    xs = sorted({x for _, points in series for x, _ in points})
    if not values or len(xs) < 2:
        return None
    script = Script(WIDTH, 300 + 20 * ((len(series) + 1) // 2))
    wide = max(values) > 8 * min(values)
    if wide:
        script.add("set logscale y")
    script.add(f"set xlabel {script.text(across)}",
               f"set ylabel {script.text(up + (', logarithmic scale' if wide else ''))}",
               f"set xrange [{xs[0] - 0.2}:{xs[-1] + 0.2}]",
               f"set yrange [{min(values) / 1.3 if wide else 0}:{max(values) * 1.15}]",
               "set key below maxcols 2 width 1 samplen 3 Left reverse",
               f"set xtics ({','.join(f'{x}' for x in xs[::len(xs) // 12 + 1])})")
    parts = []
    for i, (name, points) in enumerate(series):
        script.data(f"d{i}", points)
        parts.append(f"$d{i} using 1:2 with linespoints lc {colour('series', i)} lw 2 "
                     f"dt {DASHES[i % len(DASHES)]} pt {POINTS[i % len(POINTS)]} ps 0.9 "
                     f"title {script.text(clipped(name, 28))}")
    script.add("plot " + ", \\\n".join(parts))
    said = "; ".join(f"{name}: " + ", ".join(f"{y:,} at {x}" for x, y in points)
                     for name, points in series)
    return script.draw(identifier, title, f"Lines, {up} by {across}. {said}.")


def bars(identifier, title, rows, unit, limit=None):
    """rows: [(label, value, far)], one bar each, the first on top; a thin line leads on to `far`,
    None where there is none."""
    rows = [(label, value, far) for label, value, far in rows if value is not None and value >= 0]
    if not rows:
        return None
    script = Script(WIDTH, 46 + 24 * len(rows))
    top = max([v for _, value, far in rows for v in (value, far or 0)] + [limit or 0, 1])
    margin(script, [label for label, _, _ in rows])
    script.add(f"set yrange [{len(rows) - 0.4}:-0.6]", f"set xrange [0:{top * 1.22}]",
               "set ytics scale 0", f"set xlabel {script.text(unit)}", "unset grid",
               "set border 1", "set xtics nomirror out", "set tics front",
               f"set grid xtics lc {colour('mark', GRID)} lt 1 lw 0.6",
               f"set xtics {step(top)}", "set style fill solid noborder")
    script.add("set ytics (" + ", ".join(f"{script.text(clipped(label))} {i}"
                                         for i, (label, _, _) in enumerate(rows)) + ")")
    for i, (_, value, far) in enumerate(rows):
        script.add(f"set label {i + 1} {script.text(short(value))} at {max(value, far or 0)},{i} "
                   f"offset 0.6,0 tc {colour('mark', INK)} front")
    if limit is not None:
        script.add(f"set arrow from {limit},graph 0 to {limit},graph 1 nohead dt 2 lw 1.6 "
                   f"lc {colour('mark', LIMIT)} front")
    script.data("bars", [(value, i) for i, (_, value, _) in enumerate(rows)])
    script.data("far", [(value, i, far) for i, (_, value, far) in enumerate(rows) if far] or
                [(None, None, None)])
    script.add(f"plot $bars using (0.5*$1):2:(0.5*$1):(0.32) with boxxyerror fc "
               f"{colour('series', 0)}, $far using 1:2:1:3 with xerrorbars pt 0 lw 1.4 "
               f"lc {colour('mark', INK)}")
    said = "; ".join(f"{label}: {value:,}" for label, value, _ in rows)
    return script.draw(identifier, title, f"Bars, {unit}. {said}.")


def step(top):
    """Between the numbers of an axis from 0 to `top`: at most six of them, with short figures."""
    return next(digit * 10**power for power in range(21) for digit in (1, 2, 5)
                if top <= 5 * digit * 10**power)


def stacked(identifier, title, rows, names):
    """rows: [(label, [value of each name])]: each bar is 100 %, the parts in the order of names."""
    rows = [(label, [v or 0 for v in values]) for label, values in rows if sum(v or 0
                                                                               for v in values)]
    if not rows:
        return None
    script = Script(WIDTH, 62 + 20 * ((len(names) + 2) // 3) + 26 * len(rows))
    margin(script, [label for label, _ in rows], 18)
    script.add(f"set yrange [{len(rows) - 0.4}:-0.6]", "set xrange [0:100]", "unset grid",
               "set border 0", "set ytics scale 0", "set xtics 25 out nomirror scale 0.5",
               'set format x "%.0f%%"', "set key below maxcols 3 width 1 samplen 1.2 Left reverse",
               "set style fill solid noborder", "set rmargin 3")
    script.add("set ytics (" + ", ".join(f"{script.text(clipped(label, 18))} {i}"
                                         for i, (label, _) in enumerate(rows)) + ")")
    parts = []
    for n, name in enumerate(names):
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
                                              for name, value in zip(names, values))
                     for label, values in rows)
    return script.draw(identifier, title, f"Stacked bars, parts of the whole. {said}.")


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
    left = min(longest(rows), 24)
    width = max(int((left + 4) * 0.62 * plot.FONT) + size[0] * len(columns) + 20, 300)
    script = Script(width, 56 + size[1] * len(rows))
    margin(script, rows)
    script.add(f"set yrange [{len(rows) - 0.5}:-0.5]", f"set xrange [-0.5:{len(columns) - 0.5}]",
               "unset grid", "set border 0", "set tics scale 0", "set xtics offset 0,0.3",
               "set style fill solid noborder", "set tmargin 0.5", "set rmargin 1")
    for axis, names in (("x", columns), ("y", rows)):
        script.add(f"set {axis}tics (" + ", ".join(
            f"{script.text(clipped(name, 24 if axis == 'y' else size[0] // 7))} {i}"
            for i, name in enumerate(names)) + ")")
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
    return script.draw(identifier, title, f"Heat map. {said}.")
