"""A storage that is a folder of this machine, or one that is mounted; and how a file is gone on with that was begun."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BLOCK = 4 << 20
_PASSING = re.compile(r"tmp/[\w.-]+-[0-9a-f]{16}")


class _Deletes(Protocol):
    def delete(self, name: str) -> None:
        """Take a file away, if it is there."""


class Passing:
    """A storage where a file has a passing name on its way, and is gone on with under it."""

    is_atomic = False

    def begin(self, name: str, size: int, begun: str) -> str:
        """The passing name that the file has, or a new one, which nobody else takes."""
        del size
        return begun if _PASSING.fullmatch(begun) else f"tmp/{name.rpartition('/')[2]}-{os.urandom(8).hex()}"

    def drop(self: _Deletes, name: str, begun: str) -> None:
        """Take away what has the passing name; what has another is none of ours."""
        del name
        if _PASSING.fullmatch(begun):
            self.delete(begun)


class Folder(Passing):
    """The storage."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.identity = os.path.realpath(path)

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none."""
        try:
            return os.stat(self._full(name)).st_size
        except FileNotFoundError:
            return None

    def put(self, source: str, name: str, begun: str, tick: Callable[[int], None]) -> str:
        """Copy what is not there of a local file; all that is there is compared. It survives a power cut."""
        del name
        path = self._full(begun)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        with open(source, "rb") as near, open(fd, "r+b") as far:
            there = os.fstat(fd).st_size
            send_rest(near, far, there, tick, proof=there)
            far.flush()
            os.fsync(fd)
        return begun

    @contextlib.contextmanager
    def read(self, name: str, start: int = 0) -> Iterator[BinaryIO]:
        """A file, opened at this byte."""
        with open(self._full(name), "rb") as file:
            file.seek(start)
            yield file

    def move(self, name: str, target: str) -> None:
        """Give a file another name."""
        os.makedirs(os.path.dirname(self._full(target)), exist_ok=True)
        os.replace(self._full(name), self._full(target))

    def delete(self, name: str) -> None:
        """Take a file away, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._full(name))

    def _full(self, name: str) -> str:
        return os.path.join(self._path, name)


def send_rest(near: BinaryIO, far: BinaryIO, there: int, tick: Callable[[int], None], *, proof: int) -> None:
    """Make `far` the file that `near` is, where its first `there` bytes may be that already.

    The last `proof` of those are compared. If that is all, it goes on behind the last block that is equal, else from the
    first byte if any is not. Positions are told, so that two that write at once write the same.
    """
    done = min(there, os.fstat(near.fileno()).st_size)
    start = position = max(0, done - proof)
    near.seek(start)
    far.seek(start)
    while position < done:
        tick(position)
        length = min(BLOCK, done - position)
        if far.read(length) != near.read(length):
            done = 0 if start else position
            break
        position += length
    near.seek(done)
    far.truncate(done)
    far.seek(done)
    tick(done)
    while chunk := near.read(BLOCK):
        far.write(chunk)
        done += len(chunk)
        tick(done)
