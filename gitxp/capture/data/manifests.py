"""The manifests of data folders as files: what tells, of two runs with different data, which files differ.

A folder's digest is that of its manifest (fingerprints.py), so a copy can be checked by hashing it: one is kept beside the stat
cache, and an unchanged folder of 100,000 files needs no second look for it. What has more files has a digest only.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, BinaryIO

import xxhash

if TYPE_CHECKING:
    from gitxp.capture.data.stat_cache import Answer

MAX_FILES = 100_000


class Manifest:
    """One that is being written to `target`, and kept at `kept` for the next time; without a target it is nothing.

    What cannot be written (a full disk) is no manifest, and no error.
    """

    def __init__(self, target: str | None, kept: str | None) -> None:
        self._target = target
        self._kept = kept
        self._temporary = f"{target}.tmp"
        self._files = 0
        self._file: BinaryIO | None = None
        if target:
            with contextlib.suppress(OSError):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                self._file = open(self._temporary, "wb")  # noqa: SIM115  (closed by publish, discard)

    def add(self, lines: bytes, files: int) -> None:
        """Add the lines of so many files."""
        self._files += files
        if self._files > MAX_FILES:
            self.discard()
        elif self._file:
            try:
                self._file.write(lines)
            except OSError:
                self.discard()

    def publish(self) -> bool:
        """Put it in its place; whether it is there."""
        if not self._file or not self._target:
            return False
        try:
            self._file.close()
            os.replace(self._temporary, self._target)
        except OSError:
            self.discard()
            return False
        if self._kept:
            with contextlib.suppress(OSError):
                _copy(self._target, self._kept)
        return True

    def discard(self) -> None:
        """Forget it."""
        if self._file:
            with contextlib.suppress(OSError):
                self._file.close()
            with contextlib.suppress(OSError):
                os.unlink(self._temporary)
            self._file = None


def reuse(target: str, kept: str | None, answer: Answer) -> bool | None:
    """Take the one that was kept, if it is that of this answer; False where there can be none, None where there must be one."""
    if answer.files > MAX_FILES:
        return False
    if kept is None:
        return None
    try:
        with open(kept, "rb") as file:
            data = file.read()
        if xxhash.xxh3_128_digest(data) != answer.digest:
            return None
        os.makedirs(os.path.dirname(target), exist_ok=True)
        _copy(kept, target)
    except OSError:
        return None
    return True


def _copy(source: str, target: str) -> None:
    temporary = f"{target}.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        with open(source, "rb") as read, open(temporary, "wb") as file:
            while chunk := read.read(1 << 20):
                file.write(chunk)
        os.replace(temporary, target)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
