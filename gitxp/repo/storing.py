"""The methods of `Repo` that move large files: to the storage that gitxp.yaml names, and here from it or from a remote."""

from __future__ import annotations

from gitxp.repo.base import ignore
from gitxp.repo.planning import Planning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from gitxp.exchange import CopiedLarge, Outgoing
    from gitxp.git.remote import Remote
    from gitxp.model import Run
    from gitxp.pointer import Pointer
    from gitxp.repo.base import Said
    from gitxp.sharing.workers import Copied, Progress

_MIB = 1 << 20


def refuse_storage(_address: str) -> bool:
    """Allow no storage that was not allowed before."""
    return False


class Storing(Planning):
    """Files of which the commits of runs have only git-lfs pointers."""

    def fetch_large(
        self,
        runs: Sequence[Run],
        storing: Callable[[str, int, int], None] = ignore,
        allow_storage: Callable[[str], bool] = refuse_storage,
        *,
        remote: Remote | None = None,
        said: Said = ignore,
        doing: Callable[[str], None] = ignore,
    ) -> list[CopiedLarge]:
        """Bring the large files of runs here that are not: from the storage that gitxp.yaml names, the rest from a remote.

        All that are here are read, and those that are damaged are moved to `bad` beside git-lfs's objects, and brought anew.
        What came of each place that was asked; empty where there is neither a storage nor git-lfs, which asks the remote.
        `storing` is told the place, how many they are, and their bytes; for the others, see `push`. Raises
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
        stored = self._exchange_large(download, missing, storing, allow_storage, doing)
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

    def check_storage(self, allow_storage: Callable[[str], bool]) -> None:
        """Be sure that the storage of gitxp.yaml, if it names one, may be used; `allow_storage` and errors as in `push`.

        That file comes with whatever is checked out: it alone is no reason to talk to anybody.
        """
        from gitxp.errors import UsageError
        from gitxp.sharing.store_address import identify
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
                hint="If it is the one that you mean: --trust-storage, once.",
            )
        note_storage(common_dir, identity)

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
        doing: Callable[[str], None],
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
        return self._exchange_large(upload, pointers, storing, allow_storage, doing)

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
        doing: Callable[[str], None],
    ) -> CopiedLarge | None:
        def show(far: Progress) -> None:
            files = f"Large files: {far.objects:,} of {far.all_objects:,}"
            percent = far.size * 100 // max(1, far.all_size)
            back = f", {far.read_back / _MIB:,.1f} read back" if far.read_back else ""
            doing(f"{files}, {far.size / _MIB:,.1f} of {far.all_size / _MIB:,.1f} MiB ({percent} %){back}")

        from gitxp.errors import GitxpError
        from gitxp.exchange import CopiedLarge
        from gitxp.sharing.places import open_place
        from gitxp.sharing.store import Ends
        from gitxp.sharing.store_address import parse_address

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
        done = copy(Ends(self.location.common_dir, self._large_store(), place), pointers, show)
        failed = tuple((failure.pointer.oid, failure.reason) for failure in done.failed)
        return CopiedLarge(address, len(done.copied), len(done.there), failed)
