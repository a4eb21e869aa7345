"""The index: records by commit in SQLite, so that a table of 10,000 runs decodes only the rows that it shows.

It is a cache of what commits hold, and a commit never changes: a row, once right, stays right. What moves are the refs.
git lists them afresh each time; where its answer is, byte for byte, the one of which the index last took the digest, the
`refs` table is their mirror and SQL answers alone. Else the mirror is brought up to date, and only commits that the
index has never seen are read. So a plain `git fetch`, or deleting the file, needs no command to be noticed.

Runs are sorted by the start that their record tells, and a stranger's record can tell any. One that has yet to begin
(more than a day from now: clocks differ) is put at the time of its commit; where that is still to come as well, it
comes after all others. So nobody's run stays the newest for ever.

Nothing here may fail because of the file: what is damaged, of another version, locked, on a full or read-only disk is
rebuilt, or left as it is and its content copied into memory. Processes that work at once are kept apart by SQLite; the long part
(reading records) is done outside of the lock.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import time
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from gitxp.annotations import Annotations, Note
from gitxp.errors import FormatError, UnknownRun, UsageError
from gitxp.format import Oid, RefName, parse_time
from gitxp.git.refs import list_refs, run_ref
from gitxp.model import Page, Run
from gitxp.names import RunName
from gitxp.query import archived, facts
from gitxp.query.index_file import Damaged, IndexFile, get_fact, is_damage, open_memory, set_fact, transaction
from gitxp.query.search import EnvironmentsWanted, Question, read_environments, search
from gitxp.store.runs import make_run, read_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from gitxp.git.objects import Objects
    from gitxp.git.program import Git
    from gitxp.git.refs import Listing
    from gitxp.query.facts import Facts
    from gitxp.query.fields import Names
    from gitxp.query.search import Found

_ROWS = (
    "SELECT refs.name, refs.commit_id, refs.archive, records.record, records.problem, records.said "
    "FROM refs JOIN records USING (commit_id)"
)
_COUNT = "SELECT count(*) FROM refs"
_NEWEST = "ORDER BY refs.started DESC, refs.name"
# How far another machine's clock may be ahead of ours, in seconds.
_AHEAD = 86_400
# Rows in one transaction while the index is built: what a kill in the middle can cost.
_CHUNK = 1000
# So many commits are worth opening the object database in process.
_MANY = 100
# Above every character that a name, an id or a commit may have.
_END = "\x7f"

T = TypeVar("T")
Row = tuple[str, str | None, float, bytes, str | None, str | None]


class Tip(NamedTuple):
    """A run: name, tip, id (in lower case; None where the record has none), and whether an archive has it."""

    name: RunName
    commit: Oid
    id: str | None
    is_folded: bool


class Asked(NamedTuple):
    """What is asked of runs: an expression (None: all of them), an order, and whether archived ones count."""

    where: str | None = None
    order: str | None = None
    archived: bool = False


class Index:
    """The runs of one repository, found quickly.

    `path` is the file; None keeps everything in memory. `open_objects` is called with the number of commits that are to
    be read, where there are some; what it gives is closed after that. `clock` gives the unix time in seconds, `removed`
    the ids of runs that were removed here: those that archives have are not among the runs. `progress` is told how many
    records of how many were read.
    """

    def __init__(
        self,
        git: Git,
        path: str | None,
        open_objects: Callable[[int], Objects],
        clock: Callable[[], float] = time.time,
        removed: Callable[[], Collection[str]] = frozenset,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._git = git
        self._removed = removed
        self._file = None if path is None else IndexFile(path)
        self._open_objects = open_objects
        self._clock = clock
        self._progress = progress

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
                    sql = f"{_ROWS} WHERE {which} AND refs.started {having} ? {_NEWEST} LIMIT ? OFFSET ?"
                    runs += [_decode_row(*row) for row in database.execute(sql, (latest, last - first, first))]
            strange = json.loads(get_fact(database, "strange") or "[]")
            return Page(tuple(runs), total, tuple(RefName(ref) for ref in strange), all_ - total)

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
        sql = f"{_ROWS} WHERE refs.name IN ({' UNION '.join(parts)}) ORDER BY refs.started > ?, refs.started DESC, refs.name"
        latest = self._latest()

        def select(database: sqlite3.Connection) -> list[Run]:
            return [_decode_row(*row) for row in database.execute(sql, (*values, latest))]

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

    def lines(self) -> list[archived.Line]:
        """All lines of all archives, those too that stand for no run here since it has a ref of its own, or was removed."""
        return self._query(archived.list_lines)

    def search(self, asked: Asked, limit: int | None = None) -> Page:
        """The runs that an expression means, in the order that is asked for, at most `limit` of them; `UsageError`."""

        def select(database: sqlite3.Connection, question: Question) -> Page:
            found = search(database, question)
            shown = [run for run in found if question.archived or not run.is_archived]
            sql = f"{_ROWS} WHERE refs.name = ?"
            runs = (_decode_row(*database.execute(sql, (run.name,)).fetchone()) for run in shown[:limit])
            strange = json.loads(get_fact(database, "strange") or "[]")
            return Page(tuple(runs), len(shown), tuple(map(RefName, strange)), len(found) - len(shown))

        return self._ask(asked, select)

    def values(self, asked: Asked, wanted: Sequence[str]) -> list[Found]:
        """The runs that are meant, each with the values of these keys or arithmetic with them; `UsageError`."""

        def select(database: sqlite3.Connection, question: Question) -> list[Found]:
            found = search(database, question, wanted)
            return [run for run in found if question.archived or not run.is_archived]

        return self._ask(asked, select)

    def read(self, names: Sequence[RunName]) -> list[Run]:
        """The runs of exactly these names, in their order. `UnknownRun` where one is gone."""

        def select(database: sqlite3.Connection) -> list[Run | None]:
            rows = (database.execute(f"{_ROWS} WHERE refs.name = ?", (name,)).fetchone() for name in names)
            return [None if row is None else _decode_row(*row) for row in rows]

        runs = self._query(select)
        found = [run for run in runs if run is not None]
        if len(found) < len(names):
            gone = names[runs.index(None)]
            raise UnknownRun(f"There is no run {gone!r} any more.", hint="It was removed meanwhile: gitxp trash")
        return found

    def keys(self) -> Names:
        """The names of the parameters and metrics that runs have."""
        return self._query(facts.read_names)

    def _ask(self, asked: Asked, select: Callable[[sqlite3.Connection, Question], T]) -> T:
        """What `select` makes of the tables; a question that cannot be understood costs nothing that was brought up to date."""
        question = Question(self._clock(), self._latest(), *asked)

        def answer(database: sqlite3.Connection) -> T | UsageError:
            try:
                return select(database, question)
            except UsageError as error:
                return error

        result = self._query(answer)
        if isinstance(result, UsageError):
            raise result
        return result

    def _latest(self) -> float:
        """The last moment at which a run may say that it began, as unix time."""
        return self._clock() + _AHEAD

    def _query(self, select: Callable[[sqlite3.Connection], T]) -> T:
        """What `select` makes of tables that are as the refs are now: of the file's, or of a copy in memory."""
        listing = list_refs(self._git)
        for connect in (self._file.open, self._file.open, self._file.copy) if self._file else ():
            try:
                with contextlib.closing(connect()) as database:
                    return self._answer(database, listing, select)
            except (sqlite3.Error, OSError) as error:
                if is_damage(error) and self._file:
                    self._file.discard()
        with contextlib.closing(open_memory()) as database:
            return self._answer(database, listing, select)

    def _answer(self, database: sqlite3.Connection, listing: Listing, select: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return self._answer_known(database, listing, select)
        except EnvironmentsWanted:
            with contextlib.closing(self._open_objects(_MANY)) as objects, transaction(database, "BEGIN IMMEDIATE"):
                read_environments(database, objects)
            return self._answer_known(database, listing, select)

    def _answer_known(
        self, database: sqlite3.Connection, listing: Listing, select: Callable[[sqlite3.Connection], T]
    ) -> T:
        removed = frozenset(id_.lower() for id_ in self._removed())
        state = b"".join([listing.raw, *(f"\0{id_}".encode("utf-8", "replace") for id_ in sorted(removed))])
        digest = hashlib.blake2b(state, digest_size=16).hexdigest()
        with transaction(database, "BEGIN"):
            if get_fact(database, "digest") == digest:
                return select(database)
            before = _get_mirror(database)
            archives = listing.archives()
            moved = archived.find_moved(database, archives)
        names = listing.names(before)
        commits = [commit for name, commit in names.items() if before.get(name) != commit]
        lists = self._read_lists(moved)
        commits += [tip for tips in lists.values() for tip in (tips or {}).values()]
        self._read_missing(database, commits)
        with transaction(database, "BEGIN IMMEDIATE"):
            # the lists first: a run that was folded keeps the record that was read when it had a ref of its own
            is_all = self._keep_lists(database, archives, lists)
            is_all |= archived.keep_removed(database, removed)
            self._mirror(database, names, has_new_lists=is_all)
            if is_all:
                self._show_archived(database)
            strange = [*listing.strange(names), *archived.list_unreadable(database)]
            set_fact(database, "strange", json.dumps(strange))
            set_fact(database, "digest", digest)
            return select(database)

    def _read_missing(self, database: sqlite3.Connection, commits: Iterable[Oid]) -> None:
        """Read the commits that the index does not know, a chunk at a time, so that a kill costs one chunk."""
        missing = _leave_out_known(database, commits)
        if not missing:
            return
        rows = self._read(missing)
        done = 0
        while chunk := list(islice(rows, _CHUNK)):
            with transaction(database, "BEGIN IMMEDIATE"):
                _keep(database, chunk)
            done += len(chunk)
            if self._progress is not None:
                self._progress(done, len(missing))

    def _read(self, commits: list[Oid]) -> Iterator[tuple[Row, Facts]]:
        latest = self._latest()
        with contextlib.closing(self._open_objects(len(commits))) as objects:
            for commit, record, problem, said, raw in read_runs(objects, commits):
                kept = json.dumps(record).encode("ascii") if raw is None else raw
                id_ = record.get("id", "").lower()
                started = _time_of(record, objects, commit, latest)
                row = commit, id_ if id_ and id_.isascii() else None, started, kept, problem, _encode_said(said)
                yield row, facts.facts_of(make_run(RunName(""), RefName(""), commit, record, problem, said))

    def _read_lists(self, archives: Mapping[RefName, Oid]) -> archived.Lists:
        if not archives:
            return {}
        with contextlib.closing(self._open_objects(len(archives))) as objects:
            return archived.read_lists(objects, archives)

    def _keep_lists(self, database: sqlite3.Connection, archives: Mapping[RefName, Oid], lists: archived.Lists) -> bool:
        """Make the tables of archives equal to the refs; whether something changed."""
        moved = archived.find_moved(database, archives)
        # another process may have been quicker, and may have seen other refs
        lists = {ref: lists[ref] for ref in moved if ref in lists}
        lists |= self._read_lists({ref: commit for ref, commit in moved.items() if ref not in lists})
        return archived.keep_lists(database, archives, lists)

    def _show_archived(self, database: sqlite3.Connection) -> None:
        """Show the runs of archives anew, and forget records that nothing leads to any more."""
        missing = archived.show_all(database)
        if missing:
            _keep(database, self._read(_leave_out_known(database, missing)))
            archived.show_all(database)
        _forget(database)

    def _mirror(self, database: sqlite3.Connection, names: Mapping[RunName, Oid], *, has_new_lists: bool) -> None:
        """Make the refs table equal to what git listed, and forget records that nothing leads to any more.

        With `has_new_lists` all runs of archives are to be shown anew after this, so that here none is.
        """
        before = _get_mirror(database)
        changed = [(name, commit) for name, commit in names.items() if before.get(name) != commit]
        gone = [(name,) for name in before.keys() - names.keys()]
        old = [before[name] for name in (*(name for (name,) in gone), *(name for name, _ in changed)) if name in before]
        if not has_new_lists:
            touched = [name for name, _ in [*changed, *((name, None) for (name,) in gone)]]
            archived.touch(database, touched, [*old, *(commit for _, commit in changed)])
        database.executemany("DELETE FROM refs WHERE name = ?", gone)
        put = (
            "INSERT OR REPLACE INTO refs SELECT ?, commit_id, started, "
            "coalesce(json_extract(said, '$.archived'), 0), NULL, number FROM records WHERE commit_id = ?"
        )
        if database.executemany(put, changed).rowcount < len(changed):
            # another process, to whom the refs looked otherwise, forgot a record after we had seen it
            missing = _leave_out_known(database, (commit for _, commit in changed))
            _keep(database, self._read(missing))
            database.executemany(put, changed)
        if not has_new_lists:
            archived.show_touched(database)
        for commit in old:
            _forget(database, "records.commit_id = ?", commit)


_LEADS_NOWHERE = (
    "NOT EXISTS (SELECT 1 FROM refs WHERE refs.commit_id = records.commit_id) "
    "AND NOT EXISTS (SELECT 1 FROM archived WHERE archived.commit_id = records.commit_id)"
)
_INSERT = "INSERT OR IGNORE INTO records (commit_id, id, started, record, problem, said) VALUES (?, ?, ?, ?, ?, ?)"


def _keep(database: sqlite3.Connection, rows: Iterable[tuple[Row, Facts]]) -> None:
    """Put records into the tables, and what is asked of them."""
    keeper = facts.Keeper(database)
    for row, found in rows:
        cursor = database.execute(_INSERT, row)
        if cursor.rowcount:  # else another process was quicker
            assert cursor.lastrowid is not None
            keeper.keep(cursor.lastrowid, found)


def _forget(database: sqlite3.Connection, which: str = "1", *values: str) -> None:
    """Take those records out of the tables that no ref and no list of an archive leads to any more."""
    sql = f"FROM records WHERE {which} AND {_LEADS_NOWHERE}"
    rows = database.execute(f"SELECT number, commit_id, record, problem {sql}", values).fetchall()
    for number, commit, record, problem in rows:
        run = _decode_row("", commit, None, record, problem, None)
        facts.forget(database, number, facts.facts_of(run))
    database.execute(f"DELETE {sql}", values)


def _encode_said(said: Annotations | None) -> str | None:
    return None if said is None else json.dumps(asdict(said))


def _decode_row(name: str, commit: str, archive: str | None, data: bytes, problem: str | None, text: str | None) -> Run:
    where = run_ref(RunName(name), Oid(commit))
    if archive is not None:
        where = where._replace(ref=RefName(archive))
    try:
        said = None
        if text is not None:
            facts = json.loads(text)
            notes = tuple(Note(**note) for note in facts.pop("notes"))
            said = Annotations(**{**facts, "tags": tuple(facts["tags"]), "notes": notes})
        return make_run(where.name, where.ref, where.commit, json.loads(data), problem, said)
    except (ValueError, TypeError, AttributeError) as error:
        raise Damaged(f"the row of {commit} is damaged") from error


def _time_of(record: Mapping[str, str], objects: Objects, commit: Oid, latest: float) -> float:
    """When a run started, to sort by: what its record says; where that is nothing or after `latest`, its commit's time."""
    says = parse_time(record["started_at"]) if "started_at" in record else None
    if says is not None and says <= latest:
        return says
    try:
        committed = objects.read_commit(commit).time
    except FormatError:
        committed = 0
    return float(committed if says is None else min(says, committed))


def _get_mirror(database: sqlite3.Connection) -> dict[str, str]:
    """The runs that had refs of their own."""
    return dict(database.execute("SELECT name, commit_id FROM refs WHERE archive IS NULL"))


def _leave_out_known(database: sqlite3.Connection, commits: Iterable[Oid]) -> list[Oid]:
    known = "SELECT 1 FROM records WHERE commit_id = ?"
    return [commit for commit in dict.fromkeys(commits) if database.execute(known, (commit,)).fetchone() is None]
