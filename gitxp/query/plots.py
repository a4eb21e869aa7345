"""Series made into the curves of a plot: x and y chosen, smoothed, grouped, down-sampled.

Each step works on whole arrays, since a series may have a million points; and smoothing comes before down-sampling, or
what is smoothed would be the peaks alone.
"""

from __future__ import annotations

import math
import operator
from array import array
from bisect import bisect_left, bisect_right
from itertools import compress, pairwise, repeat
from typing import TYPE_CHECKING, NamedTuple

from gitxp.plots import Curve
from gitxp.query.downsampling import all_finite, is_ascending, lttb, minmax
from gitxp.query.smoothing import smooth

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitxp.plots import Drawing
    from gitxp.series import Series

_MOST_COLUMNS = 1000  # of a group of runs, whose steps are joined


class Line(NamedTuple):
    """All points of one metric of one run, by ascending x, and how many values or x found no place on the axes."""

    run: str
    metric: str
    xs: array[float]
    ys: array[float]
    last: float | None
    raw: array[float] | None = None
    odd: int = 0  # nan or infinite
    beneath: int = 0  # not above 0, on a logarithmic axis
    without_x: int = 0


def make_line(run: str, metric: str, series: Series, how: Drawing, start: float, by: Series | None = None) -> Line:
    """The line of a series. `start` is the unix time of the run's start, `by` the metric that is x, if one is."""
    last = series.values[-1] if len(series) else None
    xs, ys = _places(series, how, start, by), series.values
    without_x = 0
    if not all_finite(xs):
        keep = list(map(math.isfinite, xs))
        without_x = keep.count(False)
        xs, ys = _compressed(xs, keep), _compressed(ys, keep)
    if not is_ascending(xs):
        order = sorted(range(len(xs)), key=xs.__getitem__)
        xs, ys = array("d", map(xs.__getitem__, order)), array("d", map(ys.__getitem__, order))
    raw = None
    if how.smooth:
        raw, ys = ys, smooth(ys, how.smooth)
    odd = 0 if all_finite(ys) else sum(not math.isfinite(value) for value in ys)
    beneath = 0
    if how.log_x and not all(map(operator.gt, xs, repeat(0.0))):
        keep = [x > 0 for x in xs]
        beneath += keep.count(False)
        xs, ys, raw = _compressed(xs, keep), _compressed(ys, keep), raw and _compressed(raw, keep)
    if how.log and not all(map(operator.gt, ys, repeat(0.0))):
        beneath += sum(y <= 0 and math.isfinite(y) for y in ys)
        ys = array("d", (math.nan if y <= 0 else y for y in ys))
    return Line(run, metric, xs, ys, last, raw, odd, beneath, without_x)


def make_curve(line: Line, label: str, how: Drawing) -> Curve:
    """The curve of one line."""
    xs, ys = _sampled(line.xs, line.ys, how)
    raw = None
    if line.raw is not None:
        keep = [value > 0 or not how.log for value in line.raw]
        raw = _sampled(_compressed(line.xs, keep), _compressed(line.raw, keep), how)
    return Curve(label, line.metric, (line.run,), xs, ys, len(line.ys), line.last, raw=raw)


def make_group(lines: Sequence[Line], label: str, how: Drawing) -> Curve:
    """The mean of several lines of one metric, and the band between the least and the greatest of them.

    Where they have few different x, at each of them; else in columns of equal width. A run that has no point there counts
    with what lies on the line between its neighbors, and before its first and after its last point not at all.
    """
    sound = [_without_gaps(line) for line in lines]
    cells = _cells([xs for xs, _ in sound], how)
    met: list[list[tuple[float, float, float]]] = [[] for _ in cells]
    for xs, ys in sound:
        for number, found in _in_cells(xs, ys, cells):
            met[number].append(found)
    rows = [
        (x, _mean([mean for mean, _, _ in at]), min(low for _, low, _ in at), max(high for _, _, high in at))
        for (_, _, x), at in zip(cells, met, strict=True)
        if at
    ]
    xs_, ys_, lows, highs = zip(*rows, strict=True) if rows else ((), (), (), ())
    lasts = [line.last for line in lines if line.last is not None and math.isfinite(line.last)]
    count = sum(len(line.ys) for line in lines)
    runs = tuple(line.run for line in lines)
    last = _mean(lasts) if lasts else None
    return Curve(label, lines[0].metric, runs, xs_, ys_, count, last, lows, highs)


