"""What the processes of a run append to its live folder, brought to the disk every few seconds by whoever looks after it.

They themselves only write: waiting for a disk would slow training down, and a kill loses nothing that is written. What
a power cut may cost is what came since the last of these syncs.
"""

from __future__ import annotations

import os

from gitxp.recording.posix import sync

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Appended:
    """The files in these folders, which only grow; a folder may come later."""

    def __init__(self, folders: Sequence[str]) -> None:
        self.folders = folders
        self._sizes: dict[str, int] = {}

    def sync(self) -> None:
        """Bring to the disk what has grown since the last time. Raises `OSError`."""
        for folder in self.folders:
            try:
                names = os.listdir(folder)
            except FileNotFoundError:
                continue
            for name in names:
                self._sync(os.path.join(folder, name))

    def _sync(self, path: str) -> None:
        size = os.stat(path).st_size
        if size == self._sizes.get(path, 0):
            return
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            sync(fd)
        finally:
            os.close(fd)
        self._sizes[path] = size
