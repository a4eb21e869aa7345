"""The methods of `Repo` that run a run again: plan_rerun, rerun, reproduce. Nothing else executes anything of a run."""

from __future__ import annotations

import os

from gitxp.errors import FormatError, GitFailed, GitxpError, UsageError
from gitxp.format import INTERRUPTED, RUNNING
from gitxp.git.program import Git
from gitxp.repo.reading import Reading
from gitxp.repo.restoring import Restoring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitxp.model import Run
    from gitxp.recording.begin import Outcome, Started
    from gitxp.repo.rerun import Prepared, Rerun
    from gitxp.restoring.checkout import Restored
    from gitxp.restoring.plan import Plan
    from gitxp.restoring.requirements import Recipe
    from gitxp.restoring.verdict import Finding, Reproduction
    from gitxp.store.doing import Doing


class Rerunning(Reading, Restoring):
    """Runs once more."""

    def plan_rerun(self, run: Run, changes: Sequence[str] = (), *, env: bool = False) -> Plan:
        """What `rerun` would do. Nothing is executed or written.

        `changes` are options with other values (`--lr 0.2`, `lr=0.2`); with `env`, the environment is to be rebuilt. Raises
        `UsageError` where the changes fit nothing, where the command has a secret, which no record has, and where nothing
        tells the environment.
        """
        from gitxp.restoring.changes import changed_command
        from gitxp.restoring.plan import make_plan
        from gitxp.restoring.requirements import find_own_folders
        from gitxp.store.own import is_own
        from gitxp.store.runs import read_environment

        return make_plan(
            run,
            changed_command(run, changes),
            self._recipe(run) if env else None,
            find_own_folders(read_environment(self._reader(), run.commit), self._tops()),
            is_own=is_own(self._git_here(), self.location.common_dir, run.commit),
        )

    def rerun(
        self,
        run: Run,
        changes: Sequence[str] = (),
        *,
        env: bool = False,
        trust: bool = False,
        name: str | None = None,
        metrics_from: Sequence[str] = (),
        to: str | os.PathLike[str] | None = None,
        keep: bool = False,
        on_ready: Callable[[Prepared], None] | None = None,
        on_start: Callable[[Started], None] | None = None,
    ) -> Rerun:
        """Run the command of a run again on its snapshot, in a worktree beside the repository, and record that as a run.

        Its record names the other as `parent_run`. For `changes` and `env`, see `plan_rerun`. A run that was not made here is
        executed with `trust` only, which is remembered; else this is a `UsageError`. The worktree is taken away when the command has
        ended, unless files are left in it that no run has, or with `keep`. `on_ready` is told before the command starts;
        for `on_start` and what else holds, see `run`.
        """
        plan = self._trusted(run, changes, env=env, trust=trust)
        return self._rerun(plan, name, metrics_from, to, keep, on_ready, on_start)

    def reproduce(
        self,
        run: Run,
        *,
        tolerance: float = 0.0,
        ignore: Sequence[str] = (),
        env: bool = False,
        trust: bool = False,
        name: str | None = None,
        metrics_from: Sequence[str] = (),
        to: str | os.PathLike[str] | None = None,
        keep: bool = False,
        on_ready: Callable[[Prepared], None] | None = None,
        on_data: Callable[[Sequence[Finding]], None] | None = None,
        on_start: Callable[[Started], None] | None = None,
    ) -> Reproduction:
        """Run a run again, and tell whether it gave the same: data, status, metrics, outputs.

        Metrics may differ by `tolerance`, relative to the larger; those and outputs that match a glob in `ignore` do not
        count. `on_data` is told about the data before the command starts. The other arguments are those of `rerun`, and so
        are the errors; a run that is running is a `GitxpError`, since nobody knows yet what it gives.
        """
        from gitxp.restoring.verdict import Reproduction, check_data, compare

        if not tolerance >= 0:
            raise UsageError("A tolerance is a number from 0 on.", hint="0.01 is one percent.")
        if run.status == RUNNING:
            raise GitxpError(
                f"{run.name} is running: what it gives is not known yet.",
                hint=f"Wait for its end, or run it beside: gitxp rerun {run.name}",
            )
        plan = self._trusted(run, (), env=env, trust=trust)
        findings: list[Finding] = []
        places: list[str] = []

        def look(prepared: Prepared) -> None:
            places.append(prepared.place)
            if on_ready is not None:
                on_ready(prepared)
            findings.extend(check_data(run, self._reader(), prepared.place, self._own_path("cache")))
            if on_data is not None:
                on_data(findings)

        done = self._rerun(plan, name, metrics_from, to, keep, look, on_start)
        if done.outcome.ending.status is None:
            raise GitxpError(
                f"{done.outcome.name} could not be recorded to its end: {done.outcome.ending.problem}",
                hint="Mend that, and look at the run: gitxp list",
            )
        again = self.get(done.outcome.name)
        printed = self._printed(run, places) == self._printed(again, places)
        findings += compare(run, again, tolerance=tolerance, ignore=ignore, printed=printed)
        interrupted = again.status == INTERRUPTED != run.status
        return Reproduction(run.name, again.name, tuple(findings), done.place, interrupted)

    def _printed(self, run: Run, places: Sequence[str]) -> bytes:
        """What a run printed, with the same in place of each folder that it may have run in: a traceback names it."""
        from gitxp.restoring.checkout import default_place

        output = b"".join(self.logs(run))
        folders = {*places, default_place(self.location, run.name), *self._tops()}
        for folder in sorted(folders, key=len, reverse=True):  # one may begin with another
            output = output.replace(os.fsencode(folder), b".")
        return output

    def _trusted(self, run: Run, changes: Sequence[str], *, env: bool, trust: bool) -> Plan:
        from gitxp.store.own import TRUSTED, note_own

        plan = self.plan_rerun(run, changes, env=env)
        if plan.is_own:
            return plan
        if not trust:
            raise UsageError(
                f"{run.name} was not made here, as far as is known, and running it executes what is in it.",
                hint=f"Look at it (gitxp show {run.name}), and if you trust it: --trust",
            )
        note_own(self.location.common_dir, run.commit, TRUSTED)
        return plan

    def _tops(self) -> list[str]:
        """The folders that the user's working tree may be known by."""
        return [*filter(None, [self.location.toplevel]), self.location.common_dir.removesuffix("/.git")]

    def _rerun(
        self,
        plan: Plan,
        name: str | None,
        metrics_from: Sequence[str],
        to: str | os.PathLike[str] | None,
        keep: bool,
        on_ready: Callable[[Prepared], None] | None,
        on_start: Callable[[Started], None] | None,
    ) -> Rerun:
        from gitxp.names import check_name, make_name
        from gitxp.repo.rerun import Rerun
        from gitxp.restoring.checkout import remove_worktree
        from gitxp.restoring.leftovers import find_leftovers
        from gitxp.store.doing import Doing
        from gitxp.store.writer import taken

        chosen = check_name(name) if name is not None else make_name(os.urandom(8))
        if any(run.name == chosen for run in self._index().tips()):
            raise taken(chosen)
        has_begun = False

        def begin(started: Started) -> None:
            nonlocal has_begun
            has_begun = True
            if on_start is not None:
                on_start(started)

        with Doing(self.location.common_dir, what="rerun") as note:
            restored = self._restore_for(plan, chosen, to, note)
            place = restored.path
            try:
                prepared = self._prepare(plan, chosen, restored)
                links = prepared.links
                submodules = [list(one) for one in restored.filled]
                note.say(is_complete=True, name=chosen, links=links.links, copies=links.copies, submodules=submodules)
                if on_ready is not None:
                    on_ready(prepared)
                outcome = self._execute(prepared, metrics_from, begin)
            except BaseException:
                if not has_begun:
                    remove_worktree(self.git, place)
                raise
            if keep or outcome.ending.status is None:
                return Rerun(outcome, place)
            stored = self._stored(outcome.name) or {}
            where = Git(place), plan.run.commit
            left = find_leftovers(*where, links, restored.filled, stored, self.location.toplevel)
            if left:
                return Rerun(outcome, place, tuple(left))
            try:
                remove_worktree(self.git, place)
            except GitFailed:
                return Rerun(outcome, place)
            return Rerun(outcome, None)

    def _restore_for(self, plan: Plan, name: str, to: str | os.PathLike[str] | None, note: Doing) -> Restored:
        from gitxp.restoring.checkout import default_place, restore

        place = os.path.abspath(to) if to is not None else default_place(self.location, name)
        restored = restore(self._git_here(), plan.run, os.path.realpath(place), submodules_of=self.location, doing=note)
        return self._with_large(plan.run, restored)

    def _prepare(self, plan: Plan, name: str, restored: Restored) -> Prepared:
        """Bring to the folder what the command needs besides."""
        from gitxp.repo.rerun import Prepared
        from gitxp.restoring.links import Links, link_data, make_folder
        from gitxp.restoring.rebuilding import rebuild
        from gitxp.restoring.requirements import find_own_packages

        toplevel, place = self.location.toplevel, restored.path
        links = Links()
        if toplevel is not None:
            links = link_data(Git(toplevel), plan.run, place, plan.program, restored.submodules)
        if plan.cwd != "." and not make_folder(place, plan.cwd):
            raise FormatError(f"{plan.run.name} ran in {plan.cwd!r}, which is no folder of its snapshot.")
        environment = None
        if plan.recipe is not None:
            environment = rebuild(plan.recipe, self._own_path("envs"), place)
        notices = [
            *restored.notices,
            *(f"a submodule, left empty, since its commit is not here: {path}" for path in restored.submodules),
        ]
        own = find_own_packages(plan.own_folders, place)
        return Prepared(plan, name, place, links, environment, tuple(own), tuple(notices))

    def _execute(self, prepared: Prepared, metrics_from: Sequence[str], on_start: Callable[[Started], None]) -> Outcome:
        from gitxp import __version__
        from gitxp.recording.begin import Request, run
        from gitxp.restoring.rebuilding import activated

        plan, place = prepared.plan, prepared.place
        request = Request(
            command=plan.command,
            name=prepared.name,
            params=plan.params,
            data=[os.path.join(place, path) for path in plan.data],
            outputs=[os.path.join(place, path) for path in plan.outputs],
            metrics_from=[
                path if path == "stdout" else os.path.join(place, path)
                for path in dict.fromkeys((*plan.metrics_from, *metrics_from))
            ],
            parent_run=plan.run.id,
            besides=(*prepared.links.links, *prepared.links.copies),
        )
        before = dict(os.environ)
        os.environ.clear()
        moved = (self.location.toplevel or self.location.common_dir, place)
        os.environ.update(activated(before, prepared.environment, prepared.own, moved))
        try:
            return run(request, os.path.normpath(os.path.join(place, plan.cwd)), __version__, on_start)
        finally:
            os.environ.clear()
            os.environ.update(before)

    def _recipe(self, run: Run) -> Recipe:
        from gitxp.restoring.requirements import find_recipe
        from gitxp.store.runs import read_environment

        objects = self._reader()
        recipe = find_recipe(
            read_environment(objects, run.commit),
            run.record.get("cwd", "."),
            lambda path: objects.read_file(run.commit, path),
        )
        if recipe is None:
            raise UsageError(
                f"{run.name} has neither a list of packages nor a lock file.",
                hint="Leave --env out to use what is here.",
            )
        return recipe
