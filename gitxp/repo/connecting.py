"""The methods of `Repo` that tell which remotes there are."""

from __future__ import annotations

from gitxp.repo.base import Base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitxp.exchange import RemoteOutline
    from gitxp.git.remote import Remote


class Connecting(Base):
    """Other repositories, by the names and addresses that git knows them by."""

    def remote(self, name: str | None = None, *, to_push: bool = False) -> Remote:
        """The remote of this name or address; None: that of the current branch, else origin. Raises `UsageError`.

        `to_push`: where git would push to, if another one is configured for that.
        """
        from gitxp.git.remote import find_remote

        return find_remote(self._git_here(), name, to_push=to_push)

    def remotes(self) -> list[RemoteOutline]:
        """The configured remotes: how many runs each had when it was last asked, and how many would go there. Asks nobody."""
        from gitxp.git.remote import list_remotes, list_tracked
        from gitxp.sharing.outline import find_runs, outline

        tips = [run.commit for run in self._index().tips()]
        objects = self._reader()
        outlines = []
        for remote in list_remotes(self._git_here()):
            # mostly it is its own receiver, and what it has is read once
            places = {one.tracking: one for one in (remote, *remote.receivers)}
            found = {folder: find_runs(objects, list_tracked(self.git, one)) for folder, one in places.items()}
            known = [found[receiver.tracking][1] for receiver in remote.receivers]
            outlines.append(outline(remote, found[remote.tracking][0], known, tips))
        return outlines
