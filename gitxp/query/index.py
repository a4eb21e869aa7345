"""The index: records by commit in SQLite, so that a table of 10,000 runs decodes only the rows that it shows.

It is a cache of what commits hold, and a commit never changes: a row, once right, stays right. What moves are the refs,
and `mirror.py` keeps the tables equal to them. So a plain `git fetch`, or deleting the file, needs no command to be noticed.

Runs are sorted by the start that their record tells, and a stranger's record can tell any. One that has yet to begin
(more than a day from now: clocks differ) is put at the time of its commit; where that is still to come as well, it
comes after all others. So nobody's run stays the newest for ever.

Nothing here may fail because of the file: what is damaged, of another version, locked, on a full or read-only disk is
rebuilt, or left as it is and its content copied into memory. Processes that work at once are kept apart by SQLite; the long part
(reading records) is done outside of the lock.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from gitxp.errors import UnknownRun, UsageError
from gitxp.format import Oid
from gitxp.git.refs import list_refs
from gitxp.model import Page, Run
from gitxp.names import RunName
from gitxp.query import archived, facts
from gitxp.query.index_file import IndexFile, is_damage, open_memory
from gitxp.query.live import Live
from gitxp.query.mirror import Mirror
from gitxp.query.rows import ROWS, decode_named, decode_row, get_strange
from gitxp.query.search import Question, count_metrics, search

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from gitxp.git.objects import Objects
    from gitxp.git.program import Git
    from gitxp.git.refs import Listing
    from gitxp.query.fields import Names
    from gitxp.query.search import Found
    from gitxp.query.tree import Arithmetic, Key

_COUNT = "SELECT count(*) FROM refs"
_NEWEST = "ORDER BY refs.started DESC, refs.name"
# How far another machine's clock may be ahead of ours, in seconds.
_AHEAD = 86_400
# Above every character that a name, an id or a commit may have.
_END = "\x7f"

T = TypeVar("T")


class Tip(NamedTuple):
    """A run: name, tip, id (in lower case; None where the record has none), and whether an archive has it."""

    name: RunName
    commit: Oid
    id: str | None
    is_folded: bool


class Asked(NamedTuple):
    """What is asked of runs: an expression (None: all of them), an order (None: the newest first, "": any), whether archived ones count, among which `names`."""

    where: str | None = None
    order: str | None = None
    archived: bool = False
    names: Sequence[RunName] | None = None


class Index:
    """The runs of one repository, found quickly.

    `path` is the file; None keeps everything in memory. `open_objects` is called with the number of commits that are to
    be read, where there are some; what it gives is closed after that. `clock` gives the unix time in seconds, `removed`
    the ids of runs that were removed here: those that archives have are not among the runs. `progress` is told how many
    records of how many were read. Questions take the metrics of runs that are running here from `live`.
    """

    def __init__(
        self,
        git: Git,
        path: str | None,
        open_objects: Callable[[int], Objects],
        clock: Callable[[], float] = time.time,
        removed: Callable[[], Collection[str]] = frozenset,
        progress: Callable[[int, int], None] | None = None,
        live: Live | None = None,
    ) -> None:
        self._git = git
        self._file = None if path is None else IndexFile(path)
        self._clock = clock
        self._live = Live() if live is None else live
        self._is_held = False
        self._listing: Listing | None = None
        self._mirror = Mirror(open_objects, lambda: clock() + _AHEAD, removed, progress)

    def newest(self, limit: int | None = None, skip: int = 0, *, archived: bool = False) -> Page:
        """The newest runs (by their start, then by name), at most `limit` of them after the first `skip`.

        Those that have yet to begin come last. Runs that were archived count only with `archived`.
        """
        latest = self._latest()
        which = "refs.hidden IN (0, 1)" if archived else "refs.hidden = 0"

        def select(database: sqlite3.Connection) -> Page:
            (total,) = database.execute(f"{_COUNT} WHERE {which}").fetchone()
            (all_,) = database.execute(_COUNT).fetchone()
            (to_come,) = database.execute(f"{_COUNT} WHERE {which} AND started > ?", (latest,)).fetchone()
            begun = total - to_come
            end = total if limit is None else min(skip + limit, total)
            runs: list[Run] = []
            # two questions, since each can be answered along refs_by_time and both together cannot
            for having, first, last in (("<=", skip, min(end, begun)), (">", max(skip - begun, 0), end - begun)):
                if first < last:
                    sql = f"{ROWS} WHERE {which} AND refs.started {having} ? {_NEWEST} LIMIT ? OFFSET ?"
                    runs += [decode_row(*row) for row in database.execute(sql, (latest, last - first, first))]
            return Page(tuple(runs), total, get_strange(database), all_ - total)

        return self._query(select)

    def find(self, text: str) -> list[Run]:
        """The runs whose name, id or tip commit begins with this text, newest first.

        Of an id at least 8 characters are needed, of a commit 7; there, capital letters are as good as small ones.
        """
        if not text or not text.isascii():
            return []
        low = text.lower()
        parts, values = ["SELECT name FROM refs WHERE name >= ? AND name < ?"], [text, text + _END]
        if len(text) >= 7:
            parts.append("SELECT name FROM refs WHERE commit_id >= ? AND commit_id < ?")
            values += [low, low + _END]
        if len(text) >= 8:
            parts.append("SELECT name FROM refs JOIN records USING (commit_id) WHERE id >= ? AND id < ?")
            values += [low, low + _END]
        sql = f"{ROWS} WHERE refs.name IN ({' UNION '.join(parts)}) ORDER BY refs.started > ?, refs.started DESC, refs.name"
        latest = self._latest()

        def select(database: sqlite3.Connection) -> list[Run]:
            return [decode_row(*row) for row in database.execute(sql, (*values, latest))]

        return self._query(select)

    def names(self) -> list[RunName]:
        """All names, newest first."""
        latest = self._latest()

        def select(database: sqlite3.Connection) -> list[RunName]:
            names = database.execute("SELECT name FROM refs ORDER BY started > ?, started DESC, name", (latest,))
            return [RunName(name) for (name,) in names]

        return self._query(select)

    def tips(self) -> list[Tip]:
        """Every run, sorted by name."""
        sql = "SELECT name, commit_id, id, archive FROM refs JOIN records USING (commit_id) ORDER BY name"

        def select(database: sqlite3.Connection) -> list[Tip]:
            rows = database.execute(sql)
            return [Tip(RunName(name), Oid(commit), id_, archive is not None) for name, commit, id_, archive in rows]

        return self._query(select)

    def names_of(self, ids: Iterable[str]) -> dict[str, RunName]:
        """The names of the runs with these ids, by id; of several with one id, the first by name."""
        wanted = json.dumps(list(ids))
        sql = (
            "SELECT each.value, min(refs.name) FROM json_each(?) AS each JOIN records ON records.id = lower(each.value) "
            "JOIN refs USING (commit_id) GROUP BY each.value"
        )

        def select(database: sqlite3.Connection) -> dict[str, RunName]:
            return {id_: RunName(name) for id_, name in database.execute(sql, (wanted,))}

        return self._query(select)

    def twins(self) -> list[tuple[str, RunName, Oid]]:
        """The runs that have several refs of their own here, at different commits: id, name and tip of each, sorted."""
        own = "refs JOIN records USING (commit_id) WHERE archive IS NULL"
        several = f"SELECT id FROM {own} AND id IS NOT NULL GROUP BY id HAVING count(DISTINCT commit_id) > 1"
        sql = f"SELECT id, name, commit_id FROM {own} AND id IN ({several}) ORDER BY id, name"

        def select(database: sqlite3.Connection) -> list[tuple[str, RunName, Oid]]:
            return [(id_, RunName(name), Oid(commit)) for id_, name, commit in database.execute(sql)]

        return self._query(select)

    def lines(self) -> list[archived.Line]:
        """All lines of all archives, those too that stand for no run here since it has a ref of its own, or was removed."""
        return self._query(archived.list_lines)

    def search(self, asked: Asked, limit: int | None = None) -> Page:
        """The runs that an expression means, in the order that is asked for, at most `limit` of them; `UsageError`."""

        def select(database: sqlite3.Connection, question: Question) -> Page:
            found = search(database, question)
            shown = [run for run in found if question.archived or not run.is_archived]
            runs = (decode_named(database, run.name) for run in shown[:limit])
            return Page(tuple(runs), len(shown), get_strange(database), len(found) - len(shown))

        return self._ask(asked, select)

    def values(self, asked: Asked, wanted: Sequence[str | Key | Arithmetic]) -> list[Found]:
        """The runs that are meant, each with the values of these keys or arithmetic with them; `UsageError`."""

        def select(database: sqlite3.Connection, question: Question) -> list[Found]:
            found = search(database, question, wanted)
            return [run for run in found if question.archived or not run.is_archived]

        return self._ask(asked, select)

    def read(self, names: Sequence[RunName]) -> list[Run]:
        """The runs of exactly these names, in their order. `UnknownRun` where one is gone."""

        def select(database: sqlite3.Connection) -> list[Run | None]:
            rows = (database.execute(f"{ROWS} WHERE refs.name = ?", (name,)).fetchone() for name in names)
            return [None if row is None else decode_row(*row) for row in rows]

        runs = self._query(select)
        found = [run for run in runs if run is not None]
        if len(found) < len(names):
            gone = names[runs.index(None)]
            raise UnknownRun(f"There is no run {gone!r} any more.", hint="It was removed meanwhile: gitxp trash")
        return found

    def count_metrics(self, asked: Asked) -> dict[str, int]:
        """The metrics of the runs that are meant, and how many of them have each; `UsageError`."""
        return self._ask(asked, count_metrics)

    def keys(self) -> Names:
        """The names of the parameters and metrics that runs have."""

        def select(database: sqlite3.Connection) -> Names:
            return facts.read_names(database, has_live=self._live.put(database))

        return self._query(select, is_question=True)

    def with_live(self, runs: Iterable[Run]) -> list[Run]:
        """The runs, of those that are running here with what they measured so far: what the question before this took."""
        return list(map(self._live.lay_over, runs))

    def _ask(self, asked: Asked, select: Callable[[sqlite3.Connection, Question], T]) -> T:
        """What `select` makes of the tables; a question that cannot be understood costs nothing that was brought up to date."""
        question = Question(self._clock(), self._latest(), *asked)

        def answer(database: sqlite3.Connection) -> T | UsageError:
            try:
                return select(database, question._replace(has_live=self._live.put(database)))
            except UsageError as error:
                return error

        result = self._query(answer, is_question=True)
        if isinstance(result, UsageError):
            raise result
        return result

    @contextlib.contextmanager
    def at_one_moment(self) -> Iterator[None]:
        """All that is asked within is asked of the runs as they are at the first question."""
        if self._is_held:
            yield
            return
        self._live.forget()
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            self._listing = None

    def now(self) -> float:
        """Unix time in seconds, from which ages are seen."""
        return self._clock()

    def _latest(self) -> float:
        """The last moment at which a run may say that it began, as unix time."""
        return self._clock() + _AHEAD

    def _query(self, select: Callable[[sqlite3.Connection], T], *, is_question: bool = False) -> T:
        """What `select` makes of tables that are as the refs are now: of the file's, or of a copy in memory.

        For a question there are also the tables of what runs that are running here measured so far.
        """
        if not self._is_held:
            self._live.forget()
        if is_question:
            self._live.read()
        listing = self._listing or list_refs(self._git)
        if self._is_held:
            self._listing = listing
        for connect in (self._file.open, self._file.open, self._file.copy) if self._file else ():
            try:
                with contextlib.closing(connect()) as database:
                    return self._answer(database, listing, select)
            except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
                if is_damage(error) and self._file:
                    self._file.discard()
        with contextlib.closing(open_memory()) as database:
            return self._answer(database, listing, select)

    def _answer(self, database: sqlite3.Connection, listing: Listing, select: Callable[[sqlite3.Connection], T]) -> T:
        self._live.attach(database)
        return self._mirror.answer(database, listing, select)
