# SPDX-License-Identifier: MIT
"""Gnuplot draws, and its SVG becomes a part of the page: colours are the style sheet's variables,
so that plots are light or dark as the page is, and no text of a guest ever reaches gnuplot."""
import re
import subprocess
import xml.etree.ElementTree as ElementTree

from page import markup

PROGRAM, PACKAGE = "gnuplot", "gnuplot-nox"
SVG = "http://www.w3.org/2000/svg"
XLINK = "{http://www.w3.org/1999/xlink}href"
FONT = 13
SECONDS = 60

# A colour in a script is rgb(1, KIND, NUMBER), and in the page var(--NAMENUMBER).
COLOURS = {"series": 0, "heat": 1, "mark": 2}
INK, GRID, HEAT_INK, LIMIT = 0, 1, 2, 3


class PlotError(Exception):
    pass


def colour(name, number=0):
    """In gnuplot's words."""
    return f'rgb "#01{COLOURS[name]:02x}{number:02x}"'


def themed(value):
    """What stands in the page for a colour of gnuplot's SVG."""
    found = re.fullmatch(r"rgb\( *1, *(\d+), *(\d+)\)", value)
    if found:
        names = {number: name for name, number in COLOURS.items()}
        return f"var(--{names[int(found.group(1))]}{int(found.group(2))})"
    return "currentColor" if value in ("black", "currentColor") else value


class Script:
    """Gnuplot's commands for one plot. Texts are written as text() gives them."""

    def __init__(self, width, height):
        self.width, self.height, self.texts = width, height, []
        self.commands = [
            f'set border lc {colour("mark", INK)}', f'set tics textcolor {colour("mark", INK)}',
            f'set grid lc {colour("mark", GRID)} lt 1 lw 0.6', "unset key",
            'set format "%.0f"', "set encoding utf8"]

    def add(self, *commands):
        self.commands += commands

    def text(self, value):
        """A quoted stand-in of the text's length, by which gnuplot reckons its width."""
        self.texts.append(markup.visible(value))
        stand_in = f"@{len(self.texts) - 1}@"
        return f"'{stand_in:x<{len(self.texts[-1])}}'"

    def data(self, name, rows):
        """Rows of numbers; None is a gap."""
        body = ("\n".join(" ".join("NaN" if v is None else repr(v) for v in row) for row in rows))
        self.add(f"${name} << EOD\n{body}\nEOD")

    def end(self, identifier, title, description):
        """The finished script. Title and description are for those who do not see the plot."""
        self.identifier, self.title, self.description = identifier, title, description
        return self

    def whole(self):
        """The script for gnuplot, behind others."""
        return ["reset session", f"set terminal svg noenhanced size {self.width},{self.height}"
                f' font "sans-serif,{FONT}"', *self.commands]

    def inlined(self, svg):
        """What gnuplot made of it, as a part of the page."""
        root = ElementTree.fromstring(svg)
        clean(root, self.identifier, self.texts)
        for child in [c for c in root if c.tag in (f"{{{SVG}}}title", f"{{{SVG}}}desc")]:
            root.remove(child)
        name = self.identifier
        root.attrib = {"viewBox": f"0 0 {self.width} {self.height}", "role": "img",
                       "class": "plot", "aria-labelledby": f"{name}-t {name}-d",
                       "style": f"--width:{self.width}px"}
        for tag, text in (("desc", self.description), ("title", self.title)):
            child = ElementTree.Element(f"{{{SVG}}}{tag}", id=f"{name}-{tag[0]}")
            child.text = markup.visible(text)
            root.insert(0, child)
        ElementTree.register_namespace("", SVG)
        text = ElementTree.tostring(root, encoding="unicode")
        return markup.Raw(text.replace(f' xmlns="{SVG}"', ""))


def drawn(scripts):
    """{identifier: <svg>} of all scripts, by one gnuplot, which takes longer to start than to
    draw."""
    svgs = re.findall(r"<svg\b.*?</svg>", run([line for script in scripts
                                               for line in script.whole()]), re.S)
    if len(svgs) != len(scripts):
        raise PlotError(f"{PROGRAM}: {len(svgs)} plots came out of {len(scripts)}")
    return {script.identifier: script.inlined(svg) for script, svg in zip(scripts, svgs)}


def run(commands):
    try:
        done = subprocess.run([PROGRAM, "-d"], input="\n".join(commands) + "\n", text=True,
                              capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise PlotError(f"{PROGRAM} did not end within {SECONDS} s") from None
    except OSError as error:
        raise PlotError(f"{PROGRAM} does not start: {error.strerror}") from None
    if done.returncode:
        raise PlotError(f"{PROGRAM}: {done.stderr.strip() or f'status {done.returncode}'}")
    return done.stdout


def clean(parent, identifier, texts):
    """Colours, identifiers and texts of an element's children, and those gone that draw nothing."""
    for child in list(parent):
        clean(child, identifier, texts)
        kind = child.tag.rpartition("}")[2]
        if kind in ("title", "desc", "filter") or (kind in ("g", "defs") and len(child) == 0):
            parent.remove(child)
            continue
        child.tail = None
        child.text = real_text(child.text, texts) if kind == "text" else None
        child.attrib = {name: value for name, value in attributes(child.attrib, identifier)}


def real_text(text, texts):
    return re.sub(r"@(\d+)@x*", lambda found: texts[int(found.group(1))], (text or "").strip())


def referring(value, identifier):
    """The value with what it refers to by its name in the page."""
    return re.sub(r"url\(#(\w+)\)", rf"url(#{identifier}-\1)", value)


def attributes(old, identifier):
    """An SVG attribute cannot name a variable, a style can."""
    style = []
    for name, value in old.items():
        if name in ("fill", "stroke", "color"):
            if "var(" in themed(value):
                style.append(f"{name}:{themed(value)}")
            elif name != "color":  # black is what the page writes in
                yield name, referring(themed(value), identifier)
        elif name == "style":
            style.append(re.sub(r"rgb\([^)]*\)", lambda found: themed(found.group(0).replace(
                ",", ", ")), value))
        elif name == "id":
            yield "id", f"{identifier}-{value}"
        elif name in (XLINK, "href"):
            yield "href", f"#{identifier}-{value[1:]}"
        elif name != "font-family":
            yield name, referring(value, identifier)
    if style:
        yield "style", ";".join(style)
