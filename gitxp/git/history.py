"""How two commits stand to each other: where their histories met last, without a git process for each pair.

Two tips of one run are a few commits apart. So both histories are read down from the tips, until all that is left of
them lies below commits that both have. Where some commits do not tell (a long way, two places where they met, an object
that is missing, as in a shallow clone), git is asked, which takes 2 ms and is always right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.errors import FormatError
from gitxp.format import Oid

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gitxp.git.objects import Objects
    from gitxp.git.program import Git

_STEPS = 64  # commits that are read before git is asked


def merge_bases(git: Git, objects: Objects, a: Oid, b: Oid) -> list[Oid]:
    """The last commits that both histories have, as `git merge-base --all` tells them; empty where there are none."""
    found = _read_bases(objects, a, b)
    if found is not None:
        return found
    return [Oid(oid) for oid in git.ask("merge-base", "--all", a, b).stdout.decode("ascii", "replace").split()]


def contains(git: Git, objects: Objects, tip: Oid, commit: Oid) -> bool:
    """Whether a commit is the tip or in its history; False where one of them is not here."""
    found = _read_bases(objects, tip, commit)
    return ask_contains(git, tip, commit) if found is None else commit in found


def ask_contains(git: Git, tip: Oid, commit: Oid) -> bool:
    """The same, asked of git at once: for a few pairs, where nothing else wants the objects, whose library is slow to load."""
    return tip == commit or not git.ask("merge-base", "--is-ancestor", commit, tip).status


def _read_bases(objects: Objects, a: Oid, b: Oid) -> list[Oid] | None:
    """The same, none or one; None where reading some commits does not tell."""
    parents: dict[Oid, tuple[Oid, ...]] = {}
    seen = {a}, {b}
    unread = {a}, {b}
    while True:
        both = seen[0] & seen[1]
        below = _below(both, parents)
        common = both | below
        if unread[0] <= common and unread[1] <= common:
            # what else both have lies below these
            last = both - below
            return list(last) if len(last) < 2 else None
        for known, reading in zip(seen, unread, strict=True):
            wanted = reading - common
            if len(parents) + len(wanted) > _STEPS:
                return None
            reading.clear()
            for oid in wanted:
                if not _read(objects, oid, parents):
                    return None
                reading.update(parent for parent in parents[oid] if parent not in known)
            known.update(reading)


def _below(commits: Iterable[Oid], parents: Mapping[Oid, tuple[Oid, ...]]) -> set[Oid]:
    """The ancestors of these commits, as far as they were read."""
    below: set[Oid] = set()
    left = list(commits)
    while left:
        for parent in parents.get(left.pop(), ()):
            if parent not in below:
                below.add(parent)
                left.append(parent)
    return below


def _read(objects: Objects, oid: Oid, parents: dict[Oid, tuple[Oid, ...]]) -> bool:
    if oid not in parents:
        try:
            commit = objects.read_commit(oid)
        except FormatError:
            return False
        if commit.oid != oid:  # an annotated tag, which git looks through
            return False
        parents[oid] = commit.parents
    return True
