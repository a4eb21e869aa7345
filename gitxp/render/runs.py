"""Several runs: as a table that fits the terminal, as Markdown, as comma-separated values, as JSON."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.render.as_json import json_array
from gitxp.render.columns import all_columns, default_columns, key_columns, with_keys
from gitxp.render.measure import fit, shorten, shorten_apart, width_of
from gitxp.render.safe import visible
from gitxp.render.table import GAP, Cell, csv_table, markdown_table, text_table
from gitxp.render.words import exact_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gitxp.listed import KeyColumn
    from gitxp.model import Run
    from gitxp.render.columns import Column
    from gitxp.render.style import Style

_WIDEST = 200  # no cell of a table is wider, whatever the terminal: the rest is for `gitxp show`
_MOST, _MOST_WISHED = 100, 4000  # columns of a table, and of one with every column: a record has room for a million
_WIDEST_HEADING = 14  # a longer name of a parameter gives way to its values
_SHARE = 8  # a name or a command is not cut below this part of a wide terminal
_LAST = 1 << 30  # the rank of what goes first
_SHORTEST_VALUE = 12  # a parameter that is text may be cut to this


class Listing(NamedTuple):
    """A table of runs, and the headings of the columns that found no place in it."""

    text: str
    left_out: list[str]


class Wish(NamedTuple):
    """Which columns are wanted: of these `keys`, or `every` that there is, or neither: what tells the runs apart, and `also`."""

    keys: Sequence[KeyColumn] = ()
    every: bool = False
    also: Sequence[KeyColumn] = ()

    def columns(self, runs: Sequence[Run], now: float, *, exact: bool = False) -> list[Column]:
        """The columns of these runs; `exact` asks for all of them where nothing else is wished."""
        if self.keys:
            return key_columns(self.keys, now)
        if self.every or exact:
            return all_columns(runs, now, exact=exact)
        return with_keys(default_columns(runs, now), self.also, now)

    def choose(self, runs: Sequence[Run], now: float, *, exact: bool = False) -> tuple[list[Column], list[str]]:
        """As many of `columns` as a table may have, and the headings of the others."""
        columns = self.columns(runs, now, exact=exact)
        most = len(columns) if self.keys else _MOST_WISHED if self.every or exact else _MOST
        if len(columns) <= most:
            return columns, []
        last = sorted(column.rank for column in columns)[most]
        chosen = [column for column in columns if column.rank < last]
        return chosen, [_heading(column) for column in columns if column.rank >= last]


def render_table(
    runs: Sequence[Run], wish: Wish, *, width: int | None, now: float, style: Style | None = None
) -> Listing:
    """The runs as a table of `width` columns (None: as wide as it comes), ages counted from `now` (unix time).

    Columns that were wished for stay, even if the table gets too wide for them; others give way.
    """
    columns, too_many = wish.choose(runs, now)
    cells = [[_clip(cell, _WIDEST) for cell in column.render(runs)] for column in columns]
    titles = [_heading(column) for column in columns]
    right = [column.aligned_right(runs) for column in columns]
    if width is None:
        widths = [max(1, width_of(title), *map(_width, column)) for title, column in zip(titles, cells, strict=True)]
    else:
        drop = not (wish.keys or wish.every)
        widths = _fitted(columns, titles, cells, right, width, drop=drop)
        told = zip(columns, cells, widths, strict=True)
        ranked = [replace(one, rank=_LAST) if one.rank and _is_cut_alike(cut, room) else one for one, cut, room in told]
        widths = _fitted(ranked, titles, cells, right, width, drop=drop)
    shown = [i for i, w in enumerate(widths) if w]
    headings = [shorten(titles[i], widths[i], keep_end=columns[i].measured) for i in shown]
    clipped = {i: _clipped(columns[i], cells[i], widths[i]) for i in shown}
    rows = [[clipped[i][row] for i in shown] for row in range(len(runs))]
    left_out = [titles[i] for i, w in enumerate(widths) if not w] + too_many
    return Listing(text_table(headings, rows, right=[right[i] for i in shown], style=style), left_out)


def render_markdown(runs: Sequence[Run], wish: Wish, *, now: float) -> Listing:
    """The runs as a Markdown table, with the columns of the table in a terminal that is wide enough."""
    headings, rows, right, left_out = _whole(runs, wish, now)
    return Listing(markdown_table(headings, rows, right=right), left_out)


def table_of(runs: Sequence[Run], wish: Wish, *, now: float) -> tuple[list[str], list[list[str]], list[bool]]:
    """Headings, rows of texts that are safe to show, and which columns align right: of a terminal that is wide enough."""
    headings, rows, right, _ = _whole(runs, wish, now)
    return headings, [[cell.text for cell in row] for row in rows], right


def _whole(
    runs: Sequence[Run], wish: Wish, now: float
) -> tuple[list[str], list[tuple[Cell, ...]], list[bool], list[str]]:
    columns, left_out = wish.choose(runs, now)
    rows = list(zip(*[[_clip(cell, _WIDEST) for cell in column.render(runs)] for column in columns], strict=True))
    return [_heading(column) for column in columns], rows, [column.aligned_right(runs) for column in columns], left_out


def render_csv(runs: Sequence[Run], wish: Wish, *, now: float, safe: bool) -> Listing:
    """The runs as comma-separated values, with every column unless some were wished for, and exact values.

    `safe` writes control characters as escapes, for a terminal; else each value is as the record has it.
    """
    columns, left_out = wish.choose(runs, now, exact=True)
    headings = [column.title for column in columns]
    rows = [[_exact(column.value(run)) for column in columns] for run in runs]
    return Listing(csv_table(headings, rows, safe=safe), left_out)


def render_json(runs: Iterable[Run]) -> Iterator[str]:
    """The runs as a JSON array, in pieces: each the record, plus `ref`, `commit`, `tags` and `notes`."""
    return json_array(run.to_json() for run in runs)


def _exact(value: Any) -> str:
    return shlex.join(value) if isinstance(value, tuple) else exact_text(value)


def _heading(column: Column) -> str:
    return shorten(visible(column.title), _WIDEST, keep_end=column.measured)


def _fitted(
    columns: Sequence[Column],
    titles: Sequence[str],
    cells: Sequence[Sequence[Cell]],
    right: Sequence[bool],
    width: int,
    *,
    drop: bool,
) -> list[int]:
    naturals, shortest = [], []
    for column, title, texts, is_right in zip(columns, titles, cells, right, strict=True):
        content = max(map(_width, texts), default=0)
        naturals.append(max(1, content, width_of(title)))
        if column.shortest is not None:
            limit = max(min(column.shortest, 4 * width // 5), width // _SHARE)
        else:
            limit = _SHORTEST_VALUE if column.measured and not is_right else content
        shortest.append(max(1, min(width_of(title), _WIDEST_HEADING), min(content, limit)))
    return fit(naturals, shortest, [column.rank for column in columns], width, gap=GAP, drop=drop)


def _is_cut_alike(cells: Sequence[Cell], width: int) -> bool:
    """Whether cells are cut so short that all have the same, as commands are that begin alike: nothing tells the runs apart."""
    is_cut = 0 < width < max(map(_width, cells), default=0)
    return is_cut and len(cells) > 1 and len({shorten(cell.text, width) for cell in cells}) == 1


def _clipped(column: Column, cells: Sequence[Cell], width: int) -> list[Cell]:
    """The cells of a column, of names what tells them apart."""
    if (column.kind, column.title) != ("field", "name"):
        return [_clip(cell, width) for cell in cells]
    texts = shorten_apart([cell.text for cell in cells], [width] * len(cells))
    return [Cell(text, cell.ink) for text, cell in zip(texts, cells, strict=True)]


def _clip(cell: Cell, width: int) -> Cell:
    return Cell(shorten(cell.text, width), cell.ink)


def _width(cell: Cell) -> int:
    return width_of(cell.text)
