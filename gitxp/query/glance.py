"""A glance at the index: names, keys and tags as they are known at once, for whoever waits at a prompt.

The index is read as it lies there. A few runs that it does not know yet are read into it; where there are more than a
few (a clone that was just made, an index that was thrown away), the names come from the refs, and the rest is what was
known before. Nothing is recovered, nothing is built for seconds, and a damaged file is an index that knows nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.format import Oid
from gitxp.git.refs import list_refs
from gitxp.names import is_name
from gitxp.query.fields import Names
from gitxp.query.index_file import SCHEMA, get_fact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitxp.git.objects import Objects
    from gitxp.git.program import Git

# Runs that are read into the index at a glance: some hundredths of a second.
_FEW = 200
_AHEAD = 86_400  # as of the index: how far another machine's clock may be ahead, in seconds
_END = "\x7f"  # above every character that a name may have
_PATIENCE = 0.1  # seconds for another process that writes
_TEXTS = frozenset({"status", "branch", "user", "host", "group", "title", "command", "cwd", "parent"})
_KNOWN = (
    "SELECT refs.name, fields.status, fields.started, fields.command, fields.title "
    "FROM refs LEFT JOIN fields USING (number)"
)
_NEWEST = "ORDER BY refs.started DESC, refs.name LIMIT ?"


class Known(NamedTuple):
    """What is known of a run: all but its name may be missing; `started` is unix time."""

    name: str
    status: str | None = None
    started: float | None = None
    command: str | None = None
    title: str | None = None


class Glance:
    """What the index of one repository knows. `path` is its file; `open_objects` is what `Index` wants."""

    def __init__(self, git: Git, path: str, open_objects: Callable[[int], Objects]) -> None:
        self._git = git
        self._listing = list_refs(git)
        self._new: dict[str, Oid] = {}
        self._latest = time.time() + _AHEAD
        self._database = _open(path)
        if not self._listing.raw:
            self.close()  # whatever is known is of runs that are gone
        if not self._listing.raw or self._is_current():
            return
        before = dict(self._ask("SELECT name, commit_id FROM refs WHERE archive IS NULL"))
        changed = {str(name): oid for name, oid in self._listing.names(before).items() if before.get(name) != oid}
        if len(changed) <= _FEW and not self._has_other_archives():
            from gitxp.query.index import Index

            self.close()
            Index(git, path, open_objects).names()
            self._database = _open(path)
        if not self._is_current():
            self._new = changed

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def runs(self, prefix: str, most: int) -> list[Known]:
        """The newest runs whose names begin with this, at most `most`; archived ones after the others."""
        within = " AND refs.name >= ? AND refs.name < ?" if prefix else ""
        values = (prefix, prefix + _END) if prefix else ()
        found = [Known(name) for name in self._new if name.startswith(prefix)][:most]
        for hidden in (0, 1):
            # the number itself: sqlite has an index of those that are shown, and a bound value does not lead to it
            sql = f"{_KNOWN} WHERE refs.hidden = {hidden} AND refs.started <= ?{within} {_NEWEST}"
            room = most - len(found)
            rows = self._ask(sql, (self._latest, *values, room)) if room > 0 else []
            found += [Known(*row) for row in rows if row[0] not in self._new]
        return found

    def newest(self, most: int) -> list[Known]:
        """The runs that `@`, `@~1` and so on mean; none where it is not known which they are."""
        if self._new:
            return []
        rows = self._ask(f"{_KNOWN} WHERE refs.hidden = 0 AND refs.started <= ? {_NEWEST}", (self._latest, most))
        return [Known(*row) for row in rows]

    def commit_of(self, text: str) -> Oid | None:
        """The commit of the run that this means: a name, the beginning of only one, `@`, `@~2`; None for all else."""
        if text == "@" or text.startswith("@~"):
            steps = text[2:] or ("1" if text == "@~" else "0")
            if not (steps.isascii() and steps.isdigit() and len(steps) < 10):
                return None
            named = [run.name for run in self.newest(int(steps) + 1)[int(steps) :]]
        else:
            text = text.removeprefix("refs/").removeprefix("experiments/")
            named = [run.name for run in self.runs(text, 2)] if is_name(text) else []
            if text in self._new:
                return self._new[text]
            if self._ask("SELECT 1 FROM refs WHERE name = ?", (text,)):
                named = [text]
        if len(named) != 1:
            return None
        rows = self._ask("SELECT commit_id FROM refs WHERE name = ?", named)
        return self._new.get(named[0]) or (Oid(rows[0][0]) if rows else None)

    def keys(self) -> Names:
        """The names of the parameters and metrics that runs have."""
        from gitxp.query import facts

        if self._database is None:
            return Names()
        try:
            return facts.read_names(self._database)
        except sqlite3.Error:
            return Names()

    def tags(self) -> list[str]:
        """The tags that runs have, those of most runs first."""
        return self._texts(
            "SELECT each.value FROM fields, json_each(fields.tags) AS each WHERE fields.tags != '[]' "
            "GROUP BY each.value ORDER BY count(*) DESC, each.value"
        )

    def values(self, field: str, most: int) -> list[str]:
        """The texts that a field of gitxp's own has, those of the newest runs first."""
        if field not in _TEXTS:
            return []
        sql = f'SELECT "{field}" FROM fields WHERE "{field}" IS NOT NULL GROUP BY 1 ORDER BY max(started) DESC LIMIT ?'
        return self._texts(sql, (most,))

    def values_of(self, param: str, most: int) -> list[str]:
        """The texts that a parameter has, those of most runs first."""
        return self._texts(
            "SELECT value FROM params WHERE key = (SELECT key FROM keys WHERE kind = 'params' AND name = ?) "
            "AND typeof(value) = 'text' GROUP BY value ORDER BY count(*) DESC, value LIMIT ?",
            (param, most),
        )

    def paths(self, commit: Oid, folder: str, *, deep: bool = False) -> list[str]:
        """What lies in a folder of a commit's tree (`src/`, or nothing for the top): paths, of folders with a slash.

        With `deep`, the files in it and below it.
        """
        options = ["-r"] if deep else []
        answer = self._git.ask("ls-tree", "-z", "--full-tree", *options, commit, "--", *([folder] if folder else []))
        found = []
        for line in os.fsdecode(answer.stdout).split("\0"):
            about, tab, path = line.partition("\t")
            if tab:
                found.append(f"{path}/" if about.split(" ")[1] == "tree" else path)
        return found

    def _texts(self, sql: str, values: Sequence[Any] = ()) -> list[str]:
        return [text for (text,) in self._ask(sql, values) if isinstance(text, str)]

    def _is_current(self) -> bool:
        if self._database is None:
            return False
        try:
            digest = get_fact(self._database, "digest")
        except sqlite3.Error:
            return False
        return digest == hashlib.blake2b(self._listing.raw, digest_size=16).hexdigest()

    def _has_other_archives(self) -> bool:
        """Whether the lists of archives, of any length, would have to be read."""
        from gitxp.query import archived

        archives = self._listing.archives()
        if self._database is None:
            return bool(archives)
        try:
            return bool(archived.find_moved(self._database, archives))
        except sqlite3.Error:
            return True

    def _ask(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows; none where the file cannot be read."""
        if self._database is None:
            return []
        try:
            return self._database.execute(sql, values).fetchall()
        except sqlite3.Error:
            return []


def _open(path: str) -> sqlite3.Connection | None:
    """The index's file, to be read; None where there is none of this version."""
    from urllib.parse import quote

    for mode in ("mode=ro", "immutable=1"):  # the second where sqlite cannot even make its lock file
        with contextlib.suppress(sqlite3.Error):
            database = sqlite3.connect(f"file:{quote(os.fsencode(path))}?{mode}", timeout=_PATIENCE, uri=True)
            try:
                if database.execute("PRAGMA user_version").fetchone() == (SCHEMA,):
                    return database
            except BaseException:
                database.close()
                raise
            database.close()
    return None
