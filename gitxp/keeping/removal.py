"""Removing runs: planned first, so that a person can be asked, then done as it was planned or not at all.

Here, a run goes to the trash. At a remote there is none: there the ref is deleted only if it has a value that is part of
what stays or goes to the trash here, so that no edit that somebody pushed meanwhile is lost.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gitxp.errors import GitxpError, some_of
from gitxp.format import RUN_REFS, Oid, RefName, make_id
from gitxp.git.history import ask_contains
from gitxp.git.remote import list_tracked, note_gone, push
from gitxp.store.removed import note_removed
from gitxp.store.trash import Doomed, Trashed, throw_away

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from gitxp.git.program import Git
    from gitxp.git.remote import Remote
    from gitxp.names import RunName

# Each has two arguments of some hundred bytes on git's command line, which has room for some megabytes.
_AT_A_TIME = 2000
_CHANGED = "it is not there, or was changed since it was pushed or pulled last"
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Target:
    """One run of a plan. `ref` is None where the run is not among those here; `is_trashed` where it is in the trash.

    `there` is its name at the remote, and `lease` the commit that it must have there; None without a remote. `archive` is the
    ref of the archive that has it, beside a ref of its own or instead of one.
    """

    name: RunName
    commit: Oid
    id: str | None = None
    ref: RefName | None = None
    there: str | None = None
    lease: Oid | None = None
    is_trashed: bool = False
    archive: RefName | None = None

    @property
    def is_here(self) -> bool:
        """Whether it is among the runs of this repository."""
        return self.ref is not None or self.archive is not None


@dataclass(frozen=True, slots=True)
class RemovalPlan:
    """What `Repo.remove` would do: with `remote`, the runs go there as well, and with `keep` only there."""

    targets: tuple[Target, ...]
    remote: Remote | None = None
    keep: bool = False

    def to_json(self) -> dict[str, Any]:
        """The object that `gitxp rm --dry-run --json` prints."""
        plan: dict[str, Any] = {"removed": [target.name for target in self.targets if target.is_here and not self.keep]}
        if self.remote is not None:
            plan |= {"remote": self.remote.name, "gone": [target.name for target in self.targets]}
        return plan


@dataclass(frozen=True, slots=True)
class Refused:
    """A run that the remote kept, and git's reason."""

    name: RunName
    reason: str

    @property
    def is_changed(self) -> bool:
        """Whether the run there is another than the one that was to be deleted, and not the host that said no."""
        return self.reason == _CHANGED


