"""Which parameters go with a metric over many runs: what is asked of the index, and what can be said of the answer at all.

Most of the care goes into what must not be said. A parameter that never changed, or that changed in every run, tells
nothing; two that always change together cannot be told apart; a few runs and many parameters give fine numbers by chance.
Each of these is found here and told, and only then `statistics.py` is asked for numbers. None of them is a cause.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from gitxp.compared import Associations
from gitxp.query.directions import read_metric
from gitxp.query.index import Asked
from gitxp.query.statistics import FOREST, Column, associate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gitxp.names import RunName
    from gitxp.query.fields import Names
    from gitxp.query.index import Index
    from gitxp.query.tree import Key

_MOST_PARAMS, _AT_ONCE = 1_000, 50  # sqlite joins 64 tables
_MOST_RUNS = 20_000
_MOST_CATEGORIES = 50
_FEWEST = 4  # runs: of three, every order is as likely as one in six
# Per parameter: the usual rule of thumb for regressions is ten, and half of it is lenient.
_PER_PARAM = 5


def find_associations(
    index: Index,
    metric: str,
    where: str | None = None,
    *,
    archived: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Associations:
    """The associations of all parameters with a metric (`acc`, `-loss`), over the runs of which `where` is true.

    `progress` is as for `associate`.
    Raises `UsageError` for a metric or a condition that means nothing, and `GitxpError` without scikit-learn.
    """
    names = index.keys()
    key, direction = read_metric(metric, names, time.time())
    warnings: list[str] = []
    numbers, params, passed_over = _read(index, key, names, Asked(where, None, archived), warnings)
    columns, constant, unique = _columns(params, len(numbers))
    told = Associations(
        _title(key), direction, len(numbers), passed_over, constant=tuple(constant), unique=tuple(unique)
    )
    return _associated(told, numbers, columns, warnings, progress)


def _title(key: Key) -> str:
    return key.name if key.stat == "last" else f"{key.name}.{key.stat}"


def _associated(
    told: Associations,
    numbers: Sequence[float],
    columns: Sequence[Column],
    warnings: list[str],
    progress: Callable[[int, int], None] | None,
) -> Associations:
    from dataclasses import replace

    if columns and len(numbers) >= _FEWEST:
        told = associate(told, numbers, columns, progress)
    return replace(told, warnings=(*_warn(told, len(columns)), *warnings))


def _warn(told: Associations, columns: int) -> Iterator[str]:
    """What must be known before the numbers are believed."""
    needed = max(FOREST, _PER_PARAM * columns)
    if told.runs < _FEWEST:
        yield f"Too few runs have a number for {told.metric}: {told.runs}, where {_FEWEST} are the least that tell anything."
    elif columns and told.runs < needed:
        why = (
            f"{_PER_PARAM} for each parameter that changes"
            if needed > FOREST
            else "fewer cannot be put to a test on unseen ones"
        )
        chance = "" if told.by_chance is None else f" Below {told.by_chance:.2f}, a correlation may well be chance."
        yield f"{told.runs} runs are too few: at least {needed} are needed ({why}).{chance}"
    if told.explained is not None and told.explained <= 0:
        yield "From these parameters the forest cannot foretell runs that it has not seen: its importances mean nothing here."


def _read(
    index: Index, key: Key, names: Names, asked: Asked, warnings: list[str]
) -> tuple[list[float], dict[str, list[Any]], int]:
    """The metric of each run that has a number for it, the parameters of these runs, and how many have none."""
    metric = f"metrics[{key.name!r}]" + ("" if key.stat == "last" else f".{key.stat}")
    every = index.values(asked, [metric])
    having = {run.name: run.values[0] for run in every if _is_finite(run.values[0])}
    passed_over = len(every) - len(having)
    if len(having) > _MOST_RUNS:
        warnings.append(f"Of {len(having):,} runs, the first {_MOST_RUNS:,} were looked at.")
        having = dict(list(having.items())[:_MOST_RUNS])
    rows = {name: i for i, name in enumerate(having)}
    params = sorted(names.params)
    if len(params) > _MOST_PARAMS:
        warnings.append(f"Of {len(params):,} parameters, the first {_MOST_PARAMS:,} by name were looked at.")
    found: dict[str, list[Any]] = {}
    for start in range(0, min(len(params), _MOST_PARAMS), _AT_ONCE):
        some = params[start : min(start + _AT_ONCE, _MOST_PARAMS)]
        columns: list[list[Any]] = [[None] * len(rows) for _ in some]
        for run in index.values(asked, [f"params[{name!r}]" for name in some]):
            if run.name in rows:
                for column, value in zip(columns, run.values, strict=True):
                    column[rows[run.name]] = value
        found |= {
            name: column for name, column in zip(some, columns, strict=True) if any(v is not None for v in column)
        }
    _restore_flags(index, list(having), found)
    return list(having.values()), found, passed_over


def _restore_flags(index: Index, names: Sequence[RunName], params: dict[str, list[Any]]) -> None:
    """Make true and false of the 1 and 0 that the index has for them, where the record of a run says so."""
    records: dict[str, Mapping[str, Any]] = {}
    for param, values in params.items():
        if not all(value in (0, 1, None) for value in values):
            continue
        name = names[next(i for i, value in enumerate(values) if value is not None)]
        if name not in records:
            records[name] = next(run.params for run in index.find(name) if run.name == name)
        if isinstance(records[name].get(param), bool):
            params[param] = [None if value is None else bool(value) for value in values]


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _columns(params: Mapping[str, list[Any]], runs: int) -> tuple[list[Column], list[str], list[str]]:
    """What can be associated; the parameters that are constant; those of which nearly every run has a value of its own."""
    constant: list[str] = []
    unique: list[str] = []
    together: dict[Any, list[str]] = {}
    for name, values in params.items():
        distinct = {_identity(value) for value in values}
        if len(distinct) == 1:
            constant.append(name)
        elif not _is_numeric(values) and len(distinct) > min(max(2, runs // 2), _MOST_CATEGORIES):
            unique.append(name)
        else:
            # where values hardly repeat, they change together whatever they are: then their order has to be the same
            key = _partition(values) if len(distinct) <= runs // 2 else _order(values)
            together.setdefault(key, []).append(name)
    columns = []
    for names in together.values():
        # what is ordered tells more than what is not
        first = min(names, key=lambda name: (not _is_numeric(params[name]), name))
        others = sorted(name for name in names if name != first)
        columns.append(Column((first, *others), params[first], _is_numeric(params[first])))
    return columns, constant, unique


def _is_numeric(values: Sequence[Any]) -> bool:
    return all(value is None or _is_finite(value) for value in values)


def _identity(value: Any) -> Any:
    """Equal for what is the same value: 1 and 1.0 are, lists by their items."""
    return repr(value) if isinstance(value, (list, dict)) else value


def _partition(values: Sequence[Any]) -> tuple[int, ...]:
    """Which runs have the same value: equal for two parameters that always change together."""
    numbers: dict[Any, int] = {}
    return tuple(numbers.setdefault(_identity(value), len(numbers)) for value in values)


def _order(values: Sequence[Any]) -> tuple[Any, ...]:
    """Where each value stands among the others, up or down: equal for two parameters that rise and fall together."""
    if not _is_numeric(values):
        return ("categories", *_partition(values))
    distinct = sorted({value for value in values if value is not None})
    up = {value: i for i, value in enumerate(distinct)}
    places = [None if value is None else up[value] for value in values]
    turned = [None if place is None else len(distinct) - 1 - place for place in places]
    return "numbers", *min(places, turned, key=lambda one: [-1 if place is None else place for place in one])
