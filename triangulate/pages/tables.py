"""Tables, as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """A table; cells are HTML.

    Args:
        columns: headings, as text.
        rows: cells; one that begins with `!` is marked.
        texts: so many first columns hold words.
    """

    def cell(tag: str, value: str, number: int) -> str:
        marks = ["text"] if number < texts else []
        if value.startswith("!"):
            marks, value = [*marks, "off"], value[1:]
        kind = f' class="{" ".join(marks)}"' if marks else ""
        return f"<{tag}{kind}>{value}</{tag}>"

    head = "".join(cell("th", escape(column), i) for i, column in enumerate(columns))
    body = "".join(
        "<tr>" + "".join(cell("td", value, i) for i, value in enumerate(row)) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</div>"
    )
