"""Down-sampling keeps what a picture needs, and smoothing is what TensorBoard draws: both against plain definitions."""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitxp.query.downsampling import lttb, minmax
from gitxp.query.smoothing import smooth

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Sampling = Callable[[array[float], array[float], int], list[int]]

NAN, INF = math.nan, math.inf
numbers = st.floats(allow_nan=False, allow_infinity=False)
values = st.floats() | st.sampled_from([0.0, -0.0, 1.0, NAN, INF, -INF])
ways = st.sampled_from([minmax, lttb])


def doubles(items: Sequence[float]) -> array[float]:
    """The numbers as a series has them."""
    return array("d", items)


@given(ways, st.lists(st.tuples(numbers, values), min_size=1, max_size=60), st.integers(1, 20))
def test_what_stays(way: Sampling, points: list[tuple[float, float]], count: int) -> None:
    """Positions ascend, the first and the last point are among them, and there are no more than were asked for."""
    points.sort(key=lambda point: point[0])
    xs, ys = doubles([x for x, _ in points]), doubles([y for _, y in points])
    kept = way(xs, ys, count)
    assert kept == sorted(set(kept))
    assert (kept[0], kept[-1]) == (0, len(points) - 1)
    most = 2 * count + 2 if way is minmax else max(count, 3)
    assert len(kept) <= most
    if len(points) <= most:
        assert kept == list(range(len(points)))


@given(st.lists(st.tuples(numbers, values), min_size=1, max_size=60), st.integers(1, 20))
def test_extremes_stay(points: list[tuple[float, float]], count: int) -> None:
    """The least and the greatest number of a series are never lost to minmax, whatever gaps it has."""
    points.sort(key=lambda point: point[0])
    ys = [y for _, y in points]
    kept = minmax(doubles([x for x, _ in points]), doubles(ys), count)
    if sound := [y for y in ys if math.isfinite(y)]:
        left = [ys[at] for at in kept if math.isfinite(ys[at])]
        assert (min(left), max(left)) == (min(sound), max(sound))


@given(st.data(), st.sampled_from([1, 2, 4, 8]), st.integers(1, 8))
def test_extremes_of_each_column_stay(data: st.DataObject, count: int, width: int) -> None:
    """What minmax keeps is, for each column, the first of the least and the first of the greatest numbers, and both ends."""
    size = count * width + 1
    ys = data.draw(st.lists(values, min_size=size, max_size=size))
    columns: dict[int, list[int]] = {}
    for at in range(size):
        columns.setdefault(min(at // width, count - 1), []).append(at)
    plain = {0, size - 1}
    for column in columns.values():
        sound = [at for at in column if math.isfinite(ys[at])]
        plain |= {min(sound, key=ys.__getitem__), max(sound, key=ys.__getitem__)} if sound else {column[0]}
    if size <= 2 * count + 2:
        plain = set(range(size))
    assert minmax(doubles(range(size)), doubles(ys), count) == sorted(plain)


def test_columns_of_a_logarithmic_axis() -> None:
    """Each decade of x has its columns, so the peak between 1 and 10 is not swallowed by what lies beyond."""
    xs = doubles([1 + at / 10 for at in range(100)] + list(range(11, 1001)))
    ys = doubles([float(at % 7) for at in range(len(xs))])
    ys[40] = -5.0
    ys[70] = 9.5
    ys[200] = 10.0
    plain, logarithmic = minmax(xs, ys, 3), minmax(xs, ys, 3, is_log=True)
    assert {40, 70, 200} <= set(logarithmic)
    assert 70 not in plain


def test_between_the_ends_of_what_a_float_holds() -> None:
    """Columns are found where the difference of two x is more than a float can hold."""
    xs = doubles([-1.7e308, -1.6e308, -1.0, 0.0, 1.0, 1.6e308, 1.65e308, 1.7e308])
    ys = doubles([0, 5, 1, 2, 1, 3, -4, 0])
    assert minmax(xs, ys, 2) == [0, 1, 5, 6, 7]


def plain_lttb(xs: Sequence[float], ys: Sequence[float], count: int) -> list[int]:
    """Largest triangle three buckets as its paper describes it, point by point."""
    size = len(xs)
    if size <= count:
        return list(range(size))
    every = (size - 2) / (count - 2)
    edges = [math.floor(number * every) + 1 for number in range(count - 1)]
    kept = [0]
    for begin, end, after in zip(edges, edges[1:], [*edges[2:], size], strict=False):
        following = range(end, after) or range(size - 1, size)
        mean_x = sum(xs[at] for at in following) / len(following)
        mean_y = sum(ys[at] for at in following) / len(following)
        x, y = xs[kept[-1]], ys[kept[-1]]
        best, largest = begin, -1.0
        for at in range(begin, end):
            area = abs((x - mean_x) * (ys[at] - y) - (x - xs[at]) * (mean_y - y)) / 2
            if area > largest:
                best, largest = at, area
        kept.append(best)
    return [*kept, size - 1]


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=100), st.sampled_from([3, 4, 6, 10, 18]))
def test_lttb_is_what_its_paper_says(steps: list[int], count: int) -> None:
    """Of a series, lttb keeps the points that a loop over buckets keeps, written from the paper."""
    xs = doubles([number * 3 for number in range(len(steps))])
    ys = doubles(steps)
    assert lttb(xs, ys, count) == plain_lttb(xs, ys, count)


def test_lttb_draws_no_gaps() -> None:
    """Values that are no numbers are none of the points that shape a line; those at the ends stay as gaps."""
    ys = doubles([NAN, 1, INF, 2, NAN, 9, 2, -INF, 1, NAN])
    assert lttb(doubles(range(10)), ys, 5) == [0, 1, 5, 8, 9]
    assert lttb(doubles(range(10)), doubles([NAN] * 10), 4) == [0, 9]


@given(st.lists(values, max_size=30), st.floats(0, 0.999))
def test_smoothing(items: list[float], weight: float) -> None:
    """A smoothed value is the mean of those up to it, each weighing `weight` of the one after it; gaps take no part."""
    items = [item if not math.isfinite(item) or abs(item) < 1e100 else 1.0 for item in items]
    smoothed = smooth(items, weight)
    assert len(smoothed) == len(items)
    for at, value in enumerate(items):
        if not math.isfinite(value):
            assert repr(smoothed[at]) == repr(value)
            continue
        sound = [item for item in items[: at + 1] if math.isfinite(item)]
        weights = [weight ** (len(sound) - 1 - place) for place in range(len(sound))]
        mean = math.fsum(w * item for w, item in zip(weights, sound, strict=True)) / math.fsum(weights)
        assert smoothed[at] == pytest.approx(mean, rel=1e-6, abs=1e-9 * max(1.0, *map(abs, sound)))


def test_a_constant_stays_what_it_is() -> None:
    """Smoothing gives a constant back to the last digit, so that no noise of rounding fills the picture."""
    assert set(smooth([0.1] * 1000, 0.9)) == {0.1}
    assert repr(list(smooth([0.1, NAN, 0.1], 0.7))) == "[0.1, nan, 0.1]"
