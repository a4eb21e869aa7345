"""The index's part about archives: their lists as tables, each read again only when its ref moved.

A run of an archive stands in the table `refs` beside the runs with refs of their own, unless one of those has its name.
So what a question costs does not depend on where the runs are, and a new run among 100,000 archived ones costs one row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.errors import FormatError
from gitxp.store.archives import read_archive

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from gitxp.format import Oid, RefName
    from gitxp.git.objects import Objects
    from gitxp.names import RunName

    # by ref: the runs that an archive lists, None where it cannot be read
    Lists = dict[RefName, dict[RunName, Oid] | None]

TABLES = """
CREATE TABLE archives (ref TEXT PRIMARY KEY, commit_id TEXT NOT NULL, is_readable INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE archived (name TEXT, ref TEXT, commit_id TEXT NOT NULL, PRIMARY KEY (name, ref)) WITHOUT ROWID;
"""
# The newest archive first: of several lines for one name, the first stays.
_SHOW = """INSERT OR IGNORE INTO refs (name, commit_id, started, hidden, archive, number)
    SELECT archived.name, commit_id, started, coalesce(json_extract(said, '$.archived'), 0), ref, number
    FROM archived JOIN records USING (commit_id)"""
_LATEST_FIRST = "ORDER BY ref DESC"


def find_moved(database: sqlite3.Connection, archives: Mapping[RefName, Oid]) -> dict[RefName, Oid]:
    """Those of the archives whose list is not the one that the tables have."""
    known = dict(database.execute("SELECT ref, commit_id FROM archives"))
    return {ref: commit for ref, commit in archives.items() if known.get(ref) != commit}


def read_lists(objects: Objects, archives: Mapping[RefName, Oid]) -> Lists:
    """The lists of these archives."""
    lists: Lists = {}
    for ref, commit in archives.items():
        try:
            lists[ref] = read_archive(objects, commit)
        except FormatError:
            lists[ref] = None
    return lists


def find_behind(database: sqlite3.Connection, names: Iterable[RunName]) -> list[Oid]:
    """The tips that archives have for these names, to be shown where their own refs are gone."""
    sql = "SELECT commit_id FROM archived WHERE name = ?"
    return [commit for name in names for (commit,) in database.execute(sql, (name,))]


def show_again(database: sqlite3.Connection, names: Iterable[str]) -> None:
    """Put what archives have for names whose own refs are gone into the table of refs."""
    database.executemany(f"{_SHOW} WHERE archived.name = ? {_LATEST_FIRST}", ((name,) for name in names))


def keep_lists(database: sqlite3.Connection, archives: Mapping[RefName, Oid], lists: Lists) -> bool:
    """Make the tables of lists equal to the archives, of which those in `lists` moved; whether anything changed.

    If so, no run of an archive is shown until `show_all` is called.
    """
    gone = {ref for (ref,) in database.execute("SELECT ref FROM archives")} - archives.keys()
    for ref in {*gone, *lists}:
        database.execute("DELETE FROM archives WHERE ref = ?", (ref,))
        database.execute("DELETE FROM archived WHERE ref = ?", (ref,))
    for ref, entries in lists.items():
        database.execute("INSERT INTO archives VALUES (?, ?, ?)", (ref, archives[ref], entries is not None))
        rows = ((name, ref, tip) for name, tip in (entries or {}).items())
        database.executemany("INSERT INTO archived VALUES (?, ?, ?)", rows)
    if gone or lists:
        database.execute("DELETE FROM refs WHERE archive IS NOT NULL")
    return bool(gone or lists)


def show_all(database: sqlite3.Connection) -> list[Oid]:
    """Put the runs of archives into the table of refs where no ref of their own is; the tips whose records are not read."""
    database.execute(f"{_SHOW} {_LATEST_FIRST}")
    left = "SELECT DISTINCT archived.commit_id FROM archived LEFT JOIN refs USING (name) WHERE refs.name IS NULL"
    return [commit for (commit,) in database.execute(left)]


def list_unreadable(database: sqlite3.Connection) -> list[RefName]:
    """The refs of archives whose lists cannot be read."""
    return [ref for (ref,) in database.execute("SELECT ref FROM archives WHERE NOT is_readable ORDER BY ref")]
