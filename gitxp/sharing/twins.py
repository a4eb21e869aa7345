"""One run under several names here: whoever says something of one of them says it of all.

gitxp makes no such names; `git fetch` does, where a run has another name here than there, and so does `git update-ref`.
Their refs are brought to one tip by each pull and push, so that nothing that was said of one of them stays behind.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from gitxp.errors import FormatError
from gitxp.format import RUN_REFS, RefName
from gitxp.git.refs import Change, change_refs
from gitxp.sharing.archives import merger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitxp.format import Oid
    from gitxp.git.objects import Objects
    from gitxp.git.program import Git
    from gitxp.names import RunName


def join_twins(git: Git, objects: Objects, twins: Iterable[tuple[str, RunName, Oid]]) -> list[RunName]:
    """Move the refs of each run to one tip that has what all of them have; those that moved.

    `twins` are ids, names and tips, sorted by id. What only claims to be another's run is left alone. Raises `GitxpError`
    where somebody else moves one of them at the same time.
    """
    moved: list[RunName] = []
    merge = merger(git, objects)
    for _, group in groupby(twins, key=lambda twin: twin[0]):
        (_, _, joined), *others = found = list(group)
        try:
            for _, _, tip in others:
                joined = merge(joined, tip)
        except FormatError:
            continue
        behind = [(name, tip) for _, name, tip in found if tip != joined]
        changes = [Change(RefName(RUN_REFS + name), tip, joined) for name, tip in behind]
        change_refs(git, changes, "gitxp: the same run")
        moved += [name for name, _ in behind]
    return moved
