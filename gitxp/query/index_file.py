"""The index's file: opened, made, copied into memory where it cannot be written, thrown away where it is damaged.

It is a cache: whatever is wrong with it costs time and nothing else. Processes that work at once are kept apart by SQLite.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Raised with every change of the tables, and of what decode_run takes for sound; another version's file is made anew.
SCHEMA = 7
# `record` is last: what stands behind a long one is found by reading all of it.
_TABLES = """
CREATE TABLE records (number INTEGER PRIMARY KEY, commit_id TEXT NOT NULL UNIQUE, id TEXT, started REAL NOT NULL, problem TEXT, said TEXT, record BLOB NOT NULL);
CREATE INDEX records_by_id ON records (id);
CREATE TABLE refs (name TEXT PRIMARY KEY, commit_id TEXT NOT NULL, started REAL NOT NULL, hidden INTEGER NOT NULL, archive TEXT, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX refs_by_archive ON refs (archive);
CREATE INDEX refs_by_time ON refs (started DESC, name);
CREATE INDEX shown_by_time ON refs (started DESC, name) WHERE hidden = 0;
CREATE INDEX refs_by_commit ON refs (commit_id);
CREATE INDEX refs_by_letters ON refs (name COLLATE NOCASE);
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
# How long another process may hold the lock before we go on without the file, in seconds.
_PATIENCE = 2.0
# What sqlite calls an error of the file's content: SQLITE_ERROR (no such table), SQLITE_CORRUPT, SQLITE_NOTADB.
_DAMAGE = {1, 11, 26}


class Damaged(sqlite3.DatabaseError):
    """A row holds what no gitxp wrote."""


class IndexFile:
    """The file at `path`."""

    def __init__(self, path: str) -> None:
        self._path = path

    def open(self) -> sqlite3.Connection:
        """The file, with its tables; those of another version are made anew."""
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        database = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)
        try:
            # A reader and a writer do not wait for each other; after a power cut the file is older, not broken.
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            if _get_version(database) != SCHEMA:
                _make_tables(database)
        except BaseException:
            database.close()
            raise
        return database

    def copy(self) -> sqlite3.Connection:
        """A copy in memory of a file that we can read and not write."""
        database = open_memory()
        for mode in ("mode=ro", "immutable=1"):  # the second where sqlite cannot even make its lock file
            with contextlib.suppress(sqlite3.Error), contextlib.closing(self._connect_uri(mode)) as file:
                if _get_version(file) == SCHEMA:
                    file.backup(database)
                    return database
        return database

    def _connect_uri(self, mode: str) -> sqlite3.Connection:
        from urllib.parse import quote

        return sqlite3.connect(f"file:{quote(os.fsencode(self._path))}?{mode}", timeout=_PATIENCE, uri=True)

    def discard(self) -> None:
        """Take the file away."""
        for end in ("", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                os.unlink(f"{self._path}{end}")


@contextlib.contextmanager
def transaction(database: sqlite3.Connection, begin: str) -> Iterator[None]:
    """What is done within it is done wholly or not at all; `begin` is the statement that begins it."""
    database.execute(begin)
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def open_memory() -> sqlite3.Connection:
    """Empty tables in memory."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    _make_tables(database)
    return database


def _make_tables(database: sqlite3.Connection) -> None:
    """Make the tables, in place of those of another version; another process may be quicker."""
    from gitxp.query import archived, facts  # not wanted by who only reads, at a prompt

    with transaction(database, "BEGIN IMMEDIATE"):
        if _get_version(database) == SCHEMA:
            return
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            database.execute(f'DROP TABLE "{name}"')
        for statement in (_TABLES + archived.TABLES + facts.TABLES).split("\n"):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {SCHEMA}")


def _get_version(database: sqlite3.Connection) -> int:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    return int(version)


def get_fact(database: sqlite3.Connection, key: str) -> str | None:
    """What is noted of the whole index under a key, None where nothing is."""
    row = database.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


def set_fact(database: sqlite3.Connection, key: str, value: str) -> None:
    """Note something of the whole index."""
    database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (key, value))


def is_damage(error: Exception) -> bool:
    """Whether the file's content is to blame, and not the disk, its rights, or another process.

    Python's sqlite3 has a `UnicodeDecodeError` for a message of sqlite that quotes a schema that is no text.
    """
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, (Damaged, UnicodeDecodeError)) or (code is not None and code & 0xFF in _DAMAGE)
