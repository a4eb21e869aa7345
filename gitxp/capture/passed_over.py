"""Folders whose files nobody means by data or by results: caches, virtual environments, git's own, other repositories.

They are told by their names, or by what lies in them: `CACHEDIR.TAG` (bford.info/cachedir), which pytest, mypy, ruff,
cargo and others leave in theirs, `pyvenv.cfg`, `conda-meta`.
"""

from __future__ import annotations

import os

_NAMES = frozenset(
    ".git .gitxp __pycache__ .pytest_cache .mypy_cache .ruff_cache .ipynb_checkpoints .cache .tox .nox .hypothesis "
    ".hg .svn .eggs node_modules .snakemake .nextflow .DS_Store .idea .vscode .direnv".split()
)
_MARKS = ("CACHEDIR.TAG", "pyvenv.cfg", "conda-meta")
_ENDINGS = (".swp", ".swx", "~", ".pyc", ".pyo", ".egg-info", ".dist-info")


class PassedOver:
    """Tells of paths below the top of a working tree whether they are passed over; what it looked up it remembers."""

    def __init__(self, toplevel: str) -> None:
        self._toplevel = toplevel
        self._folders: dict[str, bool] = {"": False}

    def file(self, path: str) -> bool:
        """Whether a file is, by its path from the top."""
        folder, _, name = path.rpartition("/")
        return name in _NAMES or name.endswith(_ENDINGS) or self.folder(folder)

    def folder(self, path: str) -> bool:
        """Whether everything in this folder is."""
        if path not in self._folders:
            parent, _, name = path.rpartition("/")
            self._folders[path] = self.folder(parent) or name in _NAMES or name.endswith(_ENDINGS) or self._marked(path)
        return self._folders[path]

    def _marked(self, path: str) -> bool:
        place = os.path.join(self._toplevel, path)
        return any(os.path.lexists(os.path.join(place, mark)) for mark in _MARKS)
