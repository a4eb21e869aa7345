"""What a run read, told from the files that its processes opened: the record's `data` of which nobody had to speak.

Only what the snapshot does not hold: of the rest, the snapshot is the better record. Inside of the repository, and below
the places that gitxp.yaml names, each file gets its fingerprint, when the command is over and from the stat cache where
it can; many of one folder are one entry with a manifest. Outside of it are the system, other people's data and whole
discs: there a file is its path, size and time.

All of it is bounded, in files and in seconds, and what that leaves out is said. What was hashed when the time was over
is in the cache, and however short the time, something is hashed: so the next run gets further. Small things come first,
since a file that cannot be read in the time is begun anew each time.
"""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.capture.data.fingerprints import fingerprint, fingerprint_files
from gitxp.capture.data.pointers import read_dvc_md5, read_lfs_oid
from gitxp.capture.file_names import FileNames
from gitxp.capture.folding_paths import Folded, fold_paths
from gitxp.capture.passed_over import PassedOver
from gitxp.format import format_time
from gitxp.git.contents import read_objects
from gitxp.git.snapshot_files import find_blobs
from gitxp.pointer import MAX_POINTER, read_pointer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gitxp.capture.config import Opened
    from gitxp.git.program import Git
    from gitxp.git.snapshot_files import Blob

OPENED = "opened"
_MAX_OUTSIDE = 200  # entries
_MAX_ENTRIES = 1_000
_PIECE = 1_000  # files that are looked at whatever the time


class Where(NamedTuple):
    """Where a run stood: `git` at the `toplevel` of its working tree, the `commit` of its snapshot, when it began.

    `named` are the absolute paths that have entries already; `cache` and `manifests` are as in `fingerprint`.
    """

    git: Git
    toplevel: str
    commit: str
    began_ns: int
    named: Sequence[str]
    cache: str | None
    manifests: str | None


class Inputs(NamedTuple):
    """The entries for the record's `data`, and sentences about what is missing."""

    entries: list[dict[str, Any]]
    problems: list[str]


def find_inputs(read: Mapping[str, bool], where: Where, limits: Opened, is_impatient: Callable[[], bool]) -> Inputs:
    """The entries of these files, absolute paths, each with whether the run wrote it later; `limits.places` are absolute.

    Where `is_impatient` says true, what takes long is left out. Raises `GitFailed`.
    """
    finder = _Finder(where, limits, is_impatient)
    finder.sort(read)
    entries = [*finder.pointers(), *finder.overwritten(), *finder.fingerprints(), *finder.outside()]
    return Inputs(sorted(entries, key=lambda entry: entry["path"]), list(finder.problems()))


