"""Runs, read from their commits: the record, and what lies beside it in `.gitxp/`.

Records are untrusted (docs/format.md, threat 18). The types of all keys that this version knows are checked here, once,
so that nothing that later takes a `Run` in hand can stumble: a record that does not hold to the format becomes a run
with a `problem`, which is one row that says why, and never an exception. What belongs to one run only (environment,
series, output) is read when it is asked for, and raises `FormatError` where it is damaged.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp import format as fmt
from gitxp.annotations import (
    ANNOTATIONS_FOLDER,
    MAX_EDIT,
    MAX_EDITS,
    MAX_EDITS_SIZE,
    Annotations,
    decode_edits,
    find_edit_name,
    fold,
)
from gitxp.errors import FormatError, NewerFormat, UsageError
from gitxp.model import Run
from gitxp.series import Series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gitxp.format import Oid, RefName
    from gitxp.git.objects import Entry, Objects
    from gitxp.git.refs import RunRef
    from gitxp.names import RunName

    Check = Callable[[Any], str | None]  # what is wrong with a value, or None

# 40 bytes a point: thirteen million points.
MAX_SERIES = 512 * 1024 * 1024
_MAX_DEPTH = 64
_MAX_INT = 1 << 63
# What is kept of a record with a problem elsewhere, where it is sound: enough to know the run by.
_KEPT = ("id", "command", "started_at")


def read_run(objects: Objects, where: RunRef) -> Run:
    """The run that a ref leads to; never an exception for what a repository can hold."""
    ((_, record, problem, said, _),) = read_runs(objects, [where.commit])
    return make_run(where.name, where.ref, where.commit, record, problem, said)


class Read(NamedTuple):
    """What was read of a run's tip. `said` is None where nobody said anything of the run; `raw` are the record's bytes, where it is sound."""

    commit: Oid
    record: fmt.Record
    problem: str | None
    said: Annotations | None
    raw: bytes | None


def read_runs(objects: Objects, commits: Sequence[Oid]) -> Iterator[Read]:
    """The records and annotations of the runs with these tips, in their order."""
    records = objects.read_files(commits, fmt.RECORD_PATH)
    folders = objects.list_folders(commits, ANNOTATIONS_FOLDER)
    for (commit, data), (_, entries) in zip(records, folders, strict=True):
        record, problem = decode_run(data)
        said = None
        if entries and not problem:
            edits, wrong = decode_edits(read_edits(objects, entries))
            said = replace(fold(Annotations.of_record(record), edits), problems=wrong)
        yield Read(commit, record, problem, said, data if isinstance(data, bytes) and not problem else None)


def read_edits(objects: Objects, entries: Sequence[Entry] | FormatError) -> dict[str, bytes | FormatError]:
    """The bytes of a run's edits by their ids, or why they cannot be read, from the entries of its folder."""
    if isinstance(entries, FormatError):
        return {"folder": entries}
    files: dict[str, bytes | FormatError] = {}
    size = 0
    for entry in entries:
        name = find_edit_name(entry.path)
        if name is None or entry.mode != "100644":
            continue
        if len(files) == MAX_EDITS:
            files["others"] = FormatError(f"a run has at most {MAX_EDITS:,}")
            break
        try:
            data = objects.read_blob(entry.oid, MAX_EDIT)
        except FormatError as error:
            files[name] = error
            continue
        size += len(data)
        if size > MAX_EDITS_SIZE:
            files["others"] = FormatError(f"those of a run have at most {MAX_EDITS_SIZE:,} bytes")
            break
        files[name] = data
    return files


def make_run(
    name: RunName, ref: RefName, commit: Oid, record: fmt.Record, problem: str | None, said: Annotations | None = None
) -> Run:
    """A run from its place, its checked record and what people said of it. Parameters that are null are left out."""
    params = record.get("params")
    if params and None in params.values():  # there is no null in the format; others write it for what is not known
        record = {**record, "params": {key: value for key, value in params.items() if value is not None}}
    if said is None:
        note = record.get("note")
        return Run(name, ref, commit, record, problem, tuple(record.get("tags", ())), (note,) if note else ())
    record = {key: value for key, value in record.items() if key not in {"title", "group"}}
    record |= {key: value for key, value in (("title", said.title), ("group", said.group)) if value}
    notes = tuple(note.text for note in said.notes)
    return Run(name, ref, commit, record, problem, said.tags, notes, said.starred, said.archived)


def decode_run(data: bytes | FormatError | None) -> tuple[fmt.Record, str | None]:
    """The record that these bytes are, and None; or what could be saved of it, and what is wrong with it."""
    if data is None:
        return {}, f"Its commit has no {fmt.RECORD_PATH}."
    if isinstance(data, FormatError):
        return {}, data.sentence
    try:
        record = fmt.decode_record(data)
    except NewerFormat as error:
        return {"format": error.found}, f"{error.message} {error.hint}"
    except FormatError as error:
        return {}, f"Its record cannot be read: {error.message}."
    problem = _find_problem(record)
    if problem is None:
        return record, None
    kept = {key: record[key] for key in _KEPT if key in record and _RECORD[key](record[key]) is None}
    return kept, f"Its record does not hold to the format: {problem}."


def read_environment(objects: Objects, commit: Oid) -> dict[str, Any]:
    """The environment of a run; empty where none was recorded. `FormatError` where it is damaged."""
    data = objects.read_file(commit, fmt.ENVIRONMENT_PATH)
    if data is None:
        return {}
    try:
        return decode_environment(data)
    except FormatError as error:
        raise FormatError(f"The environment of commit {commit[:12]} cannot be read: {error.message}.") from error


def decode_environment(data: bytes) -> dict[str, Any]:
    """The environment in these bytes; `FormatError` with a clause for what is none."""
    value = fmt.decode_json(data)
    problem = _object(value) or _anything(value)
    if problem:
        msg = f"it is {problem}"
        raise FormatError(msg)
    return dict(value)


def list_series(objects: Objects, commit: Oid) -> list[str]:
    """The names of the metrics that have a series, sorted."""
    names = (fmt.metric_name(entry.path) for entry in objects.list_files(commit, fmt.METRICS_FOLDER))
    return sorted(name for name in names if name is not None)


def read_series(objects: Objects, commit: Oid, metric: str) -> Series:
    """All points of a metric. `UsageError` where there is no such metric."""
    data = objects.read_file(commit, fmt.metric_path(metric), MAX_SERIES)
    if data is None:
        from gitxp.near import there_are

        near = there_are(metric, list_series(objects, commit))
        raise UsageError(f"There is no series of a metric {metric!r}.", hint=near or "This run logged no metrics.")
    return Series.decode(data)


def read_output(objects: Objects, commit: Oid) -> Iterator[bytes]:
    """The bytes that the command printed, in pieces; nothing where none were recorded."""
    entry = objects.find_entry(commit, fmt.OUTPUT_PATH)
    if entry is not None and entry.mode.startswith("100"):
        yield from objects.stream_blob(entry.oid)


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


def _object_of(check: Check) -> Check:
    def check_object(value: Any) -> str | None:
        if not isinstance(value, dict):
            return "no object"
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
    "params": _object_of(_parameter),
    "param_sources": _object_of(_text),
    "metrics": _object_of(_summary),
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


def _find_problem(record: fmt.Record) -> str | None:
    for key, value in record.items():
        if wrong := _RECORD.get(key, _anything)(value):
            return f"{_short(key)} is {wrong}"
    return None


def _short(key: str) -> str:
    return repr(_cut(key, 40))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
