"""What a record holds: the types of all keys that this version knows, each checked by a function that says what is wrong.

100,000 records are checked one after the other when an index is made anew, and what costs then are parameters and metrics.
So those are looked at all at once first, and one by one where they are not as they nearly always are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gitxp import format as fmt
from gitxp.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    Check = Callable[[Any], str | None]  # what is wrong with a value, or None

_MAX_DEPTH = 64
_MAX_INT = 1 << 63


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) else "no text"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "neither true nor false"


def _integer(value: Any) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return "no whole number"
    return None if -_MAX_INT <= value < _MAX_INT else "too large a number"


def _count(value: Any) -> str | None:
    return _integer(value) or ("below zero" if value < 0 else None)


def _number(value: Any) -> str | None:
    if type(value) is float:  # by far the usual case
        return None if math.isfinite(value) else "no number that JSON has"
    try:
        fmt.decode_number(value)
    except FormatError:
        return "no number"
    return None


def _seconds(value: Any) -> str | None:
    return "no number" if isinstance(value, str) else _number(value) or ("below zero" if value < 0 else None)


def _time(value: Any) -> str | None:
    try:
        fmt.parse_time(value)
    except (FormatError, TypeError):
        return "no time"
    return None


def _status(value: Any) -> str | None:
    return None if value in fmt.STATUSES else "none of " + ", ".join(fmt.STATUSES)


def _object(value: Any) -> str | None:
    return None if isinstance(value, dict) else "no object"


def _scalar(value: Any) -> str | None:
    return "no text, number or boolean" if isinstance(value, dict | list) else _anything(value)


def _parameter(value: Any) -> str | None:
    return "an object, and parameters are scalars and lists" if isinstance(value, dict) else _anything(value)


def _anything(value: Any) -> str | None:
    """What would stop a JSON value from being written again: floats that are none in JSON, too many levels."""
    if isinstance(value, float):
        return _number(value)
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(_MAX_DEPTH):
        if not level:
            return None
        below: list[Any] = []
        for item in level:
            below.extend(item.values() if isinstance(item, dict) else item)
        if not all(math.isfinite(item) for item in below if isinstance(item, float)):
            return "something with a number in it that JSON does not have"
        level = [item for item in below if isinstance(item, (dict, list))]
    return f"nested more than {_MAX_DEPTH} levels deep"


def _list_of(check: Check) -> Check:
    def check_list(value: Any) -> str | None:
        if not isinstance(value, list):
            return "no list"
        for number, item in enumerate(value):
            if wrong := check(item):
                return f"a list, and item {number} is {wrong}"
        return None

    return check_list


def _object_of(check: Check, are_usual: Callable[[Collection[Any]], bool] = lambda _: False) -> Check:
    """An object whose values each hold to a check. Those of which `are_usual` is true do, all of them at a look."""

    def check_object(value: Any) -> str | None:
        if not isinstance(value, dict):
            return "no object"
        if are_usual(value.values()):
            return None
        for key, item in value.items():
            if wrong := check(item):
                return f"an object, and its {_short(key)} is {wrong}"
        return None

    return check_object


def _keys(needed: str, **checks: Check) -> Check:
    """An object with the key `needed`, and of these types where it has them."""

    def check_keys(value: Any) -> str | None:
        if not isinstance(value, dict):
            return "no object"
        if needed not in value:
            return f"an object without {needed!r}"
        for key, item in value.items():
            if wrong := checks.get(key, _anything)(item):
                return f"an object, and its {_short(key)} is {wrong}"
        return None

    return check_keys


def _are_plain(values: Collection[Any]) -> bool:
    """Whether these are scalars that JSON has."""
    if not _SCALARS.issuperset(map(type, values)):
        return False
    return all(map(math.isfinite, [value for value in values if type(value) is float]))


def _are_texts(values: Collection[Any]) -> bool:
    return _JUST_TEXT.issuperset(map(type, values))


def _are_summaries(values: Collection[Any]) -> bool:
    """Whether these are summaries as gitxp writes them, of floats."""
    for value in values:
        if type(value) is not dict or tuple(value) != _SUMMARY or tuple(map(type, value.values())) != _OF_FLOATS:
            return False
        count, last, most, least, step = value.values()
        if not (0 <= count < _MAX_INT and -_MAX_INT <= step < _MAX_INT):
            return False
        if not (math.isfinite(last) and math.isfinite(most) and math.isfinite(least)):
            return False
    return True


_SCALARS, _JUST_TEXT = frozenset({str, int, float, bool, type(None)}), frozenset({str})
_SUMMARY, _OF_FLOATS = ("count", "last", "max", "min", "step"), (int, float, float, float, int)
_texts = _list_of(_text)
_summary = _keys("last", last=_number, min=_number, max=_number, count=_count, step=_integer)
_fingerprint = _keys(
    "path",
    path=_text,
    kind=_text,
    size=_count,
    files=_count,
    xxh3_128=_text,
    changed=_flag,
    unreadable=_count,
    manifest=_flag,
    source=_text,
    modified=_time,
    dvc_md5=_text,
    lfs_oid=_text,
)
# docs/format.md has the same table in words. Keys that are not here are kept as they are.
_RECORD: Mapping[str, Check] = {
    "id": _text,
    "name": _text,
    "status": _status,
    "exit_code": _integer,
    "signal": _integer,
    "command": _texts,
    "cwd": _text,
    "started_at": _time,
    "finished_at": _time,
    "duration": _seconds,
    "base": _text,
    "branch": _text,
    "dirty": _flag,
    "changes": _object_of(_count),
    "skipped": _list_of(_keys("path", path=_text, reason=_text, size=_count, files=_count)),
    "large": _list_of(_keys("path", path=_text, size=_count, lfs_oid=_text)),
    "submodules": _list_of(_keys("path", path=_text, commit=_text, dirty=_flag)),
    "params": _object_of(_parameter, _are_plain),
    "param_sources": _object_of(_text, _are_texts),
    "metrics": _object_of(_summary, _are_summaries),
    "data": _list_of(_fingerprint),
    "outputs": _list_of(
        _keys(
            "path",
            path=_text,
            size=_count,
            xxh3_128=_text,
            stored=_flag,
            lfs_oid=_text,
            artifact=_text,
            link=_text,
            reason=_text,
            files=_count,
            changed=_flag,
            source=_text,
            type=_text,
            key=_text,
            step=_integer,
        )
    ),
    "summary": _object_of(_scalar),
    "title": _text,
    "host": _text,
    "user": _text,
    "git": _object_of(_text),
    "group": _text,
    "tags": _texts,
    "note": _text,
    "parent_run": _text,
    "gitxp_version": _text,
    "problems": _texts,
    "snapshot": _flag,
    "asked": _object_of(_texts),
}


def find_problem(record: fmt.Record) -> str | None:
    """What is wrong with a record, as a clause, or None."""
    for key, value in record.items():
        if wrong := _RECORD.get(key, _anything)(value):
            return f"{_short(key)} is {wrong}"
    return None


def find_problem_of_object(value: Any) -> str | None:
    """What is wrong with what is to be an object of any kind, as a clause, or None."""
    return _object(value) or _anything(value)


def _short(key: str) -> str:
    return repr(key if len(key) <= 40 else key[:39] + "…")
