"""What stands in the cells of a table of several runs: values of one row rounded together, so that what differs looks so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.render.data_changes import fingerprint_text
from gitxp.render.safe import visible
from gitxp.render.words import (
    age_text,
    count_text,
    distinct_texts,
    duration_text,
    exact_text,
    find_time,
    is_number,
    size_text,
    told_apart,
    value_text,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.compared import FileState, Row

NONE = "-"
BEST = "*"
_LONGEST = 1000  # characters of a value that are looked at
_SHORT_OID = 7


def row_texts(row: Row, now: float) -> list[str]:
    """The texts of a row's values, safe for a terminal; `-` where a run has none. Times are counted from `now`, in unix seconds."""
    if row.part == "code":
        return _code(row.values)
    if row.part == "data":
        return [NONE if value is None else fingerprint_text(value) or NONE for value in row.values]
    if row.part == "about":
        return [_about(row.name, value, now) for value in row.values]
    if row.name == "imported" and row.part == "environment":
        return [count_text(len(value), "package") if isinstance(value, list) else NONE for value in row.values]
    if row.name in {"memory", "memory_limit"} and all(value is None or is_number(value) for value in row.values):
        return _apart(row.values, [NONE if value is None else size_text(value) for value in row.values])
    return value_texts(row.values)


def value_texts(values: Sequence[Any]) -> list[str]:
    """Values of the record: numbers rounded together to what differs, a text in quotes where it would look like another value."""
    if not all(value is None or is_number(value) for value in values):
        texts = _apart(values, [NONE if value is None else value_text(value, _LONGEST) for value in values])
        return told_apart(values, texts, _LONGEST)
    return [text.strip() or NONE for text in distinct_texts(values)]


def _apart(values: Sequence[Any], texts: list[str]) -> list[str]:
    """The texts, or the exact values where two that differ have one text."""
    exact = [exact_text(value) for value in values]
    if len(set(exact)) == len(set(texts)):
        return texts
    return [NONE if value is None else visible(text) for value, text in zip(values, exact, strict=True)]


def _about(name: str, value: Any, now: float) -> str:
    if value is None:
        return NONE
    if name == "started_at":
        at = find_time(value)
        return value_text(value) if at is None else f"{age_text(now - at)} ago"
    return duration_text(value) if name == "duration" else value_text(value, _LONGEST)


def _code(states: Sequence[FileState | None]) -> list[str]:
    """The first run's file by its object, of the others what came and went; the object, too, where that is the same for two."""
    first = states[0]
    texts = [NONE if state is None else _change(state, first) for state in states]
    owners: dict[str, set[str]] = {}
    for state, text in zip(states, texts, strict=True):
        if state is not None:
            owners.setdefault(text, set()).add(state.oid)
    return [
        f"{text} ({state.oid[:_SHORT_OID]})" if state is not None and len(owners[text]) > 1 else text
        for state, text in zip(states, texts, strict=True)
    ]


def _change(state: FileState, first: FileState | None) -> str:
    if first is not None and state.oid == first.oid:
        return state.oid[:_SHORT_OID] if state.mode == first.mode else f"mode {state.mode}"
    return lines_text(state.insertions, state.deletions)


def lines_text(insertions: int | None, deletions: int | None) -> str:
    """`+12 -3`; `binary` where there are no lines."""
    if insertions is None or deletions is None:
        return "binary"
    return " ".join([f"+{insertions:,}"] * bool(insertions or not deletions) + [f"-{deletions:,}"] * bool(deletions))
