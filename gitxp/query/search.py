"""Questions put to the index: which runs, in which order, and the values that they have.

One pass finds the runs that answer, without touching a record; records are decoded for those that are shown. So what a
question costs depends on the keys that it names, and hardly on how much else is known of the runs.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.errors import FormatError, UsageError
from gitxp.format import ENVIRONMENT_PATH, Oid, decode_json
from gitxp.names import RunName, normal_package
from gitxp.query.expression import parse_operand, parse_order, parse_where, split_list
from gitxp.query.facts import NAN, read_names
from gitxp.query.index_file import open_memory
from gitxp.query.live import make_tables
from gitxp.query.rows import decode_column
from gitxp.query.source import read_source
from gitxp.query.sql import IS_LIVE, NEWEST, PYTHON, Functions, Translation
from gitxp.query.tree import Key, Type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.git.objects import Objects
    from gitxp.query.fields import Names
    from gitxp.query.tree import Arithmetic

_MOST_TABLES = 60  # sqlite joins 64 at most
_MOST_VALUES = 1_000  # it gives rows of 2,000 columns at most
_MOST_PACKAGES = 10_000  # of one environment


class Question(NamedTuple):
    """Which runs (`where`, an expression; None: all), in which `order` (None: the newest first, "": any), and from which `now` times are seen.

    Runs that were archived count only with `archived`, and only those of `names`, where there are any; `latest` is the last
    moment at which a run may say that it began. With `has_live` the connection has what running ones measured (`live.py`).
    """

    now: float
    latest: float
    where: str | None = None
    order: str | None = None
    archived: bool = False
    names: Sequence[RunName] | None = None
    has_live: bool = False


class Found(NamedTuple):
    """A run that answers, whether it was archived, and the values that were asked for, None where it has none."""

    name: RunName
    is_archived: bool
    values: tuple[Any, ...] = ()


class EnvironmentsWanted(Exception):
    """The question is about packages, and the environments of some runs were not read yet."""


def search(
    database: sqlite3.Connection, question: Question, wanted: Sequence[str | Key | Arithmetic] = ()
) -> list[Found]:
    """The runs that answer, archived ones included, in their order, with the values of the operands that are `wanted`.

    Raises `UsageError` for what cannot be understood, and `EnvironmentsWanted`.
    """
    names = read_names(database, has_live=question.has_live)
    translation = Translation(question.now, question.latest, has_live=question.has_live)
    if database.execute("SELECT 1 FROM refs LIMIT 1").fetchone() is None:
        _check_grammar(question, names)
        return []
    which = _which(translation, question, names)
    operands = [parse_operand(text, names, question.now) if isinstance(text, str) else text for text in wanted]
    order = f"ORDER BY {NEWEST}"
    if question.order is not None:
        orders = parse_order(question.order, names, question.now)
        order = f"ORDER BY {translation.order(orders)}" if question.order else ""
    if len(operands) > _MOST_VALUES:
        raise UsageError(f"{len(operands):,} keys are asked for, and {_MOST_VALUES:,} are the most.")
    columns = ", ".join(["refs.name", "refs.hidden", *map(translation.exact, operands)])
    rows = _select(database, translation, f"SELECT {columns} FROM {translation.tables} WHERE {which} {order}")
    if not rows:
        return []
    run_names, hidden, *values = zip(*rows, strict=True)
    del rows
    decoded = [_decode(operand, column) for operand, column in zip(operands, values, strict=True)]
    every = zip(*decoded, strict=True) if decoded else repeat((), len(run_names))
    return [
        Found(RunName(name), bool(is_hidden), row)
        for name, is_hidden, row in zip(run_names, hidden, every, strict=True)
    ]


def count_metrics(database: sqlite3.Connection, question: Question) -> dict[str, int]:
    """The metrics that the runs have that answer, and how many of them have each. Raises as `search`."""
    translation = Translation(question.now, question.latest, has_live=question.has_live)
    which = _which(translation, question, read_names(database, has_live=question.has_live))
    if not question.archived:
        which = f"{which} AND NOT refs.hidden"
    committed = f"{which} AND NOT {IS_LIVE}" if question.has_live else which
    sql = (
        "SELECT keys.name, count(*) FROM metrics JOIN keys USING (key) "
        f"WHERE metrics.number IN (SELECT refs.number FROM {translation.tables} WHERE {committed}) GROUP BY keys.key"
    )
    counts: dict[str, int] = dict(_select(database, translation, sql))
    if question.has_live:
        sql = (
            "SELECT live.metrics.name, count(*) FROM live.metrics "
            f"WHERE run IN (SELECT refs.name FROM {translation.tables} WHERE {which}) GROUP BY live.metrics.name"
        )
        for name, count in _select(database, translation, sql):
            counts[name] = counts.get(name, 0) + count
    return counts


def _which(translation: Translation, question: Question, names: Names) -> str:
    """An expression that is true of the runs that answer."""
    parts = ["1"]
    if question.where is not None:
        parts.append(translation.condition(parse_where(question.where, names, question.now)))
    if question.names is not None:
        parts.append(translation.among(question.names))
    return " AND ".join(parts)


def _select(database: sqlite3.Connection, translation: Translation, sql: str) -> list[Any]:
    """The rows that the SQL of a question gives. What sqlite cannot take is the question's fault, and no damage of the file."""
    if translation.joined > _MOST_TABLES:
        raise UsageError(
            f"The question names {translation.joined} keys, and {_MOST_TABLES} are the most.", hint="Ask in two steps."
        )
    if translation.needs_packages and _find_unread(database):
        raise EnvironmentsWanted
    functions = Functions(database)
    try:
        return database.execute(sql, translation.values).fetchall()
    except sqlite3.OperationalError:
        if functions.error is not None:
            raise functions.error from None
        if _is_sound(sql, translation):
            raise
        raise UsageError("The expression is nested too deep.", hint="Ask in two steps.") from None


