"""Logging numbers: one line and one `write` for each call, in a journal file that only this process writes.

What `log` returned from is in the kernel and survives the death of every process; a timer of the recorder's brings it
to the disk. There is no lock on this way: the kernel puts whole writes on an `O_APPEND` descriptor one behind the other.
The text of a time is used again for a millisecond, coded names are kept; what is left is `repr` and `write` themselves
(docs/performance.md).
"""

from __future__ import annotations

import errno
import os
import threading
import time

from gitxp.current.said import open_own
from gitxp.current.values import number
from gitxp.format import METRICS_FOLDER, metric_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_MAX_STEP = 2**63
_DESCRIPTOR = 200
_NO_FILE = -1  # a `write` to it fails, and so the way of each line need not ask
_FRESH = 0.001  # seconds
_now, _write = time.time, os.write


class Points:
    """The numbers that one process logs for one run. `tell` is called with a sentence about what was not kept.

    `step` is the step of the next call that names none. `last` has the value logged last of each metric.
    """

    def __init__(self, folder: str, tell: Callable[[str, str], None], special: Callable[[str, Any, int], bool]) -> None:
        self.folder = folder
        self.tell = tell
        self.special = special
        self.step = 0
        self.last: dict[str, float] = {}
        self.lost = 0
        self._fd = _NO_FILE
        self._coded: dict[str, str] = {}
        self._since = self._until = 0.0
        self._at = ""
        self._lock = threading.RLock()  # a signal handler may log, too

    def log(self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
        """Log a value for each metric, nested dictionaries by dotted names.

        Without `step` it is the next one, and only `commit=False` keeps it for the next call, too; with `step` it is that
        one, and further calls without a step belong to it as well until one without `commit` ends it. Raises `TypeError`
        only where `data` is no dictionary.
        """
        if step is None:
            step = self.step
            if commit is not False:
                self.step = step + 1
        else:
            step = self._take_step(step, commit)
        now = _now()
        if not self._since <= now < self._until:
            self._at, self._since, self._until = f"\t{now:.3f}\t", now, now + _FRESH
        try:
            items = data.items()
        except AttributeError:
            msg = f"log() takes a dictionary of names and numbers, not a {type(data).__name__}"
            raise TypeError(msg) from None
        lines, coded = "", self._coded
        for key, value in items:
            if type(value) is float and key in coded:
                lines += f"{coded[key]}{step}{self._at}{value!r}\n"
                self.last[key] = value
            else:
                lines += self._lines(key, value, step)
        line = lines.encode("ascii")
        try:
            if _write(self._fd, line) == len(line):
                return
            self._leave(line)
        except OSError:
            self._write_slowly(line)

    def append(self, metric: str, value: Any, step: int) -> None:
        """Log one value at this step, without moving on from any."""
        now = _now()
        self._at, self._since, self._until = f"\t{now:.3f}\t", now, now + _FRESH
        line = self._lines(metric, value, step)
        if line:
            self._write_slowly(line.encode("ascii"))

    def _take_step(self, step: Any, commit: bool | None) -> int:
        try:
            chosen = int(step)
        except Exception:  # noqa: BLE001  (a tensor of some library, or a mistake)
            chosen = _MAX_STEP
        if not -_MAX_STEP < chosen < _MAX_STEP:
            self.tell("step", f"{step!r} is no step; the next one was taken instead")
            chosen = self.step
        self.step = max(self.step, chosen) + (1 if commit else 0)
        return chosen

    def _lines(self, key: Any, value: Any, step: int) -> str:
        """The lines of one value, or of all in a nested dictionary; empty where there is no number in it."""
        if isinstance(value, dict) or (hasattr(value, "items") and hasattr(value, "keys")):
            return "".join([self._lines(f"{key}.{name}" if key else name, item, step) for name, item in value.items()])
        if not isinstance(key, str):
            key = str(key)
        found = number(value)
        if found is None:
            if not self.special(key, value, step):
                self.tell(key, f"{key!r} was logged as a {type(value).__name__}, which is no number: it is not kept")
            return ""
        coded = self._coded.get(key)
        if coded is None:
            # the metric as the series' path has it: no tab, no newline, and the way back is there
            coded = self._coded[key] = metric_path(key)[len(METRICS_FOLDER) + 1 :] + "\t"
        self.last[key] = found
        return f"{coded}{step}{self._at}{found!r}\n"

    def _write_slowly(self, line: bytes) -> None:
        """Open the file at the first line; count what cannot be kept."""
        if not line:
            return
        try:
            if self._fd == _NO_FILE:
                self._fd = self._open()
            if _write(self._fd, line) != len(line):
                self._leave(line)
        except OSError as error:
            if error.errno == errno.EBADF and self._fd != _NO_FILE:  # who becomes a daemon closes all files
                self._fd = _NO_FILE
                self._write_slowly(line)
            else:
                self._lose(line, error.strerror or "unknown error")

    def _leave(self, line: bytes) -> None:
        """After a line that was cut off (a full disk): the next one begins a file of its own, or it would hang on to it."""
        self.close()
        self._lose(line, "the disk is full")

    def _lose(self, line: bytes, reason: str) -> None:
        self.lost += line.count(b"\n")
        if os.path.isdir(self.folder):  # else the run is over, and nobody listens
            self.tell("write", f"metrics could not be kept: {reason}")

    def _open(self) -> int:
        with self._lock:
            if self._fd != _NO_FILE:
                return self._fd
            return open_own(os.path.join(self.folder, "journal"), ".tsv", _DESCRIPTOR)

    def renew(self) -> None:
        """In a forked child: the file is the parent's, and a lock may be held by a thread that is not here."""
        self.close()
        self.lost = 0
        self._lock = threading.RLock()

    def close(self) -> None:
        """Let go of the file."""
        fd, self._fd = self._fd, _NO_FILE
        if fd != _NO_FILE:
            os.close(fd)
