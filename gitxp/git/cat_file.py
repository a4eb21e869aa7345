"""Objects by `git cat-file`, the program: it reads whatever git reads, and is there 2 ms after it is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.errors import FormatError
from gitxp.format import MAX_RECORD, Oid
from gitxp.git.ahead import SETTINGS, read_ahead
from gitxp.git.batch import BATCH, Batch
from gitxp.git.objects import MissingObject
from gitxp.git.reader import Reader
from gitxp.git.tree_bytes import list_entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gitxp.git.objects import Beside, Entry
    from gitxp.git.program import Git

# Commits for which no process of their own is started.
_FEW = 4


class CatFile(Reader):
    """Objects by `git cat-file`, one process for contents and, where sizes are asked, one for those."""

    def __init__(self, git: Git) -> None:
        super().__init__(git)
        self._contents = Batch(git, "--batch")
        self._sizes = Batch(git, "--batch-check")

    def close(self) -> None:
        """End the processes."""
        self._contents.close()
        self._sizes.close()

    def get_size(self, oid: Oid) -> int:
        """How many bytes an object has."""
        return self._sizes.ask(oid)[1]

    def _read(self, oid: Oid, limit: int | None = None) -> tuple[str, bytes]:
        kind, size = self._contents.ask(oid)
        return kind, self._contents.receive_bytes(oid, kind, size, limit)

    def read_files(
        self, commits: Iterable[Oid], path: str, limit: int = MAX_RECORD
    ) -> Iterator[tuple[Oid, bytes | FormatError | None]]:
        """The file at one path in each of many commits, in their order."""
        commits = list(commits)
        if len(commits) <= _FEW:
            yield from super().read_files(commits, path, limit)
        else:
            yield from self._ask_many(commits, path, "blob", limit)

    def _ask_many(
        self, commits: Iterable[Oid], path: str, kind: str, limit: int = MAX_RECORD
    ) -> Iterator[tuple[Oid, bytes | FormatError | None]]:
        if "\n" in path:
            raise ValueError(path)
        # a process of its own: whoever stops in the middle leaves answers behind
        batch = Batch(self._git, "--batch")
        try:
            for group in _groups(commits):
                yield from self._ask_group(batch, group, path, kind, limit)
        finally:
            batch.close()

    def _ask_group(
        self, batch: Batch, group: list[Oid], path: str, wanted: str, limit: int
    ) -> Iterator[tuple[Oid, bytes | FormatError | None]]:
        at = 0
        while at < len(group):
            batch.send([f"{oid}:{path}" for oid in group[at:]])
            while at < len(group):
                oid = group[at]
                at += 1
                try:
                    kind, size = batch.receive(oid)
                    data = batch.receive_bytes(oid, kind, size, limit)
                except MissingObject:
                    yield oid, self._explain(oid, path) if wanted == "blob" else None
                except FormatError as error:
                    yield oid, error
                else:
                    yield oid, data if kind == wanted else None
                if not batch.alive:  # it stopped in the middle of an answer: ask the rest of another
                    break

    def list_folders(self, commits: Iterable[Oid], folder: str) -> Iterator[tuple[Oid, list[Entry] | FormatError]]:
        """The entries of one folder in each of many commits, in their order; none where it is not there."""
        commits = list(commits)
        if len(commits) <= _FEW:
            yield from super().list_folders(commits, folder)
            return
        for oid, data in self._ask_many(commits, folder, "tree"):
            try:
                found = list_entries(folder, data, oid) if isinstance(data, bytes) else []
            except FormatError as error:
                yield oid, error
            else:
                yield oid, data if isinstance(data, FormatError) else found

    def read_beside(self, commits: Sequence[Oid], path: str, folder: str) -> Iterator[Beside]:
        """The file at one path and the entries of one folder in each of many commits, in their order."""
        if len(commits) <= _FEW:
            yield from super().read_beside(commits, path, folder)
            return
        at = 0
        while at < len(commits):
            batch = Batch(self._git, "--batch", SETTINGS)
            try:
                for found in read_ahead(batch, commits, at, path, folder):
                    yield found or next(super().read_beside([commits[at]], path, folder))
                    at += 1
            finally:
                batch.close()

    def _explain(self, oid: Oid, path: str) -> bytes | FormatError | None:
        """Why `<commit>:<path>` is missing: no such path (None), or no such commit, tree or blob."""
        try:
            return self.read_file(oid, path)
        except FormatError as error:
            return error


def _groups(oids: Iterable[Oid]) -> Iterator[list[Oid]]:
    group: list[Oid] = []
    for oid in oids:
        group.append(oid)
        if len(group) == BATCH:
            yield group
            group = []
    if group:
        yield group
