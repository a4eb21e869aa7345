"""Statements: what a process says of its run beside numbers, one JSON object a line, in a file of its own.

The recorder, or whoever recovers the run, folds them into the record when the command is over (recording/statements.py).
Each line is one `write` on an `O_APPEND` descriptor, so that a kill loses nothing that was said.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

MAX_LINE = 64 * 1024
_DESCRIPTOR = 300
_ROOM = MAX_LINE // 2  # for the items of a statement, beside its other keys


class Said:
    """The statements of this process, in `said/` of a live folder; made at the first one. Nothing here raises `OSError`."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.lost = 0
        self._fd: int | None = None
        self._lock = threading.RLock()

    def say(self, kind: str, **facts: Any) -> None:
        """Make one statement; its facts are what JSON can hold, without nan."""
        import json

        line = json.dumps({"kind": kind, "at": round(time.time(), 3), **facts}, separators=(",", ":")) + "\n"
        data = line.encode("ascii")
        if len(data) > MAX_LINE or not self._write(data):
            self.lost += 1

    def say_all(self, kind: str, key: str, items: Mapping[str, Any], **facts: Any) -> None:
        """Make as many statements as the items need, each with a dictionary of some of them at `key`."""
        import json

        part: dict[str, Any] = {}
        room = _ROOM
        for name, value in items.items():
            size = len(json.dumps({name: value}))
            if part and size > room:
                self.say(kind, **{key: part}, **facts)
                part, room = {}, _ROOM
            part[name] = value
            room -= size
        if part:
            self.say(kind, **{key: part}, **facts)

    def _write(self, data: bytes) -> bool:
        try:
            if os.write(self._file(), data) == len(data):
                return True
            self.close()  # a full disk cut it off; the next begins a file of its own
        except OSError as error:
            if error.errno == errno.EBADF and self._fd is not None:  # who becomes a daemon closes all files
                self._fd = None
                return self._write(data)
        return False

    def _file(self) -> int:
        with self._lock:
            if self._fd is None:
                folder = os.path.join(self.folder, "said")
                self._fd = open_own(folder, ".jsonl", _DESCRIPTOR)
            return self._fd

    def renew(self) -> None:
        """In a forked child: the file is the parent's, and a lock may be held by a thread that is not here."""
        self.close()
        self.lost = 0
        self._lock = threading.RLock()

    def close(self) -> None:
        """Let go of the file."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


def open_own(folder: str, ending: str, lowest: int) -> int:
    """A new file of this process's own to append to, in a folder of a live folder. Raises `OSError`.

    Its descriptor is `lowest` or above, where the limits allow it: a program that closes all of its files and opens its
    own must not have one of them where we would go on writing.
    """
    make_folder(folder)
    path = os.path.join(folder, f"{os.getpid()}-{os.urandom(4).hex()}{ending}")
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)
    except OSError:
        return fd
    os.close(fd)
    return high


def make_folder(path: str) -> None:
    """Make a folder in a live folder, and no folder above it: where that is gone, the run is over. `OSError` then."""
    with contextlib.suppress(FileExistsError):  # another process came first
        os.mkdir(path)
