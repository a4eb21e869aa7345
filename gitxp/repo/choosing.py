"""The methods of `Repo` that choose among runs and sum them up: the best, the Pareto front, groups; columns by key."""

from __future__ import annotations

from gitxp.repo.reading import Reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from gitxp.listed import Choice, Groups, KeyColumn
    from gitxp.model import Page, Run
    from gitxp.names import RunName
    from gitxp.query.fields import Names
    from gitxp.query.index import Asked, Index
    from gitxp.query.tree import Arithmetic, Key

    T = TypeVar("T")


class Choosing(Reading):
    """What is told of many runs together. Of runs that are running here, numbers are those that `page` shows."""

    def best(
        self,
        key: str,
        per: str | None = None,
        *,
        where: str | None = None,
        sort: str | None = None,
        archived: bool = False,
        names: Sequence[RunName] | None = None,
    ) -> Choice:
        """The run with the best `key` (`metrics.acc`); with `per`, the best of those with equal values of these keys.

        `-KEY` says that less is better, `+KEY` that more is, `KEY` alone leaves it to its name. Of equals it is the one that
        started first; runs without a number, or with nan, are left out. They come the best first, unless `sort` says
        otherwise. `where` and `names` limit what is looked at. Raises `UsageError`.
        """
        from gitxp.listed import Choice
        from gitxp.query.choosing import choose_best
        from gitxp.query.index import Asked

        asked = Asked(where, sort, archived, names)
        nothing = Choice((), (), (), 0, 0, 0)
        return self._among_keys(
            lambda index, known: choose_best(index, asked, known, key, per), nothing, asked, key, per
        )

    def pareto(
        self,
        keys: str,
        *,
        where: str | None = None,
        sort: str | None = None,
        archived: bool = False,
        names: Sequence[RunName] | None = None,
    ) -> Choice:
        """The runs that no other beats in all of these keys: `metrics.acc,-duration`.

        A run beats another where it is as good in each of them and better in one; equal ones stay. For what a sign means and
        what is left out, see `best`. They come the best in the first key first, unless `sort` says otherwise.
        """
        from gitxp.listed import Choice
        from gitxp.query.choosing import choose_pareto
        from gitxp.query.index import Asked

        asked = Asked(where, sort, archived, names)
        nothing = Choice((), (), (), 0, 0, 0)
        return self._among_keys(lambda index, known: choose_pareto(index, asked, known, keys), nothing, asked, keys)

    def groups(
        self,
        by: str,
        metrics: str | None = None,
        limit: int | None = None,
        *,
        where: str | None = None,
        sort: str | None = None,
        archived: bool = False,
        names: Sequence[RunName] | None = None,
        most: int | None = None,
    ) -> Groups:
        """Runs in groups with equal values of the keys `by` (`params.model,group`), at most `limit` of them.

        Of each group there are the number of its runs and, for each of `metrics` (`acc,-metrics.loss`; None: those that its
        runs have, `most` of them at most), the best, the mean, the standard deviation. Runs without a key are a group of
        their own. `sort` takes the keys `by`, `runs`, and metrics (the mean, or `KEY.best`, `KEY.std`). Raises `UsageError`.
        """
        from gitxp.listed import Groups
        from gitxp.query.group_by import group_runs
        from gitxp.query.index import Asked

        asked = Asked(where, "", archived, names)

        def group(index: Index, known: Names) -> Groups:
            return group_runs(index, asked, known, by=by, metrics=metrics, sort=sort, limit=limit, most=most)

        return self._among_keys(group, Groups((), (), (), (), 0, 0, (), 0), asked, by, metrics, sort)

    def chosen(self, choice: Choice, limit: int | None = None) -> Page:
        """The runs of a choice, at most `limit` of them, as `page` gives them."""
        from gitxp.model import Page

        names = choice.names[:limit]
        runs = tuple(self.read(names)) if names else ()
        return Page(runs, len(choice.names), hidden=choice.hidden)

    def columns(self, keys: str | Sequence[str], runs: Sequence[Run]) -> list[KeyColumn]:
        """Columns for a table of these runs: keys as in expressions, apart by commas. Raises `UsageError`, with the place."""
        from gitxp.query.key_columns import parse_columns, unknown_columns

        texts = [keys] if isinstance(keys, str) else list(keys)
        return self._columns(lambda names, now: parse_columns(texts, names, now), runs, unknown_columns(texts), *texts)

    def compared_columns(
        self,
        runs: Sequence[Run],
        *,
        sort: str | None = None,
        best: str | None = None,
        per: str | None = None,
        pareto: str | None = None,
    ) -> list[KeyColumn]:
        """Columns for a table of these runs: of the keys that they are sorted and chosen by."""
        from gitxp.query.key_columns import Compared, find_compared, parse_compared

        asked = Compared(sort, best, per, pareto)
        if not any(asked):
            return []
        found = find_compared(asked, _names_of(runs))
        if found is not None:
            return found
        return self._columns(lambda names, now: parse_compared(asked, names, now), runs, [], *asked)

    def _columns(
        self,
        parse: Callable[[Names, float], list[tuple[str, Key | Arithmetic]]],
        runs: Sequence[Run],
        nothing: list[KeyColumn],
        *texts: str | None,
    ) -> list[KeyColumn]:
        """The columns that `parse` finds among the names that runs have; those of runs that are running are known as well."""
        from gitxp.query.fields import Names
        from gitxp.query.index import Asked
        from gitxp.query.key_columns import make_columns

        here = _names_of(runs)

        def find(index: Index, known: Names) -> list[KeyColumn]:
            names = Names({*known.params, *here.params}, {*known.metrics, *here.metrics})
            asked = Asked(archived=True, names=[run.name for run in runs])
            return make_columns(parse(names, index.now()), lambda operands: index.values(asked, operands))

        return self._among_keys(find, nothing, Asked(), *texts)

    def _among_keys(self, find: Callable[[Index, Names], T], nothing: T, asked: Asked, *texts: str | None) -> T:
        """What `find` makes of the names that runs have; `nothing` where there are no runs, so that no name means anything."""
        from gitxp.query.measures import check_grammar
        from gitxp.query.source import QueryError

        index = self._index()
        with index.at_one_moment():
            known = index.keys()
            try:
                return find(index, known)
            except QueryError:
                if known.params or known.metrics or index.newest(1, archived=True).runs:
                    raise
                check_grammar(*texts)
                index.values(asked, ())
                return nothing


def _names_of(runs: Sequence[Run]) -> Names:
    """The names of the parameters and metrics that these runs have."""
    from gitxp.query.fields import Names

    return Names(
        {name for run in runs for name in run.params},
        {name for run in runs for name in run.record.get("metrics") or ()},
    )
