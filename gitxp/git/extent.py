"""In how many files two trees differ at the most, told before git is asked which.

Ten levels of ten equal folders are 10^10 files in a few KB. git compares trees path by path and holds what differs in
memory, so that a stranger's run could take all of a machine's, and days. Here each tree is looked at once, however many
paths lead to it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import FormatError
from gitxp.format import FOLDER
from gitxp.git.tree_bytes import is_folder

if TYPE_CHECKING:
    from gitxp.format import Oid
    from gitxp.git.objects import Entry, Objects

MAX_FILES = 3_000_000
_MAX_DEPTH = 400  # folders in folders, each a call
_MOST_KEPT = 2_000  # trees that are held in memory
_MOST_WEIGHED = 200_000


class _Weight(NamedTuple):
    """Of a tree, everything below it, folders too, and how deep they are in one another."""

    entries: int
    height: int


class Extent:
    """Differences between the trees of commits, as far as they can be told without a look at each path.

    Without `ours`, gitxp's own folder does not count. What cannot be read counts as nothing: git will say so.
    """

    def __init__(self, objects: Objects, *, ours: bool = True) -> None:
        self._objects = objects
        self._ours = ours
        self._kept: dict[Oid, list[Entry]] = {}
        self._counts: dict[tuple[Oid | None, Oid | None], int] = {}
        self._weights: dict[Oid, _Weight] = {}

    def is_trap(self, a: Oid | None, b: Oid | None) -> bool:
        """Whether two commits or trees differ in more files than anybody has, or in deeper folders; None has no files."""
        trees = [self._tree_of(oid) for oid in (a, b)]
        weights = [self._weigh(tree) for tree in trees if tree is not None]
        if sum(weight.entries for weight in weights) <= MAX_FILES and all(one.height <= _MAX_DEPTH for one in weights):
            return False  # though each file of both were another: so it is with nearly all that people have
        first, second = map(self._read, trees)
        if not self._ours:
            first, second = ([entry for entry in top if entry.path != FOLDER] for top in (first, second))
        return self._compare(first, second, 0) > MAX_FILES

    def check(self, a: Oid | None, b: Oid) -> None:
        """Raise `FormatError` where they do."""
        if self.is_trap(a, b):
            raise FormatError(
                f"{b[:12]} differs from {a[:12] if a else 'no files'} in more than {MAX_FILES:,} files.",
                hint="Nobody has that many: it is a trap.",
            )

    def _tree_of(self, oid: Oid | None) -> Oid | None:
        try:
            return None if oid is None else self._objects.read_commit(oid).tree
        except FormatError:  # it is a tree, or will be missed by git
            return oid

    def _weigh(self, tree: Oid, depth: int = 0) -> _Weight:
        """At most the first few millions are counted."""
        known = self._weights.get(tree)
        if known is not None:
            return known
        if depth > _MAX_DEPTH:
            return _Weight(MAX_FILES + 1, 0)
        try:
            entries, folders = self._objects.count_entries(tree)
        except FormatError:
            entries, folders = 0, []
        height = 0
        for folder in folders:
            if entries > MAX_FILES:
                break
            below = self._weigh(folder, depth + 1)
            entries, height = entries + below.entries, max(height, below.height)
        if len(self._weights) >= _MOST_WEIGHED:
            self._weights.clear()
        self._weights[tree] = _Weight(entries, height + 1)
        return self._weights[tree]

    def _differ(self, a: Oid | None, b: Oid | None, depth: int) -> int:
        if a == b:
            return 0
        if depth > _MAX_DEPTH:
            return MAX_FILES + 1
        if (a, b) not in self._counts:
            self._counts[a, b] = self._compare(self._read(a), self._read(b), depth)
        return self._counts[a, b]

    def _compare(self, ours: list[Entry], theirs: list[Entry], depth: int) -> int:
        """A hostile tree may have an entry twice, which git walks twice."""
        first, second = Counter(ours), Counter(theirs)
        sides = first - second, second - first
        folders = [{e.path: e for e in side if is_folder(e.mode) and side[e] == 1} for side in sides]
        total = 0
        for path in folders[0].keys() & folders[1].keys():
            a, b = folders[0][path], folders[1][path]
            total += self._differ(a.oid, b.oid, depth + 1)
            del sides[0][a], sides[1][b]
        for entry, count in (item for side in sides for item in side.items()):
            total += count * (self._differ(None, entry.oid, depth + 1) if is_folder(entry.mode) else 1)
        return min(total, MAX_FILES + 1)

    def _read(self, tree: Oid | None) -> list[Entry]:
        if tree is None:
            return []
        if tree not in self._kept:
            try:
                entries = self._objects.list_tree(tree)
            except FormatError:
                entries = []
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[tree] = entries
        return self._kept[tree]
