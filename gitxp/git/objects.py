"""Commits, trees and blobs, read from the object database; nothing here writes.

Two readers answer the same questions. `CatFile` asks one `git cat-file --batch`: it is there 2 ms after it is wanted and
reads whatever git reads (SHA-256, reftable, partial clones). `Libgit2` works in this process: `import pygit2` costs 75 ms,
but 10,000 records that lie loose take it 0.8 s instead of 1.5 (packed, git is the quicker: 0.35 s to 0.65). So git reads
single runs and libgit2 many; and where libgit2 cannot open the repository, git does all of it. What is wanted of every run,
git reads for both: it works beside this process, and libgit2 within it.

Every object is untrusted: each read has a limit, asked before the bytes are, and a tree may not be deeper or wider than
any that people make. What is larger can be streamed.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple, Protocol

from gitxp.errors import FormatError
from gitxp.format import MAX_RECORD, Oid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gitxp.git.program import Git

FOLDER_MODE, SUBMODULE_MODE = "40000", "160000"
MAX_DEPTH = 200
MAX_FILES = 1_000_000
_OCTAL = re.compile(r"[0-7]+")
# One entry of a tree, by the bytes of its hash: its mode, and what it is.
_ENTRY = {size: re.compile(rb"([^ \0]*) [^\0]*\0(.{%d})" % size, re.DOTALL) for size in (20, 32)}
# From this many records on, libgit2 is worth its import.
_MANY = 500
_CHUNK = 1 << 16


class MissingObject(FormatError):
    """An object that something else names is not in the repository."""

    def __init__(self, oid: str) -> None:
        super().__init__(
            f"object {oid[:12]} is not in the repository",
            hint="Fetch the run again, or look for damage with 'git fsck'.",
        )


class WrongObject(FormatError):
    """An object is not of the kind that its place asks for, or its bytes are damaged."""


class TooLarge(FormatError):
    """An object is larger than the reader is willing to hold in memory."""

    def __init__(self, what: str, size: int, limit: int) -> None:
        super().__init__(f"{what} has {size:,} bytes, and {limit:,} is the most that is read")
        self.size = size


class Entry(NamedTuple):
    """One entry of a tree: path (bytes that are no UTF-8 as surrogateescape), mode in octal as git keeps it, object."""

    path: str
    mode: str
    oid: Oid


class Commit(NamedTuple):
    """A commit: its tree, its parents, the committer's unix time in seconds, the message."""

    oid: Oid
    tree: Oid
    parents: tuple[Oid, ...]
    time: int
    message: str


class Beside(NamedTuple):
    """Of a commit, the bytes of a file (None where it has none) and the entries of a folder beside it; or why they cannot be read."""

    oid: Oid
    data: bytes | FormatError | None
    entries: list[Entry] | FormatError


class Objects(Protocol):
    """What can be asked of an object database. Each method raises `FormatError` for objects that are missing or damaged."""

    def read_commit(self, oid: Oid) -> Commit:
        """The facts of a commit."""

    def read_blob(self, oid: Oid, limit: int = MAX_RECORD) -> bytes:
        """The bytes of a blob; `TooLarge` where there are more than `limit`."""

    def stream_blob(self, oid: Oid) -> Iterator[bytes]:
        """The bytes of a blob of any size, in pieces."""

    def get_size(self, oid: Oid) -> int:
        """How many bytes an object has."""

    def find_entry(self, commit: Oid, path: str) -> Entry | None:
        """The entry at a path of a commit's tree, a folder's too; None where there is none."""

    def read_file(self, commit: Oid, path: str, limit: int = MAX_RECORD) -> bytes | None:
        """The bytes of the file at a path of a commit's tree; None where there is none; `TooLarge` beyond `limit`."""

    def list_files(self, commit: Oid, folder: str) -> list[Entry]:
        """All files below a folder of a commit's tree, with their whole paths; empty where the folder is not there."""

    def read_files(
        self, commits: Iterable[Oid], path: str, limit: int = MAX_RECORD
    ) -> Iterator[tuple[Oid, bytes | FormatError | None]]:
        """The file at one path in each of many commits, in their order: its bytes, None, or why it cannot be read."""

    def list_folders(self, commits: Iterable[Oid], folder: str) -> Iterator[tuple[Oid, list[Entry] | FormatError]]:
        """The entries of one folder in each of many commits, in their order, with their whole paths; or why not."""

    def read_beside(self, commits: Sequence[Oid], path: str, folder: str) -> Iterator[Beside]:
        """The file at one path and the entries of one folder in each of many commits, in their order.

        Both lie in one folder, and not at the top.
        """

    def list_top(self, commit: Oid) -> list[Entry]:
        """The entries at the top of a commit's tree."""

    def list_tree(self, tree: Oid) -> list[Entry]:
        """The entries of a tree."""

    def count_entries(self, tree: Oid) -> tuple[int, list[Oid]]:
        """How many entries a tree has, and which trees are in it: what `list_tree` tells, in a tenth of its time."""

    def close(self) -> None:
        """Let go of processes and files. The reader may be used again: it opens what it needs."""


