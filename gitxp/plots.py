"""A plot as facts: what `query/` makes of series, and `render/` of it: text, a picture, a page, JSON.

Numbers are those of the runs, already down-sampled; names are as the runs have them, and whoever shows them makes them
safe.
"""

from __future__ import annotations

from typing import NamedTuple

from gitxp.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


SAMPLINGS = ("minmax", "lttb")


class Drawing(NamedTuple):
    """How metrics are drawn: `Drawing(smooth=0.9, log=True)`.

    `x` is `step`, `time` (seconds since the start of the run) or a metric, such as `epoch`; `smooth` the weight of the moving
    average, from 0 (none) to below 1; `log` and `log_x` ask for logarithmic axes. With `group_by`, one or several keys
    (`params.model,group`), one curve is the mean of the runs that have the same values, and has the band of the least and
    greatest of them. `columns` is how many columns of points the picture can show: with the `sampling` `minmax` the least and
    the greatest value of each stays, with `lttb` so many points in all, those that shape the line most.
    """

    x: str = "step"
    smooth: float = 0.0
    log: bool = False
    log_x: bool = False
    group_by: str | None = None
    columns: int = 1000
    sampling: str = "minmax"

    def check(self) -> None:
        """Raise `UsageError` where a number or a word is out of its range."""
        if not 0 <= self.smooth < 1:
            raise UsageError(f"--smooth is from 0 to below 1, and not {self.smooth:g}.", hint="--smooth 0.9")
        if self.sampling not in SAMPLINGS:
            raise UsageError(f"There is no sampling {self.sampling!r}.", hint=f"There are {' and '.join(SAMPLINGS)}.")
        if self.columns < 1:
            raise UsageError("A plot has one column at least.")


PLAIN = Drawing()


class Axis(NamedTuple):
    """What an axis is of.

    `is_time`: seconds. `is_moment`: unix time. `is_whole`: there is nothing between whole numbers. With `categories`, the
    numbers are positions among these words.
    """

    title: str
    is_log: bool = False
    is_time: bool = False
    is_whole: bool = False
    categories: tuple[str, ...] = ()
    is_moment: bool = False


class Curve(NamedTuple):
    """Points that belong together: `xs` and `ys` of equal length; a y that is nan is a gap, where the line is broken.

    `runs` are the names of the runs that it is of: of a group, the line is their mean, and `lows` and `highs` (of the same
    length; else empty) are the least and the greatest of them at each x. `total` is how many points there were before the
    down-sampling, `last` the last value, not smoothed (of a group: the mean of the runs' last ones). `raw` has the `xs` and
    `ys` from before the smoothing.
    """

    label: str
    metric: str
    runs: tuple[str, ...]
    xs: Sequence[float]
    ys: Sequence[float]
    total: int
    last: float | None = None
    lows: Sequence[float] = ()
    highs: Sequence[float] = ()
    raw: tuple[Sequence[float], Sequence[float]] | None = None


class Plot(NamedTuple):
    """Curves over one pair of axes; with `is_scatter`, points that no line joins. `remarks` say what is not drawn, and why.

    `hidden` is how many archived runs were not asked.
    """

    title: str
    x: Axis
    y: Axis
    curves: tuple[Curve, ...]
    remarks: tuple[str, ...] = ()
    is_scatter: bool = False
    hidden: int = 0
