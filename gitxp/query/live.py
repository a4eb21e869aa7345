"""What runs that are running here have measured so far, laid over what was committed of them for one answer.

The index is a cache of commits, and no commit has these values. So they go into tables in memory that are attached to the
one connection a question is asked through: no other process sees them, and nothing is left of them after the answer.
They are read before git is asked for the refs: a run that ends in between is then found as it ended. A run is what the
live folder is of only where name and id agree and its record says that it is running; all others keep what was committed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.format import RUNNING, clean_text
from gitxp.query.facts import rows_of_metrics

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping

    from gitxp.model import Run

    # the id of a run, and the summaries of its metrics, as its record would have them
    Measured = tuple[str, Mapping[str, Mapping[str, Any]]]

_TABLES = (
    "ATTACH ':memory:' AS live",
    "CREATE TABLE live.runs (run TEXT PRIMARY KEY) WITHOUT ROWID",
    """CREATE TABLE live.metrics (name TEXT, run TEXT, last BLOB, min BLOB, max BLOB, count INTEGER, step INTEGER,
    PRIMARY KEY (name, run)) WITHOUT ROWID""",
)
_FIND = (
    "SELECT 1 FROM refs JOIN fields USING (number) "
    "WHERE refs.name = ? AND refs.archive IS NULL AND fields.id = ? AND fields.status = 'running'"
)


class Live:
    """The runs that are running here, each looked at once for one answer.

    `names` gives the names of those that may be, `measure` what is known of one, None where nothing is.
    """

    def __init__(
        self, names: Callable[[], Iterable[str]] = tuple, measure: Callable[[str], Measured | None] = lambda _: None
    ) -> None:
        self._names = names
        self._measure = measure
        self._known: dict[str, Measured | None] = {}
        self._is_whole = False

    def forget(self) -> None:
        """Another answer begins."""
        self._known = {}
        self._is_whole = False

    def read(self) -> None:
        """Look at all of them."""
        if not self._is_whole:
            for name in self._names():
                self._find(name)
            self._is_whole = True

    def attach(self, database: sqlite3.Connection) -> None:
        """Give a connection the tables for what `read` found, where it found something."""
        if any(self._known.values()):
            make_tables(database)

    def put(self, database: sqlite3.Connection) -> bool:
        """Put what is known into these tables, as it goes with the runs that there are; whether anything does."""
        if not any(self._known.values()):
            return False
        database.execute("DELETE FROM live.runs")
        database.execute("DELETE FROM live.metrics")
        has_some = False
        for name, measured in self._known.items():
            if not measured or not measured[1] or not database.execute(_FIND, (name, _same(measured[0]))).fetchone():
                continue
            rows = ((clean_text(metric), name, *values) for metric, values in rows_of_metrics(measured[1]))
            database.executemany("INSERT OR REPLACE INTO live.metrics VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            database.execute("INSERT INTO live.runs VALUES (?)", (name,))
            has_some = True
        return has_some

    def lay_over(self, run: Run) -> Run:
        """The run, with what it measured so far in place of what was committed."""
        if run.status != RUNNING or run.is_folded or run.id is None:
            return run
        measured = self._find(run.name)
        if not measured or not measured[1] or _same(measured[0]) != _same(run.id):
            return run
        from dataclasses import replace

        return replace(run, record={**run.record, "metrics": measured[1]})

    def _find(self, name: str) -> Measured | None:
        if name not in self._known:
            self._known[name] = None if self._is_whole else self._measure(name)
        return self._known[name]


def make_tables(database: sqlite3.Connection) -> None:
    """Attach empty tables for what runs measured so far."""
    for statement in _TABLES:
        database.execute(statement)


def _same(id_: str) -> str:
    return clean_text(id_.lower())
