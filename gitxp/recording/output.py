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


def join(path: str) -> tuple[str | None, bool]:
    """The log as one file: its path (None where nothing was ever kept), and whether a part in the middle is missing."""
    tails = [tail for tail in _tails(path) if os.path.exists(tail)]
    if not tails:
        return (path if os.path.exists(path) else None), False
    whole = f"{path}.joined"
    with open(whole, "wb") as target:
        _copy(path, target)
        target.write(b"\n[gitxp: a part of the output is left out here: see docs/format.md]\n")
        for tail in tails:
            _copy(tail, target)
    return whole, True


def _copy(path: str, target: BinaryIO) -> None:
    with open(path, "rb") as source:
        while chunk := source.read(_COPY):
            target.write(chunk)
