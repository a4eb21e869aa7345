"""The index's part about archives: their lists as tables, each read again only when its ref moved.

A run of an archive stands in the table `refs` beside the runs with refs of their own, so that what a question costs does
not depend on where the runs are. It is left out where the same run (the id tells) has a ref of its own, or was removed
here; where another run has its name, it stands there with the beginning of its id. That is decided anew for lines whose
names or ids something happened to: a new run among 100,000 archived ones costs one row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import FormatError
from gitxp.format import Oid, RefName
from gitxp.names import RunName, name_beside
from gitxp.store.archives import read_archive

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Mapping

    from gitxp.git.objects import Objects

    # by ref: the runs that an archive lists, None where it cannot be read
    Lists = dict[RefName, dict[RunName, Oid] | None]

TABLES = """
CREATE TABLE archives (ref TEXT PRIMARY KEY, commit_id TEXT NOT NULL, is_readable INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE archived (name TEXT COLLATE NOCASE, ref TEXT, commit_id TEXT NOT NULL, PRIMARY KEY (name, ref, commit_id)) WITHOUT ROWID;
CREATE INDEX archived_by_commit ON archived (commit_id);
CREATE TABLE removed (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_TOUCHED = "CREATE TEMP TABLE IF NOT EXISTS touched (ref TEXT, commit_id TEXT, PRIMARY KEY (ref, commit_id))"
_TOUCH_NAME = """INSERT OR IGNORE INTO touched SELECT ref, commit_id FROM archived WHERE name = ?1
    UNION SELECT archive, commit_id FROM refs WHERE name = ?1 COLLATE NOCASE AND archive IS NOT NULL"""
_TOUCH_RUN = """INSERT OR IGNORE INTO touched SELECT ref, archived.commit_id FROM records AS one
    CROSS JOIN records AS same ON same.id = one.id CROSS JOIN archived ON archived.commit_id = same.commit_id
    WHERE one.commit_id = ?"""
# Lines that those may stand beside, or give way to: of the same name, of the same run.
_TOUCH_NAMESAKES = """INSERT OR IGNORE INTO touched SELECT other.ref, other.commit_id
    FROM touched CROSS JOIN archived ON archived.commit_id = touched.commit_id CROSS JOIN archived AS other
    ON other.name = archived.name WHERE archived.ref = touched.ref"""
_TOUCH_SAME = """INSERT OR IGNORE INTO touched SELECT other.ref, other.commit_id FROM touched
    CROSS JOIN records ON records.commit_id = touched.commit_id CROSS JOIN records AS same ON same.id = records.id
    CROSS JOIN archived AS other ON other.commit_id = same.commit_id"""
_INTO = "INSERT OR IGNORE INTO refs (name, commit_id, started, hidden, archive, number)"
# CROSS JOIN and + keep SQLite to the order that is written: it has no statistics, and takes the wrong index by itself.
# Of several lines for one run, that of the newest archive counts.
_LINES = """SELECT name, commit_id, started, hidden, ref, number FROM (SELECT archived.name, archived.commit_id, started, coalesce(json_extract(said, '$.archived'), 0) AS hidden,
    archived.ref, id, number, row_number() OVER (PARTITION BY coalesce(id, archived.commit_id) ORDER BY archived.ref DESC, archived.name) AS place
    FROM {source}) AS line
    WHERE place = 1 AND NOT EXISTS (SELECT 1 FROM removed WHERE removed.id = line.id) AND NOT EXISTS
    (SELECT 1 FROM records CROSS JOIN refs ON refs.commit_id = records.commit_id
    WHERE records.id = line.id AND +archive IS NULL)"""
# The newest archive first: of several lines with one name, its line has it.
_IS_NEW_NAME = "NOT EXISTS (SELECT 1 FROM refs WHERE refs.name = line.name COLLATE NOCASE)"
_IS_LEFT = "NOT EXISTS (SELECT 1 FROM refs WHERE refs.commit_id = line.commit_id AND +archive = line.ref)"
_SHOW = f"{_INTO} {_LINES} AND {_IS_NEW_NAME} ORDER BY ref DESC, name"
_LEFT = f"{_LINES} AND id IS NOT NULL AND {_IS_LEFT} ORDER BY id"
_ALL = "archived JOIN records USING (commit_id)"
_ONLY_TOUCHED = (
    "touched CROSS JOIN archived ON archived.commit_id = touched.commit_id AND archived.ref = touched.ref "
    "CROSS JOIN records ON records.commit_id = touched.commit_id"
)
_NAMES_TRIED = 10


class Line(NamedTuple):
    """A line of an archive: a run's name there and its tip, the archive's ref, the run's id (None where it has none)."""

    name: RunName
    commit: Oid
    ref: RefName
    id: str | None


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


def keep_lists(database: sqlite3.Connection, archives: Mapping[RefName, Oid], lists: Lists) -> bool:
    """Make the tables of lists equal to the archives, of which those in `lists` moved; whether anything changed."""
    gone = {ref for (ref,) in database.execute("SELECT ref FROM archives")} - archives.keys()
    for ref in {*gone, *lists}:
        database.execute("DELETE FROM archives WHERE ref = ?", (ref,))
        database.execute("DELETE FROM archived WHERE ref = ?", (ref,))
    for ref, entries in lists.items():
        database.execute("INSERT INTO archives VALUES (?, ?, ?)", (ref, archives[ref], entries is not None))
        rows = ((name, ref, tip) for name, tip in (entries or {}).items())
        database.executemany("INSERT OR IGNORE INTO archived VALUES (?, ?, ?)", rows)
    return bool(gone or lists)


def keep_removed(database: sqlite3.Connection, ids: Collection[str]) -> bool:
    """Make the table of runs that were removed here equal to these ids; whether anything changed."""
    known = {id_ for (id_,) in database.execute("SELECT id FROM removed")}
    database.executemany("DELETE FROM removed WHERE id = ?", ((id_,) for id_ in known.difference(ids)))
    database.executemany("INSERT INTO removed VALUES (?)", ((id_,) for id_ in set(ids) - known))
    return known != set(ids)


def touch(database: sqlite3.Connection, names: Iterable[str], commits: Iterable[str]) -> None:
    """Remember for `show_touched` the lines that it concerns when own refs of these names and commits come or go."""
    database.execute(_TOUCHED)
    database.execute("DELETE FROM touched")
    if database.execute("SELECT 1 FROM archived LIMIT 1").fetchone() is None:
        return
    database.executemany(_TOUCH_NAME, ((name,) for name in names))
    database.executemany(_TOUCH_RUN, ((commit,) for commit in commits))
    database.execute(_TOUCH_NAMESAKES)
    database.execute(_TOUCH_SAME)


def show_touched(database: sqlite3.Connection) -> None:
    """Put those lines that `touch` remembered into the table of refs anew."""
    database.execute("DELETE FROM refs WHERE (archive, commit_id) IN (SELECT * FROM touched)")
    _show(database, _ONLY_TOUCHED)


def show_all(database: sqlite3.Connection) -> list[Oid]:
    """Put all lines into the table of refs anew; the tips whose records are not there."""
    database.execute("DELETE FROM refs WHERE archive IS NOT NULL")
    _show(database, _ALL)
    missing = "SELECT DISTINCT commit_id FROM archived WHERE commit_id NOT IN (SELECT commit_id FROM records)"
    return [Oid(commit) for (commit,) in database.execute(missing)]


def list_lines(database: sqlite3.Connection) -> list[Line]:
    """All lines of all archives, whether they are shown or not, the newest archive first."""
    rows = database.execute(
        "SELECT name, commit_id, ref, id FROM archived JOIN records USING (commit_id) ORDER BY ref DESC, name"
    )
    return [Line(RunName(name), Oid(commit), RefName(ref), id_) for name, commit, ref, id_ in rows]


def list_unreadable(database: sqlite3.Connection) -> list[RefName]:
    """The refs of archives whose lists cannot be read."""
    return [ref for (ref,) in database.execute("SELECT ref FROM archives WHERE NOT is_readable ORDER BY ref")]


def _show(database: sqlite3.Connection, source: str) -> None:
    database.execute(_SHOW.format(source=source))
    for name, commit, *others in database.execute(_LEFT.format(source=source)).fetchall():
        chosen = _choose_name(database, name, commit)
        if chosen is not None:
            database.execute("INSERT INTO refs VALUES (?, ?, ?, ?, ?, ?)", (chosen, commit, *others))


def _choose_name(database: sqlite3.Connection, name: str, commit: str) -> RunName | None:
    """A name with the beginning of its id, for a run whose own name is another's; None where such names are taken, too."""
    (id_,) = database.execute("SELECT id FROM records WHERE commit_id = ?", (commit,)).fetchone()
    sql = "SELECT id FROM refs JOIN records USING (commit_id) WHERE name = ? COLLATE NOCASE"
    chosen, tried = RunName(name), {name}
    for _ in range(_NAMES_TRIED):
        there = database.execute(sql, (chosen,)).fetchone()
        if there is None:
            return chosen
        longer = name_beside(name, id_, there[0] or "")
        chosen = longer if longer not in tried else name_beside(chosen, id_, "")
        tried.add(chosen)
    return None
