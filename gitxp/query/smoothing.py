"""A line through noise: the moving average that TensorBoard draws, so that 0.9 means here what it means there."""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def smooth(values: Iterable[float], weight: float) -> array[float]:
    """The exponential moving average of the values, each weighing `weight` (from 0, below 1) of the one after it.

    `last = weight * last + (1 - weight) * value`, which begins with 0, divided by `1 - weight ** count`, so that the first
    values are not drawn towards 0: `resmoothDataset` in TensorBoard's vz_line_chart2/line-chart.ts. A value that is nan or
    infinite stays as it is and takes no part, and a constant is given back as it is, as there. (W&B has this one among
    others; its default weighs by the distance in x.)
    """
    values = array("d", values)
    first = next(filter(math.isfinite, values), 0.0)
    if all(value == first for value in filter(math.isfinite, values)):
        return values
    smoothed = array("d")
    last, remaining, rest = 0.0, 1.0, 1 - weight
    for value in values:
        if math.isfinite(value):
            last = last * weight + rest * value
            remaining *= weight
            smoothed.append(last / (1 - remaining))
        else:
            smoothed.append(value)
    return smoothed
