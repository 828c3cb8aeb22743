# SPDX-License-Identifier: MIT
"""HTML in which everything is escaped that was not built here."""
import html


class Raw(str):
    """Text that is HTML already: what element() and join() return, and nothing else but the style
    sheet and plots."""


VOID = ("meta", "link", "br")


def visible(text):
    """The text with characters that would not be seen, or would turn the line around, as escapes
    of Python's kind."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii")
                   for c in str(text))


def escape(value):
    return value if isinstance(value, Raw) else Raw(html.escape(visible(value)))


def join(*children):
    return Raw("".join(escape(child) for child in children))


def element(name, /, *children, **attributes):
    """<name attributes>children</name>. class_ and for_ lose their underscore, others become
    hyphens; None leaves an attribute out."""
    words = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
                    for key, value in attributes.items() if value is not None)
    if name in VOID:
        return Raw(f"<{name}{words}>")
    return Raw(f"<{name}{words}>{join(*children)}</{name}>")


def lines(*children):
    """Children with a line break behind each, so that the source can be read as well."""
    return Raw("".join(f"{escape(child)}\n" for child in children))


def paragraph(*children, **attributes):
    return element("p", *children, **attributes)


def row(cells, left, texts, head=False):
    found = []
    for i, cell in enumerate(cells):
        name = "th" if head or i < left else "td"
        scope = {True: "col", False: "row"}[head] if name == "th" else None
        flush_left = "l" if i < left or i in texts else None
        found.append(element(name, cell, scope=scope, class_=flush_left))
    return element("tr", *found)


def table(rows, left=1, caption=None, texts=()):
    """A table of report.py's kind: heads before the first None, which is a rule, as [""] is. The
    first `left` columns name the row; those of `texts` are flush left, too."""
    cut = rows.index(None)
    width = max(len(cells) for cells in rows if cells is not None)
    bodies, body = [], []
    for cells in rows[cut + 1:] + [None]:
        if cells is None or cells == [""]:
            if body:
                bodies.append(element("tbody", lines(*body)))
            body = []
        else:
            body.append(row(cells + [""] * (width - len(cells)), left, texts))
    head = element("thead", lines(*(row(cells, left, texts, True) for cells in rows[:cut])))
    parts = ([element("caption", caption)] if caption else []) + [head, *bodies]
    return element("div", element("table", lines(*parts)), class_="scroll", tabindex="0",
                   role="group", aria_label=caption or "table")


def facts(pairs):
    """Names and values, one pair a line."""
    return element("dl", lines(*(join(element("dt", name), element("dd", value))
                                 for name, value in pairs)))


def folded(summary, *children):
    return element("details", element("summary", summary), *children)
