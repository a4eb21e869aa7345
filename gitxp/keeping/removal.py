"""Removing runs: planned first, so that a person can be asked, then done as it was planned or not at all.

Here, a run goes to the trash. At a remote there is none: there the ref is deleted only if it has a value that is part of
what stays or goes to the trash here, so that no edit that somebody pushed meanwhile is lost.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gitxp.errors import GitxpError
from gitxp.format import RUN_REFS, Oid, RefName, make_id
from gitxp.git.refs import Change, change_refs
from gitxp.git.remote import push_refspecs
from gitxp.store.removed import note_removed
from gitxp.store.trash import Doomed, Trashed, throw_away

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from gitxp.git.program import Git
    from gitxp.names import RunName

REMOTE_REFS = "refs/gitxp/remotes/"
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Target:
    """One run of a plan. `ref` is None where the run is not among those here; `is_trashed` where it is in the trash.

    `remote_ref` is where it is at the remote, and `lease` the value that it must have there; None without a remote.
    `followed` is the value of the ref here that remembers the remote's.
    """

    name: RunName
    commit: Oid
    id: str | None = None
    ref: RefName | None = None
    remote_ref: RefName | None = None
    lease: Oid | None = None
    followed: Oid | None = None
    is_trashed: bool = False


@dataclass(frozen=True, slots=True)
class RemovalPlan:
    """What `Repo.remove` would do: with `remote`, the runs go there as well, and with `keep` only there."""

    targets: tuple[Target, ...]
    remote: str | None = None
    keep: bool = False

    def to_json(self) -> dict[str, Any]:
        """The object that `gitxp rm --dry-run --json` prints."""
        plan: dict[str, Any] = {"removed": [target.name for target in self.targets if target.ref and not self.keep]}
        if self.remote is not None:
            plan |= {"remote": self.remote, "gone": [target.name for target in self.targets]}
        return plan


@dataclass(frozen=True, slots=True)
class Refused:
    """A run that the remote kept, and git's reason."""

    name: RunName
    reason: str


@dataclass(frozen=True, slots=True)
class Removal:
    """What was removed by one command: `runs` are in the trash now, `gone` are the names of those that a remote deleted.

    `id` is the removal's own; `refused` are runs that the remote kept, and so does this repository.
    """

    id: str
    runs: tuple[Trashed, ...]
    remote: str | None = None
    gone: tuple[RunName, ...] = ()
    refused: tuple[Refused, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object that `gitxp rm --json` prints."""
        done: dict[str, Any] = {"id": self.id, "removed": [run.to_json() for run in self.runs]}
        if self.remote is not None:
            refused = [{"name": one.name, "reason": one.reason} for one in self.refused]
            done |= {"remote": self.remote, "gone": list(self.gone), "refused": refused}
        return done


def refuse_running(names: Sequence[str]) -> None:
    """`GitxpError` where there are such runs: they are running here."""
    if not names:
        return
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else "")
    raise GitxpError(
        f"{shown} {'is' if len(names) == 1 else 'are'} running: nothing was removed.",
        hint="Stop it first: Ctrl-C where it runs, or kill its process.",
    )


def find_there(git: Git, remote: str, targets: Sequence[Target], given_names: Sequence[str]) -> list[Target]:
    """The targets with their places at the remote, as far as this repository knows it.

    `given_names` are the names that their records have: a run that was fetched under another name has its own there.
    Raises `GitxpError` where the remote is known to have more of a run, or another run, than is here.
    """
    known = list_followed(git, remote)
    found, newer = [], []
    for target, given in zip(targets, given_names, strict=True):
        names = [name for name in dict.fromkeys((target.name, given)) if name in known]
        name = next((name for name in names if _is_part(git, known[name], target.commit)), None)
        if name is None and names:
            newer.append(target.name)
            continue
        followed = known[name] if name else None
        ref = RefName(RUN_REFS + (name or target.name))
        found.append(replace(target, remote_ref=ref, lease=followed or target.commit, followed=followed))
    if newer:
        raise GitxpError(
            f"{remote} has more than there is here of {', '.join(newer[:_SHOWN])}: nothing was removed.",
            hint=f"Take it in first: gitxp pull {remote}",
        )
    return found


def list_followed(git: Git, remote: str) -> dict[str, Oid]:
    """The runs that a remote was seen to have when it was looked at last: name and value of the ref."""
    prefix = f"{REMOTE_REFS}{remote}/"
    lines = git.run("for-each-ref", "--format=%(objectname) %(refname)", prefix).decode("utf-8", "surrogateescape")
    return {ref.removeprefix(prefix): Oid(oid) for oid, ref in (line.split(" ", 1) for line in lines.splitlines())}


def _is_part(git: Git, commit: Oid, tip: Oid) -> bool:
    return commit == tip or not git.ask("merge-base", "--is-ancestor", commit, tip).status


def remove(git: Git, common_dir: str, plan: RemovalPlan, now: float) -> Removal:
    """Do what was planned, at the remote first; `now` is unix time in seconds.

    What the remote refuses stays here, too. Raises `GitxpError` where something is not as it was planned, `GitFailed`
    where the remote cannot be reached.
    """
    id_ = make_id(int(now * 1e9), os.urandom(10))
    targets = plan.targets
    gone: list[Target] = []
    refused: list[Refused] = []
    if plan.remote is not None:
        gone, refused = _remove_there(git, plan.remote, plan.targets)
        targets = tuple(gone)
    also = [
        Change(f"{REMOTE_REFS}{plan.remote}/{target.remote_ref.removeprefix(RUN_REFS)}", target.followed, None)
        for target in gone
        if target.remote_ref and target.followed
    ]
    # what nothing here leads to but the memory of the remote goes to the trash even if runs are to stay
    doomed = [target for target in targets if not target.is_trashed and not (plan.keep and target.ref)]
    trashed: list[Trashed] = []
    if doomed:
        runs = [Doomed(target.name, target.commit, target.id, target.ref) for target in doomed]
        trashed = throw_away(git, runs, id_, now, also)
    else:
        change_refs(git, also, "gitxp: remove")
    note_removed(common_dir, [(run.id, run.run) for run in trashed if run.id], now)
    return Removal(id_, tuple(trashed), plan.remote, tuple(target.name for target in gone), tuple(refused))


def _remove_there(git: Git, remote: str, targets: Sequence[Target]) -> tuple[list[Target], list[Refused]]:
    by_ref = {target.remote_ref: target for target in targets if target.remote_ref}
    leases = {str(ref): target.lease for ref, target in by_ref.items() if target.lease}
    told = push_refspecs(git, remote, [f":{ref}" for ref in by_ref], leases=leases)
    ours = [(by_ref[RefName(one.target)], one) for one in told if one.target in by_ref]
    gone = [target for target, one in ours if not one.refused]
    return gone, [Refused(target.name, _reason(one.words)) for target, one in ours if one.refused]


def _reason(words: str) -> str:
    """The reason of git for people: `stale info` is a ref that is not what it was known to be."""
    if "stale info" in words:
        return "it is not there, or was changed since it was pushed or pulled last"
    return words.rpartition("(")[2].rstrip(")") or words
