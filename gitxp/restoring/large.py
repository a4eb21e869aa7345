"""The large files of a snapshot on disk again: their bytes in place of the git-lfs pointers that its tree has."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from gitxp.capture.data.pointers import LFS_SIZE, lfs_oid
from gitxp.errors import GitxpError
from gitxp.git.large_files import find_pointers, smudge
from gitxp.git.program import Git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gitxp.git.lfs import Store
    from gitxp.git.objects import Objects
    from gitxp.model import Run
    from gitxp.restoring.checkout import Restored

    # The bytes of a large file from the bytes of its git-lfs pointer, in pieces; None where they are not here.
    LargeFiles = Callable[[bytes], Iterator[bytes] | None]


def list_large(run: Run) -> set[str]:
    """The paths of the large files that a run began with, untracked, of which its tree has pointers."""
    items = [item for item in run.record.get("large", ()) if isinstance(item, dict)]
    return {path for item in items if isinstance(path := item.get("path"), str)}


def find_large(objects: Objects, run: Run, path: str) -> bytes | None:
    """The pointer that the tree of a run has at the path of a large file; None where it is none."""
    entry = objects.find_entry(run.commit, path) if path in list_large(run) else None
    if entry is None or not entry.mode.startswith("100") or objects.get_size(entry.oid) > LFS_SIZE:
        return None
    data = objects.read_blob(entry.oid)
    return data if lfs_oid(data) is not None else None


def read_large(data: bytes, path: str, large_files: LargeFiles) -> Iterator[bytes]:
    """The bytes of a large file from those of its pointer. Raises `GitxpError` where they are not here."""
    chunks = large_files(data)
    if chunks is None:
        raise GitxpError(
            f"{path} is a large file, and its bytes are not in this clone.",
            hint="Get them: gitxp pull --large RUN from the storage, git lfs fetch from the remote.",
        )
    return chunks


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
        notices.append(
            f"gitxp pull --large {run.name} brings what is in the storage; git lfs fetch, what is in the remote."
        )
    return replace(restored, notices=(*restored.notices, *notices))
