"""In how many files two trees differ at the most, told before git is asked which.

Ten levels of ten equal folders are 10^10 files in a few KB. git compares trees path by path and holds what differs in
memory, so that a stranger's run could take all of a machine's, and days. Here each tree is looked at once, however many
paths lead to it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gitxp.errors import FormatError
from gitxp.format import FOLDER
from gitxp.git.objects import FOLDER_MODE

if TYPE_CHECKING:
    from gitxp.format import Oid
    from gitxp.git.objects import Entry, Objects

MAX_FILES = 3_000_000
_MAX_DEPTH = 400  # folders in folders, each a call
_MOST_KEPT = 2_000  # trees that are held in memory


class Extent:
    """Differences between the trees of commits, as far as they can be told without a look at each path.

    Without `ours`, gitxp's own folder does not count. What cannot be read counts as nothing: git will say so.
    """

    def __init__(self, objects: Objects, *, ours: bool = True) -> None:
        self._objects = objects
        self._ours = ours
        self._kept: dict[Oid, list[Entry]] = {}
        self._counts: dict[tuple[Oid | None, Oid | None], int] = {}

    def is_trap(self, a: Oid | None, b: Oid | None) -> bool:
        """Whether two commits or trees differ in more files than anybody has, or in deeper folders; None has no files."""
        first, second = self._read(self._tree_of(a)), self._read(self._tree_of(b))
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
        folders = [{e.path: e for e in side if e.mode == FOLDER_MODE and side[e] == 1} for side in sides]
        total = 0
        for path in folders[0].keys() & folders[1].keys():
            a, b = folders[0][path], folders[1][path]
            total += self._differ(a.oid, b.oid, depth + 1)
            del sides[0][a], sides[1][b]
        for entry, count in (item for side in sides for item in side.items()):
            total += count * (self._differ(None, entry.oid, depth + 1) if entry.mode == FOLDER_MODE else 1)
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
