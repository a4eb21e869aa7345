"""What a rerun left in its folder that is nowhere else: as long as there is any, the folder stays."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gitxp.capture.passed_over import PassedOver

if TYPE_CHECKING:
    from gitxp.git.program import Git
    from gitxp.restoring.links import Links


def find_leftovers(inside: Git, links: Links, stored: set[str], toplevel: str | None) -> list[str]:
    """The files of a worktree that neither the snapshot nor the new run has, sorted.

    `inside` is git at its top, `stored` what the new run has as artifacts, by path. Caches count for nothing, nor do
    copies of files at `toplevel` that are as they were.
    """
    changed = inside.run("diff-files", "-z", "--name-only", "--ignore-submodules", "--diff-filter=d")
    others = inside.run("ls-files", "-o", "-z")
    passed_over = PassedOver(inside.directory)
    left = {os.fsdecode(path) for path in (changed + others).split(b"\0") if path} - stored - set(links.links)
    for path in links.copies:
        if toplevel is not None and _is_same(os.path.join(inside.directory, path), os.path.join(toplevel, path)):
            left.discard(path)
    return sorted(path for path in left if not passed_over.file(path))


def _is_same(a: str, b: str) -> bool:
    try:
        one, other = os.stat(a), os.stat(b)
    except OSError:
        return False
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)
