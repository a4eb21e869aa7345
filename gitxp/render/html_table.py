"""Runs as an HTML table, for notebooks. Whatever comes out of a run is text in it: escaped, with control characters visible."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from gitxp.render.runs import table_of
from gitxp.render.words import count_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.model import Run
    from gitxp.render.runs import Wish


def html_table(runs: Sequence[Run], wish: Wish, *, now: float, more: int = 0) -> str:
    """The runs as `<table>`, with the columns of the table in a wide terminal; `more` runs are not in it, which is said."""
    headings, rows, right = table_of(runs, wish, now=now)
    if not runs:
        return "<p>no runs</p>"
    align = [' style="text-align: right"' if is_right else ' style="text-align: left"' for is_right in right]
    head = "".join(f"<th{style}>{escape(text)}</th>" for style, text in zip(align, headings, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{style}>{escape(text)}</td>" for style, text in zip(align, row, strict=True)) + "</tr>\n"
        for row in rows
    )
    rest = f"<p>… and {count_text(more, 'more run')}</p>" if more else ""
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>{rest}"
