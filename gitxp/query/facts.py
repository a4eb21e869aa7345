"""The index's part that is asked: fields, parameters and metrics of each record as rows, one for each value.

`params` and `metrics` are clustered by key: all values of one key lie together, in the order of the records, so that a
condition or an order costs one pass over just these. What belongs to all runs is a narrow table of its own (`fields`),
since the records themselves fill megabytes. Columns of values have no affinity: a number stays a number, text stays text, and
`"0.1"` never equals 0.1. Lists are kept as JSON in blobs, which nothing else is. True is 1 in a comparison; `flag` is what
tells the two apart where values are shown.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.errors import FormatError
from gitxp.format import bounded, clean_text, command_line, decode_number, parse_time
from gitxp.query.fields import Names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping

    from gitxp.model import Run

TABLES = """
CREATE TABLE fields (number INTEGER PRIMARY KEY, id TEXT, status TEXT, started REAL, finished REAL, duration BLOB, exit_code INTEGER, signal INTEGER, command TEXT, cwd TEXT, branch TEXT, base TEXT, dirty INTEGER, user TEXT, host TEXT, "group" TEXT, title TEXT, parent TEXT, starred INTEGER NOT NULL, tags TEXT NOT NULL, notes TEXT NOT NULL, data TEXT NOT NULL, outputs TEXT NOT NULL, environment TEXT);
CREATE TABLE keys (key INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (kind, name));
CREATE TABLE params (key INTEGER, number INTEGER, value BLOB, flag INTEGER, PRIMARY KEY (key, number)) WITHOUT ROWID;
CREATE TABLE metrics (key INTEGER, number INTEGER, last BLOB, min BLOB, max BLOB, count INTEGER, step INTEGER, PRIMARY KEY (key, number)) WITHOUT ROWID;
CREATE TABLE packages (environment TEXT, name TEXT, version TEXT NOT NULL, PRIMARY KEY (environment, name)) WITHOUT ROWID;
"""
NAN = "nan"  # in a column of numbers: sqlite has none
# Of a run's parameters, and of its metrics, so many are found: a record has room for a million names.
MOST_KEYS = 10_000
_FIELDS = f"INSERT OR REPLACE INTO fields VALUES ({', '.join('?' * 24)})"


class Facts(NamedTuple):
    """What is asked of one record, as the columns of the tables have it."""

    fields: tuple[Any, ...]
    params: list[tuple[str, Any, bool | None]]
    metrics: list[tuple[str, tuple[Any, ...]]]


def facts_of(run: Run) -> Facts:
    """The facts of a run, as it was read."""
    record = run.record
    fields = (
        _text(run.id and run.id.lower()),
        run.status,
        _moment(record.get("started_at")),
        _moment(record.get("finished_at")),
        _value(record.get("duration")),
        record.get("exit_code"),
        record.get("signal"),
        _text(command_line(run.command)) if run.command else None,
        _text(record.get("cwd")),
        _text(record.get("branch")),
        _text(record.get("base")),
        record.get("dirty"),
        _text(record.get("user")),
        _text(record.get("host")),
        _text(record.get("group")),
        _text(record.get("title")),
        _text(record.get("parent_run")),
        run.starred,
        _json(list(run.tags)),
        _json(list(run.notes)),
        _json(_fingerprints(record.get("data"))),
        _json(_fingerprints(record.get("outputs"))),
        None,
    )
    params = [
        (name, value, None)
        if type(value) is float
        else (name, _value(value), value if isinstance(value, bool) else None)
        for name, value in sorted(run.params.items())[:MOST_KEYS]
    ]
    return Facts(fields, params, rows_of_metrics(record.get("metrics") or {}))


def rows_of_metrics(metrics: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, tuple[Any, ...]]]:
    """The summaries of metrics as the columns of a table have them: name, then last, min, max, count, step."""
    return [(name, _summary(summary)) for name, summary in sorted(metrics.items())[:MOST_KEYS]]


class Keeper:
    """Puts facts into the tables, within one transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._params, self._metrics = _Keys(database, "params"), _Keys(database, "metrics")

    def keep(self, number: int, facts: Facts) -> None:
        """Put the facts of the record of this number into the tables."""
        self._database.execute(_FIELDS, (number, *facts.fields))
        rows = [(self._params[name], number, value, flag) for name, value, flag in facts.params]
        self._database.executemany("INSERT OR REPLACE INTO params VALUES (?, ?, ?, ?)", rows)
        summaries = [(self._metrics[name], number, *values) for name, values in facts.metrics]
        self._database.executemany("INSERT OR REPLACE INTO metrics VALUES (?, ?, ?, ?, ?, ?, ?)", summaries)