def open_objects(git: Git, common_dir: str, *, expected: int = 1) -> Objects:
    """The reader that suits: libgit2 where `expected` commits are many and it can open the repository, else git."""
    if expected >= _MANY:
        from gitxp.git.libgit2 import Libgit2

        found = Libgit2.open(git, common_dir)
        if found is not None:
            return found
    from gitxp.git.cat_file import CatFile

    return CatFile(git)


class Reader(ABC):
    """What both readers have in common: everything that follows from reading one object as it is stored.

    Replacements (`git replace`) are not followed: a run is what was recorded, and libgit2 does not know them.
    """

    def __init__(self, git: Git) -> None:
        self._git = git

    @abstractmethod
    def _read(self, oid: Oid, limit: int | None = None) -> tuple[str, bytes]:
        """Kind and bytes of an object. There is no limit for commits and trees: git itself holds them in memory."""

    @abstractmethod
    def get_size(self, oid: Oid) -> int:
        """How many bytes an object has."""

    def _read_as(self, kind: str, oid: Oid, limit: int | None = None) -> bytes:
        found, data = self._read(oid, limit)
        if found != kind:
            raise WrongObject(f"object {oid[:12]} is a {found}, and a {kind} is needed")
        return data

    def read_commit(self, oid: Oid) -> Commit:
        """The facts of a commit; an annotated tag stands for its commit, whose id `oid` of the answer is."""
        oid, data = self._find_commit(oid)
        head, _, message = data.partition(b"\n\n")
        time, parents = 0, []
        for line in head.decode("utf-8", "replace").split("\n"):
            key, _, value = line.partition(" ")
            if key == "parent":
                parents.append(Oid(value))
            elif key == "committer":
                time = _time_of(value)
        return Commit(oid, _tree_of(data, oid), tuple(parents), time, message.decode("utf-8", "replace"))

    def _read_commit(self, oid: Oid) -> bytes:
        return self._find_commit(oid)[1]

    def _find_commit(self, oid: Oid) -> tuple[Oid, bytes]:
        kind, data = self._read(oid)
        if kind == "tag":  # a ref made by hand may lead to an annotated tag; git follows it, too
            oid = Oid(data[len("object ") : data.find(b"\n")].decode("ascii", "replace"))
            kind, data = self._read(oid)
        if kind != "commit":
            raise WrongObject(f"object {oid[:12]} is a {kind}, and a commit is needed")
        return oid, data

    def read_blob(self, oid: Oid, limit: int = MAX_RECORD) -> bytes:
        """The bytes of a blob; `TooLarge` where there are more than `limit`."""
        return self._read_as("blob", oid, limit)

    def stream_blob(self, oid: Oid) -> Iterator[bytes]:
        """The bytes of a blob of any size, in pieces."""
        self.get_size(oid)  # git's own words for a missing object are none for people
        # libgit2 inflates a blob as a whole; git writes it as it reads
        process = self._git.start("--no-replace-objects", "cat-file", "blob", oid)
        stdout = next(iter(process.out))
        try:
            while chunk := os.read(stdout, _CHUNK):
                yield chunk
            process.check()
        finally:
            process.close()

    def find_entry(self, commit: Oid, path: str) -> Entry | None:
        """The entry at a path of a commit's tree; None where there is none."""
        mode, oid = FOLDER_MODE, _tree_of(self._read_commit(commit), commit)
        for part in path.split("/"):
            if mode != FOLDER_MODE:
                return None
            found = find_in_tree(self._read_as("tree", oid), os.fsencode(part), len(oid) // 2)
            if found is None:
                return None
            mode, oid = found
        return Entry(path, mode, oid)

    def read_file(self, commit: Oid, path: str, limit: int = MAX_RECORD) -> bytes | None:
        """The bytes of the file at a path of a commit's tree; None where there is none."""
        entry = self.find_entry(commit, path)
        if entry is None or entry.mode in {FOLDER_MODE, SUBMODULE_MODE}:
            return None
        return self.read_blob(entry.oid, limit)

    def list_files(self, commit: Oid, folder: str) -> list[Entry]:
        """All files below a folder of a commit's tree, with their whole paths, sorted."""
        top = self.find_entry(commit, folder)
        if top is None or top.mode != FOLDER_MODE:
            return []
        files: list[Entry] = []
        # a folder that holds itself cannot be made, but ten levels of ten equal ones are 10^10 files in a few KB
        folders = [(top, 0)]
        seen = 0
        while folders:
            place, depth = folders.pop()
            if depth > MAX_DEPTH:
                raise WrongObject(f"{folder} is more than {MAX_DEPTH} folders deep")
            for entry in self._read_tree(place.oid):
                seen += 1
                if seen > MAX_FILES:
                    raise WrongObject(f"{folder} has more than {MAX_FILES:,} files")
                whole = entry._replace(path=f"{place.path}/{entry.path}")
                if entry.mode == FOLDER_MODE:
                    folders.append((whole, depth + 1))
                else:
                    files.append(whole)
        return sorted(files)

    def list_top(self, commit: Oid) -> list[Entry]:
        """The entries at the top of a commit's tree."""
        return self.list_tree(_tree_of(self._read_commit(commit), commit))

    def list_tree(self, tree: Oid) -> list[Entry]:
        """The entries of a tree."""
        return list(self._read_tree(tree))

    def count_entries(self, tree: Oid) -> tuple[int, list[Oid]]:
        """How many entries a tree has, and which trees are in it; of a damaged one, those before the damage at the least."""
        found = _ENTRY[len(tree) // 2].findall(self._read_as("tree", tree))
        folders = {mode for mode in {mode for mode, _ in found} if is_folder(mode.decode("ascii", "replace"))}
        return len(found), [Oid(oid.hex()) for mode, oid in found if mode in folders]

    def read_files(
        self, commits: Iterable[Oid], path: str, limit: int = MAX_RECORD
    ) -> Iterator[tuple[Oid, bytes | FormatError | None]]:
        """The file at one path in each of many commits, in their order."""
        for oid in commits:
            try:
                yield oid, self.read_file(oid, path, limit)
            except FormatError as error:
                yield oid, error

    def list_folders(self, commits: Iterable[Oid], folder: str) -> Iterator[tuple[Oid, list[Entry] | FormatError]]:
        """The entries of one folder in each of many commits, in their order; none where it is not there."""
        for oid in commits:
            try:
                top = self.find_entry(oid, folder)
                found = (
                    []
                    if top is None or top.mode != FOLDER_MODE
                    else list_entries(folder, self._read_as("tree", top.oid), top.oid)
                )
            except FormatError as error:
                yield oid, error
            else:
                yield oid, found

    def read_beside(self, commits: Sequence[Oid], path: str, folder: str) -> Iterator[Beside]:
        """The file at one path and the entries of one folder in each of many commits, in their order."""
        folders = self.list_folders(commits, folder)
        for (oid, data), (_, entries) in zip(self.read_files(commits, path), folders, strict=True):
            yield Beside(oid, data, entries)

    def _read_tree(self, oid: Oid) -> Iterator[Entry]:
        yield from read_entries(self._read_as("tree", oid), oid)


def read_entries(data: bytes, oid: Oid) -> Iterator[Entry]:
    """The entries of a tree's bytes."""
    size = len(oid) // 2
    at = 0
    while at < len(data):
        end = data.find(b"\0", at)
        mode, space, path = data[at:end].partition(b" ")
        if end < 0 or not space or end + 1 + size > len(data):
            raise WrongObject(f"tree {oid[:12]} is damaged")
        at = end + 1 + size
        yield Entry(os.fsdecode(path), mode.decode("ascii", "replace"), Oid(data[end + 1 : at].hex()))


def is_folder(mode: str) -> bool:
    """Whether git takes an entry of this mode for a folder: `40000` as it writes it, and also `040000` and `40755`."""
    return _OCTAL.fullmatch(mode) is not None and int(mode, 8) & 0o170000 == 0o040000


def list_entries(folder: str, data: bytes, oid: Oid) -> list[Entry]:
    """The entries of a folder's bytes, with their whole paths."""
    return [entry._replace(path=f"{folder}/{entry.path}") for entry in read_entries(data, oid)]


def _tree_of(commit: bytes, oid: Oid) -> Oid:
    if not commit.startswith(b"tree "):
        raise WrongObject(f"commit {oid[:12]} is damaged: it has no tree")
    return Oid(commit[5 : commit.find(b"\n")].decode("ascii", "replace"))


def find_in_tree(tree: bytes, name: bytes, hash_size: int) -> tuple[str, Oid] | None:
    """Mode and object of one entry: what `_read_tree` would find, in a tenth of its time."""
    wanted = b" " + name
    at = 0
    while (end := tree.find(b"\0", at)) >= 0:
        if tree.endswith(wanted, at, end) and tree[at : end - len(wanted)].isdigit():
            return tree[at : end - len(wanted)].decode("ascii"), Oid(tree[end + 1 : end + 1 + hash_size].hex())
        at = end + 1 + hash_size
    return None


def _time_of(signature: str) -> int:
    """The unix time in `Name <mail> 1700000000 +0000`; 0 where a hand-made commit has none."""
    words = signature.rpartition(">")[2].split()
    return int(words[0]) if words and words[0].isdigit() and len(words[0]) < 16 else 0
