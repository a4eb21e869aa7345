"""The files that a run produced, as a table: path, size, whether the run has their bytes, and what else there is to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.render.table import Cell, text_table
from gitxp.render.untyped import text_of
from gitxp.render.words import count_text, is_number, size_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitxp.render.style import Style

_HEADINGS = ("path", "size", "", "remarks")


def render_artifacts(artifacts: Sequence[Mapping[str, Any]], *, style: Style | None = None) -> str:
    """The table of the objects of `gitxp artifacts --json`; empty where there are none."""
    rows = [
        [
            Cell(text_of(item.get("path"))),
            Cell(size_text(item["size"]) if is_number(item.get("size")) else ""),
            Cell("stored", "good") if item.get("stored") is True else Cell("listed", "faint"),
            Cell(", ".join(_remarks(item)), "faint"),
        ]
        for item in artifacts
    ]
    return text_table(_HEADINGS, rows, right=(False, True, False, False), style=style) if rows else ""


def _remarks(item: Mapping[str, Any]) -> list[str]:
    files = item.get("files")
    return [
        *(["its content is not here"] if item.get("here") is False else []),
        *([f"a link to {text_of(item['link'])}"] if item.get("link") else []),
        *([text_of(item["type"])] if item.get("type") else []),
        *([f"step {text_of(item['step'])}"] if "step" in item else []),
        *([count_text(int(files or 0), "file")] if is_number(files) else []),
        *(["changed while it was read"] if item.get("changed") else []),
        *([text_of(item["reason"])] if item.get("reason") and item.get("stored") is not True else []),
    ]
