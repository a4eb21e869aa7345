"""A goal, `metrics.acc >= 0.95`, and how near runs came to it.

What counts is every run in the scope (`where`) that began since `since`: without a scope all of them, archived and failed
ones, too, for they took their time as well. A value counts from the end of its run, of one that is running from now on.
Nothing is projected: how long the rest takes is a guess, and a guess beside numbers looks like one of them.
"""

from __future__ import annotations

import ast
import datetime
import math
import re
from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import UsageError
from gitxp.format import RUNNING
from gitxp.growth import Plan, Progress, Step
from gitxp.query.expression import parse_where
from gitxp.query.fields import STATS, Names
from gitxp.query.moments import DURATIONS, parse_duration, parse_moment
from gitxp.query.source import QueryError, read_source
from gitxp.query.tree import Compare, Const, Key, Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from gitxp.names import RunName

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_ONE = "A goal is one comparison of a metric with a number."
_EXAMPLE = "metrics.acc >= 0.95"
_IN_FULL = 'A metric that no run has yet is written in full: metrics.acc, metrics["val/loss"].'
_SIGNS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


class Spent(NamedTuple):
    """A run that counts: what it took (seconds), what it has of the metric, and its times in unix seconds."""

    name: RunName
    status: str | None
    started: float | None
    finished: float | None
    duration: float | None
    value: float | None


class _Names(Names):
    """Names, and metrics that no run has yet, where they are said in full."""

    def find_in(self, kind: str, name: str) -> Key | None:
        found = super().find_in(kind, name)
        if found is not None or kind != "metrics" or not name:
            return found
        whole, dot, stat = name.rpartition(".")
        is_stat = bool(dot and whole and stat in STATS)
        return Key("metrics", whole if is_stat else name, Type.NUMBER, stat if is_stat else "last")


def parse_goal(text: str, names: Names, now: float) -> tuple[Key, str, float]:
    """The metric, the comparison and the number of a goal. Raises `QueryError`, with the place."""
    known = _Names(names.params, names.metrics)
    source = read_source(text, known.has)
    tree = source.tree
    if not isinstance(tree, ast.Compare):
        source.fail(_ONE, tree, _EXAMPLE)
    if len(tree.ops) != 1:
        source.fail(_ONE, tree.comparators[1], _EXAMPLE)
    if not isinstance(tree.ops[0], _SIGNS):
        source.fail("A goal is reached at a number or beyond it: with >=, >, <= or <.", tree, _EXAMPLE)
    try:
        found = parse_where(text, known, now)
    except QueryError as error:
        if isinstance(tree.left, (ast.Name, ast.BinOp)) and not known.near(source.part(tree.left)):
            raise QueryError(error.message, hint=_IN_FULL) from error
        raise
    assert isinstance(found, Compare)
    if not isinstance(found.left, Key) or found.left.kind != "metrics":
        source.fail(_ONE, tree.left, _EXAMPLE)
    target = found.right.value if isinstance(found.right, Const) else None
    if isinstance(target, bool) or not isinstance(target, (int, float)) or not math.isfinite(target):
        source.fail(_ONE, tree.comparators[0], _EXAMPLE)
    return found.left, found.operator, float(target)


def make_plan(key: Key, operator: str, target: float, written: Mapping[str, Any], now: float) -> Plan:
    """A goal with its limits as gitxp.yaml has them, understood. Raises `UsageError` for what is no duration or no day."""
    budget = written["budget"]
    seconds = parse_duration(budget) if budget else None
    if budget and not seconds:
        raise UsageError(f"{budget!r} is no duration.", hint=f"A budget is {DURATIONS}, 40h.")
    first, last = (_parse_day(day, now) if day else None for day in (written["since"], written["until"]))
    return Plan(
        written["reach"],
        key.spelled,
        operator,
        target,
        written["where"] or None,
        seconds,
        written["runs"] or None,
        None if first is None else first[0],
        None if last is None else last[1],
    )


def measure(plan: Plan, found: Iterable[Spent], now: float) -> Progress:
    """How near these runs came to a goal, at this unix time; `params` of the steps are empty."""
    counted = [one for one in found if plan.since is None or (one.started is not None and one.started >= plan.since)]
    values = sorted(
        (min(at, now), one.name, one.value)
        for one in counted
        if one.value is not None and math.isfinite(one.value) and (at := _end_of(one, now)) is not None
    )
    steps: list[Step] = []
    reached = None
    for at, name, value in values:
        before = steps[-1].after if steps else None
        if before is None or (value < before if plan.is_less else value > before):
            steps.append(Step(name, at, before, value, {}))
            if reached is None and plan.is_reached(value):
                reached = steps[-1]
    best = steps[-1] if steps else None
    days = {datetime.datetime.fromtimestamp(step.at).astimezone().date().isoformat(): step.after for step in steps}
    gap = None if best is None else max(0.0, (best.after - plan.target) * (1 if plan.is_less else -1))
    return Progress(
        plan,
        now,
        best,
        0.0 if reached else gap,
        reached,
        len(counted),
        len(values),
        sum(one.status == RUNNING for one in counted),
        math.fsum(one.duration for one in counted if one.duration is not None and 0 <= one.duration < math.inf),
        tuple(days.items()),
        tuple(steps),
    )


def _end_of(one: Spent, now: float) -> float | None:
    """When a run had its value: at its end; while it is running, now."""
    if one.status == RUNNING:
        return now
    return one.started if one.finished is None else one.finished


def _parse_day(text: str, now: float) -> tuple[float, float]:
    moment = parse_moment(text, now) if _DAY.fullmatch(text) else None
    if moment is None:
        raise UsageError(f"{text!r} is no day.", hint="A day is written 2026-12-31.")
    return moment.first, moment.last