class _Finder:
    def __init__(self, where: Where, limits: Opened, is_impatient: Callable[[], bool]) -> None:
        self._where = where
        self._limits = limits
        self._is_impatient = is_impatient
        self._top = where.toplevel.rstrip("/") + "/"
        self._inside: dict[str, os.stat_result] = {}
        self._outside: dict[str, os.stat_result] = {}
        self._linked: set[str] = set()
        self._overwritten: list[str] = []
        self._pointers: dict[str, tuple[str, int]] = {}
        self._end = time.monotonic() + limits.max_seconds
        self._unseen = 0
        self._unread = 0
        self._late = 0
        self._unlisted = 0

    def sort(self, read: Mapping[str, bool]) -> None:
        """Tell apart what is in the snapshot, what else is in the repository, and what is not."""
        overwritten: dict[str, None] = {}
        for path, is_overwritten in self._meant(read):
            try:
                full, about = self._look(path)
            except OSError:
                continue  # it was opened to see whether it is there, or it is gone
            if not stat.S_ISREG(about.st_mode):
                continue
            if not path.startswith(self._top) and not self._is_placed(path):
                self._outside[full] = about
            elif is_overwritten:
                overwritten[full] = None
            else:
                self._inside[full] = about
        for full in overwritten:  # by another name, it may be among the others
            self._inside.pop(full, None)
        self._overwritten = list(overwritten)
        self._leave_snapshot()

    def _meant(self, read: Mapping[str, bool]) -> Iterator[tuple[str, bool]]:
        """Those of the files that count, by one name each, as far as there is time to look at them."""
        passed_over = PassedOver(self._where.toplevel)
        names = FileNames(self._where.toplevel)
        named = tuple(path.rstrip("/") + "/" for path in self._where.named)
        for number, (path, is_overwritten) in enumerate(read.items()):
            if number and number % _PIECE == 0 and self._is_over():
                self._unseen = len(read) - number
                return
            full = names.find(path)
            if f"{full}/".startswith(named) or f"{path}/".startswith(named):
                continue
            if not full.startswith(self._top) or not passed_over.file(full[len(self._top) :]):
                yield full, is_overwritten

    def _look(self, path: str) -> tuple[str, os.stat_result]:
        """The file that a path means, if it is a link of the working tree to another file there; and the file's facts."""
        about = os.lstat(path)
        if stat.S_ISLNK(about.st_mode):
            about = os.stat(path)
            if path.startswith(self._top):
                real = os.path.realpath(path)
                if real.startswith(self._top):
                    return real, about
                self._linked.add(path)
        return path, about

    def _is_over(self) -> bool:
        return time.monotonic() > self._end or self._is_impatient()

    def _is_placed(self, path: str) -> bool:
        return any(path.startswith(place.rstrip("/") + "/") for place in self._limits.places)

    def _leave_snapshot(self) -> None:
        """Forget what the snapshot has, but for files of which it has no more than a pointer."""
        git, commit = self._where.git, self._where.commit
        paths = [path[len(self._top) :] for path in (*self._inside, *self._overwritten) if path.startswith(self._top)]
        blobs = find_blobs(git, commit, paths)
        small: dict[str, tuple[Blob, int]] = {}
        for name, blob in blobs.items():
            full = self._top + name
            about = self._inside.get(full)
            if full in self._linked:  # the snapshot has the link, and not what is behind it
                continue
            if about and blob.size <= MAX_POINTER and about.st_size != blob.size:
                small[full] = (blob, about.st_size)
            self._inside.pop(full, None)
        self._overwritten = [path for path in self._overwritten if path[len(self._top) :] not in blobs]
        texts = dict(read_objects(git, list(dict.fromkeys(blob for blob, _ in small.values()))))
        for full, (blob, size) in small.items():
            pointer = read_pointer(texts.get(blob.oid, b""))
            if pointer:
                self._pointers[full] = (pointer.lfs_oid, size)

    def pointers(self) -> Iterator[dict[str, Any]]:
        """Files of which the snapshot has a git-lfs pointer: that says what they are."""
        for path, (digest, size) in self._pointers.items():
            yield self._entry(path, {"kind": "file", "size": size, "lfs_oid": digest})

    def overwritten(self) -> Iterator[dict[str, Any]]:
        """Files that were read and then written by the run itself: what they were can no longer be said."""
        for path in self._overwritten:
            yield self._entry(path, {"kind": "file", "changed": True})

    def fingerprints(self) -> Iterator[dict[str, Any]]:
        """All that gets its content told, within the limits."""
        folded = fold_paths(self._inside.keys() - self._linked, self._where.toplevel.rstrip("/"))
        things = sorted([*folded, *map(Folded, self._linked)])
        self._unlisted = sum(len(thing.files) or 1 for thing in things[_MAX_ENTRIES:])
        room = self._limits.max_files
        is_late = False
        for thing in sorted(things[:_MAX_ENTRIES], key=self._size):
            count = len(thing.files) or 1
            if count > room:
                self._unread += count
                yield self._entry(thing.path, {"kind": "folder", "files": count} if thing.files else {"kind": "file"})
                continue
            room -= count
            is_late = is_late or self._is_impatient()
            unread: dict[str, Any] = {"kind": "folder" if thing.files else "file"}
            entry = unread if is_late else self._fingerprint(thing)
            if entry["kind"] in {"file", "folder"} and "xxh3_128" not in entry and "unreadable" not in entry:
                self._late += count
                is_late = True
            if any(self._has_changed(path) for path in thing.files or (thing.path,)):
                entry["changed"] = True
            yield self._entry(thing.path, entry)

    def _size(self, thing: Folded) -> int:
        return sum(self._inside[path].st_size for path in thing.files or (thing.path,))

    def _fingerprint(self, thing: Folded) -> dict[str, Any]:
        where = self._where
        if thing.files:
            start = len(thing.path) + 1
            return fingerprint_files(
                thing.path,
                {path[start:]: self._inside[path] for path in thing.files},
                where.toplevel,
                where.cache,
                cancelled=self._is_over,
                manifests=where.manifests,
            )
        return fingerprint([thing.path], where.toplevel, where.cache, cancelled=self._is_over)[0]

    def _has_changed(self, path: str) -> bool:
        return self._inside[path].st_ctime_ns >= self._where.began_ns

    def outside(self) -> Iterator[dict[str, Any]]:
        """Paths, sizes and times of what is not in the repository."""
        things = fold_paths(self._outside)
        for thing in things[:_MAX_OUTSIDE]:
            about = [self._outside[path] for path in thing.files or (thing.path,)]
            entry: dict[str, Any] = {
                "kind": "folder" if thing.files else "file",
                "size": sum(each.st_size for each in about),
                "modified": format_time(max(each.st_mtime_ns for each in about)),
            }
            if thing.files:
                entry["files"] = len(about)
            yield self._entry(thing.path, entry)
        self._unlisted += sum(len(thing.files) or 1 for thing in things[_MAX_OUTSIDE:])

    def _entry(self, path: str, about: dict[str, Any]) -> dict[str, Any]:
        entry = {**about, "path": path.removeprefix(self._top), "source": OPENED}
        digest = read_dvc_md5(path)
        if digest:
            entry["dvc_md5"] = digest
        if entry["kind"] == "file" and "xxh3_128" in entry and entry["size"] <= MAX_POINTER:
            digest = read_lfs_oid(path)
            if digest:
                entry["lfs_oid"] = digest
        return entry

    def problems(self) -> Iterator[str]:
        """What the limits left out."""
        limits = self._limits
        instead = "what is named by --data FOLDER is read while the command runs, and all of it"
        if self._unread:
            yield (
                f"Of {self._unread:,} files that it read there is no fingerprint: more than {limits.max_files:,} "
                f"(opened.max_files in gitxp.yaml); {instead}."
            )
        if self._late:
            yield (
                f"Of {self._late:,} files that it read there is no fingerprint: it would take more than "
                f"{limits.max_seconds:g} s (opened.max_seconds in gitxp.yaml); {instead}."
            )
        if self._unseen:
            yield (
                f"{self._unseen:,} further files that it read were not looked at: it would take more than "
                f"{limits.max_seconds:g} s (opened.max_seconds in gitxp.yaml); {instead}."
            )
        if self._unlisted:
            yield f"{self._unlisted:,} further files that it read are not listed."
