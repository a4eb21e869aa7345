"""A value as it was written, made into what it is compared with: `"2 days ago"` into a moment, `"1h"` into seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.query import moments
from gitxp.query.tree import Type, Version
from gitxp.query.versions import version_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitxp.query.tree import Moment, Scalar


class Written(NamedTuple):
    """A value in an expression: as Python has it, as it was typed, and when (unix seconds)."""

    value: Any
    text: str
    now: float


def is_number(value: object) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def coerce(type_: Type, written: Written) -> Scalar | tuple[object, ...] | Moment | Version | None:
    """What is written as a value of this type; None where it is none."""
    value: Scalar | tuple[object, ...] | Moment | Version | None = _COERCIONS[type_](written)
    return value


def hint_for(type_: Type, title: str) -> str | None:
    """What a value of this type looks like."""
    return {
        Type.SECONDS: f"A duration is a number of seconds, or {moments.DURATIONS}.",
        Type.TIME: f"A time is {moments.TIMES}.",
        Type.VERSION: f'{title} >= "2.3"',
        Type.TEXT: "Text is in quotes.",
        Type.OID: "An id is in quotes.",
        Type.TEXTS: f'"…" in {title}',
        Type.FLAG: f"{title} == true",
    }.get(type_)


def _number(written: Written) -> Any:
    return written.value if is_number(written.value) else None


def _text(written: Written) -> Any:
    return written.value if isinstance(written.value, str) else None


def _seconds(written: Written) -> Any:
    if isinstance(written.value, str):
        return moments.parse_duration(written.value)
    return _number(written)


def _moment(written: Written) -> Any:
    return moments.parse_moment(written.value, written.now) if isinstance(written.value, str) else None


def _version(written: Written) -> Any:
    text = written.text if is_number(written.value) else written.value
    key = version_key(text) if isinstance(text, str) else None
    return None if key is None else Version(text.strip(), key)


_COERCIONS: dict[Type, Callable[[Written], Any]] = {
    Type.ANY: lambda written: written.value,
    Type.NUMBER: _number,
    Type.SECONDS: _seconds,
    Type.TIME: _moment,
    Type.FLAG: lambda written: written.value if isinstance(written.value, bool) else None,
    Type.VERSION: _version,
    Type.TEXT: _text,
    Type.OID: _text,
    Type.TEXTS: lambda _: None,
}
