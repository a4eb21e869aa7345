"""Runs as they grew out of one another: what `descent.py` asks is read in bulk, and what changed is told of what is shown.

Of each run one commit and one tree are read, of each snapshot how it differs from its base, by one `git diff-tree` for
hundreds. Records come from the index. Lines of code are counted only between the runs that are shown.
"""

from __future__ import annotations

import heapq
import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.direction import is_counter
from gitxp.errors import FormatError, GitFailed
from gitxp.format import FOLDER, SYSTEM_PREFIX, Oid, parse_time
from gitxp.git.extent import Extent
from gitxp.git.reach import count_lines, list_changes
from gitxp.growth import Changes, Descendant, FileLines, Lineage
from gitxp.query.descent import Idea, Origin, find_origins
from gitxp.sources import by_number, source_rank
from gitxp.store.runs import read_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from gitxp.direction import Direction
    from gitxp.git.objects import Objects
    from gitxp.git.program import Git
    from gitxp.model import Run
    from gitxp.names import RunName
    from gitxp.query.descent import Trait

_CODE = (":(top)", f":(top,exclude){FOLDER}")
_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_AHEAD = 86_400  # seconds that another machine's clock may be ahead
_MOST_FILES = 1_000  # of a snapshot that differ from its base: so many tell enough
_MOST_NAMED = 20  # files of one change that are told by name
_MOST_STEPS = 200_000  # commits that are looked at in the history of bases


class Family(NamedTuple):
    """All runs, oldest first, with the origin of each by its index among them, its command without parameters, and its snapshot.

    `extent` knows their trees.
    """

    runs: list[Run]
    commands: list[str]
    origins: list[Origin]
    snapshots: list[int | None]
    extent: Extent


class Measured(NamedTuple):
    """A metric: its values by run, which way is better, and who chose it (see `growth.Lineage`)."""

    values: Mapping[RunName, float]
    direction: Direction | None = None
    chosen: str | None = None


def find_family(git: Git, objects: Objects, runs: Iterable[Run], now: float, bare: Callable[[Run], str]) -> Family:
    """Where each run came from, at this unix time: runs that have yet to begin come last. `bare` gives a command without parameters."""
    numbers: dict[tuple[object, ...], int] = {}
    found = []
    for run in runs:
        snapshot, time = _look_at(objects, run, numbers)
        found.append((_start_of(run, time, now), run, snapshot))
    found.sort(key=lambda item: (item[0], item[1].name))
    ordered, snapshots = [run for _, run, _ in found], [snapshot for _, _, snapshot in found]
    commands = [bare(run) for run in ordered]
    ideas = [
        Idea(run.id, run.record.get("parent_run"), run.record.get("base"), snapshot, _traits_of(run, command))
        for run, snapshot, command in zip(ordered, snapshots, commands, strict=True)
    ]
    history = _History(objects)
    extent = Extent(objects, ours=False)
    files = _compare_with_bases(git, extent, history, ordered, snapshots)
    return Family(ordered, commands, find_origins(ideas, files, history.find), snapshots, extent)


def find_related(family: Family, names: Collection[RunName]) -> set[RunName]:
    """These runs, all that they grew out of, and all that grew out of them."""
    children: dict[int, list[int]] = {}
    for number, origin in enumerate(family.origins):
        if origin.parent is not None:
            children.setdefault(origin.parent, []).append(number)
    below = [number for number, run in enumerate(family.runs) if run.name in names]
    above, found = list(below), set(below)
    while above:
        parent = family.origins[above.pop()].parent
        if parent is not None and parent not in found:
            found.add(parent)
            above.append(parent)
    while below:
        for child in children.get(below.pop(), ()):
            if child not in found:
                found.add(child)
            below.append(child)
    return {family.runs[number].name for number in found}


def choose_metric(runs: Iterable[Run]) -> str | None:
    """The metric that most of these runs have, by name where as many have another; none of the machine's, and no counter."""
    counts: dict[str, int] = {}
    for run in runs:
        for name in run.record.get("metrics") or ():
            if not name.startswith(SYSTEM_PREFIX):
                counts[name] = counts.get(name, 0) + 1
    return min(counts, key=lambda name: (is_counter(name), -counts[name], name), default=None)


def tell(
    git: Git, objects: Objects, family: Family, meant: Collection[RunName], limit: int | None, measured: Measured
) -> Lineage:
    """The newest of those that are `meant`, with what changed.

    The others are as if they were not there: a run has its nearest ancestor that is meant for a parent.
    """
    is_meant = [run.name in meant for run in family.runs]
    chosen = [number for number, yes in enumerate(is_meant) if yes]
    shown = chosen[-limit:] if limit else chosen
    parents = _skip(family.origins, is_meant)
    changes = _Teller(git, objects, family).tell([(number, parents[number]) for number in shown])
    values = [measured.values.get(run.name) for run in family.runs]
    better = None if measured.direction is None else measured.direction.better
    best = None if better is None else _find_best(values, chosen, is_less=better == "less")
    told = []
    for number in shown:
        run, origin, parent, value = family.runs[number], family.origins[number], parents[number], values[number]
        before = _value_before(number, parents, values)
        gain = None if value is None or before is None else value - before
        told.append(
            Descendant(
                run,
                parent=None if parent is None else family.runs[parent].name,
                why=None if parent is None else origin.why,
                missing=origin.missing,
                changes=changes.get(number, Changes()),
                value=value,
                gain=gain,
                is_improved=None
                if better is None or not gain or math.isnan(gain)
                else (gain < 0) == (better == "less"),
                is_best=number == best,
            )
        )
    return Lineage(tuple(told), len(chosen), measured.direction, measured.chosen)


