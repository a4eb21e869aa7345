"""Untracked files over the limits, as git-lfs pointers in the snapshot: for who wants that (`large.untracked`).

Their bytes go into the LFS store of the repository before the command starts: it may change them. That costs a read of
each, and a copy where the file system does not clone; what did not change since the last run is neither read nor copied.
"""

from __future__ import annotations

import json
import os
import stat
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.capture.data.hashing import facts_of
from gitxp.capture.data.stat_cache import is_trusted
from gitxp.capture.untracked import size_words
from gitxp.git.beside import write_whole
from gitxp.pointer import Pointer, encode_pointer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.capture.untracked import Skipped
    from gitxp.git.lfs import Store
    from gitxp.git.program import Git

_LFS_FILTERS = frozenset((b"unspecified", b"unset", b"lfs"))


class Place(NamedTuple):
    """Where large files go: the store, at most so many bytes of a run; a file that remembers them; a folder to work in."""

    store: Store
    most: int
    cache: str
    folder: str


class Taken(NamedTuple):
    """The record's `large`, and the files that were left out all the same."""

    entries: list[dict[str, Any]]
    skipped: list[Skipped]


def take_large(git: Git, index: str, files: Sequence[Skipped], place: Place) -> Taken:
    """Put these untracked files into the store, and their pointers into a private index.

    `git` runs at the top of the working tree. A file with a filter of its own (git-crypt) is left out: its raw bytes are
    not what is to be stored. Raises `GitFailed`.
    """
    filters = _filters(git, [file.path for file in files])
    entries: list[dict[str, Any]] = []
    skipped: list[Skipped] = []
    modes: list[str] = []
    total = 0
    known = _load(place.cache)
    kept: dict[str, list[Any]] = {}
    for file in sorted(files, key=lambda file: (file.size or 0, file.path)):
        size = file.size or 0
        if filters.get(file.path, b"unspecified") not in _LFS_FILTERS:
            skipped.append(file._replace(reason=f"{file.reason}, and git has a filter for it"))
        elif total + size > place.most:
            skipped.append(file._replace(reason=f"more than {size_words(place.most)} of large files"))
        else:
            try:
                pointer, mode = _take(git.directory, file.path, place.store, known, kept)
            except OSError as error:
                skipped.append(file._replace(reason=f"its content could not be kept: {error.strerror}"))
                continue
            total += pointer.size
            entries.append({"path": file.path, "size": pointer.size, "lfs_oid": pointer.lfs_oid})
            modes.append(mode)
    if entries:
        _save(place.cache, kept)
        _stage(git, index, entries, modes, place.folder)
    return Taken(sorted(entries, key=lambda entry: entry["path"]), skipped)


def _filters(git: Git, paths: Sequence[str]) -> dict[str, bytes]:
    """The `filter` attribute of each path, as the working tree's attributes have it."""
    data = b"".join(os.fsencode(path) + b"\0" for path in paths)
    fields = git.run("check-attr", "-z", "--stdin", "filter", data=data).split(b"\0")
    return dict(zip(map(os.fsdecode, fields[0::3]), fields[2::3], strict=False))


def _take(
    toplevel: str, path: str, store: Store, known: dict[str, list[Any]], kept: dict[str, list[Any]]
) -> tuple[Pointer, str]:
    """The pointer and git's mode of a file that is in the store now."""
    looked = time.time_ns()
    fd = os.open(os.path.join(toplevel, path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        about = os.fstat(fd)
        facts = list(facts_of(about))
        mode = "100755" if about.st_mode & stat.S_IXUSR else "100644"
        before = known.get(path)
        if before is not None and before[:4] == facts:
            pointer = Pointer(before[4], about.st_size)
            if store.find(pointer) is not None:
                kept[path] = before
                return pointer, mode
        stored = store.put(fd)
    finally:
        os.close(fd)
    if not stored.changed and is_trusted(facts_of(about), looked, time.time_ns()):
        kept[path] = [*facts, stored.pointer.oid]
    return stored.pointer, mode


def _stage(git: Git, index: str, entries: Sequence[dict[str, Any]], modes: Sequence[str], folder: str) -> None:
    """Write the pointers' blobs, and name them in the index."""
    names = []
    for number, entry in enumerate(entries):
        names.append(os.path.join(folder, f"pointer-{number}"))
        with open(names[-1], "wb") as file:
            file.write(encode_pointer(Pointer(entry["lfs_oid"].removeprefix("sha256:"), entry["size"])))
    listed = b"".join(os.fsencode(name) + b"\n" for name in names)
    oids = git.run("hash-object", "-w", "--no-filters", "--stdin-paths", data=listed).decode("ascii").split()
    for name in names:
        os.unlink(name)
    lines = b"".join(
        f"{mode} {oid} 0\t".encode("ascii") + os.fsencode(entry["path"]) + b"\0"
        for mode, oid, entry in zip(modes, oids, entries, strict=True)
    )
    git.run("update-index", "-z", "--index-info", data=lines, index=index)


def _load(cache: str) -> dict[str, list[Any]]:
    """What is remembered: path → size, mtime, ctime, inode, sha256. A cache that cannot be read is none."""
    try:
        with open(cache, "rb") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _save(cache: str, kept: dict[str, list[Any]]) -> None:
    try:
        os.makedirs(os.path.dirname(cache), exist_ok=True)
        write_whole(cache, json.dumps(kept).encode("ascii"))
    except OSError:
        return  # the next run reads the files again
