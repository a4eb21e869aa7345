"""The method of `Repo` that brings runs to others: push."""

from __future__ import annotations

from gitxp.repo.base import ignore
from gitxp.repo.storing import Storing, refuse_storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitxp.errors import SecretsFound
    from gitxp.exchange import Outgoing, Pushed
    from gitxp.git.remote import Remote
    from gitxp.leaving import Leaving
    from gitxp.repo.base import Said

_ATTEMPTS = 4
# What git and hosts say of a ref that somebody else moved or made meanwhile.
_LATE = (
    "fetch first",
    "non-fast-forward",
    "stale info",
    "failed to update ref",
    "failed to lock",
    "cannot lock ref",
    "incorrect old value",
    "reference already exists",
)


class Pushing(Storing):
    """Runs that go to others. `said` and `doing` are told what they are told by `pull`."""

    def push(
        self,
        remote: Remote,
        names: Sequence[str] = (),
        *,
        said: Said = ignore,
        doing: Callable[[str], None] = ignore,
        before: Callable[[Leaving, Remote], None] = ignore,
        dry_run: bool = False,
        verify: bool = True,
        force_secrets: bool = False,
        storing: Callable[[str, int, int], None] = ignore,
        allow_storage: Callable[[str], bool] = refuse_storage,
    ) -> Pushed:
        """Bring runs to a remote: all of them, or those of these names.

        The remote is asked what it has; runs that were annotated there as well are merged first, as `pull` does it. `before`
        is told what will leave the machine, and where it goes. Where gitxp.yaml names a storage, large files are copied
        there first; `storing` is told its address, how many they are, and their bytes, and `allow_storage` is asked about
        an address that was not used from here before: if it says no, nothing goes and this is a `UsageError`; a yes is
        remembered. A run with large files that are here and cannot be copied stays here; of runs of `names`, those files are
        copied that the storage lacks, also where the remote has the run. Where git-lfs has its hook in this clone, it
        uploads them to the remote as well; if that has no LFS, the storage is enough. A run that somebody removed there does not go unless it is named. `dry_run` sends, fetches and
        merges nothing; `verify=False` passes over the hook pre-push. What was refused is in the result. Where git would
        push to several addresses, each is asked and told by itself, the result has what came of the `others`, and an
        `error` in place of what one of them raised. Raises `SecretsFound` where something looks like a secret, unless
        `force_secrets`; `NoLfs` where git-lfs is to upload large files to a remote without LFS, and no storage is named;
        `GitFailed` where the remote cannot be asked. Then nothing went.
        """
        from gitxp.errors import GitxpError
        from gitxp.exchange import Outgoing, Pushed

        receivers = remote.receivers
        parts = []
        for receiver in receivers:
            try:
                part = self._push_to(
                    receiver,
                    names,
                    said=said,
                    doing=doing,
                    before=before,
                    dry_run=dry_run,
                    verify=verify,
                    force_secrets=force_secrets,
                    storing=storing,
                    allow_storage=allow_storage,
                )
            except GitxpError as error:
                if len(receivers) == 1:
                    raise
                part = Pushed(Outgoing(), error=error)
            part.to = receiver.label
            parts.append(part)
        parts[0].others = parts[1:]
        return parts[0]

    def _push_to(
        self,
        remote: Remote,
        names: Sequence[str],
        *,
        said: Said,
        doing: Callable[[str], None],
        before: Callable[[Leaving, Remote], None],
        dry_run: bool,
        verify: bool,
        force_secrets: bool,
        storing: Callable[[str, int, int], None],
        allow_storage: Callable[[str], bool],
    ) -> Pushed:
        from gitxp.exchange import Pushed

        result = Pushed(self._plan(remote, names, said, dry_run=dry_run))
        if not result.outgoing.going:
            if names and not dry_run:
                result.large = self._store_large(remote, result.outgoing, storing, allow_storage, doing, names)
            return result
        leaving = self._survey(remote, result.outgoing, doing)
        before(leaving, remote)
        if dry_run:
            return result
        if leaving.secrets and not force_secrets:
            raise _secrets_found(leaving)
        result.large = self._store_large(remote, result.outgoing, storing, allow_storage, doing, names)
        if result.large is not None and result.large.failed:
            result.held = self._hold_back(remote, result.outgoing, result.large)
        if result.large is None:
            result.unsent = self._count_unsent(remote, result.outgoing, verify=verify)
        if result.outgoing.going:
            doing(f"Preparing {len(result.outgoing.going):,} refs")
            self._send(remote, result.outgoing, result, said, verify=verify)
        return result

    def _send(self, remote: Remote, outgoing: Outgoing, result: Pushed, said: Said, *, verify: bool) -> None:
        """Send what is to go; where somebody else pushed meanwhile, what that changes is found out and sent again."""
        from gitxp.errors import NoLfs
        from gitxp.format import RUN_REFS
        from gitxp.git.remote import push
        from gitxp.sharing.push import sort_pushed

        options = () if verify else ("--no-verify",)
        git = self._network()
        for attempt in range(_ATTEMPTS):
            tips = {going.there: going.tip for going in outgoing.going}
            try:
                refs = push(git, remote, tips, said, options)
            except NoLfs:
                if result.large is None or result.lacks_lfs:
                    raise
                result.lacks_lfs = True
                git = self._connected().without_upload()
                refs = push(git, remote, tips, said, options)
            told = sort_pushed(outgoing, refs, RUN_REFS)
            result.made += told.made
            result.moved += told.moved
            late = [going.name for going, words in told.refused if _is_late(words) and attempt + 1 < _ATTEMPTS]
            result.refused += [(going, words) for going, words in told.refused if going.name not in late]
            if not late:
                return
            outgoing = self._plan(remote, late, said)
            plan = result.outgoing
            plan.going = [going for going in plan.going if going.name not in late] + outgoing.going
            plan.merged += outgoing.merged
            plan.received += outgoing.received
            plan.reasons |= outgoing.reasons
            plan.newer += outgoing.newer
            plan.fetch_first += outgoing.fetch_first
            plan.same += outgoing.same
            if not outgoing.going:
                return


def _secrets_found(leaving: Leaving) -> SecretsFound:
    from gitxp.errors import SecretsFound

    places = len(leaving.secrets)
    what = "one place that looks" if places == 1 else f"{places:,} places that look"
    return SecretsFound(
        f"Nothing was pushed: there {'is' if places == 1 else 'are'} {what} like a secret.",
        hint="A run cannot be changed: remove it (gitxp rm RUN) and change the secret, or send it: --force-secrets",
    )


def _is_late(words: str) -> bool:
    """Whether a ref was refused since the remote has newer commits of it than we know of."""
    return any(reason in words for reason in _LATE)
