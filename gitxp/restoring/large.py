"""The large files of a snapshot on disk again: their bytes in place of the git-lfs pointers that its tree has."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from gitxp.git.large_files import find_pointers, smudge
from gitxp.git.program import Git

if TYPE_CHECKING:
    from gitxp.git.lfs import Store
    from gitxp.model import Run
    from gitxp.restoring.checkout import Restored


def list_large(run: Run) -> set[str]:
    """The paths of the large files that a run began with, untracked, of which its tree has pointers."""
    items = [item for item in run.record.get("large", ()) if isinstance(item, dict)]
    return {path for item in items if isinstance(path := item.get("path"), str)}


def bring_large(git: Git, store: Store, run: Run, restored: Restored) -> Restored:
    """Write the large files that the run began with, untracked as they were then; what is not here is told.

    The record says which they are, and the tree has to have pointers there: a tracked file that is a pointer is the
    affair of git-lfs.
    """
    listed = list_large(run)
    if not listed:
        return restored
    wanted = {path: pointer for path, pointer in find_pointers(git, run.commit).items() if path in listed}
    left = smudge(store, restored.path, wanted)
    there = wanted.keys() - {item.path for item in left}
    if restored.worktree and there:
        paths = b"".join(os.fsencode(path) + b"\0" for path in sorted(there))
        Git(restored.path).run("update-index", "--force-remove", "-z", "--stdin", data=paths)
    notices = [f"{item.path} is a pointer, without its content: {item.reason.rstrip('.')}." for item in left]
    if left:
        notices.append(f"gitxp pull --large {run.name} brings what the storage or the remote has.")
    return replace(restored, notices=(*restored.notices, *notices))
