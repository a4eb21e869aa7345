"""Groups of runs and what their numbers come to, asked of the index: values only, a few measures at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.direction import is_counter
from gitxp.errors import UsageError
from gitxp.format import SYSTEM_PREFIX, format_moment
from gitxp.listed import Groups
from gitxp.query.choosing import split_archived
from gitxp.query.expression import parse_part, split_list
from gitxp.query.grouping import PARTS, Grouping, GroupOrder
from gitxp.query.measures import STARTED, measure_of_metric, parse_keys, parse_measures
from gitxp.query.source import QueryError, make_error
from gitxp.query.tree import Key, Type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.listed import Group
    from gitxp.query.expression import Part
    from gitxp.query.fields import Names
    from gitxp.query.index import Asked, Index
    from gitxp.query.measures import Wanted
    from gitxp.query.tree import Arithmetic

_AT_ONCE = 500_000  # values that are in memory together
_MOST_COLUMNS = 200  # of one question: sqlite gives rows of 2,000
_RUNS = "runs"


def group_runs(
    index: Index,
    asked: Asked,
    known: Names,
    *,
    by: str,
    metrics: str | None = None,
    sort: str | None = None,
    limit: int | None = None,
    most: int | None = None,
) -> Groups:
    """Runs in groups: see `Repo.groups`. Raises `UsageError`."""
    keys = parse_keys(by, known, index.now())
    if metrics is None:
        wanted, more = _measured(index.count_metrics(asked), most)
    else:
        wanted, more = parse_measures(metrics, known, index.now()), ()
    orders, others = _parse_orders(sort or "", known, index.now(), [operand for operand, _ in keys], wanted)
    operands = [*(operand for operand, _ in keys), STARTED]
    shown, hidden = split_archived(asked, index.values(asked._replace(archived=True), operands))
    grouping = Grouping(shown)
    total, runs = len(grouping), grouping.runs
    del shown
    every = [*wanted, *others]
    first = sorted({order.measure for order in orders if order.measure is not None})
    places = [*first, *(number for number in range(len(wanted)) if number not in first)]
    at = {number: place for place, number in enumerate(places)}
    _add(index, asked, grouping, [every[number] for number in first], runs)
    grouping.arrange([o if o.measure is None else o._replace(measure=at[o.measure]) for o in orders], limit)
    _add(index, asked, grouping, [every[number] for number in places[len(first) :]], runs)
    groups = grouping.groups([at[number] for number in range(len(wanted))])
    return Groups(
        tuple(title for _, title in keys),
        tuple(part.text for part in split_list(by)),
        tuple(one.measure for one in wanted),
        _with_times(groups, [operand for operand, _ in keys]),
        total,
        runs,
        more,
        hidden,
    )


def _measured(counts: dict[str, int], most: int | None) -> tuple[list[Wanted], tuple[str, ...]]:
    """The metrics that runs have, those of most runs first and mere counters last; the titles of those over `most`."""
    names = sorted(counts, key=lambda name: (_is_aside(name), -counts[name], name))
    wanted = list(map(measure_of_metric, names))
    return wanted[:most], tuple(one.measure.title for one in wanted[len(wanted) if most is None else most :])


def _is_aside(name: str) -> bool:
    return is_counter(name) or name.startswith(SYSTEM_PREFIX)


def _parse_orders(
    text: str, known: Names, now: float, keys: Sequence[Key | Arithmetic], wanted: Sequence[Wanted]
) -> tuple[list[GroupOrder], list[Wanted]]:
    """The order that a text states, and the measures that it needs besides those that are wanted."""
    orders: list[GroupOrder] = []
    others: list[Wanted] = []
    for part in split_list(text):
        descending = part.text.startswith("-")
        if part.text.removeprefix("-").strip() == _RUNS:
            orders.append(GroupOrder(descending=descending))
            continue
        operand, name = _parse_part(part, int(descending), known, now)
        if operand in keys and name is None:
            orders.append(GroupOrder(key=keys.index(operand), descending=descending))
            continue
        every = [one.operand for one in (*wanted, *others)]
        if operand not in every:
            others.append(_parse_measure(part, int(descending), name, known, now))
            every.append(operand)
        orders.append(GroupOrder(measure=every.index(operand), part=name or "mean", descending=descending))
    return orders, others


def _parse_part(part: Part, skip: int, known: Names, now: float) -> tuple[Key | Arithmetic, str | None]:
    """The operand that groups are sorted by, and what of it: `metrics.acc.std`; None where that is not said."""
    try:
        return parse_part(part, skip, known, now), None
    except QueryError:
        whole, _, name = part.text.rpartition(".")
        if name not in PARTS or not whole:
            raise
        return parse_part(part._replace(text=whole), skip, known, now), name


def _parse_measure(part: Part, skip: int, name: str | None, known: Names, now: float) -> Wanted:
    text = part.text[skip:].strip().removesuffix(f".{name}" if name else "")
    try:
        (wanted,) = parse_measures(text, known, now)
    except UsageError:
        at = part.at + skip
        sentence = f"Groups are sorted by their keys, by {_RUNS}, and by numbers."
        raise make_error(sentence, part.whole, at, at + len(text), "params.model,-metrics.acc,-runs") from None
    return wanted


def _add(index: Index, asked: Asked, grouping: Grouping, wanted: Sequence[Wanted], runs: int) -> None:
    """Sum up these measures, as many at a time as memory should hold."""
    size = min(_MOST_COLUMNS, max(1, _AT_ONCE // max(runs, 1)))
    for begin in range(0, len(wanted), size):
        batch = wanted[begin : begin + size]
        # no name for the values: those of one batch are gone before the next is read
        grouping.add(
            index.values(asked, [one.operand for one in batch]), [one.measure.direction.is_less for one in batch]
        )


def _with_times(groups: tuple[Group, ...], operands: Sequence[Key | Arithmetic]) -> tuple[Group, ...]:
    """Groups by a time have it as the record does."""
    times = [isinstance(operand, Key) and operand.type is Type.TIME for operand in operands]
    if not any(times):
        return groups
    return tuple(
        group._replace(
            values=tuple(
                format_moment(value) if is_time and value is not None else value
                for value, is_time in zip(group.values, times, strict=True)
            )
        )
        for group in groups
    )
