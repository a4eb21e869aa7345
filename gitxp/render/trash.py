"""The removed runs as a table."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from gitxp.render.measure import fit, shorten, width_of
from gitxp.render.safe import visible
from gitxp.render.table import GAP, Cell, text_table
from gitxp.render.words import age_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.render.style import Style

_DAY = 86_400
_WIDEST = 200
_HEADINGS = ("name", "removed", "kept", "was", "command")
_RANKS = [0, 1, 2, 3, 4]


def render_trash(entries: Sequence[Any], *, days: float, width: int | None, now: float, style: Style) -> str:
    """A row for each entry: its name, how long ago it was removed, how long it is kept, the name it had if another, its command.

    `days` is how long runs are kept in the trash, `now` unix time in seconds.
    """
    rows = [_row(entry, days, now) for entry in entries]
    shown = [i for i in range(len(_HEADINGS)) if i != 3 or any(row[3] for row in rows)]
    naturals = [max(width_of(_HEADINGS[i]), *(width_of(row[i]) for row in rows)) for i in shown]
    shortest = [min(natural, 12) if i == 4 else natural for i, natural in zip(shown, naturals, strict=True)]
    widths = naturals if width is None else fit(naturals, shortest, _RANKS[: len(shown)], width, gap=GAP, drop=True)
    kept = [(i, w) for i, w in zip(shown, widths, strict=True) if w]
    cells = [[Cell(shorten(row[i], w)) for i, w in kept] for row in rows]
    return text_table([_HEADINGS[i] for i, _ in kept], cells, right=[i in {1, 2} for i, _ in kept], style=style)


def _row(entry: Any, days: float, now: float) -> tuple[str, ...]:
    at = entry.removed_at
    age = "" if at is None else age_text(now - at)
    left = "always" if at is None else _left((at + days * _DAY - now) / _DAY)
    command = shorten(visible(shlex.join(entry.command)), _WIDEST)
    return visible(entry.name), age, left, entry.run if entry.run != entry.name else "", command


def _left(days: float) -> str:
    """How long an entry stays: until the first `gitxp gc` after that."""
    return "until gc" if days <= 0 else f"{int(days) + (days > int(days))}d"
