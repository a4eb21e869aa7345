"""A few points that look like many: what a line of a million points is drawn from.

`minmax` and `lttb` choose among the points of a picture and never make new ones. `minmax` keeps the lowest and the highest
of each column, so that no peak is lost. `lttb` keeps those that shape the line most: fewer of them do, and a peak may
go. Slices of arrays and the builtin `min` and `max` are quick enough (docs/performance.md), and want no numpy. Both want
`xs` that do not descend; values that are nan or infinite are gaps. They give the positions of the points that stay,
ascending, the first and the last among them.

`means` is for a curve of some characters in a table, which has no room for peaks.
"""

from __future__ import annotations

import math
import operator
from bisect import bisect_left
from itertools import islice, pairwise, repeat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator, Sequence


def minmax(xs: array[float], ys: array[float], count: int, *, is_log: bool = False) -> list[int]:
    """The positions of the least and the greatest value in each of `count` columns of equal width, and of both ends.

    With `is_log` the columns are equal in the logarithm of x, and every x is above 0. A column of gaps alone keeps one.
    So at most `2 * count + 2` points stay; all of them where there are no more than that.
    """
    if len(ys) <= 2 * count + 2:
        return list(range(len(ys)))
    kept = {0, len(ys) - 1}
    for begin, end in _columns(xs, count, is_log=is_log):
        part = ys[begin:end]
        low, high = min(part), max(part)
        if not all_finite(part):
            numbers = [value for value in part if math.isfinite(value)]
            if not numbers:
                kept.add(begin)
                continue
            low, high = min(numbers), max(numbers)
        kept.add(begin + part.index(low))
        kept.add(begin + part.index(high))
    return sorted(kept)


def lttb(xs: array[float], ys: array[float], count: int) -> list[int]:
    """The positions of at most `count` points, at least 3, by largest triangles; of gaps none but at the ends.

    Sveinn Steinarsson, Downsampling Time Series for Visual Representation (2013), calls it Largest Triangle Three Buckets:
    the points are put into buckets of equal number, and of each bucket that one stays which makes the largest triangle
    with the one that stayed before and the average of the bucket after.
    """
    count = max(count, 3)
    if len(ys) <= count:
        return list(range(len(ys)))
    inner = range(1, len(ys) - 1)
    if all_finite(ys):
        return [0, *_triangles(xs, ys, inner, count - 2), len(ys) - 1]
    sound = [at for at in inner if math.isfinite(ys[at])]
    if len(sound) <= count - 2:
        return [0, *sound, len(ys) - 1]
    return [0, *_triangles(xs, ys, sound, count - 2), len(ys) - 1]


def means(values: Sequence[float], count: int) -> tuple[float, ...]:
    """The means of `count` parts of the values, equally long; all values where there are no more. nan where a part has no number."""
    if len(values) <= count:
        return tuple(values)
    edges = [len(values) * number // count for number in range(count + 1)]
    return tuple(_mean(values[begin:end]) for begin, end in pairwise(edges))


def all_finite(values: array[float]) -> bool:
    """Whether no value is nan or infinite. The sum tells most of the time, and is quicker than a look at each."""
    return math.isfinite(sum(values)) or all(map(math.isfinite, values))


def is_ascending(values: Sequence[float]) -> bool:
    """Whether no value is below the one before."""
    return all(map(operator.le, values, islice(values, 1, None)))


def _columns(xs: array[float], count: int, *, is_log: bool) -> Iterator[tuple[int, int]]:
    """The slices of the points in each column; empty ones are left out."""
    first, last = xs[0], xs[-1]
    if is_log:
        low, high = math.log(first), math.log(last)
        edges = [math.exp(low + (high - low) * number / count) for number in range(1, count)]
    else:
        # halves: between -1e308 and 1e308 is more than a float can hold
        edges = [2 * (first / 2 + (last / 2 - first / 2) * (number / count)) for number in range(1, count)]
    begin = 0
    for edge in edges:
        end = bisect_left(xs, edge, begin)
        if end > begin:
            yield begin, end
            begin = end
    yield begin, len(xs)


def _triangles(xs: array[float], ys: array[float], among: Sequence[int], count: int) -> Iterator[int]:
    """Of `count` buckets of these positions, the one of each that makes the largest triangle."""
    at_x, at_y = xs[0], ys[0]
    if not math.isfinite(at_y):
        at_y = ys[among[0]]
    edges = [len(among) * number // count for number in range(count + 1)]
    for number in range(count):
        bucket = among[edges[number] : edges[number + 1]]
        after = among[edges[number + 1] : edges[number + 2]] if number + 2 <= count else ()
        part_x, part_y = _taken(xs, bucket), _taken(ys, bucket)
        if after:
            size = len(after)
            mean_x, mean_y = sum(_taken(xs, after)) / size, sum(_taken(ys, after)) / size
        else:
            mean_x, mean_y = xs[-1], ys[-1]
        if not math.isfinite(mean_y):
            mean_y = at_y
        # twice the area: |(ax - cx)(by - ay) - (ax - bx)(cy - ay)|
        width, height = at_x - mean_x, mean_y - at_y
        areas = [abs(width * (y - at_y) - (at_x - x) * height) for x, y in zip(part_x, part_y, strict=True)]
        best = bucket[areas.index(max(areas))]
        yield best
        at_x, at_y = xs[best], ys[best]


def _mean(values: Sequence[float]) -> float:
    numbers = list(filter(math.isfinite, values))
    if not numbers:
        return math.nan
    # the sum itself may be no float, and what is added up be rounded beyond all of them
    return max(min(numbers), min(max(numbers), sum(value / len(numbers) for value in numbers)))


def _taken(values: array[float], positions: Sequence[int]) -> array[float] | list[float]:
    if isinstance(positions, range):
        return values[positions.start : positions.stop]
    return list(map(operator.getitem, repeat(values), positions))
