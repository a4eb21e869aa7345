"""Which objects runs hold that branches, tags and HEAD do not, and which of them one run alone holds.

Asked of git alone, in a few processes however many runs there are: `git rev-list --objects --in-commit-order` tells each
object once, behind the first commit that has it. With the commits in the order of the runs, and once more the other way
round, an object's first run and its last are known; where they are one, only that run has it. 10,000 runs take some
seconds, where a process for each would take minutes.

What a run shares with an older state of a branch than its base may be counted as the run's own, if no later state has it:
git does not look so far back either when it decides what to send. So may what it shares with the files of a tag or branch
beyond the first 200, where the base does not have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gitxp.format import RUN_REFS, Oid
from gitxp.git.contents import check_objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gitxp.git.program import Git

_OURS = (RUN_REFS, "refs/gitxp/")
# Branches and tags that are looked into beside the bases of runs: a repository may have ten thousand tags, each another tree.
_LOOKED_INTO = 200


class Holder(NamedTuple):
    """A run, or what was one and is in the trash, and its tip."""

    name: str
    tip: Oid


class Held(NamedTuple):
    """An object that only runs hold: its path in a tree ("" for commits and their trees), kind, bytes, bytes on the disk.

    `first` is the index of a holder that has it, `is_shared` whether others have it as well.
    """

    oid: Oid
    path: str
    kind: str
    size: int
    disk: int
    first: int
    is_shared: bool


class _Owner(NamedTuple):
    """Whose a commit is: the first holder that reaches it, and whether others do."""

    first: int
    is_shared: bool


def list_held(git: Git, holders: Sequence[Holder], progress: Callable[[str], None] = lambda _: None) -> list[Held]:
    """The objects that only these hold, of those that are in the repository.

    `progress` is told what is done next. Raises `GitFailed` where git finds damage that it cannot pass by.
    """
    kinds = {oid: kind for oid, kind, _ in check_objects(git, list(dict.fromkeys(holder.tip for holder in holders)))}
    tips = {number: holder.tip for number, holder in enumerate(holders) if kinds.get(holder.tip) == "commit"}
    others = _other_tips(git)
    progress("the commits of runs")
    commits, outside = _owners(git, tips, others)
    lists: list[list[Oid]] = [[] for _ in holders]
    common: list[Oid] = []
    for commit, owner in commits.items():
        (common if owner.is_shared else lists[owner.first]).append(commit)
    own = [commit for one in lists for commit in one]
    if not commits:
        return []
    progress("the files of runs")
    found = _first_owners(git, [*outside, *others[:_LOOKED_INTO], *common, *own], commits)
    progress("what runs share")
    last = _first_owners(git, own[::-1], commits)
    found |= {commit: ("", owner) for commit, owner in commits.items()}
    progress("sizes")
    return [
        Held(Oid(oid), path, kind, size, disk, owner.first, owner.is_shared or last.get(oid, (path, owner))[1] != owner)
        for oid, kind, size, disk in _sizes(git, list(found))
        for path, owner in [found[oid]]
    ]


def _other_tips(git: Git) -> list[Oid]:
    """HEAD and the refs that are not ours; tags as what they lead to."""
    lines = git.run("for-each-ref", "--format=%(refname) %(objectname) %(*objectname)").decode(
        "utf-8", "surrogateescape"
    )
    words = (line.split(" ") for line in lines.split("\n") if line and not line.startswith(_OURS))
    found = [Oid(peeled or oid) for _, oid, peeled in words]
    head = git.ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if not head.status:
        found.insert(0, Oid(head.stdout.decode("ascii").strip()))
    kinds = {oid: kind for oid, kind, _ in check_objects(git, list(dict.fromkeys(found)))}
    return [oid for oid in dict.fromkeys(found) if kinds.get(oid) == "commit"]


def _owners(git: Git, tips: dict[int, Oid], others: Sequence[Oid]) -> tuple[dict[Oid, _Owner], list[Oid]]:
    """The commits that only runs reach, each with its owner, and the commits that these stand on."""
    parents: dict[Oid, list[Oid]] = {}
    asked = "".join(f"{oid}\n" for oid in tips.values()) + "".join(f"^{oid}\n" for oid in others)
    for line in _rev_list(git, asked, "--parents", "--topo-order"):
        commit, *above = line.split(" ")
        parents[Oid(commit)] = [Oid(parent) for parent in above]
    owners: dict[Oid, _Owner] = {}
    outside: dict[Oid, None] = {}
    for number, tip in tips.items():
        waiting = [tip]
        while waiting:
            at = waiting.pop()
            if at not in parents:
                outside[at] = None
                continue
            owner = owners.get(at)
            if owner is not None and (owner.is_shared or owner.first == number):
                continue
            owners[at] = _Owner(number, is_shared=False) if owner is None else _Owner(owner.first, is_shared=True)
            waiting += parents[at]
    return owners, list(outside)


def _first_owners(git: Git, order: Sequence[Oid], commits: dict[Oid, _Owner]) -> dict[str, tuple[str, _Owner]]:
    """Of each tree and blob the path where it is found first, and the owner of the first commit in this order that has it.

    Without those that are first found in a commit without an owner.
    """
    found: dict[str, tuple[str, _Owner]] = {}
    owner: _Owner | None = None
    asked = "".join(f"{oid}\n" for oid in order)
    for line in _rev_list(git, asked, "--objects", "--in-commit-order", "--no-walk=unsorted"):
        oid, is_object, path = line.partition(" ")
        if not is_object:
            owner = commits.get(Oid(oid))
        elif owner is not None:
            found[oid] = (path, owner)
    return found


def _rev_list(git: Git, asked: str, *options: str) -> Iterator[str]:
    """The lines of git rev-list; objects that are missing are passed by, and not fetched."""
    data = git.run("rev-list", *options, "--missing=allow-any", "--ignore-missing", "--stdin", data=asked.encode())
    return (line.decode("utf-8", "surrogateescape") for line in data.split(b"\n") if line)


def _sizes(git: Git, oids: Sequence[str]) -> Iterator[tuple[str, str, int, int]]:
    """Object, kind, bytes, and bytes on the disk (of a packed object those of its difference to another)."""
    form = "--batch-check=%(objectname) %(objecttype) %(objectsize) %(objectsize:disk)"
    asked = "".join(f"{oid}\n" for oid in oids).encode()
    data = git.run("--no-replace-objects", "cat-file", form, "--buffer", data=asked) if asked else b""
    for line in data.decode("ascii", "replace").splitlines():
        words = line.split(" ")
        if len(words) == 4:
            yield words[0], words[1], int(words[2]), int(words[3])
