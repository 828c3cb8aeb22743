# SPDX-License-Identifier: MIT
"""What parts are built of: a plot beside its table, tables of any records, sentences."""
from page import markup
from page.context import shown
from page.markup import element, escape, join, paragraph

ROWS_MAX, COLUMNS_MAX = 200, 16


def legend(*sentences):
    return paragraph(*sentences, class_="legend")


def figure(plot, caption):
    """A plot with its caption; nothing where there was nothing to draw."""
    if plot is None:
        return join()
    return element("figure", element("div", plot, class_="scroll"),
                   element("figcaption", caption))


def beside(plots, *tables, wide=False):
    """Plots, each (plot, caption), and the tables with their figures: side by side where there is
    room, `wide` ones below."""
    drawn = [figure(plot, caption) for plot, caption in plots if plot is not None]
    left = [element("div", *drawn, class_="plots")] if drawn else []
    return element("div", *left, element("div", *tables, class_="tables"),
                   class_="below" if wide else "beside")


def any_table(records, caption, hidden=("type",)):
    """A table of records of one type, a column for each member that one of them has."""
    names = list(dict.fromkeys(name for r in records for name in r if name not in hidden))
    columns = names[:COLUMNS_MAX]
    rows = [[markup.visible(name) for name in columns], None]
    rows += [[shown(r[name]) if name in r else "-" for name in columns]
             for r in records[:ROWS_MAX]]
    texts = [i for i, name in enumerate(columns)
             if any(isinstance(r.get(name), str) for r in records[:ROWS_MAX])]
    parts = [markup.table(rows, left=1, caption=caption, texts=texts)]
    if len(records) > ROWS_MAX or len(names) > COLUMNS_MAX:
        parts.append(legend(f"{len(records):,} lines with {len(names):,} members in all: the rest"
                            " is in report.json."))
    return join(*parts)


def items(texts):
    return element("ul", *(element("li", escape(text)) for text in texts))
