"""The methods of `Repo` that free space: gc."""

from __future__ import annotations

import os
import time

from gitxp.repo.base import ignore
from gitxp.repo.restoring import Restoring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gitxp.keeping.collection import Collected, GcPlan
    from gitxp.keeping.rules import Rules


class Collecting(Restoring):
    """What may go, goes."""

    def plan_gc(
        self,
        rules: Rules | None = None,
        *,
        artifacts_only: bool = False,
        trash_days: float | None = None,
        progress: Callable[[str], None] = ignore,
    ) -> GcPlan:
        """What `gc` would do: the runs that the rules do not keep, none without rules; what is in the trash for its time.

        With `artifacts_only` it is not the runs, but the large files (of git-lfs) that only their artifacts need.
        `trash_days` stands for `trash.days` of gitxp.yaml. Raises `UsageError` for rules without sense, `GitxpError` where
        large files are to go while a run is running.
        """
        from gitxp.errors import GitxpError
        from gitxp.keeping.collection import plan_gc
        from gitxp.keeping.large_files import find_large_files
        from gitxp.keeping.rules import Rules, choose
        from gitxp.names import is_name

        git, common_dir, now = self._git_here(), self.location.common_dir, time.time()
        runs = self._index().newest(archived=True).runs
        folder = self._live_folder()
        live = [name for name in os.listdir(folder) if is_name(name)] if os.path.isdir(folder) else []
        if artifacts_only and live:
            raise GitxpError(
                f"{live[0]} is running, and may need large files that nothing leads to yet.", hint="Wait for its end."
            )
        chosen = choose(runs, rules or Rules(), now, frozenset(live))
        large = find_large_files(git, common_dir, chosen, progress) if artifacts_only else []
        days = self.config.trash.days if trash_days is None else trash_days
        folders = [left.place for left in self._unfinished() if not left.files and os.path.isdir(left.place)]
        return plan_gc(git, common_dir, () if artifacts_only else chosen, large, folders, days, now)

    def gc(self, plan: GcPlan) -> Collected:
        """Do what was planned: runs and large files to their trash, what is long there for good, unused caches, packed refs.

        Raises `GitxpError` where a run or the trash is not as it was planned; then nothing of that part was done.
        """
        from dataclasses import replace

        from gitxp.keeping.collection import collect

        folders = []
        for left in self._unfinished():
            is_there = os.path.isdir(left.place)
            if not left.files and (left.place in plan.folders or not is_there):
                left.clear()
                folders += [left.place] if is_there else []
        done = replace(collect(self._git_here(), self.location.common_dir, plan, time.time()), folders=tuple(folders))
        self._keep_large([run.commit for run in done.runs])
        if done.expired:
            self._keep_large_alone()
        return done
