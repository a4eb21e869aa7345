"""`gitxp.runs()`: the runs that answer a question, as a sequence that reads what is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from gitxp.api.recorded import RecordedRun

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from gitxp.frames.frame import Frame
    from gitxp.listed import Groups
    from gitxp.model import Run
    from gitxp.names import RunName
    from gitxp.repo import Repo

_CHUNK = 500  # runs that are read together
_SHOWN = 20  # rows in a notebook


def runs(
    where: str | None = None,
    sort: str | None = None,
    *,
    path: str | os.PathLike[str] = ".",
    limit: int | None = None,
    archived: bool = False,
) -> Runs:
    """The runs of the repository at `path`, newest first.

    `where` is an expression as `gitxp list` takes it (`metrics.loss < 0.5 and params.opt == "adam"`), `sort` an order
    (`metrics.loss,-started`); at most `limit` of them; archived ones only with `archived`. Which runs they are is found out
    at the first look, and stays so. Raises `UsageError` then, where a question cannot be understood, and for a `limit` below 0.
    """
    from gitxp.errors import UsageError
    from gitxp.repo import Repo

    if limit is not None and limit < 0:
        raise UsageError(f"limit is from 0 on, and not {limit}.", hint="Without a limit there are all runs.")
    repo = Repo(path)
    return Runs(repo, lambda: repo.find(where, sort, archived=archived)[:limit])


class Runs(Sequence[RecordedRun]):
    """Runs in an order: `len`, `[0]`, `[:10]`, `["name"]`, a loop; as tables for pandas, Polars and Arrow."""

    def __init__(self, repo: Repo, find: Callable[[], list[RunName]]) -> None:
        self._repo = repo
        self._find = find
        self._found: list[RunName] | None = None
        self._chunks: dict[int, list[Run]] = {}

    @property
    def names(self) -> Sequence[str]:
        """The names, in order."""
        return tuple(self._names)

    @overload
    def __getitem__(self, index: int | str) -> RecordedRun: ...
    @overload
    def __getitem__(self, index: slice) -> Runs: ...
    def __getitem__(self, index: int | str | slice) -> RecordedRun | Runs:
        """The run at a place or of a name; of a slice, these runs. `IndexError` and `KeyError` where there is none."""
        names = self._names
        if isinstance(index, slice):
            chosen = names[index]
            return self._chosen(chosen)
        if isinstance(index, str):
            if index not in names:
                raise KeyError(index)
            index = names.index(index)  # type: ignore[arg-type]
        try:
            place = range(len(names))[index]
        except IndexError:
            raise IndexError(f"there are {len(names):,} runs") from None
        return RecordedRun(self._repo, self._chunk(place // _CHUNK)[place % _CHUNK])

    def __contains__(self, one: object) -> bool:
        """Whether a run, or the run of a name, is among these."""
        if isinstance(one, RecordedRun):
            return one.name in self._names and self[one.name] == one
        return isinstance(one, str) and one in self._names

    def __reduce__(self) -> tuple[Callable[[Repo, list[RunName]], Runs], tuple[Repo, list[RunName]]]:
        """The runs that were found go to another process, which reads them itself."""
        return _these, (self._repo, self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[RecordedRun]:
        for run in self._records():
            yield RecordedRun(self._repo, run)

    def __repr__(self) -> str:
        names = self._names
        more = f", … {len(names) - 3:,} more" if len(names) > 3 else ""
        return f"<{len(names):,} runs: {', '.join(names[:3])}{more}>" if names else "<no runs>"

    def best(self, key: str, per: str | None = None) -> Runs:
        """The run with the best `key` of these, the only one; with `per`, one for each value of these keys, the best first.

        `metrics.acc`, or `-KEY` where less is better, as for `gitxp list --best`. Raises `UsageError`.
        """
        return self._chosen(self._repo.best(key, per, archived=True, names=self._names).names)

    def pareto(self, keys: str) -> Runs:
        """The runs that no other of these beats in all of the keys, `metrics.acc,-duration`. Raises `UsageError`."""
        return self._chosen(self._repo.pareto(keys, archived=True, names=self._names).names)

    def group_by(self, keys: str, metrics: str | None = None, *, sort: str | None = None) -> Groups:
        """These runs in groups with equal values of the keys, `params.model,group`; see `Repo.groups`. Raises `UsageError`."""
        return self._repo.groups(keys, metrics, sort=sort, archived=True, names=self._names)

    def frame(self, *, stats: bool = False) -> Frame:
        """A table with a row for each run, columns as `gitxp export` names them; with `stats`, min, max, count, step too."""
        import time

        from gitxp.frames.of_runs import frame_of_runs

        return frame_of_runs(list(self._records()), time.time(), stats=stats)

    def series(self, *metrics: str) -> Frame:
        """The points of these metrics (none: of all) in a long table: run, metric, step, time (unix seconds), value.

        It has `to_pandas()`, `to_polars()` and `to_arrow()`, too. What cannot be read is left out, with a warning. Raises
        `UsageError` for a metric that no run has.
        """
        import warnings

        from gitxp.frames.of_runs import frame_of_series

        def tell(sentence: str) -> None:
            warnings.warn(sentence, stacklevel=2)

        return frame_of_series(self._repo.all_series(self._records(), self._repo.series_names(metrics), tell=tell))

    def to_pandas(self, *, stats: bool = False) -> Any:
        """A `pandas.DataFrame` of `frame`. Needs `gitxp[pandas]`."""
        return self.frame(stats=stats).to_pandas()

    def to_polars(self, *, stats: bool = False) -> Any:
        """A `polars.DataFrame` of `frame`. Needs `gitxp[polars]`."""
        return self.frame(stats=stats).to_polars()

    def to_arrow(self, *, stats: bool = False) -> Any:
        """A `pyarrow.Table` of `frame`. Needs `gitxp[arrow]`."""
        return self.frame(stats=stats).to_arrow()

    def _repr_html_(self) -> str:
        """The first runs as an HTML table, for notebooks; whatever runs say in it is text."""
        import time

        from gitxp.render.html_table import html_table
        from gitxp.render.runs import Wish

        shown = [recorded.run for recorded in self[:_SHOWN]]
        return html_table(shown, Wish(), now=time.time(), more=len(self) - len(shown))

    def _chosen(self, names: Sequence[RunName]) -> Runs:
        return _these(self._repo, list(names))

    @property
    def _names(self) -> list[RunName]:
        if self._found is None:
            self._found = self._find()
        return self._found

    def _chunk(self, number: int) -> list[Run]:
        if number not in self._chunks:
            if len(self._chunks) > 1:  # what was read longest ago
                del self._chunks[next(iter(self._chunks))]
            names = self._names[number * _CHUNK : (number + 1) * _CHUNK]
            self._chunks[number] = self._repo.read(names)
        return self._chunks[number]

    def _records(self) -> Iterator[Run]:
        for number in range(-(-len(self._names) // _CHUNK)):
            yield from self._chunk(number)


def _these(repo: Repo, names: list[RunName]) -> Runs:
    return Runs(repo, lambda: names)
