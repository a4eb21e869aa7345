"""Columns as CSV and JSON: exact, in pieces, and harmless where they are opened."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gitxp.render.table import csv_table
from gitxp.render.words import exact_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_CHUNK = 1000  # rows of one piece


def frame_csv(columns: Mapping[str, tuple[str, Sequence[Any]]], *, safe: bool) -> Iterator[str]:
    """Comma-separated values with a line of headings, from the columns of a frame by name (kind, values).

    A text that a spreadsheet would take for a formula is written so that it does not. `safe` writes control characters
    as escapes, for a terminal.
    """
    names = list(columns)
    values = [values for _, values in columns.values()]
    total = len(values[0]) if values else 0
    for start in range(0, max(total, 1), _CHUNK):
        rows = [[_cell(value) for value in row] for row in _rows(values, start, total)]
        table = csv_table(names, rows, safe=safe)
        # the headings of every piece but the first go: a quoted heading may hold ends of lines
        yield table if not start else table[len(csv_table(names, [], safe=safe)) :]


def frame_json(columns: Mapping[str, tuple[str, Sequence[Any]]]) -> Iterator[str]:
    """A JSON array with an object for each row. Missing values are null; numbers that JSON lacks are `"nan"`, `"inf"`, `"-inf"`."""
    names = [json.dumps(name) for name in columns]
    values = [values for _, values in columns.values()]
    total = len(values[0]) if values else 0
    yield "["
    for start in range(0, total, _CHUNK):
        rows = (
            "{" + ", ".join(f"{name}: {_json(value)}" for name, value in zip(names, row, strict=True)) + "}"
            for row in _rows(values, start, total)
        )
        yield (",\n " if start else "\n ") + ",\n ".join(rows)
    yield "\n]\n" if total else "]\n"


def _rows(values: Sequence[Sequence[Any]], start: int, total: int) -> Iterator[tuple[Any, ...]]:
    end = min(start + _CHUNK, total)
    return zip(*(column[start:end] for column in values), strict=True)


def _cell(value: Any) -> str:
    return exact_text(_time(value) if isinstance(value, datetime) else value)


def _json(value: Any) -> str:
    if isinstance(value, datetime):
        value = _time(value)
    if isinstance(value, float) and not math.isfinite(value):
        value = exact_text(value)
    return json.dumps(value)


def _time(value: datetime) -> str:
    """RFC 3339 in UTC, as the record has it."""
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
