"""The manifests of data folders as files: what tells, of two runs with different data, which files differ.

A folder's digest is that of its manifest (fingerprints.py), so a copy can be checked by hashing it: one is kept beside the stat
cache, and an unchanged folder of 100,000 files needs no second look for it. What has more files has a digest only.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import xxhash

from gitxp.git.beside import Beside

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
        self._files = 0
        self._beside: Beside | None = None
        if target:
            with contextlib.suppress(OSError):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                self._beside = Beside(target)

    def add(self, lines: bytes, files: int) -> None:
        """Add the lines of so many files."""
        self._files += files
        if self._files > MAX_FILES:
            self.discard()
        elif self._beside:
            try:
                self._beside.file.write(lines)
            except OSError:
                self.discard()

    def publish(self) -> bool:
        """Put it in its place; whether it is there."""
        if not self._beside or not self._target:
            return False
        try:
            self._beside.publish()
        except OSError:
            self._beside = None
            return False
        if self._kept:
            with contextlib.suppress(OSError):
                _copy(self._target, self._kept)
        return True

    def discard(self) -> None:
        """Forget it."""
        if self._beside:
            with contextlib.suppress(OSError):
                self._beside.discard()
            self._beside = None


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
    with open(source, "rb") as read, Beside(target) as file:
        while chunk := read.read(1 << 20):
            file.write(chunk)
