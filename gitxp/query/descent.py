"""Which earlier run each run grew out of.

Only a rerun says so in its record; of all others it is told from what they have. People think in small steps: they
change a line or a parameter and run again. So the parent is the earlier run to which there is the least to change, and
of equals the latest. In this order:

1. `recorded`: the run that `parent_run` names, whatever its age, unless that makes a circle.
2. The earlier run with the fewest differences (files, parameters, data, the program: each counts one), among those with the
   same snapshot (`snapshot`) and those with the same base (`base`). Files of two snapshots of one base are compared by what
   each has otherwise than the base, so that each snapshot is read once, and not each pair.
3. `history`: nothing has that base or snapshot, so the base is new. Going back from it, newest commit first, as `git log`
   does, the first commit that is the base of an earlier run; of its runs the one with the fewest differences, files aside.

What has none of these begins a line. A run is compared with the latest `WINDOW` of each kind: against all, ten thousand runs
of one base would be fifty million pairs. With the same snapshot, parameters, data and program a run further back is found as
well. A difference of one cannot be beaten by an older run, so that the usual run costs one look.

The first of a circle, which only forged records make, begins a line. So every run has one way back, and it ends.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    Trait = tuple[str, str, Hashable]
    Files = Mapping[tuple[str | None, int], frozenset[tuple[str, str]]]
    FindBase = Callable[[str, Callable[[str | None], bool]], tuple[str | None] | None]

WINDOW = 100
RECORDED, SNAPSHOT, BASE, HISTORY = "recorded", "snapshot", "base", "history"


class Idea(NamedTuple):
    """What tells where a run came from: `traits` are its parameters, data and program as (kind, name, value).

    `snapshot` is a number that is equal for equal snapshots; None for a run that cannot be read, which is nobody's parent.
    """

    id: str | None
    recorded: str | None
    base: str | None
    snapshot: int | None
    traits: frozenset[Trait] = frozenset()


class Origin(NamedTuple):
    """The index of the parent, None where a line begins, and what says so; `missing` is a recorded parent that is not there."""

    parent: int | None
    why: str = ""
    missing: str | None = None


def find_origins(
    ideas: Sequence[Idea],
    files: Files,
    find_base: FindBase,
) -> list[Origin]:
    """The origin of each of these, which are in the order of their starts.

    `files` has, by base and snapshot, what this has otherwise than that, as paths and contents. `find_base` is given a base,
    and what tells whether another one is wanted: the nearest of those in its history, in a tuple, or None.
    """
    by_id: dict[str, int] = {}
    for number, idea in enumerate(ideas):
        if idea.id is not None:
            by_id.setdefault(idea.id, number)
    finder = _Finder(ideas, files, find_base)
    origins = []
    for number, idea in enumerate(ideas):
        guess = finder.find(number)
        parent = None if idea.recorded is None else by_id.get(idea.recorded)
        if parent is not None and parent != number:
            origins.append(Origin(parent, RECORDED))
        else:
            origins.append(guess._replace(missing=idea.recorded if parent is None else None))
    return _without_circles(origins)


class _Finder:
    """Finds the earlier run with the fewest differences; asked of each run once, in their order."""

    def __init__(
        self,
        ideas: Sequence[Idea],
        files: Files,
        find_base: FindBase,
    ) -> None:
        self._ideas = ideas
        self._files = files
        self._find_base = find_base
        self._by_base: dict[str | None, list[int]] = defaultdict(list)
        self._by_snapshot: dict[int, list[int]] = defaultdict(list)
        self._equal: dict[tuple[int, frozenset[Trait]], int] = {}
        self._between: dict[tuple[str | None, int, int], int] = {}
        # what all runs have in common tells none apart, and is most of forty parameters
        common = frozenset.intersection(*(idea.traits for idea in ideas)) if ideas else frozenset()
        self._traits = [idea.traits - common for idea in ideas]
        names: dict[frozenset[tuple[str, str]], frozenset[tuple[str, str]]] = {}
        self._names = []
        for traits in self._traits:
            found = frozenset((kind, name) for kind, name, _ in traits)
            self._names.append(names.setdefault(found, found))

    def find(self, number: int) -> Origin:
        """The origin of one run."""
        idea = self._ideas[number]
        if idea.snapshot is None:
            return Origin(None)
        origin = self._find(number, idea, idea.snapshot)
        self._by_base[idea.base].append(number)
        self._by_snapshot[idea.snapshot].append(number)
        self._equal[idea.snapshot, idea.traits] = number
        return origin

    def _find(self, number: int, idea: Idea, snapshot: int) -> Origin:
        equal = self._equal.get((snapshot, idea.traits))
        if equal is not None:
            return Origin(equal, SNAPSHOT)
        near = chain(self._latest(self._by_snapshot.get(snapshot)), self._latest(self._by_base.get(idea.base)))
        parent = self._nearest(number, sorted(set(near), reverse=True))
        if parent is not None:
            return Origin(parent, SNAPSHOT if self._ideas[parent].snapshot == snapshot else BASE)
        if idea.base is None or not self._by_base:
            return Origin(None)
        found = self._find_base(idea.base, self._by_base.__contains__)
        if found is None:
            return Origin(None)
        parent = self._nearest(number, reversed(self._by_base[found[0]][-WINDOW:]), with_files=False)
        return Origin(parent, HISTORY)

    @staticmethod
    def _latest(numbers: list[int] | None) -> list[int]:
        return numbers[-WINDOW:] if numbers else []

    def _nearest(self, number: int, others: Iterable[int], *, with_files: bool = True) -> int | None:
        """Of the others, newest first, the one with the fewest differences."""
        nearest, least = None, -1
        for other in others:
            differences = self._count_traits(number, other)
            if with_files and (nearest is None or differences < least):
                differences += self._count_files(number, other)
            if nearest is None or differences < least:
                nearest, least = other, differences
                if least <= 1:
                    break
        return nearest

    def _count_traits(self, a: int, b: int) -> int:
        names = self._names[a]
        every = len(names) if names is self._names[b] else len(names | self._names[b])
        return every - len(self._traits[a] & self._traits[b])

    def _count_files(self, a: int, b: int) -> int:
        first, second = self._ideas[a].snapshot, self._ideas[b].snapshot
        if first == second or first is None or second is None:
            return 0
        base = self._ideas[a].base
        pair = (base, min(first, second), max(first, second))
        count = self._between.get(pair)
        if count is None:
            differing = self._files.get((base, first), frozenset()) ^ self._files.get((base, second), frozenset())
            # they differ, even where it was not told in which files
            count = self._between[pair] = max(1, len({path for path, _ in differing}))
        return count


def _without_circles(origins: list[Origin]) -> list[Origin]:
    """The origins, where the first run of each circle has none."""
    done = [False] * len(origins)
    for number in range(len(origins)):
        way: dict[int, None] = {}
        at: int | None = number
        while at is not None and not done[at] and at not in way:
            way[at] = None
            at = origins[at].parent
        if at is not None and at in way:
            circle = list(way)[list(way).index(at) :]
            origins[min(circle)] = Origin(None)
        for seen in way:
            done[seen] = True
    return origins
