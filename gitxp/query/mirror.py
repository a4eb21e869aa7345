"""The index's tables, kept equal to what the refs of the repository are now.

git lists the refs afresh each time; where its answer is, byte for byte, the one of which the index last took the digest,
the `refs` table is their mirror and SQL answers alone. Else the mirror is brought up to date, and only commits that the
index has never seen are read, outside of the lock.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from gitxp.errors import FormatError
from gitxp.format import Oid, RefName, parse_time
from gitxp.names import RunName
from gitxp.query import archived, facts
from gitxp.query.index_file import get_fact, set_fact, transaction
from gitxp.query.rows import decode_row, encode_said
from gitxp.query.search import EnvironmentsWanted, read_environments
from gitxp.store.runs import make_run, read_runs

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from gitxp.git.objects import Objects
    from gitxp.git.refs import Listing
    from gitxp.query.facts import Facts

# Rows in one transaction while the index is built: what a kill in the middle can cost.
_CHUNK = 1000
# KB of pages that are kept in memory while more than a chunk is read: sqlite's own 2 MB are gone before they are of use,
# since the entries of most tables' indexes come in no order.
_PAGES = 16_000
# So many commits are worth opening the object database in process.
_MANY = 100

T = TypeVar("T")
Row = tuple[str, str | None, float, bytes, str | None, str | None]


class Mirror:
    """Brings tables up to date and asks them.

    `open_objects`, `latest` (the last moment at which a run may say that it began), `removed` and `progress` are the index's.
    """

    def __init__(
        self,
        open_objects: Callable[[int], Objects],
        latest: Callable[[], float],
        removed: Callable[[], Collection[str]],
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._open_objects = open_objects
        self._latest = latest
        self._removed = removed
        self._progress = progress

    def answer(self, database: sqlite3.Connection, listing: Listing, select: Callable[[sqlite3.Connection], T]) -> T:
        """What `select` makes of these tables once they are as the refs are that git listed."""
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
        if len(missing) > _CHUNK:
            database.execute(f"PRAGMA cache_size = -{_PAGES}")
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
                row = commit, id_ if id_ and id_.isascii() else None, started, kept, problem, encode_said(said)
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
        run = decode_row("", commit, None, record, problem, None)
        facts.forget(database, number, facts.facts_of(run))
    database.execute(f"DELETE {sql}", values)


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
