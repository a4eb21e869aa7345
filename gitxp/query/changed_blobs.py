"""Which files of a kind have other bytes in another run, and their objects: for what compares them by what they mean."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gitxp.format import Oid
from gitxp.git.extent import Extent
from gitxp.model import FileChange
from gitxp.query.compare import diff_args

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitxp.git.objects import Objects
    from gitxp.git.program import Git
    from gitxp.model import Run


def changed_blobs(
    objects: Objects, git: Git, a: Run, b: Run, paths: Sequence[str], endings: tuple[str, ...]
) -> Iterator[tuple[FileChange, Oid | None, Oid | None]]:
    """Each regular file with such an ending and other bytes: the change, and the two blobs, None where there is none.

    `paths` are git's pathspecs. Raises `GitFailed` where git refuses those, `FormatError` where they are too many.
    """
    Extent(objects, ours=False).check(a.commit, b.commit)
    output = git.run("diff-tree", "-r", "-z", "-M", "--raw", "--no-ext-diff", *diff_args(a, b, paths))
    items = iter(output.split(b"\0")[:-1])
    for item in items:
        old_mode, new_mode, old_oid, new_oid, status = item.decode("ascii").removeprefix(":").split(" ")
        path, old_path = os.fsdecode(next(items)), None
        if status[0] in "RC":
            old_path, path = path, os.fsdecode(next(items))
        is_file = all(mode.startswith("100") or not int(mode) for mode in (old_mode, new_mode))
        if old_oid == new_oid or not is_file or not path.lower().endswith(endings):
            continue
        change = FileChange(path, status[0], old_path=old_path)
        yield change, Oid(old_oid) if int(old_mode) else None, Oid(new_oid) if int(new_mode) else None
