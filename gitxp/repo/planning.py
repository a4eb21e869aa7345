"""What a push will send: which runs and archives, and what leaves the machine with them."""

from __future__ import annotations

from gitxp.repo.pulling import Pulling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from gitxp.exchange import Outgoing
    from gitxp.format import Oid
    from gitxp.git.remote import Remote
    from gitxp.leaving import Leaving
    from gitxp.repo.base import Said


class Planning(Pulling):
    """Plans of what goes. Nothing is sent here."""

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
                self._follow(taken)
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
