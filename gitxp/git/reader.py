"""Everything that follows from reading one object as it is stored."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from gitxp.errors import FormatError
from gitxp.format import MAX_RECORD, Oid
from gitxp.git.objects import FOLDER_MODE, SUBMODULE_MODE, Beside, Commit, Entry, WrongObject
from gitxp.git.tree_bytes import count_in_tree, find_in_tree, list_entries, read_entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gitxp.git.program import Git

MAX_DEPTH = 200
MAX_FILES = 1_000_000
_CHUNK = 1 << 16


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
        return count_in_tree(self._read_as("tree", tree), tree)

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


def _tree_of(commit: bytes, oid: Oid) -> Oid:
    if not commit.startswith(b"tree "):
        raise WrongObject(f"commit {oid[:12]} is damaged: it has no tree")
    return Oid(commit[5 : commit.find(b"\n")].decode("ascii", "replace"))


def _time_of(signature: str) -> int:
    """The unix time in `Name <mail> 1700000000 +0000`; 0 where a hand-made commit has none."""
    words = signature.rpartition(">")[2].split()
    return int(words[0]) if words and words[0].isdigit() and len(words[0]) < 16 else 0
