"""How parameters go with a metric, in numbers: rank correlation, categories, and a random forest. The home of scikit-learn.

Ranks, since a learning rate goes over decades and one run that diverged must not decide. The forest sees what is neither
rising nor falling and what matters only together; its importances are taken on runs that were held out of it, since on its
own runs it would find any noise important. Everything is seeded: the same runs give the same answer.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.compared import Association
from gitxp.errors import GitxpError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitxp.compared import Associations
    from gitxp.direction import Direction

_SEED = 0
_FOLDS, _TREES, _REPEATS = 5, 100, 5
FOREST = 10  # runs; a forest of fewer has folds of one to be judged by
_LEAST = 3  # runs with a value, below which a correlation is not taken
_MOST_COLUMNS = 100  # that a forest is asked about: it takes seconds
_MOST_GROWN = 1_000  # runs that a forest grows from
_SHUFFLED = 250  # values of a column that are shuffled at least: of many runs, one turn tells as much as five of a few


class Column(NamedTuple):
    """Parameters that always change together, and their value in each run (that of the first), None where it has none.

    `is_number` tells whether all values are numbers; true and false are 0 and 1.
    """

    params: tuple[str, ...]
    values: list[Any]
    is_number: bool


def associate(
    told: Associations,
    numbers: Sequence[float],
    columns: Sequence[Column],
    progress: Callable[[int, int], None] | None = None,
) -> Associations:
    """`told`, with each column's association, those that go with the metric most first, and what the forest foretells.

    `numbers` is the metric of each run, all finite; `progress` is told how many of how many forests have grown. Raises
    `GitxpError` where scikit-learn is missing.
    """
    try:
        import scipy.stats
        import sklearn  # noqa: F401  (so that half an installation is told of at once)
    except ImportError as error:
        raise GitxpError(
            "What goes with a metric is found with scikit-learn, which is not installed.",
            hint="pip install 'gitxp[analysis]'",
        ) from error
    grown, importances, explained = _grow(numbers, columns, progress)
    found = [
        _association(scipy.stats, numbers, column, importance, told.direction)
        for column, importance in zip(columns, importances, strict=True)
    ]
    foretold = explained is not None and explained > 0

    def place(one: Association) -> tuple[float, float, tuple[str, ...]]:
        return (-(one.importance or 0.0) if foretold else 0.0, -(one.strength or 0.0), one.params)

    return replace(
        told,
        found=tuple(sorted(found, key=place)),
        explained=explained,
        grown=grown,
        by_chance=_by_chance(scipy.stats, len(numbers), len(columns)),
    )


def _association(
    stats: Any, numbers: Sequence[float], column: Column, importance: float | None, direction: Direction
) -> Association:
    pairs = [(value, number) for value, number in zip(column.values, numbers, strict=True) if value is not None]
    ranks = stats.rankdata([number for _, number in pairs])
    by_value: dict[Any, list[float]] = {}
    for (value, _), rank in zip(pairs, ranks, strict=True):
        by_value.setdefault(value if not isinstance(value, list) else repr(value), []).append(float(rank))
    means = {value: sum(ranks) / len(ranks) for value, ranks in by_value.items()}
    ordered = sorted(means, key=lambda value: (means[value] if direction.is_less else -means[value], str(value)))
    strength = correlation = p_value = None
    if len(pairs) >= _LEAST and len(means) > 1 and len(set(map(float, ranks))) > 1:
        if column.is_number:
            result = stats.spearmanr([float(value) for value, _ in pairs], [number for _, number in pairs])
            correlation, p_value = _finite(result.statistic), _finite(result.pvalue)
            strength = None if correlation is None else abs(correlation)
        else:
            strength, p_value = _of_categories(stats, list(by_value.values()), len(pairs))
    return Association(column.params, len(pairs), tuple(ordered), strength, correlation, p_value, importance)


def _of_categories(stats: Any, groups: list[list[float]], count: int) -> tuple[float | None, float | None]:
    """Eta from Kruskal and Wallis' H, corrected for the number of groups (Tomczak and Tomczak 2014), and the p-value."""
    if count <= len(groups):
        return None, None
    result = stats.kruskal(*groups)
    h = _finite(result.statistic)
    if h is None:
        return None, None
    return math.sqrt(max(0.0, (h - len(groups) + 1) / (count - len(groups)))), _finite(result.pvalue)


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def _by_chance(stats: Any, runs: int, columns: int) -> float | None:
    """The correlation that the largest of so many meaningless ones stays below in 19 of 20 cases (Student's t, Bonferroni)."""
    if runs <= 3 or not columns:
        return None
    t = float(stats.t.ppf(1 - 0.05 / columns / 2, runs - 2))
    return t / math.sqrt(runs - 2 + t * t)


def _grow(
    numbers: Sequence[float], columns: Sequence[Column], progress: Callable[[int, int], None] | None
) -> tuple[int | None, list[float | None], float | None]:
    """From how many runs a forest grew, the importance of each column, in R² lost on held-out runs, and that R² itself.

    None where there are too few runs.
    """
    none: list[float | None] = [None] * len(columns)
    if len(numbers) < FOREST or len(columns) > _MOST_COLUMNS or len(set(numbers)) < 2:
        return None, none, None
    import numpy
    from scipy.stats import rankdata
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance
    from sklearn.metrics import r2_score
    from sklearn.model_selection import KFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    numbers, columns = _sampled(numbers, columns)
    table = numpy.array([_coded(column) for column in columns]).T
    # ranks here, too: R² of a loss that is 1e9 in one run is about that run alone
    target = rankdata(numbers)
    categories = [i for i, column in enumerate(columns) if not column.is_number]
    encoder = ColumnTransformer(
        [("categories", OneHotEncoder(handle_unknown="ignore"), categories)],
        remainder="passthrough",
        sparse_threshold=0,
    )
    lost = numpy.zeros(len(columns))
    foretold = numpy.zeros(len(target))
    for fold, (train, test) in enumerate(KFold(_FOLDS, shuffle=True, random_state=_SEED).split(table)):
        if progress is not None:
            progress(fold, _FOLDS)
        forest = RandomForestRegressor(_TREES, min_samples_leaf=2, random_state=_SEED, n_jobs=1)
        model = make_pipeline(encoder, forest).fit(table[train], target[train])
        foretold[test] = model.predict(table[test])
        found = permutation_importance(
            model,
            table[test],
            target[test],
            scoring="neg_mean_squared_error",
            n_repeats=max(1, min(_REPEATS, _SHUFFLED // len(test))),
            random_state=_SEED,
        )
        lost += found.importances_mean * len(test)
    importances: list[float | None] = [float(one) for one in lost / (target.var() * len(target))]
    return len(target), importances, float(r2_score(target, foretold))


def _sampled(numbers: Sequence[float], columns: Sequence[Column]) -> tuple[Sequence[float], Sequence[Column]]:
    """Every so manieth run, where there are more than a forest is grown from."""
    step = -(-len(numbers) // _MOST_GROWN)
    return numbers[::step], [column._replace(values=column.values[::step]) for column in columns]


def _coded(column: Column) -> list[float]:
    """A column as numbers: nan where a run has none; categories by their number, with one for having none."""
    if column.is_number:
        return [math.nan if value is None else float(value) for value in column.values]
    codes: Mapping[str, int] = {text: i for i, text in enumerate(sorted({repr(value) for value in column.values}))}
    return [float(codes[repr(value)]) for value in column.values]
