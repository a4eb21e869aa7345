"""Groups of runs: as a table that fits the terminal, as Markdown, as comma-separated values, as JSON.

What runs do not have is `(none)`. A text that would look like it, like a number or a list beside it, or like nothing is in
quotes, as JSON has it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.errors import some_of
from gitxp.render.as_json import json_array
from gitxp.render.measure import fit, shorten, width_of
from gitxp.render.runs import Listing
from gitxp.render.safe import visible
from gitxp.render.table import GAP, Cell, csv_table, markdown_table, text_table
from gitxp.render.words import (
    aligned,
    duration_text,
    exact_text,
    is_number,
    number_text,
    number_texts,
    told_apart,
    value_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitxp.listed import Groups, Measure, Summary
    from gitxp.render.style import Style

NONE = "(none)"
_WIDEST = 200
_WIDEST_HEADING = 24
_LONGEST = 1000  # characters of a value that are looked at
_SHORTEST_HEADING = 14
_SHORTEST = 8  # of the values of a key that are text
_MOST_NAMED = 8  # measures of which is told which way is better
_DIGITS = 2  # of a standard deviation


class _Column(NamedTuple):
    """A column, and which measure it belongs to: its columns come and go together."""

    title: str
    cells: list[Cell]
    right: bool
    measure: int | None = None


def render_groups(groups: Groups, *, width: int | None, style: Style | None = None) -> Listing:
    """The groups as a table of `width` columns (None: as wide as it comes); measures that find no place are left out."""
    columns = _columns(groups)
    widths = [_natural(column) for column in columns] if width is None else _fitted(columns, width)
    shown = [i for i, w in enumerate(widths) if w]
    rows = [
        [Cell(shorten(columns[i].cells[row].text, widths[i]), columns[i].cells[row].ink) for i in shown]
        for row in range(len(groups.groups))
    ]
    headings = [shorten(columns[i].title, widths[i], keep_end=True) for i in shown]
    kept = {columns[i].measure for i in shown}
    left_out = [measure.title for i, measure in enumerate(groups.measures) if i not in kept]
    table = text_table(headings, rows, right=[columns[i].right for i in shown], style=style)
    return Listing(table, [*left_out, *groups.more])


def render_groups_markdown(groups: Groups) -> Listing:
    """The groups as a Markdown table, with all measures."""
    columns = _columns(groups)
    rows = list(zip(*(column.cells for column in columns), strict=True))
    table = markdown_table([column.title for column in columns], rows, right=[column.right for column in columns])
    return Listing(table, list(groups.more))


def render_groups_csv(groups: Groups, *, safe: bool) -> str:
    """The groups as comma-separated values, exact. A key that runs do not have is an empty cell, an empty text is `""`.

    `safe` writes control characters as escapes, for a terminal.
    """
    parts = ("best", "best_run", "mean", "std", "n", "nan")
    headings = [*groups.keys, "runs", *(f"{measure.title}.{part}" for measure in groups.measures for part in parts)]
    rows = []
    for group in groups.groups:
        row = [_exact_key(value) for value in group.values] + [str(group.runs)]
        for one in group.summaries:
            row += map(exact_text, (one.best, one.best_run, one.mean, one.std, one.n, one.nan))
        rows.append(row)
    return csv_table(headings, rows, safe=safe)


def render_groups_json(groups: Groups) -> Iterator[str]:
    """The groups as a JSON array, in pieces."""
    return json_array(groups.to_json())


def measure_words(measures: Sequence[Measure]) -> str:
    """Which way each is better, and who says so: `Better: less loss, more acc (by name); less lr (as you said)`."""
    parts = []
    for is_said, why in ((False, "by name"), (True, "as you said")):
        of = [measure.direction for measure in measures if measure.direction.is_said is is_said]
        ways = [f"{one.better} {_heading(one.key)}" for one in of if one.better]
        if ways:
            parts.append(f"{some_of(ways, _MOST_NAMED)} ({why})")
    told = [f"Better: {'; '.join(parts)}"] if parts else []
    aside = [_heading(measure.direction.key) for measure in measures if measure.direction.better is None]
    if aside:
        told.append(f"Neither way of {some_of(aside, _MOST_NAMED)} is known to be better, and best is the greatest")
    return ". ".join(told)


def _columns(groups: Groups) -> list[_Column]:
    columns = []
    for i, title in enumerate(groups.typed):
        values = [group.values[i] for group in groups.groups]
        right = all(value is None or is_number(value) for value in values) and any(map(is_number, values))
        columns.append(_Column(_heading(title), _key_cells(values, numbers=right), right))
    columns.append(_Column("runs", [Cell(str(group.runs)) for group in groups.groups], right=True))
    for i, measure in enumerate(groups.measures):
        columns += _measure_columns(groups, i, measure)
    return columns


def _measure_columns(groups: Groups, i: int, measure: Measure) -> list[_Column]:
    summaries = [group.summaries[i] for group in groups.groups]
    best = _numbers([one.best for one in summaries], measure)
    title = _heading(measure.direction.key)
    columns = [_Column(f"{title} best", best, right=True, measure=i)]
    columns.append(_Column("mean ± std", _means(summaries, measure), right=True, measure=i))
    if any(one.n != group.runs for one, group in zip(summaries, groups.groups, strict=True)):
        columns.append(_Column("n", [Cell(str(one.n)) for one in summaries], right=True, measure=i))
    return columns


def _means(summaries: Sequence[Summary], measure: Measure) -> list[Cell]:
    means = _numbers([one.mean for one in summaries], measure)
    if not any(one.std is not None for one in summaries):
        return means
    say = duration_text if measure.is_seconds else lambda number: number_text(number, _DIGITS)
    stds = [f" ± {say(one.std)}" if one.std is not None else "" for one in summaries]
    widest = max(map(len, stds))
    return [Cell(f"{mean.text}{std.ljust(widest)}" if mean.text else "") for mean, std in zip(means, stds, strict=True)]


def _numbers(values: Sequence[float | None], measure: Measure) -> list[Cell]:
    if measure.is_seconds:
        return [Cell("" if value is None else duration_text(value)) for value in values]
    return list(map(Cell, number_texts(values)))


def _key_cells(values: Sequence[Any], *, numbers: bool) -> list[Cell]:
    """The values of a key, each another than all others."""
    bare = number_texts(values) if numbers else [value_text(value, _LONGEST) for value in values]
    if numbers and len(set(bare)) < len(set(values)):
        bare = aligned([exact_text(value) for value in values])
    texts = told_apart(values, bare, _LONGEST)
    return [
        Cell(NONE, "faint") if value is None else Cell(shorten(text, _WIDEST))
        for text, value in zip(texts, values, strict=True)
    ]


def _natural(column: _Column) -> int:
    return max(1, width_of(column.title), *map(_width, column.cells))


def _fitted(columns: Sequence[_Column], width: int) -> list[int]:
    """Widths of the columns, 0 for those of measures that find no place; keys stay, however narrow the terminal is."""
    naturals = [_natural(column) for column in columns]
    shortest = [
        min(natural, max(_shortest(column), min(width_of(column.title), _SHORTEST_HEADING)))
        for natural, column in zip(naturals, columns, strict=True)
    ]
    ranks = [0 if column.measure is None else column.measure + 1 for column in columns]
    widths = fit(naturals, shortest, ranks, width, gap=GAP, drop=True)
    gone = {column.measure for column, w in zip(columns, widths, strict=True) if not w}
    if None in gone:
        fixed = [i for i, column in enumerate(columns) if column.measure is None]
        kept = fit(
            [naturals[i] for i in fixed], [shortest[i] for i in fixed], [0] * len(fixed), width, gap=GAP, drop=False
        )
        return [*kept, *[0] * (len(columns) - len(fixed))]
    return [0 if column.measure in gone else w for column, w in zip(columns, widths, strict=True)]


def _shortest(column: _Column) -> int:
    """The least width at which its cells still tell something: numbers are never cut."""
    return max(map(_width, column.cells), default=0) if column.right else _SHORTEST


def _exact_key(value: Any) -> str:
    if isinstance(value, str) and (not value or value.startswith('"')):
        return json.dumps(value, ensure_ascii=False)
    return exact_text(value)


def _heading(title: str) -> str:
    return shorten(visible(title), _WIDEST_HEADING, keep_end=True)


def _width(cell: Cell) -> int:
    return width_of(cell.text)
