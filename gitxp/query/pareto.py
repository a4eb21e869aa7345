"""The Pareto front: of points, those that no other is at least as good as in every coordinate.

Points are sorted, so that what comes later never beats what came before. In two and three coordinates one pass over a
staircase of the best so far answers (n log n); in more the front of each half is found and the later half's is cleared of
what the earlier half's beats, one coordinate less at each step.
See H. T. Kung, F. Luccio, F. P. Preparata, "On finding the maxima of a set of vectors", J. ACM 22 (1975).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Point = tuple[float, ...]

_FEW = 64  # pairs that are compared one by one


def find_front(points: Iterable[Point]) -> set[Point]:
    """The points that no other is less than or equal to in each coordinate: less is better, and nan is in none of them."""
    ordered = sorted(set(points))
    return set(_front(ordered)) if ordered else set()


def _front(points: Sequence[Point]) -> list[Point]:
    size = len(points[0])
    if size == 1:
        return [points[0]]
    if size <= 3:
        return _stairs(points)
    if len(points) == 1:
        return list(points)
    middle = len(points) // 2
    first = _front(points[:middle])
    return first + _clear(_front(points[middle:]), first, 1)


def _stairs(points: Sequence[Point]) -> list[Point]:
    """The front of sorted points: what is left after the first coordinate is a staircase that descends."""
    front: list[Point] = []
    seconds: list[float] = []
    thirds: list[float] = []
    for point in points:
        second, third = point[1], point[2] if len(point) > 2 else 0
        at = bisect_right(seconds, second)
        if at and thirds[at - 1] <= third:
            continue
        front.append(point)
        begin = bisect_left(seconds, second)
        end = begin
        while end < len(seconds) and thirds[end] >= third:
            end += 1
        seconds[begin:end] = [second]
        thirds[begin:end] = [third]
    return front


def _clear(points: Sequence[Point], others: Sequence[Point], first: int) -> list[Point]:
    """The points that none of the others is less than or equal to from the coordinate `first` on."""
    if not points or not others:
        return list(points)
    left = len(points[0]) - first
    if left == 1:
        least = min(other[first] for other in others)
        return [point for point in points if point[first] < least]
    if len(points) * len(others) <= _FEW:
        return [point for point in points if not any(_is_beaten(point, other, first) for other in others)]
    if left == 2:
        return _sweep(points, others, first)
    values = sorted({point[first] for part in (points, others) for point in part})
    if len(values) == 1:
        return _clear(points, others, first + 1)
    pivot = values[(len(values) - 1) // 2]
    low = _clear([point for point in points if point[first] <= pivot], _low(others, first, pivot), first)
    high = _clear([point for point in points if point[first] > pivot], _low(others, first, pivot), first + 1)
    return low + _clear(high, [other for other in others if other[first] > pivot], first)


def _low(points: Sequence[Point], at: int, pivot: float) -> list[Point]:
    return [point for point in points if point[at] <= pivot]


def _sweep(points: Sequence[Point], others: Sequence[Point], first: int) -> list[Point]:
    """As `_clear`, where two coordinates are left."""
    kept = []
    rest = sorted(others, key=lambda point: point[first])
    least, at = None, 0
    for point in sorted(points, key=lambda point: point[first]):
        while at < len(rest) and rest[at][first] <= point[first]:
            least = rest[at][first + 1] if least is None else min(least, rest[at][first + 1])
            at += 1
        if least is None or point[first + 1] < least:
            kept.append(point)
    return kept


def _is_beaten(point: Point, other: Point, first: int) -> bool:
    return all(b <= a for a, b in zip(point[first:], other[first:], strict=True))
