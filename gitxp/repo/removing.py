"""The methods of `Repo` that remove runs and bring them back: rm, trash, undo."""

from __future__ import annotations

import time

from gitxp.repo.base import ignore
from gitxp.repo.connecting import Connecting
from gitxp.repo.reading import Reading
from gitxp.repo.restoring import Restoring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.git.remote import Remote
    from gitxp.keeping.removal import Removal, RemovalPlan, Target
    from gitxp.keeping.undo import Undoable, Undone
    from gitxp.repo.base import Said
    from gitxp.store.trash import Trashed


class Removing(Reading, Restoring, Connecting):
    """Runs that go, and come back."""

    def plan_removal(self, texts: Sequence[str], *, remote: str | None = None, keep: bool = False) -> RemovalPlan:
        """What `remove` would do with these runs, of which each text means one.

        With `remote`, they are to go there as well, and with `keep` only there; then a text may also mean a run in the
        trash, or one that only the remote has, as far as is known. Raises `UnknownRun`, `AmbiguousRun`; `GitxpError`
        where a run is running here, or the remote has more of it than this repository; `UsageError` where there is no
        such remote.
        """
        from gitxp.keeping.removal import RemovalPlan, find_there, refuse_running

        there = None if remote is None else self.remote(remote)
        found: dict[str, tuple[Target, str]] = {}
        for text in texts:
            target, given = self._find_target(text, there)
            found.setdefault(target.name, (target, given))
        refuse_running([name for name, (target, _) in found.items() if target.ref and self._has_live_folder(name)])
        targets = self._with_archives([target for target, _ in found.values()])
        if there is not None:
            there = there.receivers[0] if len(there.receivers) == 1 else there
            targets = find_there(self.git, there, targets, [given for _, given in found.values()])
        return RemovalPlan(tuple(targets), there, keep)

    def remove(self, plan: RemovalPlan, *, said: Said = ignore) -> Removal:
        """Move the runs of a plan to the trash, all or none, from where `undo` brings them back.

        With a remote, they are deleted there first, in one connection for each 2,000; what it refuses stays here, too.
        Nobody else's clone is changed. `said` is told what git and the other side say meanwhile. Raises `GitxpError` where
        a run is not as it was planned, `GitFailed` where the remote cannot be reached.
        """
        from gitxp.keeping.removal import refuse_running, remove

        refuse_running([t.name for t in plan.targets if t.ref and not plan.keep and self._has_live_folder(t.name)])
        done = remove(self._git_here(), self.location.common_dir, plan, time.time(), self._network(), said)
        self._keep_large([run.commit for run in done.runs])
        return done

    def trash(self) -> list[Trashed]:
        """The removed runs, newest first."""
        from dataclasses import replace

        from gitxp.format import RECORD_PATH
        from gitxp.store.runs import decode_run
        from gitxp.store.trash import list_trash

        entries = list_trash(self._git_here())
        commits = [entry.commit for entry in entries]
        commands = []
        for _, data in self._reader(len(commits)).read_files(commits, RECORD_PATH):
            record, _problem = decode_run(data)
            commands.append(tuple(record.get("command", ())))
        return [replace(entry, command=command) for entry, command in zip(entries, commands, strict=True)]

    def empty_trash(self, entries: Sequence[Trashed]) -> None:
        """Delete entries of the trash for good: git's next gc may take what only they held. Raises `GitxpError`."""
        from gitxp.store.trash import forget_for_good

        forget_for_good(self._git_here(), entries)
        self._keep_large_alone()

    def find_in_trash(self, text: str) -> Trashed:
        """The entry of the trash that a text means. Raises `UnknownRun`, `AmbiguousRun`."""
        from gitxp.keeping.undo import find_in_trash

        return find_in_trash(self.trash(), text)

    def undoable(self) -> list[Undoable]:
        """What can be taken back, newest first."""
        from gitxp.keeping.undo import find_removals, find_restores, find_taken_out

        where = self._git_here(), self.location.common_dir
        found = [*find_removals(*where), *find_taken_out(*where)]
        if self.location.toplevel is not None:
            found += find_restores(self.git, self.location.worktree, self.bring_back)
        return sorted(found, key=lambda one: one.at, reverse=True)

    def undo(self, text: str | None = None) -> Undone:
        """Take back what was done last, or bring back the run in the trash that a text means.

        A run whose name was given to another meanwhile gets the beginning of its id behind its name. Raises `GitxpError`
        where there is nothing to take back, `UnknownRun`, `AmbiguousRun`.
        """
        from gitxp.errors import GitxpError
        from gitxp.keeping.undo import bring_back

        if text is not None:
            return bring_back(self._git_here(), self.location.common_dir, [self.find_in_trash(text)])
        found = self.undoable()
        if not found:
            raise GitxpError("There is nothing to undo.", hint="'gitxp undo' takes back rm, gc and restore --here.")
        return found[0].undo()

    def _find_target(self, text: str, remote: Remote | None) -> tuple[Target, str]:
        """The run that a text means, and the name that its record has."""
        from dataclasses import replace

        from gitxp.errors import GitxpError, UnknownRun
        from gitxp.keeping.removal import Target
        from gitxp.store.trash import is_sound_id

        if remote is not None and self._is_called_so_elsewhere(text, remote):
            found = self._find_elsewhere(text, remote)
            if found is not None:
                return found
        try:
            run = self.get(text)
        except UnknownRun:
            found = self._find_elsewhere(text, remote) if remote is not None else None
            if found is None:
                raise
            return found
        if run.is_folded and not is_sound_id(run.id):
            raise GitxpError(
                f"{run.name} is in an archive ({run.ref}), and has no id by which it could be left out of that.",
                hint="It stays until the archive goes.",
            )
        target = Target(run.name, run.commit, run.id, None if run.is_folded else run.ref)
        return replace(target, archive=run.ref if run.is_folded else None), str(run.record.get("name", run.name))

    def _with_archives(self, targets: Sequence[Target]) -> list[Target]:
        """The targets; those with refs of their own that an archive has as well say so."""
        from dataclasses import replace

        refs = {line.id: line.ref for line in self._index().lines() if line.id}
        return [replace(one, archive=refs.get(one.id or "")) if one.ref else one for one in targets]

    def _is_called_so_elsewhere(self, text: str, remote: Remote) -> bool:
        """Whether a run in the trash or at the remote has this name, and none here.

        Then it is meant, and not one here whose name begins with it.
        """
        from gitxp.errors import AmbiguousRun, UnknownRun
        from gitxp.git.remote import list_tracked

        try:
            run = self.get(text)
            if text in {run.name, run.record.get("name")}:  # one that is called otherwise here has its own name there
                return False
        except (AmbiguousRun, UnknownRun):
            pass  # then no run here has that name
        return text in list_tracked(self._git_here(), remote) or any(text == entry.run for entry in self.trash())

    def _find_elsewhere(self, text: str, remote: Remote) -> tuple[Target, str] | None:
        """A run in the trash, or one that the remote was seen to have."""
        from gitxp.errors import UnknownRun
        from gitxp.format import RefName
        from gitxp.git.refs import RunRef
        from gitxp.git.remote import list_tracked
        from gitxp.keeping.removal import Target
        from gitxp.names import RunName, is_name
        from gitxp.store.runs import read_run

        try:
            entry = self.find_in_trash(text)
        except UnknownRun:
            commit = list_tracked(self._git_here(), remote).get(text)
            if commit is None or not is_name(text):
                return None
            name = RunName(text)
            run = read_run(self._reader(), RunRef(name, RefName(remote.tracking + text), commit))
            return Target(name, commit, run.id), text
        return Target(entry.run, entry.commit, entry.id, is_trashed=True), entry.run
