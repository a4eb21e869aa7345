"""Where a value stands on an axis, and the numbers beside it.

Steps between ticks are 1, 2 or 5 times a power of ten (of time: what clocks count in), logarithmic axes have powers of
ten; and the numbers have as many digits as tell them apart. The picture and the terminal share them.
"""

from __future__ import annotations

import math
import sys
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from gitxp.format import format_moment
from gitxp.render.safe import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gitxp.plots import Axis

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_UNITS = ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m"), (1, "s"))
_TIMES = [1, 2, 5, 10, 15, 30]
_FRACTIONS = [float(f"{factor}e{power}") for power in (-3, -2, -1) for factor in (1, 2, 5)]  # of a second
_CLOCK = [*_TIMES, *(_MINUTE * n for n in _TIMES), *(_HOUR * n for n in (1, 2, 3, 6, 12)), _DAY]
_LARGEST = sys.float_info.max
_MARGIN = 0.05
_FEW_DECADES = 2  # below that, a logarithmic axis has 2 and 5 as well


class Tick(NamedTuple):
    """A value on an axis, and what stands beside it."""

    value: float
    label: str


class Scale(NamedTuple):
    """The values from `low` to `high` on a line from 0 to 1."""

    low: float
    high: float
    is_log: bool = False

    def place(self, value: float) -> float:
        """Where a value stands, 0 at `low` and 1 at `high`."""
        if self.is_log:
            low = math.log10(self.low)
            return (math.log10(value) - low) / (math.log10(self.high) - low)
        # halves: the difference of two floats may be more than a float can hold
        return (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)

    def places(self, values: Sequence[float]) -> list[float]:
        """Where values stand; nan for what has no place: what is no number, on a logarithmic axis what is not above 0."""
        return [
            self.place(value) if math.isfinite(value) and (value > 0 or not self.is_log) else math.nan
            for value in values
        ]


def make_scale(parts: Iterable[Sequence[float]], axis: Axis) -> Scale:
    """The scale that holds all these values; those that are nan count for nothing."""
    if axis.categories:
        return Scale(-0.5, len(axis.categories) - 0.5)
    lows, highs = [], []
    for part in parts:
        if numbers := [value for value in part if math.isfinite(value) and (value > 0 or not axis.is_log)]:
            lows.append(min(numbers))
            highs.append(max(numbers))
    if not lows:
        return Scale(1.0, 10.0, axis.is_log) if axis.is_log else Scale(0.0, 1.0)
    low, high = min(lows), max(highs)
    if axis.is_log:
        if high / low < 1.01:
            low, high = max(low / 2, 5e-324), min(high * 2, _LARGEST)
        return Scale(low, high, is_log=True)
    if high / 2 - low / 2 <= 4 * math.ulp(max(abs(low), abs(high))):
        space = abs(low) * _MARGIN or 1.0
        space = max(space, 1e-300)
        low, high = max(low - space, -_LARGEST), min(high + space, _LARGEST)
    return Scale(low, high)


