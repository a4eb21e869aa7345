"""What changed between two runs, in its order, beside the metrics: as a table, and as JSON."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING, Any

from gitxp.render.as_json import json_text
from gitxp.render.cells_of_many import lines_text
from gitxp.render.data_changes import fingerprint_text
from gitxp.render.environment_changes import IMPORTS, environment_texts, no_environment_text
from gitxp.render.measure import shorten, wrap
from gitxp.render.safe import visible
from gitxp.render.side_by_side import pair_cells, pair_table
from gitxp.render.style import Style
from gitxp.render.table import Cell
from gitxp.render.words import aligned, difference_of, is_number, pair_texts
from gitxp.sources import by_number

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gitxp.compared import Change, Why
    from gitxp.direction import Direction

_TITLES = {
    "params": "Parameters",
    "command": "Command",
    "code": "Code",
    "data": "Data",
    "packages": "Packages",
    "environment": "Interpreter and machine",
}
_MOST, _MOST_PIPED = 20, 10_000  # of one group
_NO_CAUSE = "What changed at the same time cannot be told apart: nothing here is said to be the cause."


def render_why(why: Why, *, width: int | None, style: Style | None = None) -> str:
    """The changes in groups, the first ones those that touch most; then the metrics."""
    style = style or Style()
    names = [visible(run.name) for run in why.comparison.runs]
    if not why.changes and not why.comparison.metrics:
        what = "that can be read" if why.comparison.unread else "that gitxp knows of"
        return f"Nothing {what} changed between {names[0]} and {names[1]}.\n"
    parts = []
    if why.changes:
        parts.append(
            style.paint("What changed, what touches most first", "heading") + "\n" + _changes(why, width, style)
        )
    else:
        read = " that can be read" if why.comparison.unread else ""
        parts.append(f"No parameter, code, data or package{read} changed between {names[0]} and {names[1]}.\n")
    if why.comparison.without_environment is not None:
        line = no_environment_text(why.comparison.without_environment)
        parts.append(style.paint("Environment", "heading") + "\n" + (shorten(line, width) if width else line) + "\n")
    if why.comparison.metrics:
        parts.append(style.paint("Metrics beside it", "heading") + "\n" + _metrics(why, width, style))
    if why.changes and why.comparison.metrics:
        parts.append("".join(style.paint(line, "faint") + "\n" for line in wrap(_NO_CAUSE, width)))
    return "\n".join(parts)


def _changes(why: Why, width: int | None, style: Style) -> str:
    most = _MOST_PIPED if width is None else _MOST
    rows: list[list[Cell]] = []
    modes = {code.path for code in why.comparison.code if (code.status, code.insertions, code.deletions) == ("M", 0, 0)}
    for (kind, reason), group in groupby(why.changes, key=lambda change: (change.kind, change.why)):
        changes = list(group)
        title = f"{_TITLES[kind]}: {reason}" if reason else _TITLES[kind]
        rows.append([Cell(title, "heading"), Cell(""), Cell("")])
        rows += [[Cell(f"  {_name(change)}"), *_cells(change, modes)] for change in changes[:most]]
        if len(changes) > most:
            rows.append([Cell(f"  and {len(changes) - most:,} more", "faint"), Cell(""), Cell("")])
    return pair_table(why.comparison.runs, rows, width=width, style=style)


def _name(change: Change) -> str:
    return IMPORTS if (change.kind, change.name) == ("environment", "imported") else visible(change.name)


def _cells(change: Change, modes: Collection[str]) -> list[Cell]:
    """What a change has below the two runs; of the files `modes`, only the mode is another one."""
    if change.kind == "code":
        return [Cell(""), Cell("mode" if change.name in modes else lines_text(*(change.lines or (None, None))))]
    pair = (change.a, change.b)
    if change.kind == "data":
        return pair_cells(pair, ["" if value is None else fingerprint_text(value) for value in pair])
    if change.kind == "environment":
        return pair_cells(pair, environment_texts(change.name, pair))
    return pair_cells(pair, pair_texts(*pair))


def _metrics(why: Why, width: int | None, style: Style) -> str:
    pairs = sorted(why.comparison.metrics.items(), key=lambda item: by_number(item[0]))
    differences = aligned([difference_of(*pair) for _, pair in pairs])
    rows = []
    for (name, pair), difference in zip(pairs, differences, strict=True):
        word, ink = _verdict(pair, why.directions[name])
        rows.append(
            [
                Cell(visible(name)),
                *(Cell(c.text, "faint" if c.ink == "faint" else "") for c in pair_cells(pair, pair_texts(*pair))),
                Cell(difference),
                Cell(word, ink),
            ]
        )
    return pair_table(why.comparison.runs, rows, width=width, style=style, more=["difference", ""], numbers=True)


def _verdict(pair: tuple[Any, Any], direction: Direction) -> tuple[str, str]:
    """Whether B is better, and the ink for that."""
    a, b = pair
    if direction.better is None or not (is_number(a) and is_number(b)) or a == b or math.isnan(a) or math.isnan(b):
        return "", ""
    return ("better", "good") if (b < a) == direction.is_less else ("worse", "bad")


def render_why_json(why: Why) -> str:
    """The changes in their order, and the metrics, exact."""
    problems = [one.to_json() for one in why.comparison.unread]
    return json_text(
        {
            "a": why.comparison.a.name,
            "b": why.comparison.b.name,
            "changes": [_change(change) for change in why.changes],
            "metrics": dict(why.comparison.metrics),
            "better": {name: direction.better for name, direction in why.directions.items()},
        }
        | ({"problems": problems} if problems else {})
    )


def _change(change: Change) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": change.kind, "name": change.name}
    if change.why:
        told["why"] = change.why
    if change.kind == "code":
        lines: Sequence[int | None] = change.lines or (None, None)
        return told | {"insertions": lines[0], "deletions": lines[1]}
    return told | {"values": [change.a, change.b]}
