"""The methods of `Repo` that exchange runs with other repositories."""

from __future__ import annotations

import sys

from gitxp.repo.base import Base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from gitxp.errors import SecretsFound
    from gitxp.exchange import CopiedLarge, Outgoing, Pulled, Pushed, RemoteOutline
    from gitxp.format import Oid
    from gitxp.git.lfs import Pointer
    from gitxp.git.program import Git
    from gitxp.git.remote import Remote
    from gitxp.leaving import Leaving
    from gitxp.model import Run
    from gitxp.sharing.pull import Wishes
    from gitxp.sharing.store import Copied

    Said = Callable[[bytes], None]

_ATTEMPTS = 4


def _nothing(_: object) -> None:
    """Tell nobody."""


def _no_storing(_address: str, _count: int, _size: int) -> None:
    """Tell nobody."""


class Sharing(Base):
    """Runs between repositories. The network is git's: its credentials, ssh, hooks and words.

    `said` is told what git and the other side say meanwhile, as bytes that may hold anything.
    """

    def remote(self, name: str | None = None, *, to_push: bool = False) -> Remote:
        """The remote of this name or address; None: that of the current branch, else origin. Raises `UsageError`.

        `to_push`: where git would push to, if another one is configured for that.
        """
        from gitxp.git.remote import find_remote

        return find_remote(self._git_here(), name, to_push=to_push)

    def remotes(self) -> list[RemoteOutline]:
        """The configured remotes: how many runs each had when it was last asked, and how many would go there. Asks nobody."""
        from gitxp.git.remote import list_remotes, list_tracked
        from gitxp.sharing.outline import outline

        tips = [(run.name, run.commit) for run in self._index().tips() if not run.is_folded]
        return [outline(remote, list_tracked(self.git, remote), tips) for remote in list_remotes(self._git_here())]

    def pull(
        self, remote: Remote, names: Collection[str] = (), *, runs_removed_here: bool = False, said: Said = _nothing
    ) -> Pulled:
        """Bring the runs of a remote here: all of them, or those of these names there. One connection.

        New runs are made, known ones moved forward; those that were annotated here as well are merged. Runs that were
        removed here stay away, unless they are named, or `runs_removed_here` is true. Runs with objects that git refuses
        are in the answer's `left`, and cost some connections more. Raises `UnknownRun` where a name is not there, and
        `GitFailed` where the remote cannot be asked; then nothing has changed.
        """
        from gitxp.exchange import Left, Pulled
        from gitxp.git.remote import fetch, list_gone, list_tracked, note_gone
        from gitxp.sharing.archives import take_in_archives
        from gitxp.sharing.pull import take_in
        from gitxp.store.removed import forget_removed

        before = list_tracked(self._git_here(), remote)
        refused = fetch(self._network(), remote, names or None, said)
        after = list_tracked(self.git, remote)
        there = {name: tip for name, tip in after.items() if name in names} if names else after
        before_runs = Pulled()
        take_in_archives(self.git, self._reader(), there, before_runs)
        wishes = self._wishes(names, everything=runs_removed_here)
        pulled = take_in(self.git, self._reader(), there, self._index().names_of, wishes)
        pulled.archives, pulled.left[:0] = before_runs.archives, before_runs.left
        self._follow_archives(pulled)
        pulled.left += [Left(name, words) for name, words in refused.items()]
        gone = {name: before[name] for name in before.keys() - after.keys()}
        names_here = self._names_here(gone)
        archived = self._archived_names()
        pulled.folded = sorted(archived.intersection(names_here.values()))
        names_here = {there: here for there, here in names_here.items() if here not in archived}
        pulled.gone = sorted(set(names_here.values()))
        back = list_gone(self.git, remote).keys() & after.keys()
        note_gone(self.git, remote, {name: gone[name] for name in names_here}, back)
        removed = self._wishes(()).removed
        come_back = set(self._index().names_of(removed) if removed else ())
        if runs_removed_here:
            come_back |= {line.id for line in self._index().lines() if line.id}
        forget_removed(self.location.common_dir, come_back)
        return pulled

    def _follow_archives(self, result: Pulled) -> None:
        """Bring runs that have refs of their own up to what archives have of them."""
        from gitxp.sharing.archives import find_ahead
        from gitxp.sharing.pull import take_in

        lines = [(line.id, line.commit) for line in self._index().lines() if line.id]
        if not lines:
            return
        own = {run.id: (run.name, run.commit) for run in self._index().tips() if run.id and not run.is_folded}
        ahead = find_ahead(self.git, self._reader(), lines, own)
        if not ahead:
            return
        wishes = self._wishes(())._replace(known_only=True)
        taken = take_in(self.git, self._reader(), ahead, self._index().names_of, wishes)
        new = {*result.created, *result.updated, *result.merged, *(here for _, here in result.renamed)}
        result.updated += [name for name in taken.updated if name not in new]
        result.merged += [name for name in taken.merged if name not in new]
        result.left += taken.left

    def _archived_names(self) -> set[str]:
        """The names here of the runs that are in archives, whether they have refs of their own or not."""
        ids = {line.id for line in self._index().lines()}
        return {run.name for run in self._index().tips() if run.is_folded or (run.id and run.id in ids)}

    def _names_here(self, tips: Mapping[str, Oid]) -> dict[str, str]:
        """What the runs with these tips are called here, by name there; those that are not here are left out."""
        from gitxp.store.runs import read_runs

        reads = zip(tips, read_runs(self._reader(), list(tips.values())), strict=True)
        ids = {name: read.record["id"] for name, read in reads if "id" in read.record}
        names = self._index().names_of(ids.values())
        return {name: names[id_] for name, id_ in ids.items() if id_ in names}

    def push(
        self,
        remote: Remote,
        names: Sequence[str] = (),
        *,
        said: Said = _nothing,
        before: Callable[[Leaving], None] = _nothing,
        dry_run: bool = False,
        verify: bool = True,
        force_secrets: bool = False,
        storing: Callable[[str, int, int], None] = _no_storing,
    ) -> Pushed:
        """Bring runs to a remote: all of them, or those of these names.

        The remote is asked what it has; runs that were annotated there as well are merged first, as `pull` does it. `before`
        is told what will leave the machine. Where gitxp.yaml names a storage, large files are copied there first; `storing` is
        told its address, how many they are, and their bytes. A run that somebody removed there does not go unless it is named.
        `dry_run` sends, fetches and merges nothing; `verify=False` passes over the hook pre-push. What was refused is in the
        result. Raises `SecretsFound` where something looks like a secret, unless `force_secrets`; `GitFailed` where the
        remote cannot be asked. Then nothing went.
        """
        from gitxp.exchange import Pushed

        result = Pushed(self._plan(remote, names, said, dry_run=dry_run))
        if not result.outgoing.going:
            return result
        leaving = self._survey(remote, result.outgoing)
        before(leaving)
        if dry_run:
            return result
        if leaving.secrets and not force_secrets:
            raise _secrets_found(leaving)
        result.large = self._store_large(remote, result.outgoing, storing)
        self._send(remote, result.outgoing, result, said, verify=verify)
        return result

    def _send(self, remote: Remote, outgoing: Outgoing, result: Pushed, said: Said, *, verify: bool) -> None:
        """Send what is to go; where somebody else pushed meanwhile, what that changes is found out and sent again."""
        from gitxp.format import RUN_REFS
        from gitxp.git.remote import push
        from gitxp.sharing.push import sort_pushed

        options = () if verify else ("--no-verify",)
        for attempt in range(_ATTEMPTS):
            tips = {going.there: going.tip for going in outgoing.going}
            told = sort_pushed(outgoing, push(self._network(), remote, tips, said, options), RUN_REFS)
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
            plan.newer += outgoing.newer
            plan.fetch_first += outgoing.fetch_first
            plan.same += outgoing.same
            if not outgoing.going:
                return

    def _plan(self, remote: Remote, names: Sequence[str], said: Said, *, dry_run: bool = False) -> Outgoing:
        """What is to go; what went a separate way there is taken in first."""
        from gitxp.exchange import Pulled
        from gitxp.format import RUN_REFS
        from gitxp.git.refs import list_refs
        from gitxp.git.remote import fetch, list_gone, list_there, list_tracked
        from gitxp.sharing.archives import take_in_archives
        from gitxp.sharing.pull import take_in
        from gitxp.sharing.push import find_held, local_runs, plan_archives, plan_push

        tracked = {**list_tracked(self._git_here(), remote), **list_gone(self.git, remote)}
        there = list_there(self._network(), remote.receiver, said)
        merged: list[str] = []
        asked: set[str] = set()
        held: dict[str, Oid] = {}
        while True:
            followed = Pulled()
            if not dry_run:
                self._follow_archives(followed)
            merged += [*followed.merged, *followed.updated]
            runs = list(local_runs(self._index().tips(), names))
            held |= {line.id: line.commit for line in self._index().lines() if line.id}
            outgoing = plan_push(self.git, self._reader(), runs, there, (tracked, held), is_named=bool(names))
            if not names:
                refs = list_refs(self.git).archives().items()
                archives = {ref.removeprefix(RUN_REFS): tip for ref, tip in refs}
                plan_archives(self.git, self._reader(), archives, there, outgoing)
                held_there = find_held(self._reader(), runs, there, outgoing)
                if held_there.keys() - held.keys():
                    held = {**held_there, **held}
                    continue
            wanted = [name for name in outgoing.fetch_first if name not in asked]
            if dry_run or not wanted:
                outgoing.merged = merged
                return outgoing
            asked.update(wanted)
            fetch(self._network(), remote.receiver, wanted, said)
            now = list_tracked(self.git, remote)
            there |= {name: now[name] for name in wanted if name in now}
            mine = {name: there[name] for name in wanted if name in there}
            known = {ref.removeprefix(RUN_REFS) for ref in list_refs(self.git).archives()}
            ours = {name: tip for name, tip in mine.items() if name in known}
            take_in_archives(self.git, self._reader(), ours, Pulled())
            wishes = self._wishes(())._replace(known_only=True)
            taken = take_in(self.git, self._reader(), mine, self._index().names_of, wishes)
            merged += [*taken.merged, *taken.updated]

    def fetch_large(
        self, runs: Sequence[Run], storing: Callable[[str, int, int], None] = _no_storing
    ) -> CopiedLarge | None:
        """Bring the large files of runs here that are not, from the storage that gitxp.yaml names; None where it names none.

        `storing` is told its address, how many they are, and their bytes. Raises `ConfigError` for an address that is not
        allowed, `GitxpError` where the storage cannot be opened.
        """
        from gitxp.git.large_files import find_pointers
        from gitxp.sharing.store import download

        store = self._large_store()
        found = {pointer for run in runs for pointer in find_pointers(self.git, run.commit).values()}
        return self._exchange_large(download, [p for p in found if store.find(p) is None], storing)

    def _store_large(
        self, remote: Remote, outgoing: Outgoing, storing: Callable[[str, int, int], None]
    ) -> CopiedLarge | None:
        from gitxp.git.large_files import reachable_pointers
        from gitxp.git.remote import list_tips_there
        from gitxp.sharing.store import upload

        if not self.config.storage:
            return None
        tips = [going.tip for going in outgoing.going]
        pointers = reachable_pointers(self.git, tips, list_tips_there(self.git, remote))
        return self._exchange_large(upload, pointers, storing)

    def _exchange_large(
        self, copy: Callable[..., Copied], pointers: Collection[Pointer], storing: Callable[[str, int, int], None]
    ) -> CopiedLarge | None:
        from gitxp.errors import GitxpError
        from gitxp.exchange import CopiedLarge
        from gitxp.sharing.places import open_place, parse_address

        address, toplevel = self.config.storage, self.location.toplevel
        if not address or toplevel is None:
            return None
        if not pointers:
            return CopiedLarge(address, 0, 0)
        parse_address(address, toplevel)
        storing(address, len(pointers), sum(pointer.size for pointer in pointers))
        try:
            place = open_place(address, toplevel)
        except GitxpError:
            raise
        except Exception as error:  # each library for a place has errors of its own
            raise GitxpError(
                f"The storage {address} cannot be opened: {type(error).__name__}: {error}.",
                hint="Look at storage in gitxp.yaml, and at the credentials of its library.",
            ) from error
        done = copy(self._large_store(), place, pointers)
        failed = tuple((failure.pointer.oid, failure.reason) for failure in done.failed)
        return CopiedLarge(address, len(done.copied), len(done.there), failed)

    def _survey(self, remote: Remote, outgoing: Outgoing) -> Leaving:
        from gitxp.git.remote import list_tips_there
        from gitxp.sharing.leaving import Names, survey_leaving
        from gitxp.store.runs import read_runs

        tips = [going.tip for going in outgoing.going]
        reads = read_runs(self._reader(len(tips)), tips)
        runs = [(g.name, g.tip, read.record.get("base")) for g, read in zip(outgoing.going, reads, strict=True)]
        limits = self.config.snapshot
        names = Names(limits.secrets, limits.allow)
        return survey_leaving(self.git, self._reader(), runs, list_tips_there(self.git, remote), names=names)

    def _wishes(self, wanted: Collection[str], *, everything: bool = False) -> Wishes:
        from gitxp.sharing.pull import Wishes
        from gitxp.store.removed import read_removed

        removed = () if everything else read_removed(self.location.common_dir)
        folded = {run.name: run.commit for run in self._index().tips() if run.is_folded}
        return Wishes(frozenset(line.id for line in removed), frozenset(wanted), folded=folded)

    def _network(self) -> Git:
        return self._git_here().networked(interactive=sys.stderr is not None and sys.stderr.isatty())


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
