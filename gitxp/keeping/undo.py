"""Taking back what a command did: the newest first, whatever kind it is.

Each kind of thing that can be taken back makes `Undoable`s of what it finds in the repository; `Repo.undoable` puts the
kinds together. Here is that of removed runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from gitxp.errors import AmbiguousRun, GitxpError, UnknownRun, some_of
from gitxp.format import RUN_REFS, Oid, RefName, format_time, time_of_id
from gitxp.git.contents import check_objects
from gitxp.git.history import ask_contains
from gitxp.git.lfs import find_store
from gitxp.git.refs import Change, change_refs, list_refs
from gitxp.keeping.lfs_trash import TakenOut, list_taken_out, put_back
from gitxp.names import MAX_LENGTH, RunName
from gitxp.store.archives import LIST_PATH, find_unheld
from gitxp.store.removed import forget_removed
from gitxp.store.trash import Trashed, list_trash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from gitxp.git.program import Git

REMOVED, TAKEN_OUT, RESTORED = "removed", "large files", "restored"
UNDO_REFS = "refs/gitxp/undo/"
_RESTORE = "restore"
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Returned:
    """A run that is back: `name` is what it is called now, `was` the name that it had when it was removed."""

    name: RunName
    was: RunName
    commit: Oid


@dataclass(frozen=True, slots=True)
class Undone:
    """What was taken back: `kind` is `removed`, `large files` or `restored`, `at` when that had been done (unix time).

    `runs` are those that are back, `large_files` the number of git-lfs's objects that are. Of `gitxp restore --here`, `kept`
    is the ref that keeps the working tree as it was until now. `missing` are those that stay in the trash, since their commits are not in the repository any more.
    """

    kind: str
    at: float | None
    runs: tuple[Returned, ...] = ()
    missing: tuple[RunName, ...] = ()
    large_files: int = 0
    kept: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The object that `gitxp undo --json` prints."""
        done: dict[str, Any] = {"kind": self.kind}
        if self.at is not None:
            done["at"] = format_time(int(self.at * 1e9))
        runs = [{"name": run.name, "was": run.was, "commit": run.commit} for run in self.runs]
        if self.kept is not None:
            done["kept"] = self.kept
        return {**done, "runs": runs, "missing": list(self.missing), "large_files": self.large_files}


@dataclass(frozen=True, slots=True)
class Undoable:
    """Something that can be taken back: what kind it is, when it was done (unix time), the runs; `undo` does it."""

    kind: str
    at: float
    names: tuple[str, ...]
    undo: Callable[[], Undone]


def find_removals(git: Git, common_dir: str) -> list[Undoable]:
    """What was removed from here and is in the trash, each removal as a whole, newest first."""
    groups: dict[str, list[Trashed]] = {}
    for entry in list_trash(git):
        if entry.removal is not None and entry.removed_at is not None:
            groups.setdefault(entry.removal, []).append(entry)
    return [
        Undoable(
            *(REMOVED, _moment(removal, entries[0].removed_at or 0.0), tuple(entry.run for entry in entries)),
            partial(bring_back, git, common_dir, entries),
        )
        for removal, entries in groups.items()
    ]


def _moment(removal: str, at: float) -> float:
    """When a removal was, to the millisecond, which its id knows: a tag has but the second."""
    exact = time_of_id(removal)
    return exact if 0 <= exact - at < 1 else at


def find_taken_out(git: Git, common_dir: str) -> list[Undoable]:
    """The large files that `gitxp gc` took out and that are still in their trash, newest first."""

    def undo(taken: TakenOut) -> Undone:
        put_back(common_dir, find_store(git, common_dir), taken)
        return Undone(TAKEN_OUT, taken.at, large_files=len(taken.objects))

    return [Undoable(TAKEN_OUT, taken.at, (), partial(undo, taken)) for taken in list_taken_out(common_dir)]


def find_restores(git: Git, worktree: str, bring_back: Callable[[str], str]) -> list[Undoable]:
    """What `gitxp restore --here` wrote over in a worktree, newest first; `bring_back` makes its files what a ref keeps.

    `worktree` is `Location.worktree`: what was done in another one is not to be taken back onto the files of this one.

    It gives the ref that keeps what was there until then, whose commit has that of the first among its ancestors: so that
    one can go.
    """

    def undo(ref: str, oid: Oid, at: float) -> Undone:
        kept = bring_back(ref)
        change_refs(git, [Change(ref, oid, None)], "gitxp: undo")
        return Undone(RESTORED, at, kept=kept)

    return [
        Undoable(RESTORED, at, (), partial(undo, ref, oid, at))
        for ref, oid, at in list_kept(git)
        if ref.partition("Z-")[2] == (f"{_RESTORE}-{worktree}" if worktree else _RESTORE)
    ]


