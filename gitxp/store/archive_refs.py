"""Moving runs between refs of their own and the refs of archives, each time by one transaction of `git update-ref`.

The objects of an archive are durable before the transaction begins, and in it each ref states the value that it must
have: a run that was annotated meanwhile makes it fail as a whole, and it is tried again without that run. git makes the
ref of the archive first and deletes afterwards, so a kill at any point leaves each run under one of the two, or both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitxp.errors import FormatError, GitFailed, NameTaken
from gitxp.format import Oid, RefName
from gitxp.git.history import contains
from gitxp.git.refs import ARCHIVE_REFS, list_refs, run_ref
from gitxp.store.archives import build_archive, find_no_commits, read_archive, write_archive

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitxp.git.objects import Objects
    from gitxp.git.program import Git
    from gitxp.git.refs import RunRef
    from gitxp.names import RunName

_TRIES = 10


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What a take-in did: the archives by ref with their commits, the runs that are in them now, and why others are not."""

    archives: dict[RefName, Oid]
    names: list[RunName]
    left: dict[RunName, str] = field(default_factory=dict)


def archive_ref(month: str) -> RefName:
    """The ref of the archive of a month, `2026-03`."""
    return RefName(ARCHIVE_REFS + month)


def take_in(git: Git, objects: Objects, months: Mapping[str, Sequence[RunRef]]) -> TakenIn:
    """Fold runs into the archives of their months, and delete their own refs.

    A run is left where it is if its ref moved since it was read, another run of its name is in an archive, or its archive
    is damaged. Raises `GitFailed` where git cannot move the refs, with nothing moved.
    """
    left: dict[RunName, str] = {}
    refused: GitFailed | None = None
    for _ in range(_TRIES):
        plan = _Plan(git, objects, left)
        for month, runs in months.items():
            plan.add(archive_ref(month), runs)
        refused = _transact(git, plan.commands, "gitxp archive-refs") if plan.commands else None
        if refused is None:
            return TakenIn(plan.made, sorted(plan.taken), left)
        if list_refs(git).raw == plan.listing.raw:  # nobody else moved anything: it is git or the disk that refuses
            break
    assert refused is not None
    raise refused


class _Plan:
    """One transaction: what the refs are now, and the commands that fold runs into archives, whose objects it writes."""

    def __init__(self, git: Git, objects: Objects, left: dict[RunName, str]) -> None:
        self._git, self._objects = git, objects
        self.left = left
        self.commands: list[str] = []
        self.taken: list[RunName] = []
        self.made: dict[RefName, Oid] = {}
        self.listing = list_refs(git)
        self._now, self._archives = self.listing.names(), self.listing.archives()
        self._lists: dict[RefName, dict[RunName, Oid]] = {}
        self._damaged: dict[RefName, str] = {}
        for ref, commit in self._archives.items():
            try:
                self._lists[ref] = read_archive(objects, commit)
            except FormatError as error:
                self._damaged[ref] = f"{ref} cannot be read: {error.message}"

    def add(self, ref: RefName, runs: Sequence[RunRef]) -> None:
        """Fold these runs into the archive."""
        old = self._lists.get(ref, {})
        strange = find_no_commits(self._git, old.values())
        old = {name: tip for name, tip in old.items() if tip not in strange}
        entries, folded = dict(old), []
        for run in runs:
            if run.name not in self.left:
                reason = self._damaged.get(ref) or self._find_obstacle(ref, run)
                if reason:
                    self.left[run.name] = reason
                    continue
                folded.append(run)
                if run.name not in old or contains(self._git, self._objects, run.commit, old[run.name]):
                    entries[run.name] = run.commit
        if not folded:
            return
        before = self._archives.get(ref)
        archive = build_archive(self._git, self._objects, entries, [before] if before else [])
        if before and entries == old and len(archive.parents) == 1:  # all of it is there, and held
            self.made[ref] = before
            self.commands.append(f"verify {ref} {before}")
        else:
            self.made[ref] = write_archive(self._git, archive)
            self.commands.append(f"update {ref} {archive.commit} {before or '0' * len(archive.commit)}")
        self.commands += [f"delete {run.ref} {run.commit}" for run in folded]
        self.taken += [run.name for run in folded]

    def _find_obstacle(self, ref: RefName, run: RunRef) -> str | None:
        if self._now.get(run.name) != run.commit:
            return "it changed meanwhile"
        if self._objects.read_commit(run.commit).oid != run.commit:
            return "its ref leads to a tag, not to a commit"
        for other, entries in self._lists.items():
            there = entries.get(run.name)
            if there is not None and not (other == ref and self._are_one_line(run.commit, there)):
                return f"another run of its name is in {other}"
        return None

    def _are_one_line(self, a: Oid, b: Oid) -> bool:
        """Whether one of two commits is the other or goes on from it."""
        return contains(self._git, self._objects, a, b) or contains(self._git, self._objects, b, a)


def take_out(git: Git, runs: Sequence[RunRef]) -> None:
    """Give runs of an archive refs of their own again, at the commits where they are; the archive stays as it is.

    From then on each may be annotated: the ref of its own wins. Raises `NameTaken` where one has a ref already, or one
    that differs by case alone, and `GitFailed`; then nothing was moved.
    """
    there = {name.lower(): name for name in list_refs(git).names()}
    for run in runs:
        if other := there.get(run.name.lower()):
            raise NameTaken(
                f"{run.name} cannot be taken out: there is a run named {other!r}.",
                hint=f"That one is meant by the name now: gitxp show {other}",
            )
    refused = _transact(
        git,
        [f"create {run_ref(run.name, run.commit).ref} {run.commit}" for run in runs],
        "gitxp archive-refs: taken out",
    )
    if refused:
        raise refused


def _transact(git: Git, commands: Sequence[str], reason: str) -> GitFailed | None:
    """Do all of it or nothing; None, or what git said."""
    data = "\n".join(["start", *commands, "prepare", "commit", ""]).encode("ascii")
    args = ("update-ref", "--create-reflog", "-m", reason, "--stdin")
    answer = git.ask(*args, data=data)
    return GitFailed(args, answer.status, answer.stderr.decode("utf-8", "replace")) if answer.status else None
