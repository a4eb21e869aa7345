"""What a rerun left in its folder that is nowhere else: as long as there is any, the folder stays."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gitxp.capture.passed_over import PassedOver
from gitxp.format import FOLDER
from gitxp.git.large_files import has_content
from gitxp.restoring.submodules import find_left

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitxp.git.program import Git
    from gitxp.pointer import Pointer
    from gitxp.restoring.links import Links
    from gitxp.restoring.submodules import Filled

_OURS = f"{FOLDER}/".encode()


def find_leftovers(
    inside: Git,
    commit: str,
    links: Links,
    submodules: Sequence[Filled],
    stored: Mapping[str, Pointer | None],
    toplevel: str | None,
) -> list[str]:
    """The files of a worktree that neither the snapshot nor the new run has, sorted; before them, a commit made there.

    `inside` is git at its top, `commit` is that of the run whose snapshot it has, `submodules` are those that were filled, `stored` what the new run has by path: an artifact,
    or the large file of its snapshot that a pointer stands for, if it is still that. Caches count for nothing, nor do
    copies of files at `toplevel` that are as they were.
    """
    words = ("-z", "--name-only", "--ignore-submodules", "--diff-filter=d")
    changed = inside.run("diff-files", *words)
    staged = inside.run("diff-index", "--cached", *words, commit)  # or committed
    others = inside.run("ls-files", "-o", "-z")
    passed_over = PassedOver(inside.directory)
    left = {os.fsdecode(path) for path in (changed + others).split(b"\0") if path}
    added = (os.fsdecode(path) for path in staged.split(b"\0") if path and not path.startswith(_OURS))
    left.update(path for path in added if os.path.lexists(os.path.join(inside.directory, path)))
    for one in submodules:
        left.update(find_left(one, inside.directory))
    left -= {*links.links, *(one.path for one in submodules)}
    left -= {
        path
        for path in left & stored.keys()
        if (pointer := stored[path]) is None or has_content(os.path.join(inside.directory, path), pointer)
    }
    for path in links.copies:
        if toplevel is not None and _is_same(os.path.join(inside.directory, path), os.path.join(toplevel, path)):
            left.discard(path)
    return [*_find_commit(inside, commit), *sorted(path for path in left if not passed_over.file(path))]


def _find_commit(inside: Git, commit: str) -> list[str]:
    """What HEAD is at, said for people, where no branch has it, nor the run."""
    found = inside.ask("rev-list", "--max-count=1", "HEAD", "--not", commit, "--branches", "--tags", "--remotes")
    made = found.stdout.decode("ascii", "replace").strip()
    return [f"the commit {made[:12]}"] if made and not found.status else []


def _is_same(a: str, b: str) -> bool:
    try:
        one, other = os.stat(a), os.stat(b)
    except OSError:
        return False
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)