@dataclass(frozen=True, slots=True)
class Removal:
    """What was removed by one command: `runs` are in the trash now, `gone` are the names of those that a remote deleted.

    `id` is the removal's own; `refused` are runs that the remote kept, and so does this repository. `archives` are the refs of
    those here that still have a run of these, and `archives_there` of those that the remote was seen to have.
    """

    id: str
    runs: tuple[Trashed, ...]
    remote: str | None = None
    gone: tuple[RunName, ...] = ()
    refused: tuple[Refused, ...] = ()
    archives: tuple[RefName, ...] = ()
    archives_there: tuple[RefName, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object that `gitxp rm --json` prints."""
        done: dict[str, Any] = {"id": self.id, "removed": [run.to_json() for run in self.runs]}
        done |= {"archives": list(self.archives)} if self.archives else {}
        if self.remote is not None:
            refused = [{"name": one.name, "reason": one.reason} for one in self.refused]
            done |= {"remote": self.remote, "gone": list(self.gone), "refused": refused}
            done |= {"archives_there": list(self.archives_there)} if self.archives_there else {}
        return done


def refuse_running(names: Sequence[str]) -> None:
    """`GitxpError` where there are such runs: they are running here."""
    if not names:
        return
    raise GitxpError(
        f"{some_of(names, _SHOWN)} {'is' if len(names) == 1 else 'are'} running: nothing was removed.",
        hint="Stop it first: Ctrl-C where it runs, or kill its process.",
    )


def find_there(git: Git, remote: Remote, targets: Sequence[Target], given_names: Sequence[str]) -> list[Target]:
    """The targets with their places at the remote, as far as this repository knows it.

    `given_names` are the names that their records have: a run that was fetched under another name has its own there.
    Raises `GitxpError` where the remote is known to have more of a run, or another run, than is here; or where a run is in an
    archive, and the remote is not known to have a ref of its own for it.
    """
    known = list_tracked(git, remote)
    found, newer = [], []
    for target, given in zip(targets, given_names, strict=True):
        names = [name for name in dict.fromkeys((target.name, given)) if name in known]
        name = next((name for name in names if ask_contains(git, target.commit, known[name])), None)
        if name is None and names:
            newer.append(target.name)
            continue
        if name is None and target.archive and not target.ref:
            raise GitxpError(
                f"{target.name} is in an archive, of which nothing can be deleted, and {remote.label} is not known to have "
                "a ref of its own for it: nothing was removed.",
                hint=f"Remove it here: gitxp rm {target.name}. Deleting the whole archive at {remote.label}, with all its runs: "
                f"git push {remote.label} :{target.archive}",
            )
        there = name or target.name
        found.append(replace(target, there=there, lease=known.get(there, target.commit)))
    if newer:
        raise GitxpError(
            f"{remote.name} has more than there is here of {', '.join(newer[:_SHOWN])}: nothing was removed.",
            hint=f"Take it in first: gitxp pull {remote.name}",
        )
    return found


def remove(
    git: Git,
    common_dir: str,
    plan: RemovalPlan,
    now: float,
    network: Git,
    said: Callable[[bytes], None],
) -> Removal:
    """Do what was planned, at the remote first; `now` is unix time in seconds, `network` the git that talks to it.

    What the remote refuses stays here, too. Raises `GitxpError` where something is not as it was planned, `GitFailed`
    where the remote cannot be reached.
    """
    id_ = make_id(int(now * 1e9), os.urandom(10))
    targets = plan.targets
    trashed: list[Trashed] = []
    gone: list[Target] = []
    refused: list[Refused] = []
    if plan.remote is not None:
        # what nothing here leads to but the memory of the remote: that is forgotten with the push
        trashed += _throw_away(
            git, [target for target in targets if not target.is_here and not target.is_trashed], id_, now
        )
        gone, refused = _remove_there(network, plan.remote, targets, said)
        targets = tuple(gone)
        if plan.keep:  # or the next push would bring them back
            kept_here = {target.there: target.commit for target in gone if target.there and target.is_here}
            note_gone(git, plan.remote, kept_here, ())
    if not plan.keep:
        trashed += _throw_away(git, [target for target in targets if target.is_here], id_, now)
    kept = {one.name for one in refused}
    note_removed(common_dir, [(run.id, run.run) for run in trashed if run.id and run.run not in kept], now)
    archives = {target.archive for target in targets if target.archive}
    there = list_tracked(git, plan.remote) if plan.remote is not None else {}
    return Removal(
        *(id_, tuple(trashed), plan.remote and plan.remote.name, tuple(target.name for target in gone), tuple(refused)),
        archives=() if plan.keep else tuple(sorted(archives)),
        archives_there=tuple(sorted(ref for ref in archives if ref.removeprefix(RUN_REFS) in there)),
    )


def _throw_away(git: Git, targets: Sequence[Target], removal: str, now: float) -> list[Trashed]:
    runs = [Doomed(target.name, target.commit, target.id, target.ref, target.archive) for target in targets]
    return throw_away(git, runs, removal, now) if runs else []


def _remove_there(
    network: Git, remote: Remote, targets: Sequence[Target], said: Callable[[bytes], None]
) -> tuple[list[Target], list[Refused]]:
    """At each address that git pushes to. What one of them refuses is not gone; what one of several never had is."""
    by_name = {target.there: target for target in targets if target.there}
    reasons: dict[str, str] = {}
    gone: dict[str, Target] = {}
    receivers = remote.receivers
    for receiver in receivers:
        leases = {name: target.lease for name, target in by_name.items()}
        if len(receivers) > 1:
            leases = {name: tip for name, tip in list_tracked(network, receiver).items() if name in by_name}
        for names in _groups(list(leases)):
            expected = {name: lease for name in names if (lease := leases[name])}
            for one in push(network, receiver, dict.fromkeys(names), said, expected=expected):
                name = one.ref.removeprefix(RUN_REFS)
                if name in leases and one.is_refused:
                    reasons[name] = _reason(one.words)
                elif name in leases:
                    gone[name] = by_name[name]
    refused = [Refused(by_name[name].name, reason) for name, reason in reasons.items()]
    return [target for name, target in gone.items() if name not in reasons], refused


def _groups(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _AT_A_TIME):
        yield names[start : start + _AT_A_TIME]


def _reason(words: str) -> str:
    """The reason of git for people: `stale info` is a ref that is not what it was known to be."""
    if "stale info" in words:
        return _CHANGED
    return words.rpartition("(")[2].rstrip(")") or words
