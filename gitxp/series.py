"""The points of one metric in memory: three arrays, 24 bytes a point.

A list of tuples takes 160 bytes a point, and a million points must fit beside everything else when a run is finished;
`map` over an array is also several times as quick as a loop over tuples. Pure, and not imported on the way to the start
of the command.
"""

from __future__ import annotations

import math
import operator
from array import array
from itertools import islice

from gitxp.errors import FormatError
from gitxp.format import decode_series, encode_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gitxp.format import Point

_CHUNK = 1 << 15
_PIECE = 1 << 20  # bytes that are decoded at a time: what they are split into takes ten times as much
_SEPARATORS = b"\t\t\n"
_OTHERS = bytes(set(range(256)) - set(_SEPARATORS))


class Series:
    """Points in the order in which they were logged: (step, unix time in seconds, value). Steps have 64 bits."""

    __slots__ = ("steps", "times", "values")

    def __init__(self, points: Iterable[Point] = ()) -> None:
        self.steps = array("q")
        self.times = array("d")
        self.values = array("d")
        for point in points:
            self.append(*point)

    def append(self, step: int, at: float, value: float) -> None:
        """Add one point. `OverflowError` for a step that has no place in 64 bits; then nothing was added."""
        self.steps.append(step)
        self.times.append(at)
        self.values.append(value)

    def extend(self, other: Series) -> None:
        """Add all points of another series."""
        self.steps.extend(other.steps)
        self.times.extend(other.times)
        self.values.extend(other.values)

    def sort(self) -> None:
        """Order the points by time; those of one time stay in their order."""
        times = self.times
        if all(map(operator.le, times, islice(times, 1, None))):
            return
        order = sorted(range(len(times)), key=times.__getitem__)
        self.steps = array("q", map(self.steps.__getitem__, order))
        self.times = array("d", map(times.__getitem__, order))
        self.values = array("d", map(self.values.__getitem__, order))

    def encode(self, prefix: str = "") -> Iterator[bytes]:
        """The lines of the series (docs/format.md), in pieces of some megabytes; each line begins with `prefix`."""
        for start in range(0, len(self.steps), _CHUNK):
            part = slice(start, start + _CHUNK)
            points = zip(self.steps[part], self.times[part], self.values[part], strict=True)
            yield "".join([f"{prefix}{step}\t{at!r}\t{value!r}\n" for step, at, value in points]).encode("ascii")

    @classmethod
    def decode(cls, data: bytes) -> Series:
        """The points of a series file; a torn last line is dropped. `FormatError` names a line that is none."""
        series = cls()
        try:
            for words in _split(data):
                series.steps.extend(map(int, words[::3]))
                series.times.extend(map(float, words[1::3]))
                series.values.extend(map(float, words[2::3]))
        except OverflowError as error:
            raise FormatError("a step of a series has no place in 64 bits") from error
        except ValueError:
            decode_series(data)  # which finds the line
            raise
        return series

    def summary(self) -> dict[str, float | int | str]:
        """`{last, min, max, count, step}`, as the record keeps it; there must be some points.

        `last` is the value logged last and `step` its step. A nan takes no part in `min` and `max`, unless all values are.
        """
        values = self.values
        numbers: Iterable[float] = values
        if any(map(math.isnan, values)):
            numbers = [value for value in values if not math.isnan(value)] or values
        found = {"last": values[-1], "min": min(numbers), "max": max(numbers)}
        return {
            **{key: encode_number(value) for key, value in found.items()},
            "count": len(values),
            "step": self.steps[-1],
        }

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Point]:
        return zip(self.steps, self.times, self.values, strict=True)

    def __getitem__(self, position: int) -> Point:
        return self.steps[position], self.times[position], self.values[position]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Series):
            return NotImplemented
        return self.steps == other.steps and self.times == other.times and self.values == other.values

    __hash__ = None  # type: ignore[assignment]


def decode_values(data: bytes) -> array[float]:
    """The values of a series file alone, in half the time; steps and times are not looked at. `FormatError` as `Series.decode`."""
    values = array("d")
    try:
        for words in _split(data):
            values.extend(map(float, words[2::3]))
    except ValueError:
        decode_series(data)
        raise
    return values


def _split(data: bytes) -> Iterator[list[bytes]]:
    """Step, time and value of each whole line, one after the other, in pieces. `ValueError` where one has not two tabs."""
    begin, end = 0, data.rfind(b"\n") + 1
    while begin < end:
        cut = end if end - begin <= _PIECE else data.rfind(b"\n", begin, begin + _PIECE) + 1
        lines = data[begin : cut or end]
        if lines.translate(None, _OTHERS) != _SEPARATORS * lines.count(b"\n"):
            raise ValueError
        words = lines.replace(b"\n", b"\t").split(b"\t")
        words.pop()
        yield words
        begin = cut or end
