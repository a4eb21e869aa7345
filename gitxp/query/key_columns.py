"""Columns of a table of runs by keys: what a record says is taken from it, what it does not say is asked of the index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.errors import UsageError
from gitxp.listed import KeyColumn
from gitxp.query.expression import parse_order, parse_part, split_list
from gitxp.query.measures import parse_keys, parse_measures
from gitxp.query.source import QueryError
from gitxp.query.tree import Key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gitxp.query.fields import Names
    from gitxp.query.search import Found
    from gitxp.query.tree import Arithmetic

    Ask = Callable[[Sequence[Key | Arithmetic]], Iterable[Found]]


class Compared(NamedTuple):
    """What runs are sorted and chosen by, as it was typed; None where nothing was."""

    sort: str | None = None
    best: str | None = None
    per: str | None = None
    pareto: str | None = None


_IN_RECORDS = frozenset({"field", "params", "metrics"})


def parse_columns(texts: Iterable[str], names: Names, now: float) -> list[tuple[str, Key | Arithmetic]]:
    """The columns that texts name, in order, each as it was typed. Raises `UsageError`, with the place."""
    parts = [part for text in texts for part in split_list(text)]
    if not parts:
        raise UsageError("No column is named.", hint="--columns name,params.lr,metrics.loss")
    return [(part.text, parse_part(part, 0, names, now)) for part in parts]


def unknown_columns(texts: Iterable[str]) -> list[KeyColumn]:
    """The columns that texts name where there are no runs, so that no name means anything: headings only."""
    return [KeyColumn(part.text, "", part.text, "last", {}) for text in texts for part in split_list(text)]


def parse_compared(asked: Compared, names: Names, now: float) -> list[tuple[str, Key | Arithmetic]]:
    """The columns of what runs are sorted and chosen by, each with its name in full. Raises `UsageError`, with the place."""
    measures = [
        one for text in (asked.best, asked.pareto) if text for one in parse_measures(text, names, now, times=True)
    ]
    pairs = [(one.measure.title, one.operand) for one in measures]
    pairs += [(title, operand) for operand, title in (parse_keys(asked.per, names, now) if asked.per else ())]
    orders = zip(split_list(asked.sort or ""), parse_order(asked.sort or "", names, now), strict=True)
    for part, order in orders:
        operand = order.operand
        pairs.append((operand.title if isinstance(operand, Key) else part.text.removeprefix("-"), operand))
    return list({repr(operand): (title, operand) for title, operand in pairs}.values())


def find_compared(asked: Compared, names: Names) -> list[KeyColumn] | None:
    """The columns of `parse_compared` where these names and the records say all of it; None where the index is needed."""
    try:
        pairs = parse_compared(asked, names, 0.0)
    except QueryError:
        return None
    if not all(_is_recorded(operand) for _, operand in pairs):
        return None
    return make_columns(pairs, lambda _: ())


def make_columns(pairs: Sequence[tuple[str, Key | Arithmetic]], ask: Ask) -> list[KeyColumn]:
    """Columns of these titles and operands; `ask` gives the values of operands."""
    strangers = [operand for _, operand in pairs if not _is_recorded(operand)]
    found = list(ask(strangers)) if strangers else []
    columns = []
    for title, operand in pairs:
        if isinstance(operand, Key) and _is_recorded(operand):
            columns.append(KeyColumn(title, operand.kind, operand.name, operand.stat))
        else:
            at = strangers.index(operand)
            columns.append(_asked(title, operand, {run.name: run.values[at] for run in found}))
    return columns


def _asked(title: str, operand: Key | Arithmetic, values: dict[Any, Any]) -> KeyColumn:
    kind, name = (operand.kind, operand.name) if isinstance(operand, Key) else ("", title)
    return KeyColumn(title, kind, name, "last", values)


def _is_recorded(operand: Key | Arithmetic) -> bool:
    return isinstance(operand, Key) and operand.kind in _IN_RECORDS and operand.name != "python"
