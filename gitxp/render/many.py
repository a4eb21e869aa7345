"""Several runs side by side: a column for each run, or a row for each where there is no room for so many columns.

A column a run reads best: names of parameters are long and there are many of them, and runs are few. Each of its columns wants
a dozen characters, so four runs fit on 80 and ten on 200; beyond that, a table with a row a run shows the parameters and
metrics that find a place, and of code, data and packages how many differ. What is best has a `*`, and colour besides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.compared import PARTS
from gitxp.errors import some_of
from gitxp.format import SYSTEM_PREFIX
from gitxp.render.cells_of_many import BEST, NONE, row_texts
from gitxp.render.curve import CURVES, curve_texts
from gitxp.render.measure import fit, shorten, shorten_apart, width_of, wrap
from gitxp.render.rows_of_many import render_rows, title_of
from gitxp.render.safe import visible
from gitxp.render.style import Style, ink_of_status
from gitxp.render.table import GAP, Cell, csv_table, markdown_table, text_table
from gitxp.render.words import count_text, exact_text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gitxp.compared import Compared, Row

TITLES = {
    "about": "",
    "params": "Parameters",
    "metrics": "Metrics",
    "data": "Data",
    "packages": "Packages",
    "environment": "Environment",
    "code": "Code vs. first",
}
CURVE = 12  # characters of a curve, where there is room
_NARROW_CURVE = 6
_LEAST = 4  # columns of a run
_COMFORTABLE = 12  # columns of a run below which values say little
_WIDEST, _WIDEST_CELL = 200, 40  # of a cell into a pipe, on a terminal
_MOST_COLUMNS = 12  # runs into a pipe or Markdown, before they become rows
_MOST_ROWS, _MOST_OTHERS = 100, 20  # of a part on a terminal; of packages that were not imported, of the machine
_MOST_PIPED = 10_000
_MANY_NAMED = 6  # metrics whose direction is told by name


class Look(NamedTuple):
    """What is to be seen: which `parts`, `every` row or those that differ, as `rows` of `keys` or `runs` (or `auto`)."""

    parts: Collection[str] = PARTS
    every: bool = False
    rows: str = "auto"


def chosen(compared: Compared, look: Look) -> list[Row]:
    """The rows that are to be seen."""
    return [
        row
        for row in compared.rows
        if row.part in look.parts and (look.every or (row.differs and not row.name.startswith(SYSTEM_PREFIX)))
    ]


def render_compared(
    compared: Compared, look: Look, *, width: int | None, now: float, style: Style | None = None
) -> str:
    """The runs as a table that fits `width` (None: as wide as it comes), and what its signs mean; empty where nothing differs."""
    style = style or Style()
    rows = chosen(compared, look)
    if not rows:
        return ""
    if look.rows == "runs" or (look.rows == "auto" and not _has_room(compared, rows, width, now)):
        return render_rows(compared, rows, width=width, now=now, style=style) + _legend(compared, rows, width, style)
    shown, left = _limited(compared, rows, look, width)
    text = _by_keys(compared, shown, width, now, style)
    return text + "".join(f"{shorten(line, width)}\n" for line in left) + _legend(compared, shown, width, style)


def _has_room(compared: Compared, rows: Sequence[Row], width: int | None, now: float) -> bool:
    """Whether each run gets a column in which its values can be read."""
    count = len(compared.runs)
    if width is None:
        return count <= _MOST_COLUMNS
    names = min(max((width_of(visible(row.name)) for row in rows), default=0) + 4, _share(width))
    wanted = [_LEAST] * count
    for row in rows:
        wanted = [max(w, width_of(text)) for w, text in zip(wanted, row_texts(row, now), strict=True)]
    return names + sum(GAP + min(w, _COMFORTABLE) for w in wanted) <= width


def _share(width: int) -> int:
    """The columns that names get at least."""
    return max(min(20, width // 3), width // 4)


def _limited(compared: Compared, rows: Sequence[Row], look: Look, width: int | None) -> tuple[list[Row], list[str]]:
    """As many rows of each part as are read, and sentences about the others."""
    shown: list[Row] = []
    left: list[str] = []
    for part in PARTS:
        some = [row for row in rows if row.part == part]
        most = _MOST_PIPED if width is None or look.every else _MOST_ROWS
        if part == "packages" and most == _MOST_ROWS:
            most = max(_MOST_OTHERS, sum(row.name in compared.imported for row in some))
        shown += some[:most]
        if len(some) > most:
            left.append(f"… and {count_text(len(some) - most, 'more row')} of {part}: --all shows them")
    return shown, left


def _by_keys(compared: Compared, rows: Sequence[Row], width: int | None, now: float, style: Style) -> str:
    headings = [visible(run.name) for run in compared.runs]
    for curve in (CURVE, _NARROW_CURVE, 0) if any(row.curves for row in rows) else (0,):
        cells = _key_cells(compared, rows, now, curve)
        naturals = [
            max(map(width_of, [title, *(row[i].text for row in cells)])) for i, title in enumerate(["", *headings])
        ]
        if width is None or curve == 0 or _has_curves(naturals, cells, width):
            break
    if width is None:
        headings = [shorten(title, _WIDEST) for title in headings]
        cells = [[Cell(shorten(cell.text, _WIDEST), cell.ink) for cell in row] for row in cells]
    else:
        headings, cells = _fitted(headings, cells, naturals, width)
    return text_table(["", *headings], cells, right=[False] * (len(headings) + 1), style=style)


def _has_curves(naturals: Sequence[int], cells: Sequence[Sequence[Cell]], width: int) -> bool:
    """Whether no curve has to be cut: names and texts can be."""
    names = min(naturals[0], _share(width))
    equal = (width - names) // (len(naturals) - 1) - GAP
    return all(width_of(cell.text) <= equal for row in cells for cell in row[1:] if set(cell.text) & CURVES)


def _fitted(
    headings: Sequence[str], cells: Sequence[Sequence[Cell]], naturals: Sequence[int], width: int
) -> tuple[list[str], list[list[Cell]]]:
    naturals = [naturals[0], *(min(natural, max(_WIDEST_CELL, width // len(naturals))) for natural in naturals[1:])]
    wanted = [max((width_of(row[i].text) for row in cells), default=1) for i in range(1, len(naturals))]
    room = width - GAP * len(wanted)
    if naturals[0] + sum(max(w, _LEAST) for w in wanted) <= room:
        shortest = [naturals[0], *(max(w, _LEAST) for w in wanted)]  # all but the headings have room
    else:
        names = min(naturals[0], _share(width))
        equal = max(_LEAST, (room - names) // len(wanted))
        shortest = [names, *(min(natural, equal) for natural in naturals[1:])]
    ranks = list(range(len(naturals)))
    widths = fit(naturals, shortest, ranks, width, gap=GAP, drop=False)
    cut = []
    for row in cells:
        texts = shorten_apart([cell.text for cell in row[1:]], widths[1:])
        indent = row[0].text[: len(row[0].text) - len(row[0].text.lstrip(" "))]
        name = Cell(indent + shorten(row[0].text.lstrip(" "), widths[0] - len(indent), keep_end=True), row[0].ink)
        cut.append([name, *(Cell(text, cell.ink) for text, cell in zip(texts, row[1:], strict=True))])
    return shorten_apart(headings, widths[1:]), cut


def _key_cells(compared: Compared, rows: Sequence[Row], now: float, curve: int) -> list[list[Cell]]:
    """The cells of all rows, with a row for the title of each part."""
    cells: list[list[Cell]] = []
    metrics = _metric_cells([row for row in rows if row.part == "metrics"], now, curve)
    part = "about"
    for row in rows:
        if row.part != part:
            part = row.part
            cells.append([Cell(TITLES[part], "heading"), *[Cell("")] * len(compared.runs)])
        indent = "" if part == "about" else "  "
        values = metrics[row.name] if part == "metrics" else _cells(row, now)
        cells.append([Cell(indent + title_of(row)), *values])
    return cells


def _cells(row: Row, now: float) -> list[Cell]:
    """The values; those that are the first run's are faint."""
    texts = row_texts(row, now)
    if row.name == "status":
        return [Cell(text, ink_of_status(text)) for text in texts]
    return [Cell(text, "faint" if text == NONE or (i and text == texts[0]) else "") for i, text in enumerate(texts)]


