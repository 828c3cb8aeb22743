# SPDX-License-Identifier: MIT
"""What parts are built of: a plot beside its table, tables of any records, sentences."""
from page import markup
from page.context import shown
from page.markup import element, escape, join, paragraph

ROWS_MAX, COLUMNS_MAX = 200, 16


def legend(*sentences):
    return paragraph(*sentences, class_="legend")


def figure(context, script, caption):
    """A plot with its caption; nothing where there is nothing to draw."""
    if script is None:
        return join()
    return element("figure", element("div", context.plot(script), class_="scroll"),
                   element("figcaption", caption))


def beside(context, plots, *tables, wide=False):
    """Plots, each (plot, caption), and the tables with their figures: side by side where there is
    room, `wide` ones below."""
    drawn = [figure(context, *plot) for plot in plots if plot[0] is not None]
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