class _Keys(dict[str, int]):
    """The numbers of the keys of a kind, by their names; one that is new gets its number when it is asked for."""

    def __init__(self, database: sqlite3.Connection, kind: str) -> None:
        super().__init__()
        self._database, self._kind = database, kind

    def __missing__(self, name: str) -> int:
        row = self._kind, _text(name) or ""
        self._database.execute("INSERT OR IGNORE INTO keys (kind, name) VALUES (?, ?)", row)
        ((key,),) = self._database.execute("SELECT key FROM keys WHERE kind = ? AND name = ?", row)
        self[name] = int(key)
        return int(key)


def forget(database: sqlite3.Connection, number: int, facts: Facts) -> None:
    """Take the facts of the record of this number out of the tables."""
    database.execute("DELETE FROM fields WHERE number = ?", (number,))
    for kind, rows in (("params", facts.params), ("metrics", facts.metrics)):
        key = f"(SELECT key FROM keys WHERE kind = '{kind}' AND name = ?)"
        sql = f"DELETE FROM {kind} WHERE key = {key} AND number = ?"
        database.executemany(sql, ((_text(name), number) for name, *_ in rows))


def read_names(database: sqlite3.Connection, *, has_live: bool = False) -> Names:
    """The names of parameters and metrics that runs have; with `has_live`, those too that only running ones have so far."""

    def names(kind: str) -> frozenset[str]:
        sql = f"SELECT name FROM keys WHERE kind = ? AND EXISTS (SELECT 1 FROM {kind} WHERE {kind}.key = keys.key)"
        return frozenset(name for (name,) in database.execute(sql, (kind,)))

    metrics = names("metrics")
    if has_live:
        metrics |= {name for (name,) in database.execute("SELECT DISTINCT name FROM live.metrics")}
    return Names(names("params"), metrics)


def encode_list(value: Iterable[object]) -> bytes:
    """A list as the tables have it: equal lists have equal bytes, and 1.0 is 1 in them."""
    return json.dumps(_plain(list(value)), sort_keys=True, separators=(",", ":")).encode("ascii")


def _plain(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, bool):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _value(value: object) -> object:
    """A value of a record as a column has it."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (list, dict)):
        return encode_list(value) if isinstance(value, list) else json.dumps(value).encode("ascii")
    return bounded(value) if isinstance(value, int) else value


def _summary(summary: Mapping[str, Any]) -> tuple[Any, ...]:
    last, least, most = summary["last"], summary.get("min"), summary.get("max")
    if not type(last) is type(least) is type(most) is float:
        last, least, most = (None if number is None else _number(number) for number in (last, least, most))
    return last, least, most, summary.get("count"), summary.get("step")


def _number(value: object) -> object:
    """A number of a metric as a column has it; the record may have it as text: `nan`, `inf`."""
    if not isinstance(value, str):
        return _value(value)
    number = decode_number(value)
    return NAN if math.isnan(number) else number


def _moment(text: object) -> float | None:
    try:
        return parse_time(text) if isinstance(text, str) else None
    except FormatError:
        return None


def _text(text: str | None) -> str | None:
    return None if text is None else clean_text(text)


def _json(value: object) -> str | None:
    return _text(json.dumps(value, ensure_ascii=False)) if value else "[]"


def _fingerprints(entries: object) -> dict[str, str]:
    """The paths of data or outputs with their fingerprints, empty where one has none."""
    return {} if not isinstance(entries, list) else dict(_pairs(entries))


def _pairs(entries: list[Any]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        yield entry["path"], entry.get("xxh3_128", "")
