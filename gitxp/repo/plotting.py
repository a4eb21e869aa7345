"""The methods of `Repo` that make plots: of series, of values of runs against each other, and while runs go on."""

from __future__ import annotations

from typing import NamedTuple

from gitxp.errors import some_of
from gitxp.format import RUNNING
from gitxp.repo.reading import Reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitxp.model import Run
    from gitxp.plots import Curve, Plot
    from gitxp.query.plots import Line, Wish
    from gitxp.query.scatter import Group

# How often runs that go on are looked at, in seconds.
_LOOK_EVERY = 1.0
_NAMED = 5  # runs that a remark names; the others are counted


class Plotting(Reading):
    """Runs as pictures."""

    def plot(
        self,
        runs: Sequence[Run],
        metrics: Sequence[str],
        *,
        x: str = "step",
        smooth: float = 0.0,
        log: bool = False,
        log_x: bool = False,
        group_by: str | None = None,
        columns: int = 1000,
        sampling: str = "minmax",
    ) -> Plot:
        """The metrics of these runs as curves, down-sampled: `gitxp.plots.Plot`.

        `x` is `step`, `time` (seconds since the start of the run) or a metric, such as `epoch`; `smooth` the weight of
        the moving average, from 0 (none) to below 1. With `group_by`, one or several keys (`params.model,group`), one curve
        is the mean of the runs that have the same values, and has the band of the least and greatest of them. `columns` is
        how many columns of points the picture can show: with the `sampling` `minmax` the least and the greatest value
        of each stays, with `lttb` so many points in all, those that shape the line most. Raises `UsageError`, also where
        no run has such a metric, unless one is running here and may yet have it.
        """
        from gitxp.query.plots import Wish

        wish = Wish(x, smooth, log, log_x, columns, sampling)
        wish.check()
        return self._plot(runs, metrics, wish, group_by)

    def follow_plot(
        self,
        runs: Sequence[Run],
        metrics: Sequence[str],
        *,
        x: str = "step",
        smooth: float = 0.0,
        log: bool = False,
        log_x: bool = False,
        group_by: str | None = None,
        columns: int = 1000,
        sampling: str = "minmax",
    ) -> Iterator[Plot]:
        """The plot as it is now, and again after each change, about once a second, until none of the runs is running here."""
        import time

        from gitxp.query.plots import Wish

        wish = Wish(x, smooth, log, log_x, columns, sampling)
        wish.check()
        before = None
        while True:
            # asked before the points are read: what was logged before the end is among them then
            goes_on = any(run.status == RUNNING and self.is_running_here(run) for run in runs)
            plot = self._plot(runs, metrics, wish, group_by)
            if plot != before:
                yield plot
            if not goes_on:
                return
            before = plot
            time.sleep(_LOOK_EVERY)
            runs = [self.get(run.name) if run.status == RUNNING else run for run in runs]

    def scatter(
        self,
        y: str,
        x: str,
        runs: Sequence[Run] | None = None,
        *,
        where: str | None = None,
        archived: bool = False,
        log: bool = False,
        log_x: bool = False,
        group_by: str | None = None,
    ) -> Plot:
        """One value of runs against another, a point for each: of `runs`, or of those that `where` means (None: all).

        Keys are metrics (their last value), parameters and fields, as in expressions; texts are categories. Raises
        `UsageError`.
        """
        from gitxp.query.index import Asked
        from gitxp.query.scatter import make_scatter, parse_scatter

        index = self._index()
        keys = parse_scatter(y, x, group_by, index.keys(), index.now())
        asked = Asked(where, None, archived or runs is not None)
        found = index.values(asked, [key.operand for key in (keys.y, keys.x, *keys.groups)])
        if runs is not None:
            names = {run.name for run in runs}
            found = [run for run in found if run.name in names]
        return make_scatter(found, keys, is_log=log, is_log_x=log_x)

    def _plot(self, runs: Sequence[Run], metrics: Sequence[str], wish: Wish, group_by: str | None) -> Plot:
        from gitxp.plots import Axis, Plot
        from gitxp.query.plots import make_curve, make_group

        groups = self._groups(runs, group_by) if group_by is not None else None
        read = _Read(self, wish)
        names = [read.name_of(metric, runs) for metric in metrics]
        curves: list[Curve] = []
        together: dict[tuple[str, Group], list[Line]] = {}
        for metric in names:
            for run in runs:
                line = read.line(run, metric)
                if line is None:
                    continue
                if groups is not None:
                    together.setdefault((metric, groups[run.name]), []).append(line._replace(raw=None))
                else:
                    curves.append(make_curve(line, _label(run.name, metric, runs, names), wish))
        for (metric, group), lines in sorted(together.items()):
            curves.append(make_group(lines, group.label if len(names) == 1 else f"{group.label} {metric}", wish))
        if not curves and not any(run.status == RUNNING and self.is_running_here(run) for run in runs):
            read.fail(runs, names)
        what = ", ".join(names)
        title = f"{what} of {runs[0].name}" if len(runs) == 1 else what
        title += f", smoothed {wish.smooth:g}" if wish.smooth else ""
        x = Axis(wish.x.removeprefix("metrics."), wish.is_log_x, is_time=wish.x == "time", is_whole=wish.x == "step")
        return Plot(title, x, Axis(what, wish.is_log), tuple(curves), tuple(read.remarks()))

    def _groups(self, runs: Sequence[Run], text: str) -> Mapping[str, Group]:
        """The group of each run."""
        from gitxp.query.index import Asked
        from gitxp.query.scatter import make_group_of, parse_groups

        index = self._index()
        keys = parse_groups(text, index.keys(), index.now())
        found = index.values(Asked(archived=True), [key.operand for key in keys])
        values = {run.name: run.values for run in found}
        return {run.name: make_group_of(keys, values.get(run.name, [None] * len(keys))) for run in runs}