def changed_params(a: Run, b: Run) -> dict[str, tuple[Any, Any]]:
    """The parameters that differ, as pairs, those that were given first; 1 and 1.0 are the same number, and true is none."""

    def place(name: str) -> tuple[Any, ...]:
        having = [run for run in (a, b) if name in run.params]
        return min(source_rank((run.record.get("param_sources") or {}).get(name)) for run in having), by_number(name)

    return {
        name: (a.params.get(name), b.params.get(name))
        for name in sorted(a.params.keys() | b.params.keys(), key=place)
        if (name in a.params) != (name in b.params) or _plain(a.params[name]) != _plain(b.params[name])
    }


def _look_at(objects: Objects, run: Run, numbers: dict[tuple[object, ...], int]) -> tuple[int | None, int]:
    """A number that is equal for equal snapshots, None where there is none to be read; the time of the tip."""
    try:
        time = objects.read_commit(run.commit).time
        entries = objects.list_top(run.commit)
    except FormatError:
        return None, 0
    key = tuple(entry for entry in entries if entry.path != FOLDER)
    return (None if run.problem else numbers.setdefault(key, len(numbers))), time


def _start_of(run: Run, committed: int, now: float) -> float:
    """When a run started, to sort by; the time of its commit where its record says nothing, or what has yet to come."""
    try:
        says = parse_time(run.started_at) if run.started_at else math.inf
    except FormatError:
        says = math.inf
    return says if says <= now + _AHEAD else min(says, committed)


def _traits_of(run: Run, command: str) -> frozenset[Trait]:
    traits: list[Trait] = [("params", name, _plain(value)) for name, value in run.params.items()]
    traits += [("data", path, digest) for path, digest in _data_of(run).items()]
    traits.append(("program", "", command))
    return frozenset(traits)


def _data_of(run: Run) -> dict[str, str | None]:
    return {entry["path"]: entry.get("xxh3_128") for entry in run.record.get("data") or ()}


def _plain(value: Any) -> Any:
    """A parameter as something that is equal, and can be hashed, for equal values."""
    if isinstance(value, bool):
        return "bool", value
    if isinstance(value, list):
        return tuple(map(_plain, value))
    return tuple(sorted((key, _plain(item)) for key, item in value.items())) if isinstance(value, dict) else value


class _History:
    """The commits that bases come from; each is read once."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._known: dict[str, tuple[int, tuple[Oid, ...]] | None] = {}
        self._steps = _MOST_STEPS

    def read(self, commit: str | None) -> tuple[int, tuple[Oid, ...]] | None:
        """Time and parents of a commit; None where it cannot be read. A record's base can be any text."""
        if commit is None or not _OID.fullmatch(commit):
            return None
        if commit not in self._known:
            try:
                found = self._objects.read_commit(Oid(commit))
                self._known[commit] = found.time, found.parents
            except FormatError:
                self._known[commit] = None
        return self._known[commit]

    def find(self, base: str, is_wanted: Callable[[str | None], bool]) -> tuple[str | None] | None:
        """The nearest commit before a base that is wanted, newest first; no commit at all is before the first one."""
        waiting: list[tuple[int, str]] = []
        seen = {base}
        at: str = base
        reached_first = False
        while self._steps > 0:
            self._steps -= 1
            if at != base and is_wanted(at):
                return (at,)
            known = self.read(at)
            reached_first |= known is not None and not known[1]
            for parent in known[1] if known else ():
                about = self.read(parent)
                if parent not in seen and about is not None:
                    seen.add(parent)
                    heapq.heappush(waiting, (-about[0], parent))
            if not waiting:
                break
            at = heapq.heappop(waiting)[1]
        return (None,) if reached_first and is_wanted(None) else None


def _compare_with_bases(
    git: Git, extent: Extent, history: _History, runs: Sequence[Run], snapshots: Sequence[int | None]
) -> dict[tuple[str | None, int], frozenset[tuple[str, str]]]:
    """What each snapshot has otherwise than its base, or, where that is not there, than the first snapshot of that base.

    Of what is a trap, nothing is told.
    """
    first: dict[str | None, Oid] = {}
    asked: dict[tuple[str | None, int], Run] = {}
    for run, snapshot in zip(runs, snapshots, strict=True):
        if snapshot is None:
            continue
        base = run.record.get("base")
        if base not in first:
            first[base] = Oid(base) if base is not None and history.read(base) else run.commit
        asked.setdefault((base, snapshot), run)
    tips = {run.commit: key for key, run in asked.items()}
    files: dict[tuple[str | None, int], set[tuple[str, str]]] = {}
    pairs = (
        (run.commit, [first[base]]) for (base, _), run in asked.items() if not extent.is_trap(first[base], run.commit)
    )
    try:
        for change in list_changes(git, pairs, _CODE):
            found = files.setdefault(tips[change.commit], set())
            if len(found) < _MOST_FILES:
                found.add((change.path, change.after))
    except GitFailed:
        pass  # an object is missing: what was not told counts as one difference
    return {key: frozenset(found) for key, found in files.items()}


