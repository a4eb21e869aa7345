"""Archives that take the place of refs at a remote: pushed, and the refs that they cover deleted there.

A ref there is covered only if its value is the tip that the archive lists, or that of an earlier commit of the same run; and
only if the archive's history holds the listed tip: its list alone can say anything. Whatever else is there stays. Each
deletion names the value that was seen, so that an edit which somebody pushed meanwhile is refused by git, not lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gitxp.errors import GitFailed
from gitxp.exchange import Left
from gitxp.format import RUN_REFS, Oid
from gitxp.git.contents import check_objects
from gitxp.git.history import contains
from gitxp.git.refs import is_archive
from gitxp.git.remote import push
from gitxp.store.archives import find_unheld
from gitxp.store.runs import read_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from gitxp.git.objects import Objects
    from gitxp.git.program import Git
    from gitxp.git.remote import PushedRef, Remote, There

    # a run's name in an archive, its tip there, the ref of the archive, the run's id
    Line = tuple[str, Oid, str, str | None]

# As for removed runs: each is two arguments on git's command line.
_AT_A_TIME = 2000


@dataclass(frozen=True, slots=True)
class FoldPlan:
    """What is to happen at a remote: `archives` go there, the refs of the runs in `covered` are deleted, by name there.

    `archives` has all that take part, with their commits, `going` the names of those that the remote lacks, or has an older
    state of. `stays` are refs of runs in archives that are not deleted, and why; `tips_there` what the remote has.
    """

    remote: Remote
    archives: Mapping[str, Oid]
    going: tuple[str, ...]
    covered: Mapping[str, Oid]
    stays: tuple[Left, ...] = ()
    tips_there: tuple[Oid, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object that `gitxp archive-refs --remote --dry-run --json` prints."""
        return {
            "remote": self.remote.label,
            "archives": list(self.going),
            "deleted": sorted(self.covered),
            "stays": {left.name: left.reason for left in self.stays},
        }


@dataclass(slots=True)
class FoldedThere:
    """What happened: the `archives` that went, the names of the refs that were `deleted`, what was `refused` and why."""

    archives: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    refused: list[Left] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """A part of the object that `gitxp archive-refs --remote --json` prints."""
        refused = {left.name: left.reason for left in self.refused}
        return {"archives": self.archives, "deleted": sorted(self.deleted), "refused": refused}


def find_behind(git: Git, objects: Objects, archives: Mapping[str, Oid], there: Mapping[str, Oid]) -> list[str]:
    """Those of the archives here of which the remote has a state that ours does not contain."""
    known = {oid for oid, _, _ in check_objects(git, [there[name] for name in archives if name in there])}
    return [
        name
        for name, commit in archives.items()
        if name in there and not (there[name] in known and contains(git, objects, commit, there[name]))
    ]


def plan_fold(
    git: Git,
    objects: Objects,
    remote: Remote,
    there: There,
    archives: Mapping[str, Oid],
    lines: Sequence[Line],
) -> FoldPlan:
    """What of these archives (commits by the last part of their refs) and their lines is to be done, by what the remote has.

    A run is known by its id, whatever its name there.
    """
    unheld = set(find_unheld(git, {tip for _, tip, _, _ in lines}, list(archives.values())))
    covered: dict[str, Oid] = {}
    stays: list[Left] = []
    by_id = {id_: tip for _, tip, _, id_ in lines if id_}
    tips = {tip for _, tip, _, _ in lines}
    names = {name: id_ for name, _, _, id_ in lines}
    refs = {name: tip for name, tip in there.runs.items() if not is_archive(RUN_REFS + name)}
    ids = _read_ids(git, objects, [tip for tip in refs.values() if tip not in tips])
    for name, tip in refs.items():
        listed = tip if tip in tips else by_id.get(ids.get(tip) or "")
        if listed is None:
            if name in names and tip not in ids:
                stays.append(Left(name, "what it has there is not known here: pull, and fold it again"))
        elif listed in unheld:
            stays.append(Left(name, "the archive lists it, and does not hold it"))
        elif contains(git, objects, listed, tip):
            covered[name] = tip
        else:
            stays.append(Left(name, "it has more there than the archive: pull, and fold it again"))
    going = tuple(sorted(name for name, commit in archives.items() if there.runs.get(name) != commit))
    return FoldPlan(remote, archives, going, covered, tuple(stays), (*there.runs.values(), *there.branches))


def fold_there(network: Git, plan: FoldPlan, said: Callable[[bytes], None]) -> FoldedThere:
    """Do what was planned, in one connection for each 2,000 refs: archives first or at once, never a deletion without them.

    Each connection is all or nothing, which spares the remote a new list of packed refs for each deletion. Where it cannot
    do that, or refuses a part, the archives go alone, and if all of them went, each ref on its own. Raises `GitFailed` where
    the remote cannot be reached.
    """
    done = FoldedThere()
    names = sorted(plan.covered)
    archives: dict[str, Oid | None] = {name: plan.archives[name] for name in plan.going}
    for start in range(0, max(len(names), 1), _AT_A_TIME):
        commits = {**archives, **dict.fromkeys(names[start : start + _AT_A_TIME])}
        told = _push_at_once(network, plan, commits, said) if commits else []
        if told is None:
            _sort(plan, push(network, plan.remote, archives, said) if archives else [], done)
            if archives.keys() - set(done.archives):
                return done
            told = _push_singly(network, plan, [name for name in commits if name not in archives], said)
        _sort(plan, told, done)
        archives = {}
    return done


def _push_at_once(
    network: Git, plan: FoldPlan, commits: Mapping[str, Oid | None], said: Callable[[bytes], None]
) -> list[PushedRef] | None:
    """All of it or nothing; None where it was nothing."""
    leases = {name: plan.covered[name] for name, commit in commits.items() if commit is None}
    try:
        told = push(network, plan.remote, commits, said, ("--atomic",), leases)
    except GitFailed as error:
        if "--atomic" in error.stderr:  # the receiving end does not support it
            return None
        raise
    return None if any(ref.is_refused for ref in told) else told


def _push_singly(network: Git, plan: FoldPlan, names: Sequence[str], said: Callable[[bytes], None]) -> list[PushedRef]:
    """Delete each of these that the remote does not keep."""
    leases = {name: plan.covered[name] for name in names}
    return push(network, plan.remote, dict.fromkeys(names), said, expected=leases) if names else []


def _sort(plan: FoldPlan, told: Iterable[PushedRef], done: FoldedThere) -> None:
    for ref in told:
        name = ref.ref.removeprefix(RUN_REFS)
        if ref.is_refused:
            words = ref.words.rpartition("(")[2].rstrip(")") or ref.words
            done.refused.append(Left(name, "it was changed meanwhile" if "stale info" in words else words))
        elif name in plan.covered:
            done.deleted.append(name)
        elif name in plan.archives:
            done.archives.append(name)


def _read_ids(git: Git, objects: Objects, tips: Collection[Oid]) -> dict[Oid, str | None]:
    """The ids of the runs with those of the tips that are commits here."""
    known = [Oid(oid) for oid, kind, _ in check_objects(git, list(dict.fromkeys(tips))) if kind == "commit"]
    reads = read_runs(objects, known)
    return {tip: read.record.get("id", "").lower() or None for tip, read in zip(known, reads, strict=True)}
