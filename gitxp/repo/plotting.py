"""The methods of `Repo` that make plots: of series, of values of runs against each other, and while runs go on."""

from __future__ import annotations

from typing import NamedTuple

from gitxp.errors import some_of
from gitxp.format import RUNNING
from gitxp.plots import PLAIN, Axis, Drawing, Plot
from gitxp.repo.reading import Reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitxp.model import Run
    from gitxp.plots import Curve
    from gitxp.query.plots import Line
    from gitxp.query.scatter import Group

# How often runs that go on are looked at, in seconds.
_LOOK_EVERY = 1.0
_DAMAGED = "Where another clone has it whole: gitxp rm it here, and gitxp pull REMOTE RUN. More: gitxp doctor"
_NAMED = 5  # runs that a remark names; the others are counted


class Plotting(Reading):
    """Runs as pictures."""

    def plot(self, runs: Sequence[Run], metrics: Sequence[str], how: Drawing = PLAIN) -> Plot:
        """The metrics of these runs as curves, down-sampled: `gitxp.plots.Plot`; `how` is a `gitxp.plots.Drawing`.

        What cannot be read or drawn of a run is in the plot's `remarks`. Raises `UsageError`, also where no run has such a
        metric, unless one is running here and may yet have it, and `FormatError` where nothing is left to draw since it is
        damaged.
        """
        how.check()
        return self._plot(runs, metrics, how)

    def follow_plot(self, runs: Sequence[Run], metrics: Sequence[str], how: Drawing = PLAIN) -> Iterator[Plot]:
        """`plot` as it is now, and again after each change, about once a second, until none of the runs is running here."""
        import time

        how.check()
        before = None
        while True:
            # asked before the points are read: what was logged before the end is among them then
            goes_on = any(run.status == RUNNING and self.is_running_here(run) for run in runs)
            plot = self._plot(runs, metrics, how)
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
        with index.at_one_moment():
            keys = parse_scatter(y, x, group_by, index.keys(), index.now())
            found = index.values(Asked(where, archived=True), [key.operand for key in (keys.y, keys.x, *keys.groups)])
        if runs is not None:
            names = {run.name for run in runs}
            shown = [run for run in found if run.name in names]
        else:
            shown = [run for run in found if archived or not run.is_archived]
        plot = make_scatter(shown, keys, is_log=log, is_log_x=log_x)
        return plot if runs is not None else plot._replace(hidden=len(found) - len(shown))

    def _plot(self, runs: Sequence[Run], metrics: Sequence[str], how: Drawing) -> Plot:
        from gitxp.query.plots import make_curve, make_group

        groups = self._groups(runs, how.group_by) if how.group_by is not None else None
        read = _Read(self, how)
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
                    curves.append(make_curve(line, _label(run.name, metric, runs, names), how))
        for (metric, group), lines in sorted(together.items()):
            curves.append(make_group(lines, group.label if len(names) == 1 else f"{group.label} {metric}", how))
        if not curves and not any(run.status == RUNNING and self.is_running_here(run) for run in runs):
            read.fail(runs, names)
        what = ", ".join(names)
        title = f"{what} of {runs[0].name}" if len(runs) == 1 else what
        title += f", smoothed {how.smooth:g}" if how.smooth else ""
        x = Axis(how.x.removeprefix("metrics."), how.log_x, is_time=how.x == "time", is_whole=how.x == "step")
        return Plot(title, x, Axis(what, how.log), tuple(curves), tuple(read.remarks()))

    def _groups(self, runs: Sequence[Run], text: str) -> Mapping[str, Group]:
        """The group of each run."""
        from gitxp.query.index import Asked
        from gitxp.query.scatter import make_group_of, parse_groups

        index = self._index()
        with index.at_one_moment():
            keys = parse_groups(text, index.keys(), index.now())
            found = index.values(Asked(archived=True), [key.operand for key in keys])
        values = {run.name: run.values for run in found}
        return {run.name: make_group_of(keys, values.get(run.name, [None] * len(keys))) for run in runs}


class _Missing(NamedTuple):
    run: str
    metric: str


class _Read:
    """Reads the lines of a plot, and keeps account of what cannot be drawn."""

    def __init__(self, repo: Reading, how: Drawing) -> None:
        self._repo = repo
        self._how = how
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
            if self._how.x not in {"step", "time"}:
                name = self._how.x.removeprefix("metrics.")
                by = self._repo.series_columns(run, name)
            start = parse_time(run.record["started_at"]) if "started_at" in run.record else 0.0
        except UsageError:
            self._missing.append(_Missing(run.name, name))
            return None
        except FormatError as error:
            self._damaged.append(f"{metric} of {run.name} cannot be drawn: {error.message}.")
            return None
        line = make_line(run.name, metric, series, self._how, start, by)
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
            (sum(line.without_x for line in self._lines), f"without a number for {self._how.x}: not drawn"),
        ):
            if count:
                told.append(f"{count:,} {'point is' if count == 1 else 'points are'} {words}.")
        return told

    def fail(self, runs: Sequence[Run], metrics: Sequence[str]) -> None:
        """Raise `UsageError`: there is nothing to draw; with the names that are near. `FormatError` where that is for damage."""
        from gitxp.errors import FormatError, UsageError
        from gitxp.near import there_are

        if self._damaged:
            raise FormatError(some_of(list(dict.fromkeys(self._damaged)), _NAMED, " "), hint=_DAMAGED)
        wanted = self._missing[0].metric if self._missing else metrics[0]
        known = sorted({name for run in runs for name in (run.record.get("metrics") or {})})
        if wanted in known:
            who = f"{runs[0].name} has no" if len(runs) == 1 else "None of these runs has a"
            raise UsageError(f"{who} series of {wanted!r}, only its last value.", hint="gitxp list --columns name,KEY")
        near = there_are(wanted, known)
        if len(runs) == 1:
            raise UsageError(f"{runs[0].name} has no metric {wanted!r}.", hint=near or "It logged no metrics.")
        raise UsageError(f"None of these runs has a metric {wanted!r}.", hint=near or "They logged no metrics.")


def _label(run: str, metric: str, runs: Sequence[Run], metrics: Sequence[str]) -> str:
    if len(metrics) == 1:
        return run
    return metric if len(runs) == 1 else f"{run} {metric}"
