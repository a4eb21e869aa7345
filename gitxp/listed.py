"""What a list tells besides runs: columns that were asked for by a key, which runs are the best, groups of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitxp.direction import Direction
    from gitxp.names import RunName


class KeyColumn(NamedTuple):
    """A column of a table of runs, by a key.

    `title` is the key as it was typed; `kind`, `name` and `stat` are those of `query.tree.Key`. `values` are those of the
    runs, for what a record does not say; None where it does.
    """

    title: str
    kind: str
    name: str
    stat: str
    values: Mapping[RunName, Any] | None = None


class Measure(NamedTuple):
    """Numbers of runs that are compared: the key in full, which way is better, and whether they are seconds."""

    title: str
    direction: Direction
    is_seconds: bool = False


class Choice(NamedTuple):
    """Runs that are the best in `measures`, in order.

    They are of `runs` that were asked about, of which `left_out` lack one of the numbers, or have nan in its place; `per`
    are the keys for each of whose values there is one. `hidden` more were archived, and not asked about.
    """

    names: tuple[RunName, ...]
    measures: tuple[Measure, ...]
    per: tuple[str, ...]
    runs: int
    left_out: int
    hidden: int


class Summary(NamedTuple):
    """What `n` runs of a group have of a number; None where nothing can be said.

    `best_run` has the best (of equals, the one that started first); `std` is the standard deviation of a sample, of two
    or more. `nan` more runs have nan, which counts nowhere else.
    """

    best: float | None = None
    best_run: RunName | None = None
    mean: float | None = None
    std: float | None = None
    n: int = 0
    nan: int = 0


class Group(NamedTuple):
    """Runs that have the same `values` of the keys (None: they have none), and a summary of each measure."""

    values: tuple[Any, ...]
    runs: int
    summaries: tuple[Summary, ...]


class Groups(NamedTuple):
    """Groups of runs by `keys` (in full; `typed`: as they were), in order; `total` of them, of `runs` in all.

    `more` names the measures that were left out since there are so many. `hidden` more runs were archived.
    """

    keys: tuple[str, ...]
    typed: tuple[str, ...]
    measures: tuple[Measure, ...]
    groups: tuple[Group, ...]
    total: int
    runs: int
    more: tuple[str, ...]
    hidden: int

    def to_json(self) -> list[dict[str, Any]]:
        """The array that `gitxp list --group-by … --json` prints; a value that runs do not have is null."""
        return [
            {
                "keys": dict(zip(self.keys, group.values, strict=True)),
                "runs": group.runs,
                "values": {
                    measure.title: {
                        "best": summary.best,
                        "best_run": summary.best_run,
                        "better": measure.direction.better,
                        "mean": summary.mean,
                        "std": summary.std,
                        "n": summary.n,
                        "nan": summary.nan,
                    }
                    for measure, summary in zip(self.measures, group.summaries, strict=True)
                    if summary.n or summary.nan
                },
            }
            for group in self.groups
        ]
