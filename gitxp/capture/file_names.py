"""One name for each file, through whichever folders it was opened: a folder that is a link is another name of a folder."""

from __future__ import annotations

import os


class FileNames:
    """Tells files of one working tree by one name each; what it looked up of folders it remembers."""

    def __init__(self, toplevel: str) -> None:
        self._top = toplevel.rstrip("/") + "/"
        self._real_top = os.path.realpath(toplevel).rstrip("/") + "/"
        self._folders: dict[str, str] = {}
        self._linked: dict[str, str] = {}

    def find(self, path: str) -> str:
        """The name of the file at an absolute path, which may itself be a link: that is left as it is.

        It is the one without linked folders where the file lies in the working tree. Of files that lie elsewhere and
        are reached from there it is the first that was asked for.
        """
        full = os.path.normpath(path)
        folder, _, name = full.rpartition("/")
        real = self._folders.get(folder)
        if real is None:
            real = self._folders[folder] = os.path.realpath(folder).rstrip("/")
        if real == folder:
            return full
        place = f"{real}/{name}"
        if place.startswith(self._real_top):
            return self._top + place[len(self._real_top) :]
        return self._linked.setdefault(place, full) if full.startswith(self._top) else full
