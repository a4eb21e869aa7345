"""The log of what the command printed.

It never stands in the command's way: a full disk costs the rest of the log, and is said at the end, but nothing that the
command does. Nor does a command that prints without end fill the disk: over the limit, the beginning and the end are kept.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

_COPY = 1 << 20
_LEFT_OUT = b"\n[gitxp: a part of the output is left out here: see docs/format.md]\n"


class OutputLog:
    """The log file at `path`, kept below `limit` bytes; `tail` files beside it hold the end of a longer output."""

    def __init__(self, path: str, limit: int) -> None:
        self.path = path
        self.limit = limit
        self.problem: str | None = None
        self.size = 0
        self._unsynced = False
        self._segment_size = 0
        self._fd: int | None = None
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            self.size = os.fstat(self._fd).st_size
        except OSError as error:
            self._give_up(error)

    def write(self, data: bytes) -> None:
        """Keep what was printed; never raises."""
        if self._fd is None:
            return
        try:
            head = self.limit // 2
            if self._segment_size == 0 and self.size < head:
                first, data = data[: head - self.size], data[head - self.size :]
                self._write_all(first)
                self.size += len(first)
            if data:
                self._write_tail(data)
        except OSError as error:
            self._give_up(error)

    def _write_all(self, data: bytes) -> None:
        assert self._fd is not None
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
        self._unsynced = True

    def _write_tail(self, data: bytes) -> None:
        """Two files that take turns: when one is full, the other, older one is begun anew."""
        if self._segment_size == 0 or self._segment_size + len(data) > self.limit // 4:
            assert self._fd is not None
            os.close(self._fd)
            older, newer = _tails(self.path)
            if os.path.exists(older):
                os.close(os.open(_cut(self.path), os.O_WRONLY | os.O_CREAT, 0o666))
            if os.path.exists(newer):
                os.replace(newer, older)
            self._fd = os.open(newer, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666)
            self._segment_size = 0
        self._write_all(data)
        self._segment_size += len(data)
        self.size += len(data)

    def sync(self) -> None:
        """Bring it to the disk, if there is anything new."""
        if self._unsynced and self._fd is not None:
            self._unsynced = False
            try:
                os.fsync(self._fd)
            except OSError as error:
                self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.problem = f"The output could not be kept from byte {self.size:,} on: {error.strerror}."
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _tails(path: str) -> tuple[str, str]:
    return f"{path}.tail1", f"{path}.tail2"


def _cut(path: str) -> str:
    """The file that tells that a tail was begun anew, and its bytes are gone."""
    return f"{path}.cut"


class OutputReader:
    """The log at `path` while it grows: the beginning, and then the tails that take turns. Raises `OSError` without one."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDONLY)

    def read(self) -> bytes:
        """What comes next; empty where that is all by now."""
        following = self._find_next()  # before the read: what comes next begins when this one is complete
        data = os.read(self._fd, _COPY)
        if data or following is None:
            return data
        is_head = os.path.exists(self.path) and os.path.samestat(os.fstat(self._fd), os.stat(self.path))
        try:
            fd = os.open(following, os.O_RDONLY)
        except FileNotFoundError:  # it took the other's place just now, or the run ended
            return b""
        os.close(self._fd)
        self._fd = fd
        return (_LEFT_OUT if is_head and os.path.exists(_cut(self.path)) else b"") + os.read(fd, _COPY)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)

    def _find_next(self) -> str | None:
        """The file after this one, if there is one: the older tail, unless this one is a tail that is still there."""
        here = os.fstat(self._fd)
        older, newer = _tails(self.path)
        for tail, after in ((newer, None), (older, newer)):
            if os.path.exists(tail) and os.path.samestat(here, os.stat(tail)):
                return after
        for tail in (older, newer):
            if os.path.exists(tail):
                return tail
        return None


def join(path: str) -> tuple[str | None, bool]:
    """The log as one file: its path (None where nothing was ever kept), and whether a part in the middle is missing."""
    tails = [tail for tail in _tails(path) if os.path.exists(tail)]
    if not tails:
        return (path if os.path.exists(path) else None), False
    whole = f"{path}.joined"
    is_cut = os.path.exists(_cut(path))
    with open(whole, "wb") as target:
        _copy(path, target)
        if is_cut:
            target.write(_LEFT_OUT)
        for tail in tails:
            _copy(tail, target)
    return whole, is_cut


def _copy(path: str, target: BinaryIO) -> None:
    with open(path, "rb") as source:
        while chunk := source.read(_COPY):
            target.write(chunk)
