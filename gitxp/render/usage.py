"""What takes the space, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.render.measure import shorten
from gitxp.render.safe import visible
from gitxp.render.table import Cell, text_table
from gitxp.render.words import count_text, size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.render.style import Style

_SIZES = 30  # columns that are left to sizes and gaps
_WHAT = (
    ("shared", "held by several runs, and by no branch"),
    ("trash", "held by removed runs only"),
    ("objects", "all of git's objects, those of branches, too"),
    ("large", "git-lfs's objects"),
    ("large_trash", "git-lfs's objects that were taken out"),
    ("live", "live folders of runs that are running"),
    ("cache", "what can be made again"),
)


def render_usage(usage: Any, *, limit: int | None, width: int | None, style: Style) -> str:
    """The `limit` runs that alone hold most (None: all), and what takes space besides; sizes first, as `du` has them."""
    shown = usage.runs if limit is None else usage.runs[:limit]
    others = usage.runs[len(shown) :]
    has_large = any(run.large for run in usage.runs)
    rows = [_row(shorten(run.name, _room(width)), run.own, run.large, has_large=has_large) for run in shown]
    if others:
        name = f"… {count_text(len(others), 'more run')}"
        sizes = sum(run.own for run in others), sum(run.large for run in others)
        rows.append(_row(name, *sizes, has_large=has_large))
    headings = ["own", *(["large files"] if has_large else []), "run"]
    table = text_table(headings, rows, right=_right(headings), style=style) if rows else ""
    sums = [[Cell(size_text(size)), Cell(words)] for name, words in _WHAT if (size := getattr(usage, name))]
    return table + ("\n" if rows and sums else "") + (text_table([], sums, right=[True, False]) if sums else "")


def _right(headings: Sequence[str]) -> list[bool]:
    return [heading != headings[-1] for heading in headings]


def _room(width: int | None) -> int | None:
    return None if width is None else max(20, width - _SIZES)


def render_paths(paths: Sequence[Any], *, limit: int | None, width: int | None, style: Style) -> str:
    """The `limit` largest paths of a run (None: all), and what the others take."""
    shown = paths if limit is None else paths[:limit]
    others = paths[len(shown) :]
    rows = [[Cell(size_text(one.size)), Cell(_name(one, width)), Cell(_remark(one))] for one in shown]
    if others:
        more = f"… {count_text(len(others), 'more path')}"
        rows.append([Cell(size_text(sum(one.size for one in others))), Cell(more), Cell("")])
    return text_table(["size", "path", "held"], rows, right=[True, False, False], style=style) if rows else ""


def _row(name: str, own: int, large: int, *, has_large: bool) -> list[Cell]:
    return [Cell(size_text(own)), *([Cell(size_text(large) if large else "")] if has_large else []), Cell(name)]


def _name(one: Any, width: int | None) -> str:
    return shorten(visible(one.path) or "(folders and commits)", _room(width), keep_end=True)


def _remark(one: Any) -> str:
    where = "by others, too" if one.is_shared else ""
    return ", ".join(filter(None, ["large file" if one.large else "", where]))
