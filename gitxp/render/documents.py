"""Configuration files that differ, key by key: `model.depth` was 4 and is 8."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.render.measure import shorten, shorten_apart
from gitxp.render.safe import visible
from gitxp.render.side_by_side import pair_cells, pair_table
from gitxp.render.table import Cell
from gitxp.render.words import pair_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.model import DocumentChange, FileChange, Run
    from gitxp.render.style import Style

TITLE = "Configuration"
_MOST, _MOST_PIPED = 40, 10_000  # keys of a file
_WIDEST = 200  # of a cell, into a pipe, too: one long value must not push all others aside


def render_documents(changes: Sequence[FileChange], runs: tuple[Run, Run], *, width: int | None, style: Style) -> str:
    """The files with a `document`, as a table with a heading; empty where there are none."""
    rows: list[list[Cell]] = []
    for change in changes:
        if change.document is None:
            continue
        name = (
            visible(change.path) if change.old_path is None else f"{visible(change.old_path)} → {visible(change.path)}"
        )
        rows.append([Cell(name, "alive"), Cell(""), Cell("")])
        rows += _keys(change.document, _MOST_PIPED if width is None else _MOST)
    if not rows:
        return ""
    return style.paint(TITLE, "heading") + "\n" + pair_table(runs, rows, width=width, style=style)


def _keys(document: DocumentChange, most: int) -> list[list[Cell]]:
    rows = [
        [Cell(f"  {shorten(visible(key), _WIDEST)}"), *pair_cells(pair, _texts(pair))]
        for key, pair in list(document.keys.items())[:most]
    ]
    if len(document.keys) > most:
        rows.append([Cell(f"  and {len(document.keys) - most:,} more", "faint"), Cell(""), Cell("")])
    return rows or [[Cell("  no value differs", "faint"), Cell(""), Cell("")]]


def _texts(pair: tuple[Any, Any]) -> list[str]:
    return shorten_apart(pair_texts(*pair), [_WIDEST] * 2)


def document_json(document: DocumentChange) -> dict[str, Any]:
    """What `--json` says of a configuration file beside what it says of each file."""
    return {"keys": dict(document.keys)}
