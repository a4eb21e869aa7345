"""Objects by `git cat-file`, the program: it reads whatever git reads, and is there 2 ms after it is wanted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gitxp.errors import FormatError
from gitxp.format import MAX_RECORD, Oid
from gitxp.git.ahead import SETTINGS, read_ahead
from gitxp.git.objects import MissingObject, Reader, TooLarge, WrongObject, list_entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gitxp.git.objects import Beside, Entry
    from gitxp.git.program import Git, Process

# Requests for one batch of answers: 256 lines of at most 100 bytes fit into any pipe, so that nobody waits for another.
_BATCH = 256
_CHUNK = 1 << 16
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


class Batch:
    """One `git cat-file --batch…` process, started when it is first needed and again after it broke off."""

    def __init__(self, git: Git, option: str, settings: Sequence[str] = ()) -> None:
        self._git = git
        said = (word for setting in settings for word in ("-c", setting))
        self._command = (*said, "--no-replace-objects", "cat-file", option)
        self._process: Process | None = None
        self._stdout = -1
        self._buffer = bytearray()

    @property
    def alive(self) -> bool:
        """Whether it stands ready between two answers."""
        return self._process is not None

    def close(self) -> None:
        """End the process and forget what it said."""
        process, self._process = self._process, None
        self._buffer.clear()
        if process is not None:
            process.close()

    def send(self, names: Sequence[str]) -> None:
        """Ask for objects, at most `_BATCH` of them."""
        if self._process is None:
            self._process = self._git.start(*self._command, stdin=True)
            self._stdout = next(iter(self._process.out))
        try:
            self._process.send("".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape"))
        except BrokenPipeError:
            self._fail(names[0])

    def ask(self, oid: Oid) -> tuple[str, int]:
        """Send one and receive its kind and size."""
        self.send([oid])
        return self.receive(oid)

    def receive(self, oid: Oid) -> tuple[str, int]:
        """Kind and size of the next object; `MissingObject` where there is none."""
        words = self._read_line(oid).rsplit(" ", 2)
        if len(words) < 3 or not words[2].isdigit():
            raise MissingObject(oid)
        return words[1], int(words[2])

    def receive_bytes(self, oid: Oid, kind: str, size: int, limit: int | None) -> bytes:
        """The bytes that follow a kind and size; where those are over the limit the process ends, and they are not read."""
        if limit is not None and size > limit:
            self.close()
            raise TooLarge(f"{kind} {oid[:12]}", size, limit)
        while len(self._buffer) < size + 1:
            self._fill(oid)
        data = bytes(self._buffer[:size])
        del self._buffer[: size + 1]
        return data

    def _read_line(self, oid: Oid) -> str:
        while (end := self._buffer.find(b"\n")) < 0:
            self._fill(oid)
        line = self._buffer[:end].decode("utf-8", "replace")
        del self._buffer[: end + 1]
        return line

    def _fill(self, oid: str) -> None:
        chunk = os.read(self._stdout, _CHUNK)
        if not chunk:
            self._fail(oid)
        self._buffer += chunk

    def _fail(self, oid: str) -> None:
        """The process ended by itself: git found an object that it cannot read."""
        process, self._process = self._process, None
        self._buffer.clear()
        assert process is not None
        words = process.result().stderr.decode("utf-8", "replace").strip().splitlines()
        said = words[-1] if words else "git stopped"
        raise WrongObject(f"object {oid[:12]} cannot be read: {said}", hint="Look for damage with 'git fsck'.")


def _groups(oids: Iterable[Oid]) -> Iterator[list[Oid]]:
    group: list[Oid] = []
    for oid in oids:
        group.append(oid)
        if len(group) == _BATCH:
            yield group
            group = []
    if group:
        yield group
