"""Folders for private indexes and files of a moment, in the system's folder for such; and those that a kill left there."""

from __future__ import annotations

import os
import stat
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "gitxp-scratch-"
_DAY = 86_400.0  # no command takes that long; one that does is not robbed of what it wrote just now


def make_scratch() -> str:
    """A new folder, which whoever asked has to take away."""
    return tempfile.mkdtemp(prefix=PREFIX)


def list_left_scratch(now: float) -> Iterator[str]:
    """Such folders of this user's that nobody wrote to for a day; `now` is unix time in seconds."""
    top = tempfile.gettempdir()
    for name in os.listdir(top):
        path = os.path.join(top, name)
        if name.startswith(PREFIX) and _is_ours(path) and now - _newest(path) > _DAY:
            yield path


def _is_ours(path: str) -> bool:
    try:
        about = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid()


def _newest(top: str) -> float:
    times = [0.0]
    for place, _, names in os.walk(top):
        for path in (place, *(os.path.join(place, name) for name in names)):
            try:
                times.append(os.lstat(path).st_mtime)
            except OSError:
                continue  # somebody takes it away
    return max(times)
