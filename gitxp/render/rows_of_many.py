"""Several runs as rows: for more of them than a terminal has room for as columns, and for whoever wants it so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.compared import FileState
from gitxp.render.cells_of_many import BEST, NONE, row_texts
from gitxp.render.curve import curve_texts
from gitxp.render.measure import fit, shorten, shorten_apart, width_of
from gitxp.render.safe import visible
from gitxp.render.style import Style, ink_of_status
from gitxp.render.table import GAP, Cell, text_table
from gitxp.render.words import aligned, count_text, is_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.compared import Compared, Row

_CURVE = 8
_WIDEST, _WIDEST_HEADING, _SHORTEST_NAME = 60, 14, 16
_MOST = 100  # columns
_COUNTED = {"code": "code", "data": "data", "packages": "packages", "environment": "machine"}


def render_rows(compared: Compared, rows: Sequence[Row], *, width: int | None, now: float, style: Style) -> str:
    """A row for each run: what is told of it, parameters and metrics, and of the rest how much differs from the first run.

    Columns that find no place are left out, and counted on a line below.
    """
    columns: list[tuple[str, list[Cell], bool]] = [("", [Cell(visible(run.name)) for run in compared.runs], False)]
    singles = [row for row in rows if row.part in {"about", "params", "metrics"}]
    columns += [_column(row, now) for row in singles[:_MOST]]
    for part, title in _COUNTED.items():
        some = [row for row in rows if row.part == part and row.differs]
        if some:
            columns.append((title, [_count(part, some, i) for i in range(len(compared.runs))], False))
    naturals = [max(width_of(title), *(width_of(cell.text) for cell in cells)) for title, cells, _ in columns]
    naturals = [max(1, min(natural, _WIDEST)) for natural in naturals]
    widths = naturals
    if width is not None:
        shortest = [
            min(naturals[0], _SHORTEST_NAME),
            *(
                max(
                    min(width_of(title), _WIDEST_HEADING),
                    *(min(width_of(cell.text), _WIDEST if right else 12) for cell in cells),
                )
                for title, cells, right in columns[1:]
            ),
        ]
        widths = fit(naturals, shortest, _ranks(singles[:_MOST], len(columns)), width, gap=GAP, drop=True)
    shown = [i for i, w in enumerate(widths) if w]
    cut = [_cut(columns[i][1], widths[i], as_number=columns[i][2]) for i in shown]
    headings = [shorten(columns[i][0], widths[i], keep_end=True) for i in shown]
    table = text_table(headings, list(zip(*cut, strict=True)), right=[columns[i][2] for i in shown], style=style)
    left = len(columns) - len(shown) + len(singles[_MOST:])
    if not left:
        return table
    return table + shorten(f"… and {count_text(left, 'more column')}: --rows keys", width) + "\n"


def title_of(row: Row) -> str:
    """The name of a row, with an arrow the way that is better."""
    sign = {"less": " ↓", "more": " ↑", None: ""}[row.better]
    name = "started" if row.part == "about" and row.name == "started_at" else row.name
    return visible(name) + sign


def _ranks(singles: Sequence[Row], count: int) -> list[int]:
    """Which columns stay longest: the name, metrics and parameters in turns, then what else there is."""
    ranks = [0]
    seen = {"params": 0, "metrics": 0, "about": 0}
    for row in singles:
        seen[row.part] += 1
        late = 100 if row.part == "about" and row.name != "status" else 0
        ranks.append(late + 2 * seen[row.part] + (row.part == "params"))
    return ranks + [50 + i for i in range(count - len(ranks))]


def _column(row: Row, now: float) -> tuple[str, list[Cell], bool]:
    texts = row_texts(row, now)
    numbers = all(value is None or is_number(value) for value in row.values) and row.part != "about"
    if numbers:
        texts = aligned(["" if text == NONE else text for text in texts])
    if row.best:
        texts = [f"{text} {BEST if i in row.best else ' '}" for i, text in enumerate(texts)]
    if row.curves:
        texts = [f"{text} {curve:{_CURVE}}" for text, curve in zip(texts, curve_texts(row.curves, _CURVE), strict=True)]
    if row.name == "status":
        return "status", [Cell(text, ink_of_status(text)) for text in texts], False
    return title_of(row), [Cell(text, "good" if i in row.best else "") for i, text in enumerate(texts)], numbers


def _count(part: str, rows: Sequence[Row], i: int) -> Cell:
    """How much of a part differs from the first run."""
    if not i:
        return Cell("(first)", "faint")
    texts = [row_texts(row, 0.0) for row in rows] if part != "code" else []
    if part != "code":
        differing = sum(row[i] != row[0] for row in texts)
        return Cell(f"{differing} differ" if differing else "same", "" if differing else "faint")
    changed = [(row.values[0], row.values[i]) for row in rows if row.values[i] != row.values[0]]
    states = [state for _, state in changed if isinstance(state, FileState)]
    if not changed:
        return Cell("same", "faint")
    lines = f"+{sum(s.insertions or 0 for s in states):,} -{sum(s.deletions or 0 for s in states):,}"
    return Cell(f"{count_text(len(changed), 'file')} {lines}")


def _cut(cells: Sequence[Cell], width: int, *, as_number: bool) -> list[Cell]:
    """The cells of a column; of texts that which differs is kept."""
    texts = [cell.text for cell in cells]
    texts = [shorten(text, width) for text in texts] if as_number else shorten_apart(texts, [width] * len(texts))
    return [Cell(text, cell.ink) for text, cell in zip(texts, cells, strict=True)]