def _places(series: Series, how: Drawing, start: float, by: Series | None) -> array[float]:
    if how.x == "time":
        return array("d", map(operator.sub, series.times, repeat(start)))
    if by is None:
        return array("d", series.steps)
    return _joined(series.steps, by)


def _joined(steps: Sequence[int], by: Series) -> array[float]:
    """The value that another metric had at each of these steps, or last before it; nan before its first."""
    pairs = sorted(dict(zip(by.steps, by.values, strict=True)).items())
    known, values = [step for step, _ in pairs], [math.nan, *(value for _, value in pairs)]
    return array("d", (values[bisect_right(known, step)] for step in steps))


def _compressed(values: array[float], keep: Sequence[bool]) -> array[float]:
    return array("d", compress(values, keep))


def _sampled(xs: array[float], ys: array[float], how: Drawing) -> tuple[array[float], array[float]]:
    if how.sampling == "lttb":
        return _taken(xs, ys, lttb(xs, ys, how.columns))
    return _taken(xs, ys, minmax(xs, ys, how.columns, is_log=how.log_x))


def _taken(xs: array[float], ys: array[float], kept: Sequence[int]) -> tuple[array[float], array[float]]:
    drawn = array("d", (ys[at] if math.isfinite(ys[at]) else math.nan for at in kept))
    return array("d", map(xs.__getitem__, kept)), drawn


def _without_gaps(line: Line) -> tuple[array[float], array[float]]:
    if all_finite(line.ys):
        return line.xs, line.ys
    keep = list(map(math.isfinite, line.ys))
    return _compressed(line.xs, keep), _compressed(line.ys, keep)


def _cells(every: Sequence[array[float]], how: Drawing) -> list[tuple[float, float, float]]:
    """The columns in which lines are put together: from which x, below which x, and the x that stands for them."""
    different: set[float] = set()
    most = min(how.columns, _MOST_COLUMNS)
    for xs in every:
        different.update(xs)
    if len(different) <= most:
        return [(x, math.nextafter(x, math.inf), x) for x in sorted(different)]
    low, high = min(different), max(different)
    if how.log_x:
        a, b = math.log(low), math.log(high)
        edges = [math.exp(a + (b - a) * number / most) for number in range(most + 1)]
        centers = [math.sqrt(left) * math.sqrt(right) for left, right in pairwise(edges)]
    else:
        edges = [2 * (low / 2 + (high / 2 - low / 2) * (number / most)) for number in range(most + 1)]
        centers = [left / 2 + right / 2 for left, right in pairwise(edges)]
    edges[0], edges[-1] = low, math.nextafter(high, math.inf)
    centers[0], centers[-1] = low, high  # the axis begins and ends where the runs do
    return [(left, right, x) for (left, right), x in zip(pairwise(edges), centers, strict=True)]


def _in_cells(
    xs: array[float], ys: array[float], cells: Sequence[tuple[float, float, float]]
) -> Iterator[tuple[int, tuple[float, float, float]]]:
    """The numbers of the columns that a line goes through, and its mean, least and greatest value in each."""
    begin = 0
    for number, (left, right, x) in enumerate(cells):
        begin = bisect_left(xs, left, begin)
        end = bisect_left(xs, right, begin)
        part = ys[begin:end]
        if part:
            yield number, (_mean(part), min(part), max(part))
        elif 0 < begin < len(xs):
            share = (x / 2 - xs[begin - 1] / 2) / (xs[begin] / 2 - xs[begin - 1] / 2)
            value = ys[begin - 1] * (1 - share) + ys[begin] * share
            yield number, (value, value, value)


def _mean(values: Sequence[float]) -> float:
    """The mean, also of numbers whose sum is none."""
    total = sum(values)
    return total / len(values) if math.isfinite(total) else sum(value / len(values) for value in values)
