"""Rules by which runs go, many at a time: which are to be kept, and from which age on the others go.

Whoever is kept by one rule is kept. Never chosen are runs that are running, that have a star, that an archive has, or
that cannot be read: of those nobody can tell what they are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import UsageError
from gitxp.format import RUNNING, parse_time

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from gitxp.model import Run

_UNITS = {"h": 3600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}
_LONGEST = 10**6


class Best(NamedTuple):
    """Keep the run that is best by the last value of a metric: `max`, `min`, or both ends where none is said (None)."""

    metric: str
    direction: str | None = None


class Rules(NamedTuple):
    """Which runs are kept: the best, the `newest` so many, tagged ones, those that are not `older_than` so many seconds."""

    best: tuple[Best, ...] = ()
    newest: int | None = None
    tagged: bool = False
    older_than: float | None = None

    @property
    def are_given(self) -> bool:
        """Whether there is any: without one, no run goes."""
        return bool(self.best) or self.newest is not None or self.tagged or self.older_than is not None


def parse_best(text: str) -> Best:
    """`METRIC`, `METRIC:max` or `METRIC:min`. Raises `UsageError` where there is no metric."""
    metric, colon, direction = text.rpartition(":")
    best = Best(metric, direction) if colon and direction in {"max", "min"} else Best(text)
    if not best.metric:
        raise UsageError(f"{text!r} names no metric.", hint="--keep-best accuracy:max")
    return best


def parse_age(text: str) -> float:
    """Seconds in `90d`, `12h`, `2w`, `1y`, with a fraction if need be. Raises `UsageError`."""
    number, unit = text[:-1], text[-1:]
    plain = number.replace(".", "", 1)
    if unit not in _UNITS or not (plain.isascii() and plain.isdigit()) or float(number) > _LONGEST:
        raise UsageError(f"{text!r} is no age.", hint="An age is 12h, 90d, 8w or 1y.")
    return float(number) * _UNITS[unit]


def choose(runs: Sequence[Run], rules: Rules, now: float, live: Container[str]) -> list[Run]:
    """The runs that no rule keeps, newest first as they came; `live` are names of runs that are running here.

    `UsageError` where no run has a metric by which the best is to be kept: a slip of the pen must not cost all of them.
    """
    if not rules.are_given:
        return []
    kept = set().union(*(_find_best(runs, best) for best in rules.best))
    kept |= {run.name for run in runs[: rules.newest or 0]}
    return [
        run
        for run in runs
        if run.name not in kept
        and not (rules.tagged and run.tags)
        and not _is_young(run, rules, now)
        and not (run.starred or run.problem or run.is_folded or run.status == RUNNING or run.name in live)
    ]


def _is_young(run: Run, rules: Rules, now: float) -> bool:
    if rules.older_than is None or run.started_at is None:
        return False
    return now - parse_time(run.started_at) <= rules.older_than


def _find_best(runs: Sequence[Run], best: Best) -> set[str]:
    values: dict[float, set[str]] = {}
    for run in runs:
        value = run.metric(best.metric)
        if value is not None and not math.isnan(value):
            values.setdefault(value, set()).add(run.name)
    if not values:
        raise UsageError(
            f"No run has a metric {best.metric!r}, so none would be kept for it.", hint="gitxp list --all-columns"
        )
    ends = {"max": [max(values)], "min": [min(values)]}.get(best.direction or "", [max(values), min(values)])
    return set().union(*(values[end] for end in ends))
