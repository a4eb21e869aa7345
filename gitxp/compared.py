"""What comparing runs says: several side by side, what changed between two, what goes with a metric over many.

Facts only. `query/` finds them, `render/` makes text of them; neither may know the other, so what they speak of is here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitxp.direction import Better, Direction
    from gitxp.model import Comparison, Run, Unread

# The parts of a table of several runs, in their order.
PARTS = ("about", "params", "metrics", "data", "packages", "environment", "code")


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that runs have: `values` are those of the runs in their order, None where one has no such thing.

    `part` is one of `PARTS`. Values of `params` and `metrics` are those of the record, of `data` fingerprints without the
    path, of `packages` versions, of `code` `FileState`s. Of a metric, `best` are the positions of the runs that are best,
    `better` is `less` or `more`, None where neither is known to be, and `curves` are the points of each run's series,
    down-sampled to the same number of means from its beginning to its end; empty where a run has none.
    """

    part: str
    name: str
    values: tuple[Any, ...]
    differs: bool
    best: frozenset[int] = frozenset()
    better: Better | None = None
    curves: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class FileState:
    """A file of one run's snapshot against the first run's: its object, how many lines came and went, and git's mode.

    `insertions` and `deletions` are None for binary files; both are 0 for a file that is the first run's.
    """

    oid: str
    insertions: int | None = 0
    deletions: int | None = 0
    mode: str | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """Several runs side by side; `rows` are in the order of `PARTS`, the ones that tell most first, equal ones among them.

    `unread` is what cannot be read, `remarks` are sentences about what is not known besides, `imported` the packages that a program of these runs imported,
    and `directions` say of the metrics which way is better, and whether somebody said so.
    """

    runs: tuple[Run, ...]
    rows: tuple[Row, ...] = ()
    remarks: tuple[str, ...] = ()
    imported: frozenset[str] = frozenset()
    directions: Mapping[str, Direction] = field(default_factory=dict)
    unread: tuple[Unread, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that changed between two runs.

    `kind` is `params`, `command`, `code`, `data`, `packages` or `environment`; `why` says in a few words what gives it its place in
    the order. `a` and `b` are as in a `Comparison`; of code they are None, and `lines` are the lines that came and went.
    """

    kind: str
    name: str
    why: str
    a: Any = None
    b: Any = None
    lines: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """What changed between two runs, in the order of how much it touches, beside the metrics that changed.

    Nothing here is a cause: several things changed at once, and a metric differs between two equal runs as well.
    """

    comparison: Comparison
    changes: tuple[Change, ...] = ()
    directions: Mapping[str, Direction] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Association:
    """How a parameter goes with a metric over many runs. `params` are several where they always change together.

    `correlation` is Spearman's rank correlation over the `runs` that have a number for it, from -1 to 1, with its two-sided
    `p_value`; of a parameter with categories, it is None and `strength` alone tells: from 0 to 1, the square root of the
    variance of the metric's ranks that they account for (eta squared from Kruskal and Wallis' H, corrected for their
    number). `importance` is how much of R² a random forest loses on runs that it has not seen where the values of the
    parameter are shuffled; None where no forest was asked. `values` are its distinct values, from the one with the best
    mean rank of the metric on.
    """

    params: tuple[str, ...]
    runs: int
    values: tuple[Any, ...]
    strength: float | None = None
    correlation: float | None = None
    p_value: float | None = None
    importance: float | None = None


@dataclass(frozen=True, slots=True)
class Associations:
    """Which parameters go with a metric over many runs, those that go with it most first.

    `runs` have a number for the metric, `passed_over` have not. `constant` are parameters that have one value in all of
    them, `unique` those with categories of which nearly every run has its own. `explained` is R² of the forest on runs
    that it has not seen (1: foretold exactly, 0 or less: no better than the mean), None where none was asked; it grew
    from `grown` runs. `by_chance` is the strength that a parameter without any meaning stays below in 19 of 20 cases, seen
    that so many are looked at. `warnings` are sentences.
    """

    metric: str
    direction: Direction
    runs: int
    passed_over: int = 0
    found: tuple[Association, ...] = ()
    constant: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    explained: float | None = None
    by_chance: float | None = None
    grown: int | None = None
    warnings: tuple[str, ...] = ()
