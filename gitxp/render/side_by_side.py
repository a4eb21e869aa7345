"""Two runs side by side: a table of what one has and what the other has, which fits the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.render.measure import fit, shorten, shorten_apart, width_of
from gitxp.render.safe import visible
from gitxp.render.table import GAP, Cell, text_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.model import Run
    from gitxp.render.style import Style

WIDEST = 1000  # no cell is wider, into a pipe or a file either: --json has the whole
_NONE = "-"  # one of the two has no such thing


def pair_cells(pair: tuple[Any, Any], texts: Sequence[str]) -> list[Cell]:
    """The cells of the two values, which are these texts; where one run has none, that is said."""
    return [
        Cell(_NONE, "faint") if value is None else Cell(text, ink)
        for value, text, ink in zip(pair, texts, ("bad", "good"), strict=True)
    ]


def pair_table(
    runs: Sequence[Run],
    rows: Sequence[Sequence[Cell]],
    *,
    width: int | None,
    style: Style,
    more: Sequence[str] = (),
    numbers: bool = False,
) -> str:
    """The rows (name, in A, in B, and what `more` headings there are) below the names of the runs.

    Names and values are cut where the table would be wider than `width`; of names the end is kept. A row of nothing but a
    name is a title: it has the whole line.
    """
    headings = ["", *(visible(run.name) for run in runs), *more]
    rows = [[Cell(shorten(cell.text, WIDEST), cell.ink) for cell in row] for row in rows]
    titles = {i: row[0] for i, row in enumerate(rows) if not any(cell.text for cell in row[1:])}
    rows = [[Cell(""), *row[1:]] if i in titles else row for i, row in enumerate(rows)]
    if width is not None:
        headings, rows = _fitted(headings, rows, width)
    text = text_table(headings, rows, right=[i > 0 and numbers for i in range(len(headings))], style=style)
    lines = text.split("\n")
    above = len(lines) - 1 - len(rows)  # the headings and the rule
    for i, title in titles.items():
        lines[above + i] = style.paint(shorten(title.text, width), title.ink)
    return "\n".join(lines)


def _fitted(headings: Sequence[str], rows: Sequence[Sequence[Cell]], width: int) -> tuple[list[str], list[list[Cell]]]:
    columns = list(zip(*rows, strict=True))
    naturals = [
        max(1, width_of(title), *(width_of(cell.text) for cell in column))
        for title, column in zip(headings, columns, strict=True)
    ]
    share = max(6, (width - GAP * (len(headings) - 1)) // len(headings))
    widths = fit(naturals, [share] * len(naturals), list(range(len(naturals))), width, gap=GAP, drop=False)
    cut = [
        [Cell(shorten(row[0].text, widths[0], keep_end=True), row[0].ink), *_cut(row[1:], widths[1:])] for row in rows
    ]
    return [
        shorten(headings[0], widths[0]),
        *(cell.text for cell in _cut(list(map(Cell, headings[1:])), widths[1:])),
    ], cut


def _cut(cells: Sequence[Cell], widths: Sequence[int]) -> list[Cell]:
    """The cells of a row, of which the first two are the runs', cut so that what differs is seen."""
    texts = [*shorten_apart([cell.text for cell in cells[:2]], widths[:2]), *(cell.text for cell in cells[2:])]
    return [Cell(shorten(text, w), cell.ink) for text, cell, w in zip(texts, cells, widths, strict=True)]