class _Missing(NamedTuple):
    run: str
    metric: str


class _Read:
    """Reads the lines of a plot, and keeps account of what cannot be drawn."""

    def __init__(self, repo: Reading, wish: Wish) -> None:
        self._repo = repo
        self._wish = wish
        self._lines: list[Line] = []
        self._missing: list[_Missing] = []
        self._damaged: list[str] = []

    def name_of(self, text: str, runs: Sequence[Run]) -> str:
        """The metric that a text means; the text itself where these runs have none such, as one that is running may yet have."""
        import time

        from gitxp.errors import UsageError
        from gitxp.query.directions import read_series

        try:
            return read_series(text, {name for run in runs for name in run.record.get("metrics") or ()}, time.time())
        except UsageError:
            return text.removeprefix("metrics.") or text

    def line(self, run: Run, metric: str) -> Line | None:
        """All points of a metric of a run; None where it has none that can be read."""
        from gitxp.errors import FormatError, UsageError
        from gitxp.format import parse_time
        from gitxp.query.plots import make_line

        if run.problem:
            self._damaged.append(f"{run.name} cannot be drawn. {run.problem}")
            return None
        by = None
        name = metric
        try:
            series = self._repo.series_columns(run, metric)
            if self._wish.x not in {"step", "time"}:
                name = self._wish.x.removeprefix("metrics.")
                by = self._repo.series_columns(run, name)
            start = parse_time(run.record["started_at"]) if "started_at" in run.record else 0.0
        except UsageError:
            self._missing.append(_Missing(run.name, name))
            return None
        except FormatError as error:
            self._damaged.append(f"{metric} of {run.name} cannot be drawn: {error.message}.")
            return None
        line = make_line(run.name, metric, series, self._wish, start, by)
        self._lines.append(line._replace(xs=line.xs[:0], ys=line.ys[:0], raw=None))
        return line

    def remarks(self) -> list[str]:
        """What is not drawn, and why."""
        told = []
        for metric in dict.fromkeys(missing.metric for missing in self._missing):
            names = [missing.run for missing in self._missing if missing.metric == metric]
            told.append(f"Without {metric}, and not drawn: {some_of(names, _NAMED)}.")
        told += list(dict.fromkeys(self._damaged))[:_NAMED]
        for count, words in (
            (sum(line.odd for line in self._lines), "nan or infinite: not drawn"),
            (sum(line.beneath for line in self._lines), "not above 0: not on a logarithmic axis"),
            (sum(line.without_x for line in self._lines), f"without a number for {self._wish.x}: not drawn"),
        ):
            if count:
                told.append(f"{count:,} {'point is' if count == 1 else 'points are'} {words}.")
        return told

    def fail(self, runs: Sequence[Run], metrics: Sequence[str]) -> None:
        """Raise `UsageError`: there is nothing to draw; with the names that are near."""
        import difflib

        from gitxp.errors import UsageError

        if self._damaged:
            raise UsageError(self._damaged[0], hint="gitxp doctor")
        wanted = self._missing[0].metric if self._missing else metrics[0]
        known = sorted({name for run in runs for name in (run.record.get("metrics") or {})})
        near = difflib.get_close_matches(wanted, known[:2000], 3) or known[:8]
        names = f"There are: {', '.join(name[:80] for name in near)}."
        if wanted in known:
            who = f"{runs[0].name} has no" if len(runs) == 1 else "None of these runs has a"
            raise UsageError(f"{who} series of {wanted!r}, only its last value.", hint="gitxp list --columns name,KEY")
        if len(runs) == 1:
            raise UsageError(
                f"{runs[0].name} has no metric {wanted!r}.", hint=names if near else "It logged no metrics."
            )
        raise UsageError(
            f"None of these runs has a metric {wanted!r}.", hint=names if near else "They logged no metrics."
        )


def _label(run: str, metric: str, runs: Sequence[Run], metrics: Sequence[str]) -> str:
    if len(metrics) == 1:
        return run
    return metric if len(runs) == 1 else f"{run} {metric}"
