"""A series as a few block characters, `▁▂▅▇█`: its shape beside its last value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
CURVES = frozenset(_BLOCKS)


def curve_texts(curves: Sequence[Sequence[float]], width: int) -> list[str]:
    """Each curve in at most `width` characters, all of them on one scale, so that they can be compared; empty for an empty one.

    A mean that is no number, or is infinite, is a space.
    """
    numbers = [value for curve in curves for value in curve if math.isfinite(value)]
    if not numbers or not width:
        return [""] * len(curves)
    low, high = min(numbers), max(numbers)
    return ["".join(_block(value, low, high) for value in _narrowed(curve, width)) for curve in curves]


def _block(value: float, low: float, high: float) -> str:
    if not math.isfinite(value):
        return " "
    span = high / 2 - low / 2  # the difference itself may be too large for a float
    part = (value / 2 - low / 2) / span if span else 0.0
    return _BLOCKS[min(len(_BLOCKS) - 1, int(part * len(_BLOCKS)))]


def _narrowed(curve: Sequence[float], width: int) -> Sequence[float]:
    """So many of the points, evenly, the first and the last among them."""
    if len(curve) <= width:
        return curve
    last = len(curve) - 1
    return [curve[round(i * last / max(1, width - 1))] for i in range(width)]