def _metric_cells(rows: Sequence[Row], now: float, curve: int) -> dict[str, list[Cell]]:
    """The metrics with the sign of the best, and the curves below each other."""
    texts = {row.name: marked(row, now) for row in rows}
    count = len(rows[0].values) if rows else 0
    widths = [max(width_of(texts[row.name][i]) for row in rows) for i in range(count)]
    cells = {}
    for row in rows:
        curves = curve_texts(row.curves, curve) if row.curves else [""] * count
        cells[row.name] = [
            Cell(
                f"{text}{' ' * (widths[i] - width_of(text) + 1)}{curves[i]}" if curves[i] else text,
                "good" if i in row.best else "faint" if text == NONE else "",
            )
            for i, text in enumerate(texts[row.name])
        ]
    return cells


def marked(row: Row, now: float) -> list[str]:
    """The texts of a row, with a sign behind the best."""
    return [f"{text} {BEST}" if i in row.best else text for i, text in enumerate(row_texts(row, now))]


def _legend(compared: Compared, rows: Sequence[Row], width: int | None, style: Style) -> str:
    """What is called the best, and who says so."""
    named = [compared.directions[row.name] for row in rows if row.best]
    if not named:
        return ""
    words = some_of([visible(direction.words) for direction in named], _MANY_NAMED)
    by_name = "" if all(direction.is_said for direction in named) else " (as the names say; --better KEY or -KEY)"
    line = f"{BEST} is best: {words}{by_name}"
    return "".join(f"{style.paint(piece, 'faint')}\n" for piece in wrap(line, width))


def render_markdown(compared: Compared, look: Look, *, now: float) -> str:
    """The runs as a Markdown table; the part of a row stands in its first column."""
    rows = chosen(compared, look)
    headings = ["", "", *(shorten(visible(run.name), _WIDEST) for run in compared.runs)]
    cells = [
        [
            Cell(row.part),
            Cell(shorten(title_of(row), _WIDEST)),
            *(Cell(shorten(text, _WIDEST)) for text in marked(row, now)),
        ]
        for row in rows
    ]
    return markdown_table(headings, cells, right=[False] * len(headings))


def render_csv(compared: Compared, look: Look, *, safe: bool) -> str:
    """The runs as comma-separated values, exact: a line for each row with its part and name, then a value for each run.

    `safe` writes control characters as escapes, for a terminal.
    """
    headings = ["part", "name", *(run.name for run in compared.runs)]
    rows = [[row.part, row.name, *map(_exact, row.values)] for row in chosen(compared, look)]
    return csv_table(headings, rows, safe=safe)


def _exact(value: Any) -> str:
    """A value as it is: fingerprints and files by what tells them apart."""
    oid = getattr(value, "oid", None)
    if oid is not None:
        return str(oid)
    if isinstance(value, dict):
        return exact_text(value.get("xxh3_128") or value)
    return exact_text(value)
