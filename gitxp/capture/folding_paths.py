"""Many paths as few: a folder of which many files are meant stands for them.

A run that reads 50,000 images has read one data set, and a record is small. From the bottom up, each folder with more
than `MANY` things in it (files, and folders that stand for theirs) becomes one thing. So `images/` with its thousand
classes is one, and the two tables beside it keep their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MANY = 20


class Folded(NamedTuple):
    """A file (`files` is empty), or a folder that stands for those files below it; all by their whole paths, sorted."""

    path: str
    files: tuple[str, ...] = ()


def fold_paths(paths: Iterable[str], top: str = "") -> list[Folded]:
    """These files, folded; sorted. `top` itself, a folder without a slash at its end, never stands for its files."""
    folders: dict[str, list[Folded]] = {}
    for path in sorted(set(paths)):
        folders.setdefault(path.rpartition("/")[0], []).append(Folded(path))
    # the deepest first, so that what a folder hands up is there when its parent's turn comes
    waiting: dict[int, set[str]] = {}
    for folder in folders:
        waiting.setdefault(_depth(folder), set()).add(folder)
    for depth in range(max(waiting, default=0), 0, -1):
        for folder in waiting.get(depth, set()) - {top}:
            things = folders.pop(folder)
            if len(things) > MANY:
                things = [Folded(folder, tuple(sorted(_files(things))))]
            parent = folder.rpartition("/")[0]
            folders.setdefault(parent, []).extend(things)
            waiting.setdefault(depth - 1, set()).add(parent)
    return sorted(thing for things in folders.values() for thing in things)


def _depth(folder: str) -> int:
    return folder.count("/") + 1 if folder else 0


def _files(things: Iterable[Folded]) -> Iterator[str]:
    for thing in things:
        yield from thing.files or (thing.path,)
