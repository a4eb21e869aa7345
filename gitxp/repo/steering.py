"""The methods of `Repo` that tell where runs came from: tree."""

from __future__ import annotations

import math

from gitxp.repo.reading import Reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.growth import Lineage
    from gitxp.model import Run
    from gitxp.query.lineage import Measured


class Steering(Reading):
    """Where runs came from."""

    def tree(
        self,
        texts: Sequence[str] = (),
        limit: int | None = None,
        *,
        archived: bool = False,
        where: str | None = None,
        metric: str | None = None,
    ) -> Lineage:
        """Runs as they grew out of one another, at most the newest `limit` of them (None: all), oldest first.

        With `texts`, runs as for `get`, only these, what they grew out of, and what grew out of them. `where` takes the
        runs of which an expression is true, `archived` also those that were archived; the others are as if they were not
        there. Gains are told of `metric` (`-KEY` and `+KEY` say which way is better, else its name does), or of the one
        that most runs have. Raises `UsageError` for what cannot be understood, and as `get`.
        """
        import time
        from contextlib import closing

        from gitxp.query.index import Asked
        from gitxp.query.lineage import find_family, find_related, tell

        index = self._index()
        meant = {found.name for found in index.values(Asked(where, None, archived), [])}
        named = {run.name for run in self.get_all(texts)}
        runs = index.newest(archived=True).runs
        measured = self._measure(runs, metric)
        git = self._git_here()
        with closing(self._reader(max(2, len(runs)))) as objects:
            family = find_family(git, objects, runs, time.time())
            if texts:
                meant = meant & find_related(family, named) | named
            return tell(git, objects, family, meant, limit, measured)

    def _measure(self, runs: Sequence[Run], metric: str | None) -> Measured:
        """The values of the metric that gains are told of."""
        from gitxp.direction import Direction, is_less_better, parse_direction
        from gitxp.query.index import Asked
        from gitxp.query.lineage import Measured, choose_metric

        if metric is not None:
            direction = parse_direction(metric)
            found = self._index().values(Asked(archived=True), [direction.key])
            numbers = {one.name: one.values[0] for one in found}
            sound = {name: float(v) for name, v in numbers.items() if _is_number(v)}
            return Measured(sound, direction, "said")
        name = choose_metric(runs)
        if name is None:
            return Measured({})
        values = {run.name: value for run in runs if (value := run.metric(name)) is not None}
        return Measured(values, Direction(name, is_less_better(name), is_said=False), "most")


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return not math.isnan(float(value))
    except OverflowError:
        return False
