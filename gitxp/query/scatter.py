"""Runs as points: one value of theirs against another, as the index has them."""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.errors import UsageError
from gitxp.format import format_moment
from gitxp.plots import Axis, Curve, Plot
from gitxp.query.expression import parse_operand, parse_part, split_list
from gitxp.query.tree import Key, Type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.query.fields import Names
    from gitxp.query.search import Found
    from gitxp.query.tree import Arithmetic

_MOST_CATEGORIES = 50
_WHOLE = 1e16  # up to there, a float that is a whole number is written as one


class Asked(NamedTuple):
    """A key or arithmetic with keys, and how it was typed."""

    text: str
    operand: Key | Arithmetic

    @property
    def type(self) -> Type | None:
        """Of which type its values are; None for arithmetic."""
        return self.operand.type if isinstance(self.operand, Key) else None


class Keys(NamedTuple):
    """What is drawn against what, and by what the points are grouped, if by anything."""

    y: Asked
    x: Asked
    groups: tuple[Asked, ...] = ()


class Group(NamedTuple):
    """What a group of runs is called, behind what puts groups in order: numbers first, by size, then words."""

    order: tuple[tuple[int, float, str], ...]
    label: str


def parse_scatter(y: str, x: str, group_by: str | None, names: Names, now: float) -> Keys:
    """What is typed as the keys of a picture of points. Raises `QueryError`, with the place."""
    first, second = (Asked(text, parse_operand(text, names, now)) for text in (y, x))
    return Keys(first, second, parse_groups(group_by, names, now) if group_by is not None else ())


def parse_groups(text: str, names: Names, now: float) -> tuple[Asked, ...]:
    """The keys in a text, `params.model,group`. Raises `QueryError`, with the place."""
    keys = tuple(Asked(part.text, parse_part(part, 0, names, now)) for part in split_list(text))
    if not keys:
        raise UsageError("No key is named.", hint="--group-by params.model,group")
    return keys


def make_scatter(runs: Sequence[Found], keys: Keys, *, is_log: bool = False, is_log_x: bool = False) -> Plot:
    """The plot of runs whose values are those of y, x and, where it is asked for, the groups. Raises `UsageError`.

    Texts, lists, true and false are categories, in the order of the alphabet; where some runs have text, all have.
    """
    y, x = keys.y.text, keys.x.text
    both = [run for run in runs if run.values[0] is not None and run.values[1] is not None]
    if not both:
        raise UsageError(f"None of these runs has both {y} and {x}.", hint=f"gitxp list 'has({y})' shows which have.")
    ys, y_axis = _axis([run.values[0] for run in both], keys.y, is_log=is_log)
    xs, x_axis = _axis([run.values[1] for run in both], keys.x, is_log=is_log_x)
    groups: dict[Group, list[int]] = {}
    odd = beneath = 0
    for at, point in enumerate(zip(xs, ys, strict=True)):
        if not all(map(math.isfinite, point)):
            odd += 1
        elif (y_axis.is_log and point[1] <= 0) or (x_axis.is_log and point[0] <= 0):
            beneath += 1
        else:
            groups.setdefault(make_group_of(keys.groups, both[at].values[2:]), []).append(at)
    curves = [
        Curve(
            group.label,
            y,
            tuple(both[at].name for at in positions),
            array("d", map(xs.__getitem__, positions)),
            array("d", map(ys.__getitem__, positions)),
            len(positions),
        )
        for group, positions in sorted(groups.items())
    ]
    remarks = [
        *_counted(len(runs) - len(both), f"without {y} or {x}: not drawn."),
        *_counted(odd, "with nan or an infinity: not drawn."),
        *_counted(beneath, "with a value that is not above 0: not on a logarithmic axis."),
    ]
    return Plot(
        f"{y_axis.title} against {x_axis.title}", x_axis, y_axis, tuple(curves), tuple(remarks), is_scatter=True
    )


def make_group_of(keys: Sequence[Asked], values: Sequence[Any]) -> Group:
    """The group of the runs that have these values of these keys; of all runs, where there are no keys."""
    parts = [_part_of_group(key, value) for key, value in zip(keys, values, strict=True)]
    return Group(tuple(order for order, _ in parts), ", ".join(label for _, label in parts))


def _part_of_group(key: Asked, value: Any) -> tuple[tuple[int, float, str], str]:
    """Where a value stands among others, and what a group is called for it: 1 and 1.0 are the same, 1 and true are not."""
    if value is None:
        return (3, 0.0, ""), f"no {key.text}"
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    size = _float(value) if is_number else 0.0
    if is_number and key.type is Type.TIME:
        word = format_moment(value)
    elif isinstance(value, float) and value.is_integer():
        word = _word(int(value)) if abs(value) < _WHOLE else _word(value)
    else:
        word = _word(value)
    return (1 if is_number else 2, 0.0 if math.isnan(size) else size, word), f"{key.text}={word}"


def _axis(values: Sequence[Any], key: Asked, *, is_log: bool) -> tuple[list[float], Axis]:
    """Values as numbers, and the axis of them; what is no number is a category; times and categories are on no logarithmic one."""
    numbers, categories = _numbers(values, key.text)
    is_log = is_log and not categories
    if key.type is Type.TIME:
        return numbers, Axis(f"{key.text} (UTC)", is_moment=True)
    return numbers, Axis(key.text, is_log, is_time=key.type is Type.SECONDS, categories=categories)


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