def _skip(origins: Sequence[Origin], is_meant: Sequence[bool]) -> list[int | None]:
    """The nearest ancestor of each that is meant."""
    found: dict[int, int | None] = {}
    for number in range(len(origins)):
        way = []
        at = number
        while at not in found:
            way.append(at)
            parent = origins[at].parent
            if parent is None or is_meant[parent]:
                found[at] = parent
            else:
                at = parent
        # between them stands nobody who is meant
        found |= dict.fromkeys(way, found[at])
    return [found[number] for number in range(len(origins))]


def _value_before(number: int, parents: Sequence[int | None], values: Sequence[float | None]) -> float | None:
    """The value of the nearest ancestor that has one."""
    at = parents[number]
    while at is not None and values[at] is None:
        at = parents[at]
    return None if at is None else values[at]


def _find_best(values: Sequence[float | None], among: Iterable[int], *, is_less: bool) -> int | None:
    """The first of those with the best value."""
    best, least = None, math.inf
    for number in among:
        value = values[number]
        if value is not None and math.isfinite(value) and (value if is_less else -value) < least:
            best, least = number, value if is_less else -value
    return best


class _Teller:
    """Tells what changed between runs and their parents."""

    def __init__(self, git: Git, objects: Objects, family: Family) -> None:
        self._git = git
        self._objects = objects
        self._family = family
        self._packages: dict[str, dict[str, str]] = {}

    def tell(self, pairs: Sequence[tuple[int, int | None]]) -> dict[int, Changes]:
        """What each has otherwise than its parent, by its number."""
        grown = [(number, parent) for number, parent in pairs if parent is not None]
        lines = self._count_lines(grown)
        return {number: self._compare(parent, number, lines.get(number, [])) for number, parent in grown}

    def _compare(self, before: int, after: int, lines: list[FileLines]) -> Changes:
        a, b = self._family.runs[before], self._family.runs[after]
        data_a, data_b = _data_of(a), _data_of(b)
        programs = self._family.commands[before], self._family.commands[after]
        packages_a, packages_b = self._packages_of(a), self._packages_of(b)
        return Changes(
            params=changed_params(a, b),
            program=None if programs[0] == programs[1] else programs,
            files=tuple(lines[:_MOST_NAMED]),
            more_files=max(0, len(lines) - _MOST_NAMED),
            data=tuple(p for p in sorted(data_a.keys() | data_b.keys()) if _differ(data_a, data_b, p)),
            packages={
                name: (packages_a.get(name), packages_b.get(name))
                for name in sorted(packages_a.keys() | packages_b.keys())
                # where one side was not recorded, that is no change of packages
                if packages_a and packages_b and packages_a.get(name) != packages_b.get(name)
            },
        )

    def _count_lines(self, grown: Sequence[tuple[int, int]]) -> dict[int, list[FileLines]]:
        runs, snapshots = self._family.runs, self._family.snapshots
        changed = [(number, parent) for number, parent in grown if snapshots[number] != snapshots[parent]]
        asked: dict[Oid, Oid] = {}
        numbers: dict[Oid, list[int]] = {}
        for number, parent in changed:
            commit, other = runs[number].commit, runs[parent].commit
            if asked.setdefault(commit, other) == other:  # several names can lead to one commit
                numbers.setdefault(commit, []).append(number)
        found: dict[int, list[FileLines]] = {}
        try:
            extent = self._family.extent
            pairs = ((commit, [other]) for commit, other in asked.items() if not extent.is_trap(other, commit))
            for commit, path, added, deleted in count_lines(self._git, pairs, _CODE):
                for number in numbers[commit]:
                    found.setdefault(number, []).append(FileLines(path, added, deleted))
        except GitFailed:
            pass  # an object is missing: of the others no lines are told
        return found

    def _packages_of(self, run: Run) -> dict[str, str]:
        try:
            entry = self._objects.find_entry(run.commit, f"{FOLDER}/environment.json")
            if entry is None:
                return {}
            if entry.oid not in self._packages:
                packages = read_environment(self._objects, run.commit).get("packages")
                found = packages if isinstance(packages, dict) else {}
                self._packages[entry.oid] = {name: v for name, v in found.items() if isinstance(v, str)}
        except FormatError:
            return {}
        return self._packages[entry.oid]


def _differ(a: Mapping[str, str | None], b: Mapping[str, str | None], path: str) -> bool:
    return (path in a) != (path in b) or a[path] != b[path]
