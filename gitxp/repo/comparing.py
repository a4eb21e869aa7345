"""The methods of `Repo` that set runs against each other: diff, compare, why."""

from __future__ import annotations

from gitxp.repo.reading import Reading, with_points

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gitxp.compared import Associations, Compared, Why
    from gitxp.direction import Direction
    from gitxp.model import Comparison, FileChange, Run


class Comparing(Reading):
    """What differs."""

    def diff(self, a: Run, b: Run, paths: Sequence[str] = ()) -> Comparison:
        """What differs between two runs. `paths` are git's pathspecs, seen from this folder, and limit the code.

        A part of a run that cannot be read is compared of neither, and is in `unread`. Raises `GitFailed`.
        """
        comparison = self._compare(a, b, paths)
        changed = [change.path.lower() for change in comparison.code]
        notebooks = self.diff_notebooks(a, b, paths) if any(path.endswith(".ipynb") for path in changed) else []
        documents = self.diff_documents(a, b, paths) if any(map(_is_document, changed)) else []
        if not notebooks and not documents:
            return comparison
        from dataclasses import replace

        cells = {change.path: change.notebook for change in notebooks}
        keys = {change.path: change.document for change in documents}
        code = tuple(
            replace(change, notebook=cells.get(change.path), document=keys.get(change.path))
            for change in comparison.code
        )
        return replace(comparison, code=code)

    def diff_notebooks(self, a: Run, b: Run, paths: Sequence[str] = ()) -> list[FileChange]:
        """The notebooks among the files that differ, cell by cell; without numbers of lines.

        Those that cannot be read as notebooks are left out. `paths` are as for `diff`.
        """
        from gitxp.query.notebooks import find_notebooks

        return find_notebooks(self._reader(), self._git_here(), a, b, paths)

    def diff_documents(self, a: Run, b: Run, paths: Sequence[str] = ()) -> list[FileChange]:
        """The YAML, JSON and TOML files of both runs that differ, key by key; without numbers of lines.

        Those that cannot be read, or are larger than a megabyte, are left out. `paths` are as for `diff`.
        """
        from gitxp.capture.params.documents import find_keys
        from gitxp.query.documents import find_documents

        return find_documents(self._reader(), self._git_here(), a, b, find_keys, paths)

    def code_diff(self, a: Run, b: Run, paths: Sequence[str] = (), options: Sequence[str] = ()) -> Iterator[bytes]:
        """The difference of two runs' files as git words it, in pieces as they come; `options` are those of `git diff`.

        It holds what the files hold: escape sequences, too. Raises `GitFailed` with git's words, at the end, and
        `FormatError` where more files differ than anybody has.
        """
        from gitxp.git.extent import Extent

        Extent(self._reader(), ours=False).check(a.commit, b.commit)
        return self._git_here().start(*self.git_diff_args(a, b, paths, options)).stream()

    def diff_colors(self) -> frozenset[str]:
        """The escape sequences with which `git diff` colours, the user's own choice included."""
        from gitxp.git.colors import diff_colors

        return diff_colors(self._git_here())

    def has_files(self, run: Run, paths: Sequence[str]) -> bool:
        """Whether a run has a file that these pathspecs of git's, seen from this folder, match. Raises `GitFailed`."""
        from gitxp.query.compare import has_files

        return has_files(self._reader(), self._git_here(), run, paths)

    def git_diff_args(self, a: Run, b: Run, paths: Sequence[str] = (), options: Sequence[str] = ()) -> list[str]:
        """The arguments of git for `code_diff`: no command that a configuration names is run."""
        from gitxp.query.compare import diff_args

        return ["diff", "--no-ext-diff", "--no-textconv", *options, *diff_args(a, b, paths)]

    def compare(self, runs: Sequence[Run], *, better: Sequence[str] = (), points: int = 0) -> Compared:
        """Several runs side by side: parameters, metrics, data, packages, environment, and code by file, equal rows among them.

        `better` says which way metrics are better: `-loss` less, `gain` more; of others their names tell. With `points`,
        each metric with a series has a curve of so many means for each run, as far as there is room (32 MiB of series).
        A run that cannot be read has no values, and `unread` says why. Raises `UsageError` for fewer than two runs, or a
        metric in `better` that none of them has.
        """
        from gitxp.errors import UsageError
        from gitxp.query.compare_many import compare_many
        from gitxp.repo.bare import bare_command

        if len(runs) < 2:
            raise UsageError("To compare takes two runs at least.", hint="gitxp list")
        live = {run.commit: self._live_points(run) for run in runs}
        runs = [with_points(run, live[run.commit]) for run in runs]
        said = self._directions(better, runs)
        return compare_many(
            self._reader(), self._git_here(), runs, said=said, points=points, live=live, bare=bare_command
        )

    def why(self, a: Run, b: Run, *, better: Sequence[str] = ()) -> Why:
        """What changed between two runs, in the order of how much it touches, beside the metrics that changed.

        Parameters that were given for the run come first, then those from files, defaults, constants; then the other words
        of the command; code that it runs, other code, by lines; data; packages that the program imported; the rest.
        `better` is as for `compare`. What of one of them cannot be read is in `comparison.unread`.
        """
        from gitxp.query.why import why

        comparison = self._compare(a, b)
        runs = (comparison.a, comparison.b)
        return why(self._reader(), self._git_here(), comparison, self._directions(better, runs))

    def goes_with(
        self,
        metric: str,
        *,
        where: str | None = None,
        archived: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Associations:
        """Which parameters go with a metric (`acc`; `-loss`: less is better) over the runs of which `where` is true.

        Spearman's rank correlation for each, and the permutation importance in a random forest, judged on runs that it
        has not seen; the same answer each time. Nothing of it says that one causes the other. It takes seconds, and
        `progress` is told how much of how much is done. Raises `UsageError` for what cannot be understood, and `GitxpError`
        without scikit-learn.
        """
        from gitxp.query.associations import find_associations

        index = self._index()
        with index.at_one_moment():
            return find_associations(index, metric, where, archived=archived, progress=progress)

    def _compare(self, a: Run, b: Run, paths: Sequence[str] = ()) -> Comparison:
        """What differs, without a look into notebooks and configuration files."""
        from gitxp.query.compare import compare
        from gitxp.repo.bare import bare_command

        a, b = (with_points(run, self._live_points(run)) for run in (a, b))
        return compare(self._reader(), self._git_here(), a, b, paths, bare=bare_command)

    def _directions(self, better: Sequence[str], runs: Sequence[Run]) -> dict[str, Direction]:
        """What was said of metrics, by their full names. Raises `UsageError`."""
        if not better:
            return {}
        import time

        from gitxp.query.directions import read_directions

        return read_directions(better, runs, time.time())


def _is_document(path: str) -> bool:
    from gitxp.query.documents import ENDINGS

    return path.endswith(ENDINGS)
