"""The methods of `Repo` that move runs into archives and out of them."""

from __future__ import annotations

from gitxp.repo.base import Base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.git.refs import RunRef
    from gitxp.model import Run
    from gitxp.names import RunName
    from gitxp.store.archive_refs import TakenIn

QUARTER = 90 * 86_400


class Archiving(Base):
    """Many runs under one ref, or each under its own."""

    def archive_refs(
        self, runs: Sequence[Run] | None = None, *, older_than: float = QUARTER, dry_run: bool = False
    ) -> TakenIn:
        """Fold these runs, or all that began more than `older_than` seconds ago, into the archives of their months.

        Runs that are running, or cannot be read, stay where they are; `left` says so of those that were named. With
        `dry_run` nothing is done. Raises `GitFailed` where git refuses; then nothing was moved.
        """
        import time

        from gitxp.store.archive_refs import TakenIn, take_in
        from gitxp.store.removed import forget_removed

        named = runs is not None
        chosen = list(runs or ()) if named else self._find_old(time.time() - older_than)
        months, left = self._sort_by_month(chosen)
        if dry_run:
            names = sorted(run.name for group in months.values() for run in group)
            return TakenIn({}, names, left if named else {})
        self._keep_large([run.commit for group in months.values() for run in group])
        # who has a ref is here, whatever was removed under its name once: in an archive it would be hidden
        folded = {run.name for group in months.values() for run in group}
        forget_removed(self.location.common_dir, {run.id for run in chosen if run.name in folded and run.id})
        objects = self._reader(len(chosen))
        try:
            done = take_in(self.git, objects, months)
        finally:
            if objects is not self._objects:
                objects.close()
        return TakenIn(done.archives, done.names, done.left | (left if named else {}))

    def take_out(self, runs: Sequence[Run]) -> list[RunName]:
        """Give runs of archives refs of their own again; the names of those that had none.

        Raises `NameTaken` where one has a name that differs from another's by case alone; then nothing was moved.
        """
        from gitxp.git.refs import run_ref
        from gitxp.store.archive_refs import take_out

        folded = list({run.name: run for run in runs if run.is_folded}.values())
        if folded:
            take_out(self._git_here(), [run_ref(run.name, run.commit) for run in folded])
        return [run.name for run in folded]

    def _find_old(self, before: float) -> list[Run]:
        from gitxp.format import parse_time

        runs = self._index().newest(None).runs
        return [run for run in runs if not run.is_folded and run.started_at and parse_time(run.started_at) < before]

    def _sort_by_month(self, runs: Sequence[Run]) -> tuple[dict[str, list[RunRef]], dict[RunName, str]]:
        """The runs that may be folded by the month in which they began, and why the others may not."""
        import time

        from gitxp.format import RUNNING, parse_time
        from gitxp.git.refs import list_refs, run_ref

        aliased = {where.name for where in list_refs(self._git_here()).aliases().values()}
        months: dict[str, list[RunRef]] = {}
        left: dict[RunName, str] = {}
        for run in runs:
            if run.is_folded:
                left[run.name] = f"it is in {run.ref} already"
            elif run.problem or run.started_at is None:
                left[run.name] = "its record cannot be read"
            elif run.status == RUNNING or self._has_live_folder(run.name):
                left[run.name] = "it is running"
            elif run.name in aliased:
                left[run.name] = "a symbolic ref leads to it"
            else:
                month = time.strftime("%Y-%m", time.gmtime(parse_time(run.started_at))).rjust(7, "0")
                months.setdefault(month, []).append(run_ref(run.name, run.commit))
        return months, left
