"""Which files of a working tree changed since a moment: for what no hook in the program sees.

HDF5, PyTorch's own file formats, pyarrow, R and shell scripts open files without Python hearing of it. What they wrote
shows in the time of a file's last change (ctime, which nobody sets back). A walk over everything costs a stat a file, so
it is bounded in time, and not made for runs that were over in a moment. Whoever else wrote in the same minutes (an
editor, another run) cannot be told from the run: such outputs say that they were found by looking.
"""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, NamedTuple

from gitxp.capture.passed_over import PassedOver

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_FOUND = 20_000
_GRAIN = 10_000_000  # ns: the clock that file times come from lags behind the one that the run's start was read from


class Changes(NamedTuple):
    """Absolute paths of files, and whether all folders were looked into."""

    paths: list[str]
    is_complete: bool


def find_changes(toplevel: str, since_ns: int, seconds: float, is_impatient: Callable[[], bool]) -> Changes:
    """The regular files below `toplevel` that changed at `since_ns` (since 1970) or later; links are not followed.

    Passed over are caches and the like, other repositories and linked worktrees, and what cannot be read.
    """
    passed_over = PassedOver(toplevel)
    end = time.monotonic() + seconds
    since_ns -= _GRAIN
    found: list[str] = []
    folders = [""]
    while folders:
        if time.monotonic() > end or is_impatient() or len(found) > MAX_FOUND:
            return Changes(found[:MAX_FOUND], is_complete=False)
        folder = folders.pop()
        try:
            with os.scandir(os.path.join(toplevel, folder)) as entries:
                listed = list(entries)
        except OSError:
            continue
        if folder and any(entry.name == ".git" for entry in listed):
            continue
        for entry in listed:
            path = f"{folder}/{entry.name}" if folder else entry.name
            try:
                if entry.is_dir(follow_symlinks=False):
                    if not passed_over.folder(path):
                        folders.append(path)
                    continue
                about = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if about.st_ctime_ns >= since_ns and stat.S_ISREG(about.st_mode) and not passed_over.file(path):
                found.append(entry.path)
    return Changes(sorted(found), is_complete=True)
