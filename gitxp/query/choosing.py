"""Which runs are the best, asked of the index: values only, never records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.errors import UsageError
from gitxp.listed import Choice
from gitxp.query.best import find_best, find_pareto
from gitxp.query.measures import STARTED, parse_keys, parse_measures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.names import RunName
    from gitxp.query.fields import Names
    from gitxp.query.index import Asked, Index
    from gitxp.query.search import Found
    from gitxp.query.tree import Arithmetic, Key


def choose_best(index: Index, asked: Asked, known: Names, key: str, per: str | None) -> Choice:
    """The run that is the best in one key, of those with equal values of the keys `per`. Raises `UsageError`."""
    wanted = parse_measures(key, known, index.now(), times=True)
    if len(wanted) > 1:
        raise UsageError("The best is told by one key.", hint="By several: --pareto metrics.acc,-duration")
    keys = [] if per is None else parse_keys(per, known, index.now())
    operands = [wanted[0].operand, STARTED, *(operand for operand, _ in keys)]
    shown, hidden = _find(index, asked, operands)
    chosen, left_out = find_best(shown, is_less=wanted[0].measure.direction.is_less)
    titles = tuple(title for _, title in keys)
    return Choice(_ordered(asked, chosen, shown), (wanted[0].measure,), titles, len(shown), left_out, hidden)


def choose_pareto(index: Index, asked: Asked, known: Names, keys: str) -> Choice:
    """The runs that none beats in all of these keys. Raises `UsageError`."""
    wanted = parse_measures(keys, known, index.now(), times=True)
    operands = [*(one.operand for one in wanted), STARTED]
    shown, hidden = _find(index, asked, operands)
    measures = tuple(one.measure for one in wanted)
    chosen, left_out = find_pareto(shown, [measure.direction.is_less for measure in measures])
    return Choice(_ordered(asked, chosen, shown), measures, (), len(shown), left_out, hidden)


def split_archived(asked: Asked, found: Sequence[Found]) -> tuple[list[Found], int]:
    """Of runs, archived ones among them: those that count, and how many do not."""
    shown = [run for run in found if asked.archived or not run.is_archived]
    return shown, len(found) - len(shown)


def _find(index: Index, asked: Asked, operands: Sequence[Key | Arithmetic]) -> tuple[list[Found], int]:
    """The runs that count, in an order only where one was asked for, and how many were archived and do not count."""
    every = asked._replace(order=asked.order or "", archived=True)
    return split_archived(asked, index.values(every, operands))


def _ordered(asked: Asked, chosen: Sequence[Found], shown: Sequence[Found]) -> tuple[RunName, ...]:
    """The names of the chosen runs, in the order that was asked for, if any."""
    names = tuple(run.name for run in chosen)
    if not asked.order:
        return names
    wanted = set(names)
    return tuple(run.name for run in shown if run.name in wanted)
