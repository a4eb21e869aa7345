"""The methods of `Repo` that exchange runs with other repositories."""

from __future__ import annotations

from gitxp.repo.base import Base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from gitxp.errors import SecretsFound
    from gitxp.exchange import CopiedLarge, Outgoing, Pulled, Pushed, RemoteOutline
    from gitxp.format import Oid
    from gitxp.git.remote import Remote
    from gitxp.leaving import Leaving
    from gitxp.model import Run
    from gitxp.pointer import Pointer
    from gitxp.sharing.pull import Wishes
    from gitxp.sharing.store import Copied

    Said = Callable[[bytes], None]

_ATTEMPTS = 4


def _nothing(_: object) -> None:
    """Tell nobody."""


def _say_nothing(_leaving: Leaving, _remote: Remote) -> None:
    """Tell nobody."""


def _no_storing(_address: str, _count: int, _size: int) -> None:
    """Tell nobody."""


def refuse_storage(_address: str) -> bool:
    """Allow no storage that was not allowed before."""
    return False


class Sharing(Base):
    """Runs between repositories. The network is git's: its credentials, ssh, hooks and words.

    `said` is told what git and the other side say meanwhile, as bytes that may hold anything, and `doing` what gitxp
    itself does.
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

        tips = [run.commit for run in self._index().tips() if not run.is_folded]
        return [
            outline(
                remote,
                len(list_tracked(self.git, remote)),
                [set(list_tracked(self.git, receiver).values()) for receiver in remote.receivers],
                tips,
            )
            for remote in list_remotes(self._git_here())
        ]

    def pull(
        self,
        remote: Remote,
        names: Collection[str] = (),
        *,
        runs_removed_here: bool = False,
        said: Said = _nothing,
        doing: Callable[[str], None] = _nothing,
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
        changed = sum(tip != before.get(name) for name, tip in there.items())
        doing(f"Taking in {changed:,} runs")
        objects = self._reader(changed)
        before_runs = Pulled()
        take_in_archives(self.git, objects, there, before_runs)
        wishes = self._wishes(names, everything=runs_removed_here)
        pulled = take_in(self.git, objects, there, self._index().names_of, wishes)
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

        if not tips:
            return {}
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
        doing: Callable[[str], None] = _nothing,
        before: Callable[[Leaving, Remote], None] = _say_nothing,
        dry_run: bool = False,
        verify: bool = True,
        force_secrets: bool = False,
        storing: Callable[[str, int, int], None] = _no_storing,
        allow_storage: Callable[[str], bool] = refuse_storage,
    ) -> Pushed:
        """Bring runs to a remote: all of them, or those of these names.

        The remote is asked what it has; runs that were annotated there as well are merged first, as `pull` does it. `before`
        is told what will leave the machine, and where it goes. Where gitxp.yaml names a storage, large files are copied
        there first; `storing` is told its address, how many they are, and their bytes, and `allow_storage` is asked about
        an address that was not used from here before: if it says no, nothing goes and this is a `UsageError`; a yes is
        remembered. Runs stay here that have large files which are here and cannot be copied; of runs of `names`, those are
        copied that the storage lacks, also where the remote has the run. Where git-lfs has its hook in this clone, it uploads
        them to the remote as well; if that has no LFS, the storage is enough. A run that somebody removed there does not go unless it is named. `dry_run` sends, fetches and
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
                result.large = self._store_large(remote, result.outgoing, storing, allow_storage, names)
            return result
        leaving = self._survey(remote, result.outgoing, doing)
        before(leaving, remote)
        if dry_run:
            return result
        if leaving.secrets and not force_secrets:
            raise _secrets_found(leaving)
        result.large = self._store_large(remote, result.outgoing, storing, allow_storage, names)
        if result.large is not None and result.large.failed:
            result.held = self._hold_back(remote, result.outgoing, result.large)
        if result.large is None:
            result.unsent = self._count_unsent(remote, result.outgoing, verify=verify)
        if result.outgoing.going:
            doing(f"Preparing {len(result.outgoing.going):,} refs")
            self._send(remote, result.outgoing, result, said, verify=verify)
        return result

    def _hold_back(self, remote: Remote, outgoing: Outgoing, large: CopiedLarge) -> list[str]:
        """Let those stay whose large files are here and were not copied: no later push would look for them. Their names."""
        from gitxp.git.large_files import reachable_pointers

        store, known = self._large_store(), self._tips_there(remote, outgoing)
        failed = {oid for oid, _ in large.failed}
        held = [
            going
            for going in outgoing.going
            if any(
                pointer.oid in failed and store.find(pointer) is not None
                for pointer in reachable_pointers(self.git, [going.tip], known)
            )
        ]
        outgoing.going = [going for going in outgoing.going if going not in held]
        return [going.name for going in held]

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

    def _plan(self, remote: Remote, names: Sequence[str], said: Said, *, dry_run: bool = False) -> Outgoing:
        """What is to go; what went a separate way there is taken in first."""
        from gitxp.exchange import Pulled
        from gitxp.git.remote import list_gone, list_there, list_tracked

        tracked = {**list_tracked(self._git_here(), remote), **list_gone(self.git, remote)}
        there, branches = list_there(self._network(), remote, said)
        taken = Pulled()
        asked: set[str] = set()
        held: dict[str, Oid] = {}
        while True:
            if not dry_run:
                self._follow_archives(taken)
            outgoing = self._plan_by(there, names, tracked, held)
            wanted = [name for name in outgoing.fetch_first if name not in asked]
            if dry_run or not wanted:
                outgoing.merged, outgoing.received = [*taken.merged], [*taken.updated]
                outgoing.reasons = {left.name: left.reason for left in taken.left}
                outgoing.there = [*there.values(), *branches]
                return outgoing
            asked.update(wanted)
            self._take_in_first(remote, wanted, there, said, taken)

    def _plan_by(
        self, there: Mapping[str, Oid], names: Sequence[str], tracked: Collection[str], held: dict[str, Oid]
    ) -> Outgoing:
        """What is to go, by what the remote has; what archives hold, here and there, is added to `held`: tips by id."""
        from gitxp.format import RUN_REFS
        from gitxp.git.refs import list_refs
        from gitxp.sharing.push import find_held, local_runs, plan_archives, plan_push

        runs = list(local_runs(self._index().tips(), names))
        objects = self._reader(sum(run.tip != there.get(run.name, run.tip) for run in runs))
        held |= {line.id: line.commit for line in self._index().lines() if line.id}
        while True:
            outgoing = plan_push(self.git, objects, runs, there, (tracked, held), is_named=bool(names))
            if names:
                return outgoing
            archives = {ref.removeprefix(RUN_REFS): tip for ref, tip in list_refs(self.git).archives().items()}
            plan_archives(self.git, objects, archives, there, outgoing)
            new = {id_: tip for id_, tip in find_held(objects, runs, there, outgoing).items() if id_ not in held}
            if not new:
                return outgoing
            held |= new

    def _take_in_first(
        self, remote: Remote, wanted: Sequence[str], there: dict[str, Oid], said: Said, result: Pulled
    ) -> None:
        """Fetch what has to be known before a push, and take in what of it is known here; `there` becomes what there is."""
        from gitxp.exchange import Pulled
        from gitxp.format import RUN_REFS
        from gitxp.git.refs import list_refs
        from gitxp.git.remote import fetch, list_tracked
        from gitxp.sharing.archives import take_in_archives
        from gitxp.sharing.pull import take_in

        fetch(self._network(), remote, wanted, said)
        now = list_tracked(self.git, remote)
        there |= {name: now[name] for name in wanted if name in now}
        mine = {name: there[name] for name in wanted if name in there}
        known = {ref.removeprefix(RUN_REFS) for ref in list_refs(self.git).archives()}
        objects = self._reader(len(mine))
        take_in_archives(self.git, objects, {name: tip for name, tip in mine.items() if name in known}, Pulled())
        wishes = self._wishes(())._replace(known_only=True)
        taken = take_in(self.git, objects, mine, self._index().names_of, wishes)
        result.merged += taken.merged
        result.updated += taken.updated
        result.left += taken.left

    def fetch_large(
        self,
        runs: Sequence[Run],
        storing: Callable[[str, int, int], None] = _no_storing,
        allow_storage: Callable[[str], bool] = refuse_storage,
        *,
        remote: Remote | None = None,
        said: Said = _nothing,
    ) -> list[CopiedLarge]:
        """Bring the large files of runs here that are not: from the storage that gitxp.yaml names, the rest from a remote.

        All that are here are read, and those that are damaged are moved to `bad` beside git-lfs's objects, and brought anew.
        What came of each place that was asked; empty where there is neither a storage nor git-lfs, which asks the remote.
        `storing` is told the place, how many they are, and their bytes; for `allow_storage`, see `push`. Raises
        `ConfigError` for an address that gitxp.yaml may not name, `UsageError` for one that is not allowed, `GitxpError`
        where the storage cannot be opened.
        """
        from gitxp.git.large_files import find_pointers
        from gitxp.git.lfs_remote import has_program
        from gitxp.sharing.store import download

        store = self._large_store()
        found = {run.commit: find_pointers(self.git, run.commit).values() for run in runs}
        wanted_here = {pointer for pointers in found.values() for pointer in pointers}
        missing = {pointer for pointer in wanted_here if store.set_aside(pointer) or store.find(pointer) is None}
        stored = self._exchange_large(download, missing, storing, allow_storage)
        left = {pointer for pointer in missing if store.find(pointer) is None}
        if remote is None or not has_program(self.git) or (stored and not left):
            return [stored] if stored else []
        wanted = [(commit, [p for p in pointers if p in left]) for commit, pointers in found.items()]
        fetched = self._fetch_from_remote(remote, [item for item in wanted if item[1]], storing, said)
        if stored is None:
            return [fetched]
        why = dict(stored.failed)
        both = tuple(
            (oid, f"{why[oid].rstrip('.')}, and {reason}" if oid in why else reason) for oid, reason in fetched.failed
        )
        return [stored._replace(failed=()), fetched._replace(failed=both)]

    def _fetch_from_remote(
        self,
        remote: Remote,
        wanted: Sequence[tuple[str, Sequence[Pointer]]],
        storing: Callable[[str, int, int], None],
        said: Said,
    ) -> CopiedLarge:
        from gitxp.exchange import CopiedLarge
        from gitxp.git.addresses import hide_credentials
        from gitxp.git.lfs_remote import fetch_objects

        pointers = {pointer for _, some in wanted for pointer in some}
        if not pointers:
            return CopiedLarge(remote.label, 0, 0)
        storing(remote.label, len(pointers), sum(pointer.size for pointer in pointers))
        failed = fetch_objects(self._network(), self._large_store(), remote, wanted, said)
        reasons = tuple((pointer.oid, hide_credentials(reason)) for pointer, reason in failed)
        return CopiedLarge(remote.label, len(pointers) - len(reasons), 0, reasons)

    def _store_large(
        self,
        remote: Remote,
        outgoing: Outgoing,
        storing: Callable[[str, int, int], None],
        allow_storage: Callable[[str], bool],
        names: Collection[str] = (),
    ) -> CopiedLarge | None:
        """Copy to the storage the large files of what goes; of runs of these names also where the remote has them already."""
        from gitxp.git.large_files import find_pointers
        from gitxp.sharing.store import upload

        if not self.config.storage:
            return None
        pointers = self._outgoing_pointers(remote, outgoing) if outgoing.going else set()
        for run in self._index().tips() if names else ():
            if run.name in names:
                pointers.update(find_pointers(self.git, run.commit).values())
        return self._exchange_large(upload, pointers, storing, allow_storage)

    def _count_unsent(self, remote: Remote, outgoing: Outgoing, *, verify: bool) -> int:
        """How many large files stay here, since git-lfs has no hook in this clone, or is passed over."""
        from gitxp.git.lfs_remote import SKIP_UPLOAD, has_hook

        git, store = self._network(), self._large_store()
        if not store.is_begun() or (verify and has_hook(git) and not git.environ.keys() & SKIP_UPLOAD.keys()):
            return 0
        return sum(store.find(pointer) is not None for pointer in self._outgoing_pointers(remote, outgoing))

    def _outgoing_pointers(self, remote: Remote, outgoing: Outgoing) -> set[Pointer]:
        from gitxp.git.large_files import reachable_pointers

        tips = [going.tip for going in outgoing.going]
        return reachable_pointers(self.git, tips, self._tips_there(remote, outgoing))

    def _exchange_large(
        self,
        copy: Callable[..., Copied],
        pointers: Collection[Pointer],
        storing: Callable[[str, int, int], None],
        allow_storage: Callable[[str], bool],
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
        self.check_storage(allow_storage)
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

    def check_storage(self, allow_storage: Callable[[str], bool]) -> None:
        """Be sure that the storage of gitxp.yaml, if it names one, may be used; `allow_storage` and errors as in `push`.

        That file comes with whatever is checked out: it alone is no reason to talk to anybody.
        """
        from gitxp.errors import UsageError
        from gitxp.sharing.places import identify
        from gitxp.store.own import is_known_storage, note_storage

        address, toplevel, common_dir = self.config.storage, self.location.toplevel, self.location.common_dir
        if not address or toplevel is None:
            return
        identity = identify(address, toplevel)
        if is_known_storage(common_dir, identity):
            return
        if not allow_storage(address):
            raise UsageError(
                f"The storage {address} is named by gitxp.yaml and was never used from here: nothing was sent or read.",
                hint="If it is the one that you mean: --trust-storage of gitxp push and gitxp pull, once.",
            )
        note_storage(common_dir, identity)

    def _survey(self, remote: Remote, outgoing: Outgoing, doing: Callable[[str], None]) -> Leaving:
        def show(number: int, count: int) -> None:
            doing(f"Looking for secrets in {count:,} files: {number:,}")

        from gitxp.sharing.leaving import Names, survey_leaving
        from gitxp.store.runs import read_runs

        tips = [going.tip for going in outgoing.going]
        objects = self._reader(len(tips))
        reads = read_runs(objects, tips)
        runs = [(g.name, g.tip, read.record.get("base")) for g, read in zip(outgoing.going, reads, strict=True)]
        limits = self.config.snapshot
        names = Names(limits.secrets, limits.allow)
        doing(f"Looking at what goes with {len(runs):,} runs")
        return survey_leaving(self.git, objects, runs, self._tips_there(remote, outgoing), show, names=names)

    def _tips_there(self, remote: Remote, outgoing: Outgoing) -> list[Oid]:
        """The commits that a remote has, some of which may not be here."""
        from gitxp.git.remote import list_branches_there

        return list(dict.fromkeys([*outgoing.there, *list_branches_there(self.git, remote)]))

    def _wishes(self, wanted: Collection[str], *, everything: bool = False) -> Wishes:
        from gitxp.sharing.pull import Wishes
        from gitxp.store.removed import read_removed

        removed = () if everything else read_removed(self.location.common_dir)
        folded = {run.name: run.commit for run in self._index().tips() if run.is_folded}
        return Wishes(frozenset(line.id for line in removed), frozenset(wanted), folded=folded)


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
