"""The files of a folder, in two ways: in the order of a manifest, or only as a digest of their names and stats.

Both give the same digest for the same state, so that a cache written after the first is known again by the second,
which is the cheaper by all the sorting and all the objects: 100,000 files in 1.5 times what `find` needs to print
their stats. Nothing is held but one folder's listing.
"""

from __future__ import annotations

import os
import stat
from array import array
from typing import TYPE_CHECKING, NamedTuple

import xxhash

from gitxp.capture.data.hashing import Facts, facts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

FILE, LINK, FOLDER, UNLISTED = range(4)
_LEFT_OUT = b".git"
_NO_FACTS = (0, 0, 0, 0)


class Item(NamedTuple):
    """One entry of a manifest: its path from the root, what it is, and its facts."""

    path: bytes
    kind: int
    facts: Facts


def _digest(folder: bytes, names: list[bytes], stats: array[int]) -> int:
    """A digest of one folder's names and stats, in the order that the file system gives them.

    That order is the same as long as nothing changes; where it is not, the sorted walk finds out that nothing did.
    """
    hasher = xxhash.xxh3_128(folder + b"\0\0" + b"\0".join(names))
    hasher.update(stats)
    return hasher.intdigest()


def _sum(digests: int) -> bytes:
    # never all zeros, which in a cache says that nothing is trusted
    return (digests % (2**128 - 1) + 1).to_bytes(16, "big")


def scan(root: bytes, look: Callable[[], None]) -> bytes | None:
    """What `Walk.stats` is for the same state, without sorting; None where something goes on that needs a closer look.

    `root` is a folder or a file; `look` is called once a folder.
    """
    if not os.path.isdir(root):
        return Walk(root).stats
    folders = [root]
    total = 0
    while folders:
        folder = folders.pop()
        names: list[bytes] = []
        stats = array("q")
        add_name, add_stats = names.append, stats.extend
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name != _LEFT_OUT:
                            folders.append(entry.path)
                        continue
                    about = entry.stat(follow_symlinks=False)
                    add_name(entry.name)
                    add_stats((about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino))
        except OSError:
            return None
        total += _digest(folder[len(root) :], names, stats)
        look()
    return _sum(total)


class Walk:
    """The files and links below a root in manifest order: sorted by the bytes of their paths.

    A folder sorts as if its name ended in a slash: then depth first is the order of whole paths. A root that is a file
    is the only item, with an empty path. A folder that cannot be listed is an item of the kind `UNLISTED`.
    """

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._digests = 0
        self._facts = _NO_FACTS
        about = os.stat(root)
        self.is_folder = stat.S_ISDIR(about.st_mode)
        if not self.is_folder:
            self._facts = facts_of(about)
            self._digests = _digest(b"", [b""], array("q", self._facts))

    @property
    def stats(self) -> bytes:
        """A digest of all names and stats that the walk has met."""
        return _sum(self._digests)

    def __iter__(self) -> Iterator[Item]:
        if not self.is_folder:
            yield Item(b"", FILE, self._facts)
            return
        stack = self._list(b"")
        while stack:
            item = stack.pop()
            if item.kind == FOLDER:
                stack += self._list(item.path)
            else:
                yield item

    def _list(self, folder: bytes) -> list[Item]:
        """The items of one folder, the last one first; `folder` is empty or ends in a slash."""
        names: list[bytes] = []
        stats = array("q")
        items: list[Item] = []
        place = (self._root + b"/" + folder).rstrip(b"/") or b"/"
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name != _LEFT_OUT:
                            items.append(Item(folder + entry.name + b"/", FOLDER, _NO_FACTS))
                        continue
                    try:
                        about = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    facts = facts_of(about)
                    names.append(entry.name)
                    stats.extend(facts)
                    if stat.S_ISREG(about.st_mode):
                        items.append(Item(folder + entry.name, FILE, facts))
                    elif stat.S_ISLNK(about.st_mode):
                        items.append(Item(folder + entry.name, LINK, facts))
        except FileNotFoundError:
            return []
        except OSError:
            return [Item(folder, UNLISTED, _NO_FACTS)]
        self._digests += _digest(place[len(self._root) :], names, stats)
        items.sort(reverse=True)
        return items


class Listing:
    """Some files below a folder, by their paths from it and with what was found out of them, instead of all that a walk finds.

    `stats` is of them alone. What is gone by now is found out when it is read.
    """

    is_folder = True

    def __init__(self, files: Iterable[tuple[bytes, os.stat_result]]) -> None:
        self._items = sorted(Item(path, FILE, facts_of(about)) for path, about in files)
        facts = array("q")
        for item in self._items:
            facts.extend(item.facts)
        self.stats = _sum(_digest(b"", [item.path for item in self._items], facts))

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)