def _is_sound(sql: str, translation: Translation) -> bool:
    """Whether sqlite understands this at all, where nothing is damaged."""
    with contextlib.closing(open_memory()) as tables:
        make_tables(tables)
        Functions(tables)
        try:
            tables.execute(f"EXPLAIN {sql}", translation.values)
        except sqlite3.OperationalError:
            return False
    return True


def _check_grammar(question: Question, names: Names) -> None:
    """Where there are no runs no name means anything; what is no expression is a mistake all the same."""
    for text in filter(None, (question.where, *(part.text for part in split_list(question.order or "")))):
        read_source(text.removeprefix("-"), names.has)


def _decode(operand: Key | Arithmetic, column: Sequence[Any]) -> Sequence[Any]:
    """The values of a column as records have them: lists, nan, true and false. Most columns need nothing."""
    type_ = operand.type if isinstance(operand, Key) else Type.NUMBER
    if type_ is Type.FLAG:
        return [None if value is None else bool(value) for value in column]
    if type_ is Type.NUMBER and NAN in column:
        return [math.nan if value == NAN else value for value in column]
    if type_ is Type.TEXTS:
        return list(map(_decode_json, column))
    if type_ is Type.ANY and bytes in set(map(type, column)):
        return [_decode_json(value) if isinstance(value, bytes) else value for value in column]
    return column


def _decode_json(value: bytes | str | None) -> Any:
    """A list, or the keys of an object; true and false."""
    found = None if value is None else decode_column(value)
    return list(found) if isinstance(found, (list, dict)) else found


def read_environments(database: sqlite3.Connection, objects: Objects) -> None:
    """Put the packages of all environments that were not read yet into the tables; runs share most of them."""
    for number, commit in _find_unread(database):
        try:
            entry = objects.find_entry(Oid(commit), ENVIRONMENT_PATH)
        except FormatError:
            entry = None
        environment = entry.oid if entry is not None else ""
        known = database.execute("SELECT 1 FROM packages WHERE environment = ? LIMIT 1", (environment,)).fetchone()
        if environment and known is None:
            rows = ((environment, name, version) for name, version in _read_packages(objects, Oid(environment)).items())
            database.executemany("INSERT OR REPLACE INTO packages VALUES (?, ?, ?)", rows)
        database.execute("UPDATE fields SET environment = ? WHERE number = ?", (environment, number))


def _find_unread(database: sqlite3.Connection) -> list[tuple[int, str]]:
    sql = "SELECT number, commit_id FROM fields JOIN records USING (number) WHERE environment IS NULL"
    return database.execute(sql).fetchall()


def _read_packages(objects: Objects, blob: Oid) -> dict[str, str]:
    """The versions of the packages of an environment by normalized name, and that of its Python; what is damaged has none."""
    try:
        environment = decode_json(objects.read_blob(blob))
    except FormatError:
        return {}
    if not isinstance(environment, dict):
        return {}
    conda, python, packages = (environment.get(key) for key in ("conda", "python", "packages"))
    versions: dict[str, str] = {}
    for part in (conda.get("packages") if isinstance(conda, dict) else None, packages):
        for name, version in list((part if isinstance(part, dict) else {}).items())[:_MOST_PACKAGES]:
            if isinstance(version, str) and version.isascii():
                versions[normal_package(name.encode("ascii", "replace").decode())] = version
    if isinstance(python, dict) and isinstance(version := python.get("version"), str) and version.isascii():
        versions[PYTHON] = version
    return versions
