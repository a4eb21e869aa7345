"""Two runs side by side: parameters, metrics, data and environment, and of each only what differs.

The code is not here: git shows that better than anyone (see `gitxp diff`). What `--json` says of it is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gitxp.render.as_json import json_text
from gitxp.render.measure import fit, shorten, width_of
from gitxp.render.notebooks import notebook_json
from gitxp.render.safe import visible
from gitxp.render.style import Style
from gitxp.render.table import GAP, Cell, text_table
from gitxp.render.words import aligned, exact_text, is_number, number_text, number_texts, size_text, value_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from gitxp.model import Comparison, FileChange

# The sections in their order: the keys of `--json` and their headings.
SECTIONS = {
    "code": "Code",
    "params": "Parameters",
    "metrics": "Metrics",
    "data": "Data",
    "environment": "Environment",
}
_SHORT_DIGEST = 10
_WIDEST = 1000  # no cell is wider, into a pipe or a file either: --json has the whole
_NONE = "-"  # one of the two has no such thing


def render_section(comparison: Comparison, section: str, *, width: int | None, style: Style | None = None) -> str:
    """One of the sections behind the code as a table with a heading; empty where nothing differs."""
    pairs: Mapping[str, tuple[Any, Any]] = getattr(comparison, section)
    if not pairs:
        return ""
    style = style or Style()
    names = sorted(pairs)
    headings = ["", visible(comparison.a.name), visible(comparison.b.name)]
    rows = [[_clipped(cell) for cell in (Cell(visible(name)), *_cells(section, *pairs[name]))] for name in names]
    if section == "metrics":
        headings.append("difference")
        for row, cell in zip(rows, _differences([pairs[name] for name in names]), strict=True):
            row.append(cell)
    if width is not None:
        headings, rows = _fitted(headings, rows, width)
    right = [i > 0 and section == "metrics" for i in range(len(headings))]
    return f"{heading(section, style)}{text_table(headings, rows, right=right, style=style)}"


def heading(section: str, style: Style) -> str:
    """The line above a section."""
    return style.paint(SECTIONS[section], "heading") + "\n"


def differs(comparison: Comparison, section: str) -> bool:
    """Whether the two runs differ in this section."""
    return bool(getattr(comparison, section))


def no_difference(comparison: Comparison, sections: Collection[str]) -> str:
    """The sentence for two runs that do not differ in these sections."""
    where = "" if len(sections) == len(SECTIONS) else f" in {' and '.join(SECTIONS[s].lower() for s in sections)}"
    return f"No differences between {visible(comparison.a.name)} and {visible(comparison.b.name)}{where}.\n"


def render_json(comparison: Comparison, sections: Collection[str]) -> str:
    """The sections as one JSON object; pairs are (in A, in B), null where one has none."""
    code = [_change(change) for change in comparison.code]
    every = {"code": code, **{section: dict(getattr(comparison, section)) for section in SECTIONS if section != "code"}}
    return json_text({section: every[section] for section in SECTIONS if section in sections})


def _change(change: FileChange) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "path": change.path,
        "status": change.status,
        "insertions": change.insertions,
        "deletions": change.deletions,
    }
    if change.old_path is not None:
        facts["old_path"] = change.old_path
    return facts if change.notebook is None else facts | notebook_json(change.notebook)


def _cells(section: str, a: Any, b: Any) -> list[Cell]:
    """The two values of one row; where one run has none, that is said."""
    if section == "data":
        texts = [_data_text(a), _data_text(b)]
    elif is_number(a) and is_number(b):
        texts = number_texts([a, b])
        if texts[0] == texts[1]:  # six digits do not tell them apart
            texts = [exact_text(a), exact_text(b)]
    else:
        texts = [value_text(a), value_text(b)]
    return [
        Cell(_NONE, "faint") if value is None else Cell(text, ink)
        for value, text, ink in zip((a, b), texts, ("bad", "good"), strict=True)
    ]


def _clipped(cell: Cell) -> Cell:
    return Cell(shorten(cell.text, _WIDEST), cell.ink)


def _data_text(value: Any) -> str:
    """A fingerprint in brief: size, number of files, the beginning of the digest."""
    if not isinstance(value, dict):
        return value_text(value)
    size, files = value.get("size"), value.get("files")
    facts = [
        size_text(size) if is_number(size) and size is not None else "",
        f"{files:,} files" if is_number(files) else "",
        value_text(value.get("xxh3_128"))[:_SHORT_DIGEST],
        "missing" if value.get("kind") == "missing" else "",
    ]
    return ", ".join(fact for fact in facts if fact)


def _differences(pairs: Sequence[tuple[Any, Any]]) -> list[Cell]:
    """B - A of each pair of numbers, with its sign; empty where there is none."""
    texts = []
    for a, b in pairs:
        difference = b - a if is_number(a) and is_number(b) else math.nan
        texts.append(
            f"{'+' if difference > 0 else ''}{number_text(difference, 4)}" if math.isfinite(difference) else ""
        )
    return [Cell(text) for text in aligned(texts)]


def _fitted(headings: Sequence[str], rows: Sequence[Sequence[Cell]], width: int) -> tuple[list[str], list[list[Cell]]]:
    """The table with its names and values cut where it would be wider than `width`."""
    columns = list(zip(*rows, strict=True))
    naturals = [
        max(1, width_of(title), *(width_of(cell.text) for cell in column))
        for title, column in zip(headings, columns, strict=True)
    ]
    share = max(8, (width - GAP * (len(headings) - 1)) // len(headings))
    widths = fit(naturals, [share] * len(naturals), list(range(len(naturals))), width, gap=GAP, drop=False)
    cut = [
        [
            Cell(shorten(cell.text, w, keep_end=i == 0), cell.ink)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        for row in rows
    ]
    return [shorten(title, w) for title, w in zip(headings, widths, strict=True)], cut
