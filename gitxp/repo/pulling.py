"""The methods of `Repo` that bring runs here: pull, and what is taken in before a push."""

from __future__ import annotations

from gitxp.repo.base import ignore
from gitxp.repo.connecting import Connecting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from gitxp.exchange import Pulled
    from gitxp.format import Oid
    from gitxp.git.remote import Remote
    from gitxp.repo.base import Said
    from gitxp.sharing.pull import Wishes


class Pulling(Connecting):
    """Runs of others. The network is git's: its credentials, ssh, hooks and words.

    `said` is told what git and the other side say meanwhile, as bytes that may hold anything, and `doing` what gitxp
    itself does.
    """

    def pull(
        self,
        remote: Remote,
        names: Collection[str] = (),
        *,
        runs_removed_here: bool = False,
        said: Said = ignore,
        doing: Callable[[str], None] = ignore,
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
        self._follow(pulled)
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

    def _follow(self, result: Pulled) -> None:
        """Bring runs that have refs of their own up to what archives, and other names of theirs here, have of them."""
        from gitxp.sharing.archives import find_ahead
        from gitxp.sharing.pull import take_in
        from gitxp.sharing.twins import join_twins

        twins = self._index().twins()
        if twins:
            join_twins(self.git, self._reader(), twins)
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

    def _wishes(self, wanted: Collection[str], *, everything: bool = False) -> Wishes:
        from gitxp.sharing.pull import Wishes
        from gitxp.store.removed import read_removed

        removed = () if everything else read_removed(self.location.common_dir)
        folded = {run.name: run.commit for run in self._index().tips() if run.is_folded}
        return Wishes(frozenset(line.id for line in removed), frozenset(wanted), folded=folded)