def list_kept(git: Git) -> list[tuple[str, Oid, float]]:
    """The refs that keep former states of the working tree: the ref, its commit, when it was made (unix time); newest first."""
    lines = git.run("for-each-ref", "--format=%(objectname) %(refname)", UNDO_REFS).decode("utf-8", "surrogateescape")
    found = []
    for oid, ref in (line.split(" ", 1) for line in lines.split("\n") if line):
        at = _time_of(ref.removeprefix(UNDO_REFS))
        if at is not None:
            found.append((ref, Oid(oid), at))
    return sorted(found, key=lambda one: one[2], reverse=True)


def _time_of(name: str) -> float | None:
    """The time in `2026-11-26T200859.990Z-restore`."""
    import datetime

    try:
        return datetime.datetime.strptime(f"{name.partition('Z-')[0]}+0000", "%Y-%m-%dT%H%M%S.%f%z").timestamp()
    except ValueError:
        return None


def find_in_trash(entries: Sequence[Trashed], text: str) -> Trashed:
    """The entry that a text means: its name in the trash, an id, the name that the run had, or the beginning of one.

    Raises `UnknownRun`, or `AmbiguousRun` with the `candidates`.
    """
    for matches in (
        [entry for entry in entries if entry.name == text],
        [entry for entry in entries if entry.id == text.lower()],
        [entry for entry in entries if entry.run == text],
        [entry for entry in entries if text and entry.name.startswith(text)],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            names = [entry.name for entry in matches]
            raise AmbiguousRun(
                f"{text!r} could be any of {len(names):,} runs in the trash.", names, hint=some_of(names, _SHOWN)
            )
    raise UnknownRun(
        f"There is no run {text!r} in the trash.",
        hint="'gitxp trash' shows what is there." if entries else "The trash is empty.",
    )


def bring_back(git: Git, common_dir: str, entries: Sequence[Trashed]) -> Undone:
    """Make runs of entries of the trash again, all or none.

    Where another run has the name meanwhile, the one that comes back gets the beginning of its id behind its name; where
    the same run is there again, it goes on to what was removed, if that is newer. One that was and is in an archive needs no
    ref of its own. Raises `GitxpError` where the commits of all of them are gone.
    """
    there_are = {oid for oid, _, _ in check_objects(git, [entry.commit for entry in entries])}
    missing = [entry.run for entry in entries if entry.commit not in there_are]
    entries = [entry for entry in entries if entry.commit in there_are]
    if not entries:
        raise GitxpError(
            f"{', '.join(missing[:_SHOWN])} cannot come back: the commit is not in the repository.",
            hint="Fetch it from where it was pushed to.",
        )
    listed = git.run("for-each-ref", "--format=%(objectname) %(refname)", RUN_REFS).decode("utf-8", "surrogateescape")
    refs = {ref: Oid(oid) for oid, ref in (line.split(" ", 1) for line in listed.split("\n") if line)}
    taken = {ref.removeprefix(RUN_REFS).lower() for ref in refs}
    changes, returned, held = [], [], _find_held(git, entries)
    for entry in entries:
        changes.append(Change(entry.ref, entry.tag, None))
        there = refs.get(RefName(RUN_REFS + entry.run))
        name = entry.run
        if entry.commit in held or (there is not None and ask_contains(git, there, entry.commit)):
            pass  # an archive has it, or it was fetched again, with all that it had
        elif there is not None and ask_contains(git, entry.commit, there):
            changes.append(Change(RUN_REFS + name, there, entry.commit))
        else:
            name = _free_name(entry, taken)
            changes.append(Change(RUN_REFS + name, None, entry.commit))
        taken.add(name.lower())
        returned.append(Returned(name, entry.run, entry.commit))
    change_refs(git, changes, "gitxp: undo")
    forget_removed(common_dir, {entry.id for entry in entries if entry.id})
    return Undone(REMOVED, entries[0].removed_at, tuple(returned), tuple(missing))


def _find_held(git: Git, entries: Sequence[Trashed]) -> set[Oid]:
    """The tips of those that were in an archive which still lists and holds them."""
    archives = list_refs(git).archives() if any(entry.archive for entry in entries) else {}
    held: set[Oid] = set()
    for ref, commit in archives.items():
        mine = [entry for entry in entries if entry.archive == ref]
        listed = git.ask("cat-file", "blob", f"{commit}:{LIST_PATH}").stdout if mine else b""
        words = frozenset(listed.split())
        tips = {entry.commit for entry in mine if {entry.commit.encode(), entry.run.encode()} & words}
        held |= tips - set(find_unheld(git, tips, [commit]))
    return held


def _free_name(entry: Trashed, taken: set[str]) -> RunName:
    tails = ("", *(f"-{(entry.id or entry.commit)[:length]}" for length in (8, 13, 36)))
    for tail in tails:
        name = entry.run[: MAX_LENGTH - len(tail)] + tail
        if name.lower() not in taken:
            return RunName(name)
    raise GitxpError(
        f"{entry.run} cannot come back: all names for it are taken.",
        hint=f"Choose one: git update-ref refs/experiments/NAME {entry.commit[:12]} ''",
    )
