"""`gitxp gc`: planned first, so that it can be shown and asked for, then done.

What goes for good was in the trash for its time, or can be made again. Runs that rules choose go to the trash; large files that
only they need, to a trash beside it. git's own objects are left to `git gc`.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitxp.format import make_id
from gitxp.git.contents import check_objects
from gitxp.git.lfs import find_store
from gitxp.git.outbox import clear_left
from gitxp.git.refs import Change, change_refs
from gitxp.git.scratch import list_left_scratch
from gitxp.keeping.check_locks import clear_locks
from gitxp.keeping.lfs_trash import TakenOut, delete, list_taken_out, take_out
from gitxp.keeping.undo import list_kept
from gitxp.store.removed import note_removed
from gitxp.store.transfers import clear_left_transfers
from gitxp.store.trash import Doomed, Trashed, forget_for_good, list_trash, throw_away

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitxp.git.program import Git
    from gitxp.keeping.large_files import LargeFile
    from gitxp.model import Run

_DAY = 86_400
PROMISED = 30.0  # days for which nothing goes unless somebody was asked
_UNUSED = 30 * _DAY  # seconds for which nobody read a cache
_KEPT = frozenset(["git-version"])


@dataclass(frozen=True, slots=True)
class GcPlan:
    """What `Repo.gc` would do: `runs` to the trash, or the `large_files` of their artifacts; `expired` leaves the trash.

    `caches` are paths that nobody used for a month; `kept` takes away refs of former states of the working tree; `folders`
    are those that a killed restore or rerun left, with nothing in them that is not in the repository. `is_early`: something
    leaves the trash in less than 30 days.
    """

    runs: tuple[Run, ...]
    large_files: tuple[LargeFile, ...]
    expired: tuple[Trashed, ...]
    expired_large: tuple[TakenOut, ...]
    caches: tuple[str, ...]
    kept: tuple[Change, ...] = ()
    folders: tuple[str, ...] = ()
    is_early: bool = False

    def to_json(self) -> dict[str, Any]:
        """The object that `gitxp gc --dry-run --json` prints."""
        return {
            "runs": [run.name for run in self.runs],
            "large_files": [file._asdict() for file in self.large_files],
            "expired": [entry.name for entry in self.expired],
            "expired_large_files": sum(len(taken.objects) for taken in self.expired_large),
            "caches": len(self.caches),
            "kept": [change.ref for change in self.kept],
            "folders": list(self.folders),
        }


@dataclass(frozen=True, slots=True)
class Collected:
    """What was done: `runs` are in the trash now; `large` bytes of git-lfs's objects are in theirs; `expired` are gone.

    `unreachable` is the number of git's objects that nothing leads to any more, `freed` the bytes of large files and caches
    that are gone, and `folders` those that killed commands had left. `id` is that of the removal.
    """

    id: str
    runs: tuple[Trashed, ...]
    large: int
    expired: tuple[Trashed, ...]
    unreachable: int
    freed: int
    folders: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object that `gitxp gc --json` prints."""
        return {
            "id": self.id,
            "removed": [run.to_json() for run in self.runs],
            "large": self.large,
            "expired": [entry.name for entry in self.expired],
            "unreachable": self.unreachable,
            "freed": self.freed,
            "folders": list(self.folders),
        }


def plan_gc(
    git: Git,
    common_dir: str,
    runs: Sequence[Run],
    large_files: Sequence[LargeFile],
    folders: Sequence[str],
    days: float,
    now: float,
) -> GcPlan:
    """The plan for these runs or large files, and folders that were left, with what is in the trash for so many days."""
    limit = now - days * _DAY
    expired = [entry for entry in list_trash(git) if entry.removed_at is not None and entry.removed_at < limit]
    large = [taken for taken in list_taken_out(common_dir) if taken.at < limit]
    kept = [(Change(ref, oid, None), at) for ref, oid, at in list_kept(git) if at < limit]
    times = [at for _, at in kept] + [entry.removed_at or 0.0 for entry in expired] + [taken.at for taken in large]
    return GcPlan(
        *(tuple(runs), tuple(large_files), tuple(expired), tuple(large), tuple(_unused(common_dir, now))),
        kept=tuple(change for change, _ in kept),
        folders=tuple(folders),
        is_early=any(at > now - PROMISED * _DAY for at in times),
    )


def collect(git: Git, common_dir: str, plan: GcPlan, now: float) -> Collected:
    """Do what was planned. Raises `GitxpError` where a run or the trash is not as it was planned."""
    id_ = make_id(int(now * 1e9), os.urandom(10))
    doomed = [Doomed(run.name, run.commit, run.id, run.ref) for run in plan.runs]
    trashed = throw_away(git, doomed, id_, now) if doomed else []
    note_removed(common_dir, [(run.id, run.run) for run in trashed if run.id], now)
    large = 0
    if plan.large_files:
        large = take_out(common_dir, find_store(git, common_dir), [file.sha256 for file in plan.large_files], id_)
    forget_for_good(git, plan.expired)
    change_refs(git, plan.kept, "gitxp: gc")
    freed = sum(delete(common_dir, taken) for taken in plan.expired_large)
    freed += sum(_remove(path) for path in plan.caches)
    clear_left(git)
    freed += clear_locks(git, common_dir, now)
    freed += clear_left_transfers(common_dir, find_store(git, common_dir), now)
    freed += sum(_remove(path) for path in list_left_scratch(now))
    git.run("pack-refs", "--all")
    return Collected(id_, tuple(trashed), large, plan.expired, _count_unreachable(git, plan.expired), freed)


def _count_unreachable(git: Git, gone: Sequence[Trashed]) -> int:
    """How many objects these entries held that nothing leads to now."""
    tags = [oid for oid, _, _ in check_objects(git, [entry.tag for entry in gone])]
    if not tags:
        return 0
    asked = "".join(f"{oid}\n" for oid in tags).encode()
    answer = git.run(
        "rev-list", "--objects", "--missing=allow-any", "--stdin", "--not", "--all", "--reflog", data=asked
    )
    return answer.count(b"\n")


def _unused(common_dir: str, now: float) -> Iterator[str]:
    """Files of caches, and whole environments, that were neither read nor written for long."""
    ours = os.path.join(common_dir, "gitxp")
    for place, _, files in os.walk(os.path.join(ours, "cache")):
        yield from (path for name in files if name not in _KEPT and _is_unused(path := os.path.join(place, name), now))
    envs = os.path.join(ours, "envs")
    for name in sorted(os.listdir(envs)) if os.path.isdir(envs) else ():
        path = os.path.join(envs, name)
        if all(_is_unused(os.path.join(path, *parts), now) for parts in ((), ("pyvenv.cfg",))):
            yield path


def _is_unused(path: str, now: float) -> bool:
    try:
        facts = os.lstat(path)
    except OSError:
        return True  # it has no such part
    return now - max(facts.st_atime, facts.st_mtime) > _UNUSED


def _remove(path: str) -> int:
    """Delete a file or a folder; the bytes of its files, 0 where somebody else deletes it at the same time."""
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            gone = f"{path}.{os.getpid()}.gone"
            os.rename(path, gone)  # of two who delete it, one has it; and an environment is never there in part
            names = [os.path.join(place, name) for place, _, files in os.walk(gone) for name in files]
            size = sum(os.lstat(name).st_size for name in names)
            shutil.rmtree(gone)
            return size
        size = os.lstat(path).st_size
        os.unlink(path)
    except FileNotFoundError:
        return 0
    return size
