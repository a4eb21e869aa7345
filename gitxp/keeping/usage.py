"""What takes the space: of each run the bytes that would be free without it, and all else that lies around."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitxp.git.lfs import find_store
from gitxp.keeping.check_space import count_objects, folder_size
from gitxp.keeping.holdings import Holder, list_held
from gitxp.keeping.lfs_trash import lfs_trash_folder
from gitxp.keeping.pointers import find_pointers
from gitxp.store.transfers import coming_folder
from gitxp.store.trash import list_trash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitxp.git.program import Git
    from gitxp.keeping.pointers import HeldPointer
    from gitxp.model import Run


@dataclass(frozen=True, slots=True)
class RunUsage:
    """What one run alone holds, in bytes on the disk: `own` in git's objects, `large` in those of git-lfs."""

    name: str
    own: int
    large: int

    def to_json(self) -> dict[str, Any]:
        """An object of `runs` in what `gitxp du --json` prints."""
        return {"name": self.name, "own": self.own, "large": self.large}


@dataclass(frozen=True, slots=True)
class PathUsage:
    """What one path of a run takes, in bytes on the disk, over all commits of the run; "" for its folders and commits.

    `is_shared`: other runs hold the same, so that it stays without this one. `large`: it is an object of git-lfs.
    """

    path: str
    size: int
    is_shared: bool = False
    large: bool = False

    def to_json(self) -> dict[str, Any]:
        """An object of the array that `gitxp du RUN --json` prints."""
        return {"path": self.path, "size": self.size, "shared": self.is_shared, "large": self.large}


@dataclass(frozen=True, slots=True)
class Usage:
    """What takes the space, in bytes on the disk.

    `runs` have what each alone holds, the largest first; `shared` is what several runs hold and no branch; `trash` what only
    removed runs do; `objects` are all of git's objects, those of branches, too. `large` and `large_trash` are git-lfs's
    objects and those that `gitxp gc` took away, `live` the live folders, `cache` what can be made again.
    """

    runs: tuple[RunUsage, ...]
    shared: int
    trash: int
    objects: int
    large: int
    large_trash: int
    live: int
    cache: int

    def to_json(self) -> dict[str, Any]:
        """The object that `gitxp du --json` prints."""
        sizes = ("shared", "trash", "objects", "large", "large_trash", "live", "cache")
        return {"runs": [run.to_json() for run in self.runs], **{name: getattr(self, name) for name in sizes}}


def measure(git: Git, common_dir: str, runs: Sequence[Run], progress: Callable[[str], None]) -> Usage:
    """What takes the space of a repository with these runs. Raises `GitFailed` where git finds damage."""
    holders = _holders(git, runs)
    held = list_held(git, holders, progress)
    own = [0] * len(holders)
    shared = trash = 0
    for one in held:
        if one.first >= len(runs):  # runs come first: no run has it
            trash += one.disk
        elif one.is_shared:
            shared += one.disk
        else:
            own[one.first] += one.disk
    progress("large files")
    store = find_store(git, common_dir)
    large = [0] * len(holders)
    for oid, pointers in _by_object(find_pointers(git, held)).items():
        first = {pointer.file.first for pointer in pointers}
        if len(first) == 1 and not any(pointer.file.is_shared for pointer in pointers):
            large[first.pop()] += store.size(oid) or 0
    sizes = (RunUsage(run.name, own[number], large[number]) for number, run in enumerate(runs))
    ours = os.path.join(common_dir, "gitxp")
    index = sum(_size(os.path.join(ours, f"index.sqlite{end}")) for end in ("", "-wal", "-shm"))
    return Usage(
        runs=tuple(sorted(sizes, key=lambda one: (-one.own - one.large, one.name))),
        shared=shared,
        trash=trash,
        objects=count_objects(git),
        large=folder_size(store.folder),
        large_trash=folder_size(lfs_trash_folder(common_dir)),
        live=folder_size(os.path.join(ours, "live")),
        cache=folder_size(os.path.join(ours, "cache")) + index + folder_size(coming_folder(common_dir, store)),
    )


def measure_paths(
    git: Git, common_dir: str, runs: Sequence[Run], run: Run, progress: Callable[[str], None]
) -> list[PathUsage]:
    """What the paths of one run take, the largest first; what a branch has is not among it."""
    # The run comes first, so that all that it holds, shared or not, is found as its own.
    holders = _holders(git, [run, *(other for other in runs if other.name != run.name)])
    held = [one for one in list_held(git, holders, progress) if one.first == 0]
    sizes: dict[tuple[str, bool, bool], int] = {}
    for one in held:
        key = (one.path if one.kind == "blob" else "", one.is_shared, False)
        sizes[key] = sizes.get(key, 0) + one.disk
    store = find_store(git, common_dir)
    for oid, pointers in _by_object(find_pointers(git, held)).items():
        size = store.size(oid)
        if size is not None:
            key = (pointers[0].file.path, all(pointer.file.is_shared for pointer in pointers), True)
            sizes[key] = sizes.get(key, 0) + size
    found = [PathUsage(path, size, shared, large) for (path, shared, large), size in sizes.items()]
    return sorted(found, key=lambda one: (-one.size, one.path))


def _holders(git: Git, runs: Sequence[Run]) -> list[Holder]:
    return [
        *(Holder(run.name, run.commit) for run in runs),
        *(Holder(entry.name, entry.commit) for entry in list_trash(git)),
    ]


def _by_object(pointers: Sequence[HeldPointer]) -> dict[str, list[HeldPointer]]:
    found: dict[str, list[HeldPointer]] = {}
    for pointer in pointers:
        found.setdefault(pointer.pointer.oid, []).append(pointer)
    return found


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
