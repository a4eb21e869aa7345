"""Of runs, the best: by one number, in each group of them or in all; or by several, those that none beats in all."""

from __future__ import annotations

import json
import math
import operator
from typing import TYPE_CHECKING, Any

from gitxp.query.measures import is_number
from gitxp.query.pareto import find_front

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from gitxp.query.search import Found


def find_best(found: Iterable[Found], *, is_less: bool) -> tuple[list[Found], int]:
    """Of runs with the values (number, when it started, *keys): the best of those with equal keys, the best of all first.

    Of equals it is the one that started first. Then how many runs have no number, or nan.
    """
    best: dict[Hashable, tuple[tuple[Any, ...], Found]] = {}
    left_out = 0
    for run in found:
        number, started, *keys = run.values
        if not is_number(number):
            left_out += 1
            continue
        rank = _rank(run, (number if is_less else -number,), started)
        group = tuple(map(sameness, keys))
        if group not in best or rank < best[group][0]:
            best[group] = rank, run
    return [run for _, run in sorted(best.values(), key=lambda item: item[0])], left_out


def find_pareto(found: Iterable[Found], are_less: Sequence[bool]) -> tuple[list[Found], int]:
    """Of runs with the values (*numbers, when it started): those that no other beats, the best in the first number first.

    A run beats another where it is as good in each number and better in one. Then how many runs lack a number, or have nan.
    """
    points: list[tuple[tuple[float, ...], Found]] = []
    signs = [1 if is_less else -1 for is_less in are_less]
    left_out = 0
    for run in found:
        numbers = run.values[:-1]
        if all(map(is_number, numbers)):
            points.append((tuple(map(operator.mul, numbers, signs)), run))
        else:
            left_out += 1
    front = find_front(point for point, _ in points)
    chosen = [(_rank(run, point, run.values[-1]), run) for point, run in points if point in front]
    return [run for _, run in sorted(chosen, key=lambda item: item[0])], left_out


def sameness(value: Any) -> Hashable:
    """Equal for values that make one group: 1 and 1.0 are the same, 1 and true are not, and all nan are."""
    if isinstance(value, list):
        return "list", json.dumps(value)
    if isinstance(value, float) and math.isnan(value):
        return ("nan",)
    return value, isinstance(value, bool)


def _rank(run: Found, point: tuple[float, ...], started: float | None) -> tuple[Any, ...]:
    return (*point, math.inf if started is None else started, run.name)
