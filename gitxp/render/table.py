"""Tables: cells that were already fitted, put side by side by tabulate; the same for Markdown and spreadsheets.

tabulate gets stand-ins (`xxxx`) as wide as each cell will be on the screen, and the cells take their places
afterwards. So it aligns wide characters and coloured text without knowing of them, and nothing in a cell is read as
a number, an escape sequence or a blank to strip.
"""

from __future__ import annotations

import csv
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple

import tabulate

from gitxp.render.measure import width_of
from gitxp.render.safe import visible
from gitxp.render.style import Style

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = 2  # columns between two cells


class Cell(NamedTuple):
    """A cell's text, on one line and safe for a terminal, and its ink (see `style`)."""

    text: str
    ink: str = ""


def text_table(
    headings: Sequence[str], rows: Sequence[Sequence[Cell]], *, right: Sequence[bool], style: Style | None = None
) -> str:
    """A table for a terminal, one line a row, with a newline at the end; `right` tells which columns align right.

    Without headings there is no heading line.
    """
    style = style or Style()
    every = [*_heading_rows(headings, rows), *rows] if headings else list(rows)
    painted = [style.paint(cell.text, cell.ink) for row in every for cell in row]
    lines = _laid_out([], every, right, "plain", painted)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _heading_rows(headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[list[Cell]]:
    """The headings and a rule below them. tabulate's own headings are two columns wider than their text."""
    widths = [
        max(map(width_of, texts)) for texts in zip(headings, *([c.text for c in row] for row in rows), strict=True)
    ]
    return [[Cell(text, "heading") for text in headings], [Cell("-" * (width or 1), "faint") for width in widths]]


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[Cell]], *, right: Sequence[bool]) -> str:
    """A table in GitHub's Markdown; whatever would be markup in a cell is escaped."""
    escaped = [[Cell(_escape_markdown(cell.text.strip())) for cell in row] for row in rows]
    titles = [_escape_markdown(heading) for heading in headings]
    cells = titles + [cell.text for row in escaped for cell in row]
    return "".join(f"{line}\n" for line in _laid_out(titles, escaped, right, "pipe", cells))


def csv_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, safe: bool) -> str:
    """Comma-separated values (RFC 4180, but with bare newlines), harmless to a spreadsheet.

    `safe` writes control characters as escapes, for a terminal; else each text is as it is.
    """
    if safe:
        headings, rows = list(map(visible, headings)), [list(map(visible, row)) for row in rows]
    lines: list[str] = []
    # the writer quotes the characters that its own end of a line has: a bare carriage return would end one, too
    writer = csv.writer(SimpleNamespace(write=lines.append), lineterminator="\r\n")
    writer.writerow([_defuse(heading) for heading in headings])
    writer.writerows([[_defuse(text) for text in row] for row in rows])
    return "".join(f"{line[:-2]}\n" for line in lines)


def _laid_out(
    headings: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    right: Sequence[bool],
    layout: str,
    contents: Sequence[str],
) -> list[str]:
    """The lines of a table that was laid out with stand-ins, and then got its contents, cell by cell."""
    waiting = iter([text for text in contents if text])
    laid_out = tabulate.tabulate(
        [["x" * width_of(cell.text) for cell in row] for row in rows],
        headers=["x" * width_of(heading) for heading in headings],
        tablefmt=layout,
        colalign=["right" if is_right else "left" for is_right in right] if rows else None,
        disable_numparse=True,
    )
    return re.sub("x+", lambda _: next(waiting), laid_out).split("\n")


_MARKUP = re.compile(r"[\\`*\[\]|~$]|(?<!\w)_|_(?!\w)")


def _escape_markdown(text: str) -> str:
    escaped = _MARKUP.sub(lambda found: "\\" + found[0], text)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)")


# The wide ones begin a formula where text is Chinese or Japanese.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def _defuse(text: str) -> str:
    """A cell that a spreadsheet would run as a formula gets a leading quote; numbers stay numbers.

    See https://owasp.org/www-community/attacks/CSV_Injection
    """
    if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text
