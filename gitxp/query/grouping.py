"""Runs in groups by what they have in common, and what the numbers of each group come to.

Values come in batches of measures, so that 100,000 runs with many metrics need not be in memory at once. Each measure is summed
up by itself, in loops that do little for each number: ten metrics of 100,000 runs are a million of them.
"""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.format import as_float
from gitxp.listed import Group, Summary
from gitxp.query.best import sameness
from gitxp.query.measures import is_nan, is_number

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

    from gitxp.names import RunName
    from gitxp.query.search import Found

PARTS = ("best", "mean", "std")


class GroupOrder(NamedTuple):
    """A key that groups are sorted by: the number of a key, or of a measure (then which of `PARTS`), or neither: `runs`."""

    key: int | None = None
    measure: int | None = None
    part: str = "mean"
    descending: bool = False


class Grouping:
    """Groups of runs, made of runs with the values (*keys, when it started)."""

    def __init__(self, found: Iterable[Found]) -> None:
        numbers: dict[Hashable, int] = {}
        self._values: list[tuple[Any, ...]] = []
        self._sizes: list[int] = []
        self._group_of: dict[RunName, int] = {}
        self._started: dict[RunName, float] = {}
        self._summaries: list[tuple[Summary, ...]] = []
        for run in found:
            *keys, started = run.values
            number = numbers.setdefault(tuple(map(sameness, keys)), len(numbers))
            if number == len(self._values):
                self._values.append(tuple(keys))
                self._sizes.append(0)
                self._summaries.append(())
            self._sizes[number] += 1
            self._group_of[run.name] = number
            self._started[run.name] = math.inf if started is None else started

    def __len__(self) -> int:
        return len(self._values)

    @property
    def runs(self) -> int:
        """How many runs there are in all groups."""
        return len(self._group_of)

    def add(self, found: Iterable[Found], are_less: Sequence[bool]) -> None:
        """Sum up more numbers: the runs have one for each of `are_less`, which tells whether less of it is better."""
        known = [run for run in found if run.name in self._group_of]  # the others came since
        numbers = [self._group_of[run.name] for run in known]
        columns: Iterable[Sequence[Any]] = (
            zip(*(run.values for run in known), strict=True) if known else ((),) * len(are_less)
        )
        for column, is_less in zip(columns, are_less, strict=True):
            for number, summary in enumerate(self._summed(known, numbers, column, is_less=is_less)):
                self._summaries[number] += (summary,)

    def _summed(
        self, runs: Sequence[Found], numbers: Sequence[int], column: Sequence[Any], *, is_less: bool
    ) -> Iterator[Summary]:
        """What a number comes to in each group: `column` has it for each of the runs, `numbers` their groups."""
        groups: list[list[float]] = [[] for _ in self._values]
        nan = [0] * len(groups)
        for number, value in zip(numbers, column, strict=True):
            if is_number(value):
                groups[number].append(value)
            elif is_nan(value):
                nan[number] += 1
        best = min if is_less else max
        bests = [best(values) if values else None for values in groups]
        firsts: list[tuple[float, RunName, float] | None] = [None] * len(groups)
        for number, value, run in zip(numbers, column, runs, strict=True):
            if value == bests[number] and is_number(value):
                first, one = firsts[number], (self._started[run.name], run.name, value)
                if first is None or one[:2] < first[:2]:
                    firsts[number] = one
        for first, values, left_out in zip(firsts, groups, nan, strict=True):
            yield Summary(nan=left_out) if first is None else _summary(first[2], first[1], values, left_out)

    def arrange(self, orders: Sequence[GroupOrder] = (), limit: int | None = None) -> None:
        """Put the groups in an order, and forget those after the first `limit`.

        What is equal by it is sorted by the values of its keys; numbers come before text, and what is missing is last.
        """
        places = sorted(range(len(self)), key=lambda i: tuple(map(_rank, self._values[i])))
        for order in reversed(orders):
            ranks = [_rank(self._part(i, order)) for i in range(len(self))]
            places.sort(key=ranks.__getitem__, reverse=order.descending)
            if order.descending:
                places.sort(key=lambda i: ranks[i][0] >= _NAN)
        places = places[:limit]
        new = {old: number for number, old in enumerate(places)}
        self._group_of = {name: new[old] for name, old in self._group_of.items() if old in new}
        self._values = [self._values[i] for i in places]
        self._sizes = [self._sizes[i] for i in places]
        self._summaries = [self._summaries[i] for i in places]

    def groups(self, measures: Sequence[int]) -> tuple[Group, ...]:
        """The groups, with the measures of these numbers (in the order in which they were added)."""
        summaries = [tuple(every[i] for i in measures) for every in self._summaries]
        return tuple(map(Group, self._values, self._sizes, summaries))

    def _part(self, group: int, order: GroupOrder) -> Any:
        """What of a group it is sorted by."""
        if order.key is not None:
            return self._values[group][order.key]
        if order.measure is None:
            return self._sizes[group]
        return getattr(self._summaries[group][order.measure], order.part)


_FLAG, _NUMBER, _TEXT, _LIST, _NAN, _MISSING = range(6)


def _rank(value: Any) -> tuple[int, Any]:
    """Where a value stands among others: false, true, numbers, text, lists, nan, missing."""
    if value is None:
        return _MISSING, 0
    if isinstance(value, bool):
        return _FLAG, value
    if isinstance(value, str):
        return _TEXT, value
    if isinstance(value, list):
        return _LIST, list(map(_rank, value))
    return (_NAN, 0) if is_nan(value) else (_NUMBER, value)


def _summary(best: float, best_run: RunName, values: Sequence[float], nan: int) -> Summary:
    numbers = array("d", map(as_float, values))
    mean = mean_of(numbers)
    return Summary(best, best_run, mean, std_of(numbers, mean), len(numbers), nan)


def mean_of(numbers: Sequence[float]) -> float:
    """The mean of one number or more: exact until it is rounded; nan where there is inf and -inf."""
    if not all(map(math.isfinite, numbers)):
        return sum(number for number in numbers if not math.isfinite(number))
    if min(numbers) == max(numbers):
        return numbers[0]
    try:
        return math.fsum(numbers) / len(numbers)
    except OverflowError:
        return math.fsum(number / len(numbers) for number in numbers)


def std_of(numbers: Sequence[float], mean: float) -> float | None:
    """The standard deviation of a sample (n - 1); None of one number, and where the mean is not finite."""
    if len(numbers) < 2 or not math.isfinite(mean):
        return None
    gaps = [abs(number - mean) for number in numbers]
    widest = max(gaps)
    if widest == 0 or math.isinf(widest):
        return widest
    return widest * math.sqrt(math.fsum((gap / widest) ** 2 for gap in gaps) / (len(numbers) - 1))