def ticks(scale: Scale, axis: Axis, most: int) -> list[Tick]:
    """At most `most` ticks, at least 2, in ascending order; of categories as many as there is room for."""
    most = max(most, 2)
    if axis.categories:
        every = -(-len(axis.categories) // most)
        return [Tick(float(n), visible(word)) for n, word in enumerate(axis.categories) if n % every == 0]
    if scale.is_log:
        return _log_ticks(scale, most)
    if axis.is_moment:
        values, step = _round_values(scale, chain(_FRACTIONS, _clock()), most)
        return _moments(values, step)
    if axis.is_time and scale.high - scale.low >= most:
        values, _ = _round_values(scale, _clock(), most)
        return [Tick(value, _time_label(value)) for value in values]
    steps = (step for step in _decades(scale, most) if step >= 1 or not axis.is_whole)
    found = _labelled(*_round_values(scale, steps, most))
    return [Tick(value, f"{label}s") for value, label in found] if axis.is_time else found


def _round_values(scale: Scale, steps: Iterable[float], most: int) -> tuple[list[float], float]:
    """At most `most` multiples of the least step of which so many fit, and that step.

    Where only one of them fits, some of the next smaller step: one number says nothing of a scale.
    """
    finer: list[float] = []
    for step in steps:
        first, last = math.ceil(scale.low / step - 1e-9), math.floor(scale.high / step + 1e-9)
        if last - first < 10 * most:
            values = [value for number in range(first, last + 1) if math.isfinite(value := number * step)]
            if len(values) > most:
                finer, before = values, step
                continue
            if len(values) < 2 and finer:
                return finer[:: -(-len(finer) // most)], before
            if values:
                return values, step
    return [scale.low], scale.high


def _decades(scale: Scale, most: int) -> Iterator[float]:
    """1, 2, 5 times powers of ten, from what is surely too small."""
    power = math.floor(math.log10(max((scale.high / 2 - scale.low / 2) / most, 1e-307)))
    for exponent in range(power - 1, min(power + 4, 309)):
        yield from (step for factor in "125" if math.isfinite(step := float(f"{factor}e{exponent}")) and step)


def _clock() -> Iterator[float]:
    """What clocks count in, then 1, 2, 5 times powers of ten of days."""
    yield from _CLOCK
    for exponent in range(300):
        yield from (_DAY * float(f"{factor}e{exponent}") for factor in "125")


def _time_label(value: float) -> str:
    """Seconds as a clock has them: `0`, `1m30s`, `2d12h`."""
    sign, rest = ("-" if value < 0 else "", round(abs(value)))
    if not rest:
        return "0"
    parts: list[str] = []
    for size, unit in _UNITS:
        if rest >= size and len(parts) < 2:
            parts.append(f"{rest // size}{unit}")
            rest %= size
    return sign + "".join(parts)


def _moments(values: Sequence[float], step: float) -> list[Tick]:
    """Unix times as days, or as times of the day, with the day where there are several of them; in UTC."""
    times = list(map(format_moment, values))  # 2026-11-23T20:24:01.123Z
    days, clocks = [text[:10] for text in times], [text[11:-1] for text in times]
    if step >= _DAY:
        return list(map(Tick, values, days))
    end = 5 if step >= _MINUTE else 8 if step >= 1 else 12
    if len(set(days)) == 1:
        return [Tick(value, clock[:end]) for value, clock in zip(values, clocks, strict=True)]
    return [Tick(value, f"{day[5:]} {clock[:end]}") for value, day, clock in zip(values, days, clocks, strict=True)]


def _log_ticks(scale: Scale, most: int) -> list[Tick]:
    low, high = math.log10(scale.low), math.log10(scale.high)
    if high - low < _FEW_DECADES:
        values = [
            float(f"{factor}e{power}")
            for power in range(math.floor(low), math.ceil(high) + 1)
            for factor in (1, 2, 5)
            if scale.low * (1 - 1e-9) <= float(f"{factor}e{power}") <= min(scale.high * (1 + 1e-9), _LARGEST)
        ]
        if len(values) < 2:
            plain = Scale(scale.low, scale.high)
            found = _labelled(*_round_values(plain, _decades(plain, most), most))
            return [tick for tick in found if tick.value > 0]
        values = values[:: -(-len(values) // most)]
    else:
        powers = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
        values = [float(f"1e{power}") for power in powers[:: -(-len(powers) // most)]]
    return [Tick(value, number_label(value)) for value in values]


def number_label(value: float) -> str:
    """A number as short as it can be: `0.01`, `250`, `1e-05`."""
    if value == 0:
        return "0"
    return f"{value:.15g}" if 1e-4 < abs(value) < 1e6 else _short_exponent(f"{value:.15g}")


def _labelled(values: Sequence[float], step: float) -> list[Tick]:
    """Numbers with as many digits behind the point as their step has; large and small ones with an exponent."""
    largest = max(map(abs, values))
    if not 1e-4 <= max(largest, step) < 1e7:
        digits = max(0, math.floor(math.log10(max(largest, step))) - math.floor(math.log10(step)))
        texts = ["0" if value == 0 else _short_exponent(f"{value:.{min(digits, 16)}e}") for value in values]
        return list(map(Tick, values, texts))
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [Tick(value, f"{value + 0.0:.{decimals}f}") for value in values]


def _short_exponent(text: str) -> str:
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if e else text
