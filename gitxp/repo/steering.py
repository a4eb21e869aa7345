"""The methods of `Repo` that tell where runs came from, and how far they still have to go: tree, goal."""

from __future__ import annotations

import math

from gitxp.format import as_float
from gitxp.repo.reading import Reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.capture.config import Goal
    from gitxp.growth import Lineage, Plan, Progress, Step
    from gitxp.model import Run
    from gitxp.names import RunName
    from gitxp.query.goal import Spent
    from gitxp.query.lineage import Measured

_WHOLE = 1e16  # up to there, a float that is a whole number is written as one
_MOST_STEPS = 100  # improvements whose parameters are looked at


class Steering(Reading):
    """Where runs came from, and how far they still have to go."""

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
        there. Gains are told of `metric` (`-KEY` and `+KEY` say which way is better, else its name does), or of the goal's,
        or of the one that most runs have. Raises `UsageError` for what cannot be understood, and as `get`.
        """
        import time
        from contextlib import closing

        from gitxp.query.index import Asked
        from gitxp.query.lineage import find_family, find_related, tell
        from gitxp.repo.bare import bare_command

        with self.at_one_moment():
            index = self._index()
            found = index.values(Asked(where, None, archived=True), [])
            named = {run.name for run in self.get_all(texts)}
            runs = index.with_live(index.newest(archived=True).runs)
            measured = self._measure(runs, metric)
        every = {one.name for one in found}
        meant = {one.name for one in found if archived or not one.is_archived}
        git = self._git_here()
        with closing(self._reader(max(2, len(runs)))) as objects:
            family = find_family(git, objects, runs, time.time(), bare_command)
            if texts:
                related = find_related(family, named)
                every, meant = (names & related | named for names in (every, meant))
            lineage = tell(git, objects, family, meant, limit, measured)
        return lineage._replace(hidden=len(every - meant))

    def goal(self, *, now: float | None = None) -> Progress | None:
        """How near the runs came to the goal of gitxp.yaml, at this unix time in seconds (None: now); None where it has none.

        Every run in the goal's scope counts, archived and failed ones, too. Raises `ConfigError` where gitxp.yaml has a
        goal that cannot be understood.
        """
        import time
        from dataclasses import replace

        from gitxp.query.goal import measure

        written = self.config.goal
        if not written.reach:
            return None
        now = time.time() if now is None else now
        plan = self._goal_plan(written)
        progress = measure(plan, self._spent(plan), now)
        steps = self._with_params(progress)
        reached = next((step for step in steps if plan.is_reached(step.after)), None)
        return replace(progress, steps=steps, best=steps[-1] if steps else None, reached=reached)

    def set_goal(
        self,
        reach: str,
        *,
        where: str = "",
        budget: str = "",
        runs: int = 0,
        since: str = "",
        until: str = "",
    ) -> Plan:
        """Write a goal into gitxp.yaml, in place of the one there: `metrics.acc >= 0.95`. Nothing is committed.

        `where` takes the runs that count, `budget` is a duration (`40h`), `runs` a number, `since` and `until` are days
        (`2026-12-31`). All else in the file stays to the byte. Raises `UsageError` for what cannot be understood, and
        `ConfigError` where the file cannot be edited.
        """
        import time

        from gitxp.capture.config import Goal
        from gitxp.capture.config_text import write_block
        from gitxp.query.expression import parse_where

        goal = Goal(
            " ".join(reach.split()), " ".join(where.split()), budget.strip(), runs, since.strip(), until.strip()
        )
        plan = self._understand(goal)
        if goal.where:
            parse_where(goal.where, self._index().keys(), time.time())
        if plan.metric not in goal.reach:  # a short form means nothing where no run has the metric yet
            goal = goal._replace(reach=f"{plan.metric} {plan.operator} {_number_text(plan.target)}")
            plan = plan._replace(reach=goal.reach)
        every: dict[str, str | int] = goal._asdict()
        values = {key: value for key, value in every.items() if value}
        write_block(self._toplevel(), "goal", values)
        return plan

    def clear_goal(self) -> bool:
        """Take the goal out of gitxp.yaml; whether there was one. Raises `ConfigError` where the file cannot be edited."""
        from gitxp.capture.config_text import write_block

        toplevel = self._toplevel()
        before = self.config.goal
        write_block(toplevel, "goal", None)
        return bool(before.reach)

    def _toplevel(self) -> str:
        from gitxp.errors import NotARepository

        if self.location.toplevel is None:
            raise NotARepository("There is no working tree here.", hint="Go to a checkout of the repository.")
        return self.location.toplevel

    def _goal_plan(self, goal: Goal) -> Plan:
        """The goal of gitxp.yaml, understood."""
        from gitxp.errors import ConfigError, UsageError

        try:
            return self._understand(goal)
        except UsageError as error:
            raise ConfigError(
                f"gitxp.yaml has a goal that cannot be understood. {error.message}", hint=error.hint
            ) from error

    def _understand(self, goal: Goal) -> Plan:
        import time

        from gitxp.query.goal import make_plan, parse_goal

        now = time.time()
        key, operator, target = parse_goal(goal.reach, self._index().keys(), now)
        return make_plan(key, operator, target, goal._asdict(), now)

    def _spent(self, plan: Plan) -> list[Spent]:
        """The runs that count."""
        from gitxp.errors import ConfigError, UsageError
        from gitxp.query.expression import parse_operand
        from gitxp.query.goal import Spent
        from gitxp.query.index import Asked

        index = self._index()
        fields = ["status", "started_at", "finished_at", "duration"]
        with index.at_one_moment():
            try:
                parse_operand(plan.metric, index.keys(), 0)
            except UsageError:  # no run has it yet
                wanted = fields
            else:
                wanted = [*fields, plan.metric]
            try:
                found = index.values(Asked(plan.where, archived=True), wanted)
            except UsageError as error:
                raise ConfigError(
                    f"gitxp.yaml: goal.where cannot be understood. {error.message}", hint=error.hint
                ) from error
        rows = ((one.name, (*one.values, None)[:5]) for one in found)
        return [
            Spent(name, status, *(float(v) if _is_number(v) else None for v in numbers))
            for name, (status, *numbers) in rows
        ]

    def _with_params(self, progress: Progress) -> tuple[Step, ...]:
        """The steps, with the parameters that differ between one and the next."""
        import json
        from itertools import pairwise

        from gitxp.query.index import Asked
        from gitxp.query.lineage import changed_params

        if not progress.steps:
            return ()
        names = json.dumps([step.name for step in progress.steps][-_MOST_STEPS:])
        page = self._index().search(Asked(f"name in {names}", archived=True))
        runs = {run.name: run for run in page.runs}
        told = [progress.steps[0]]
        for before, step in pairwise(progress.steps):
            a, b = runs.get(before.name), runs.get(step.name)
            told.append(step._replace(params=changed_params(a, b)) if a and b else step)
        return tuple(told)

    def _measure(self, runs: Sequence[Run], metric: str | None) -> Measured:
        """The values of the metric that gains are told of."""
        from gitxp.direction import Direction, direction_by_name, parse_direction
        from gitxp.errors import UsageError
        from gitxp.query.lineage import Measured, choose_metric

        if metric is not None:
            direction = parse_direction(metric)
            return Measured(self._numbers_of(direction.key), direction, "said")
        if self.config.goal.reach:
            plan = self._goal_plan(self.config.goal)
            try:
                numbers = self._numbers_of(plan.metric)
            except UsageError:
                numbers = {}  # no run has it yet
            if numbers:
                return Measured(
                    numbers, Direction(plan.metric.removeprefix("metrics."), plan.better, is_said=True), "goal"
                )
        name = choose_metric(runs)
        if name is None:
            return Measured({})
        values = {run.name: value for run in runs if (value := run.metric(name)) is not None}
        return Measured(values, direction_by_name(name), "most")

    def _numbers_of(self, key: str) -> dict[RunName, float]:
        """What runs have of a key that is a number. Raises `UsageError`."""
        from gitxp.query.index import Asked

        found = self._index().values(Asked(archived=True), [key])
        return {one.name: as_float(value) for one in found if _is_number(value := one.values[0])}


def _number_text(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < _WHOLE else repr(number)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(as_float(value))
