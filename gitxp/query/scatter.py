"""Runs as points: one value of theirs against another, as the index has them."""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.errors import UsageError
from gitxp.plots import Axis, Curve, Plot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.query.search import Found

_MOST_CATEGORIES = 50


class Keys(NamedTuple):
    """What is drawn against what, as it was typed, and what colours the points, if anything."""

    y: str
    x: str
    group: str | None = None


class Group(NamedTuple):
    """What a group of runs is called, behind what puts groups in order: numbers first, by size, then words."""

    kind: int
    size: float
    label: str


def make_scatter(runs: Sequence[Found], keys: Keys, *, is_log: bool = False, is_log_x: bool = False) -> Plot:
    """The plot of runs whose values are those of y, x and, where it is asked for, the group. Raises `UsageError`.

    Texts, lists, true and false are categories, in the order of the alphabet; where some runs have text, all have.
    """
    both = [run for run in runs if run.values[0] is not None and run.values[1] is not None]
    if not both:
        raise UsageError(
            f"None of these runs has both {keys.y} and {keys.x}.", hint=f"gitxp list 'has({keys.y})' shows which have."
        )
    ys, y_categories = _numbers([run.values[0] for run in both], keys.y)
    xs, x_categories = _numbers([run.values[1] for run in both], keys.x)
    is_log, is_log_x = is_log and not y_categories, is_log_x and not x_categories
    groups: dict[Group, list[int]] = {}
    odd = beneath = 0
    for at, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if not (math.isfinite(x) and math.isfinite(y)):
            odd += 1
        elif (is_log and y <= 0) or (is_log_x and x <= 0):
            beneath += 1
        else:
            groups.setdefault(make_group_of(keys.group, both[at].values[2] if keys.group else None), []).append(at)
    curves = [
        Curve(
            group.label,
            keys.y,
            tuple(both[at].name for at in positions),
            array("d", map(xs.__getitem__, positions)),
            array("d", map(ys.__getitem__, positions)),
            len(positions),
        )
        for group, positions in sorted(groups.items())
    ]
    without = len(runs) - len(both)
    remarks = [
        *_counted(without, f"without {keys.y} or {keys.x}: not drawn."),
        *_counted(odd, "with nan or an infinity: not drawn."),
        *_counted(beneath, "with a value that is not above 0: not on a logarithmic axis."),
    ]
    return Plot(
        f"{keys.y} against {keys.x}",
        Axis(keys.x, is_log_x, categories=x_categories),
        Axis(keys.y, is_log, categories=y_categories),
        tuple(curves),
        tuple(remarks),
        is_scatter=True,
    )


def make_group_of(key: str | None, value: Any) -> Group:
    """The group of the runs that have this value; of all runs, where there is no key."""
    if key is None:
        return Group(0, 0.0, "")
    if value is None:
        return Group(3, 0.0, f"no {key}")
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    order = _float(value) if is_number else 0.0
    return Group(1 if is_number else 2, 0.0 if math.isnan(order) else order, f"{key}={_word(value)}")


def _counted(count: int, what: str) -> list[str]:
    return [f"{count:,} run{'' if count == 1 else 's'} {what}"] if count else []


def _numbers(values: Sequence[Any], key: str) -> tuple[list[float], tuple[str, ...]]:
    """The values as numbers; where they are no numbers, as positions among categories, and these."""
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return list(map(_float, values)), ()
    words = [_word(value) for value in values]
    categories = sorted(set(words))
    if len(categories) > _MOST_CATEGORIES:
        raise UsageError(
            f"{key} has {len(categories):,} different texts, and {_MOST_CATEGORIES} are the most that an axis holds.",
            hint="Choose runs with --where, or draw against a number.",
        )
    places = {word: float(place) for place, word in enumerate(categories)}
    return [places[word] for word in words], tuple(categories)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _word(value: Any) -> str:
    if isinstance(value, str):
        return value
    import json

    return json.dumps(value, ensure_ascii=False)
