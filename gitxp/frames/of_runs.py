"""Runs and their series as frames, with names of columns that stay as they are.

`metrics.loss` is the last value; what else is known of a series is `metrics.loss.min` and so on, where it is asked for. The columns of
gitxp itself are always there, whatever the runs have; parameters and metrics follow, sorted by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.format import RUNNING, clean_text, command_line, decode_number
from gitxp.frames.frame import BOOL, FLOAT, INT, TEXT, TEXTS, Column, Frame, column_of, parse_datetime, time_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gitxp.model import Run
    from gitxp.series import Series

STATS = ("min", "max", "count", "step")
_TEXTS = ("cwd", "branch", "base", "user", "host", "group", "title", "parent_run")


def frame_of_runs(runs: Sequence[Run], now: float, *, stats: bool = False) -> Frame:
    """A row for each run. With `stats`, metrics have their min, max, count and step beside the last value.

    Runs that are running have taken the time until `now` (unix seconds).
    """
    columns = {"name": Column(TEXT, [run.name for run in runs])}
    columns["id"] = _texts(runs, lambda run: run.id)
    columns["status"] = _texts(runs, lambda run: run.status)
    columns["exit_code"] = Column(INT, [run.record.get("exit_code") for run in runs])
    columns["signal"] = Column(INT, [run.record.get("signal") for run in runs])
    columns["started_at"] = time_column([run.started_at for run in runs])
    columns["finished_at"] = time_column([run.record.get("finished_at") for run in runs])
    columns["duration"] = Column(FLOAT, [_lasted(run, now) for run in runs])
    columns["command"] = _texts(runs, _command)
    columns |= {name: _texts(runs, _of(name)) for name in _TEXTS}
    columns["commit"] = _texts(runs, lambda run: run.commit)
    columns["ref"] = _texts(runs, lambda run: run.ref)
    columns["dirty"] = Column(BOOL, [run.record.get("dirty") for run in runs])
    columns["starred"] = Column(BOOL, [run.starred for run in runs])
    columns["archived"] = Column(BOOL, [run.archived for run in runs])
    columns["tags"] = Column(TEXTS, [list(map(clean_text, run.tags)) for run in runs])
    columns["notes"] = Column(TEXTS, [list(map(clean_text, run.notes)) for run in runs])
    for name in sorted({name for run in runs for name in run.params}):
        columns[clean_text(f"params.{name}")] = column_of([run.params.get(name) for run in runs])
    return Frame(columns | _metrics(runs, stats=stats))


def frame_of_series(series: Iterable[tuple[str, str, Series]]) -> Frame:
    """A row for each point, from (name of the run, metric, its series): run, metric, step, time (unix seconds), value."""
    from array import array

    names: list[str] = []
    metrics: list[str] = []
    steps, times, values = array("q"), array("d"), array("d")
    for name, metric, points in series:
        names += [name] * len(points)
        metrics += [clean_text(metric)] * len(points)
        steps.extend(points.steps)
        times.extend(points.times)
        values.extend(points.values)
    return Frame(
        {
            "run": Column(TEXT, names),
            "metric": Column(TEXT, metrics),
            "step": Column(INT, steps),
            "time": Column(FLOAT, times),
            "value": Column(FLOAT, values),
        }
    )


def _metrics(runs: Sequence[Run], *, stats: bool) -> dict[str, Column]:
    summaries: list[Mapping[str, Any]] = [run.record.get("metrics") or {} for run in runs]
    columns: dict[str, Column] = {}
    names = sorted({name for summary in summaries for name in summary})
    for name in names:
        columns[clean_text(f"metrics.{name}")] = Column(
            FLOAT, [_stat(summary.get(name), "last") for summary in summaries]
        )
    for name in names if stats else ():
        for stat in STATS:
            values = [_stat(summary.get(name), stat) for summary in summaries]
            columns.setdefault(clean_text(f"metrics.{name}.{stat}"), column_of(values, rounded=True))
    return columns


def _stat(summary: Mapping[str, Any] | None, stat: str) -> float | int | None:
    if summary is None or stat not in summary:
        return None
    return int(summary[stat]) if stat in {"count", "step"} else decode_number(summary[stat])


def _lasted(run: Run, now: float) -> float | None:
    if run.status == RUNNING:
        started = None if run.started_at is None else parse_datetime(run.started_at)
        return None if started is None else max(0.0, now - started.timestamp())
    return None if run.duration is None else float(run.duration)


def _texts(runs: Sequence[Run], get: Callable[[Run], Any]) -> Column:
    return Column(TEXT, [None if (value := get(run)) is None else clean_text(str(value)) for run in runs])


def _of(name: str) -> Callable[[Run], Any]:
    return lambda run: run.record.get(name)


def _command(run: Run) -> str | None:
    return command_line(run.command) if run.command else None
