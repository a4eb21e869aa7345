"""The tags of a repository, each with the runs that have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.render.measure import shorten, width_of
from gitxp.render.table import GAP, Cell, text_table
from gitxp.render.words import count_text, value_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitxp.render.style import Style

_WIDEST = 40
_LONGEST = 200


def render_tags(runs_by_tag: Mapping[str, Sequence[str]], *, width: int | None, style: Style) -> str:
    """A line for each tag, sorted: how many runs have it, and the names of the newest."""
    tags = sorted(runs_by_tag)
    heads = [[shorten(value_text(tag), _WIDEST), count_text(len(runs_by_tag[tag]), "run")] for tag in tags]
    used = sum(max((width_of(head[i]) for head in heads), default=0) + GAP for i in range(2))
    room = _LONGEST if width is None else max(1, width - used)
    rows = [
        [Cell(head[0]), Cell(head[1], "faint"), Cell(shorten(", ".join(runs_by_tag[tag]), room))]
        for tag, head in zip(tags, heads, strict=True)
    ]
    return text_table((), rows, right=[False, True, False], style=style) if rows else ""
