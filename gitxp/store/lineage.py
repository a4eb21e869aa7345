"""Whether one commit goes on from another, found among thousands without a process for each.

The commits of a run are few, so that a walk through the last ones answers almost always; git is asked where it does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.errors import FormatError

if TYPE_CHECKING:
    from gitxp.format import Oid
    from gitxp.git.objects import Objects
    from gitxp.git.program import Git

_STEPS = 32  # commits that are looked at before git is asked


def goes_on(git: Git, objects: Objects, tip: Oid, old: Oid) -> bool:
    """Whether `tip` is the commit `old`, or has it in its history."""
    return _is_near(objects, tip, old) or contains(git, tip, old)


def are_one_line(git: Git, objects: Objects, a: Oid, b: Oid) -> bool:
    """Whether one of two commits is the other or goes on from it."""
    return _is_near(objects, a, b) or _is_near(objects, b, a) or contains(git, a, b) or contains(git, b, a)


def contains(git: Git, commit: Oid, other: Oid) -> bool:
    """Whether a commit is another one or has it in its history: what git says."""
    return git.ask("--no-replace-objects", "merge-base", "--is-ancestor", other, commit).status == 0


def _is_near(objects: Objects, tip: Oid, old: Oid) -> bool:
    """Whether `old` is among the last commits of `tip`."""
    seen, queue = {tip}, [tip]
    while queue and len(seen) <= _STEPS:
        commit = queue.pop(0)
        if commit == old:
            return True
        try:
            parents = objects.read_commit(commit).parents
        except FormatError:
            continue
        queue += [parent for parent in parents if parent not in seen]
        seen.update(parents)
    return old in seen
