"""Runs, read from their commits: the record, and what lies beside it in `.gitxp/`.

Records are untrusted (docs/format.md, threat 18). The types of all keys that this version knows are checked here, once,
so that nothing that later takes a `Run` in hand can stumble: a record that does not hold to the format becomes a run
with a `problem`, which is one row that says why, and never an exception. What belongs to one run only (environment,
series, output) is read when it is asked for, and raises `FormatError` where it is damaged.
"""

from __future__ import annotations

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
from gitxp.store.checks import find_problem, find_problem_of_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitxp.format import Oid, RefName
    from gitxp.git.objects import Entry, Objects
    from gitxp.git.refs import RunRef
    from gitxp.names import RunName


# 40 bytes a point: thirteen million points.
MAX_SERIES = 512 * 1024 * 1024
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
    for commit, data, entries in objects.read_beside(commits, fmt.RECORD_PATH, ANNOTATIONS_FOLDER):
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
    problem = find_problem(record)
    if problem is None:
        return record, None
    kept = {key: record[key] for key in _KEPT if key in record and find_problem({key: record[key]}) is None}
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
    problem = find_problem_of_object(value)
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
