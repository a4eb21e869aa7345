"""The methods of `Repo` by which archives take the place of refs at a remote."""

from __future__ import annotations

from gitxp.repo.base import ignore
from gitxp.repo.storing import Storing, refuse_storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitxp.format import Oid
    from gitxp.git.remote import Remote
    from gitxp.model import Run
    from gitxp.query.archived import Line
    from gitxp.repo.base import Said
    from gitxp.sharing.folded_there import FoldedThere, FoldPlan


class Folding(Storing):
    """One ref in place of many, for everybody."""

    def plan_fold_there(
        self,
        remote: Remote,
        runs: Sequence[Run] = (),
        *,
        said: Said = ignore,
        dry_run: bool = False,
    ) -> FoldPlan:
        """What `fold_there` would do: which archives a remote lacks, and which refs there they make superfluous.

        It is about all archives that are here, or about these runs alone and the archives that have them. What the remote
        has in the same archives is taken in first, unless `dry_run`. Raises `UsageError` where a run is in no archive, or git
        pushes to several addresses; `GitxpError` where an archive there cannot be joined with the one here, `GitFailed` where the remote cannot be asked.
        """
        from gitxp.errors import UsageError
        from gitxp.git.remote import There, list_there
        from gitxp.sharing.folded_there import find_behind, plan_fold

        if len(remote.receivers) > 1:
            raise UsageError(
                f"{remote.label} has several addresses that are pushed to.",
                hint="Give one of them in place of its name: gitxp archive-refs --remote URL",
            )
        (remote,) = remote.receivers
        lines = self._lines_of(runs)
        in_archives = {line.id for line in lines}
        if missing := [run.name for run in runs if run.id not in in_archives]:
            raise UsageError(f"{missing[0]} is in no archive.", hint=f"Fold it first: gitxp archive-refs {missing[0]}")
        there, branches = list_there(self._network(), remote, said)
        archives = self._archives_of(lines)
        behind = find_behind(self.git, self._reader(), archives, there)
        if behind and not dry_run:
            self._take_in(remote, behind, said)
            lines = self._lines_of(runs)
            archives = self._archives_of(lines)
        told = [(line.name, line.commit, line.ref, line.id) for line in lines]
        return plan_fold(self.git, self._reader(), remote, There(there, branches), archives, told)

    def fold_there(
        self,
        plan: FoldPlan,
        *,
        said: Said = ignore,
        allow_storage: Callable[[str], bool] = refuse_storage,
    ) -> FoldedThere:
        """Do what was planned: archives go, and the refs that they cover are deleted there, each if it is what it was.

        Nothing is deleted unless the archives are there. For large files, `allow_storage` and `NoLfs`, see `push`. Raises
        `SecretsFound` where something of what would go looks like a secret, `GitxpError` where large files that are here do
        not get to the storage, `GitFailed` where the remote cannot be reached; then nothing was done.
        """
        from gitxp.errors import GitxpError, NoLfs, SecretsFound
        from gitxp.exchange import Going, Outgoing
        from gitxp.sharing.folded_there import fold_there

        stored = None
        if plan.going:
            outgoing = Outgoing([Going(name, name, plan.archives[name]) for name in plan.going])
            outgoing.there = list(plan.tips_there)
            if self._survey(plan.remote, outgoing, ignore).secrets:
                raise SecretsFound(
                    "Nothing was pushed: something in these archives looks like a secret.",
                    hint=f"See what, and send it if you want: gitxp push {plan.remote.label} --force-secrets",
                )
            stored = self._store_large(plan.remote, outgoing, ignore, allow_storage, ignore)
            if stored is not None and stored.failed and self._hold_back(plan.remote, outgoing, stored):
                oid, reason = stored.failed[0]
                raise GitxpError(
                    f"Nothing was done: {len(stored.failed):,} large files did not get to {stored.address} "
                    f"({oid[:12]}: {reason}).",
                    hint="Mend that, and do it again: what is there already is not copied again.",
                )
        try:
            return fold_there(self._network(), plan, said)
        except NoLfs:  # nothing was done: archives go first, and they alone bring anything
            if stored is None:
                raise
            return fold_there(self._connected().without_upload(), plan, said)

    def _lines_of(self, runs: Sequence[Run]) -> list[Line]:
        ids = {run.id for run in runs}
        return [line for line in self._index().lines() if not runs or (line.id and line.id in ids)]

    def _archives_of(self, lines: Sequence[Line]) -> dict[str, Oid]:
        """The archives that have these lines: commits, by the last part of their refs."""
        from gitxp.format import RUN_REFS
        from gitxp.git.refs import list_refs

        refs = {line.ref for line in lines}
        archives = list_refs(self._git_here()).archives()
        return {ref.removeprefix(RUN_REFS): commit for ref, commit in archives.items() if ref in refs}

    def _take_in(self, remote: Remote, names: Sequence[str], said: Said) -> None:
        """Join archives with what a remote has in them. `GitxpError` where one cannot be."""
        from gitxp.errors import GitxpError
        from gitxp.exchange import Pulled
        from gitxp.git.remote import fetch, list_tracked
        from gitxp.sharing.archives import take_in_archives

        fetch(self._network(), remote, names, said)
        now = list_tracked(self.git, remote)
        result = Pulled()
        take_in_archives(self.git, self._reader(), {name: now[name] for name in names if name in now}, result)
        if result.left:
            name, reason = result.left[0]
            raise GitxpError(
                f"{name} of {remote.label} cannot be joined with the one here: {reason}.",
                hint=f"Look at it: git ls-remote {remote.label} 'refs/experiments/@archive-*'",
            )
