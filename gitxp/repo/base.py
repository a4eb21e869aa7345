"""What every method of `Repo` stands on: where the repository is, git in it, its objects, the index of its runs."""

from __future__ import annotations

import os

from gitxp.errors import NotARepository
from gitxp.git.program import Git

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Self

    from gitxp.capture.config import Config
    from gitxp.format import Oid
    from gitxp.git.lfs import Store
    from gitxp.git.network import Network
    from gitxp.git.objects import Objects
    from gitxp.git.worktree import Location
    from gitxp.query.index import Index
    from gitxp.recording.recovery import Recovered
    from gitxp.recording.running import Running

    Said = Callable[[bytes], None]


def ignore(*_: object) -> None:
    """Tell nobody."""


class Base:
    """A git repository, opened when something of it is first wanted.

    `indexing` is told of the first look at many runs: how many of how many were read.
    """

    def __init__(self, path: str | os.PathLike[str] = ".") -> None:
        self.path = os.fspath(path)
        self.git = Git(self.path)
        self._location: Location | None = None
        self._objects: Objects | None = None
        self._talking: Network | None = None
        self._running: Running | None = None
        self._asked: Index | None = None
        self.recovered: list[Recovered] = []
        self.indexing: Callable[[int, int], None] | None = None

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        """Another process has the same repository, opened by itself."""
        return type(self), (os.path.abspath(self.path),)

    @property
    def location(self) -> Location:
        """Where the repository and its working tree are."""
        if self._location is None:
            from gitxp.git.worktree import locate

            if not os.path.isdir(self.path):
                raise NotARepository(f"There is no folder {self.path}.", hint="Give the folder of a git repository.")
            self._location = locate(self.git)
        return self._location

    def recover(self) -> list[Recovered]:
        """Finish the runs whose recorder died; what was done.

        Every reading method does it first, and adds what was done to `recovered`.
        """
        live = self._live_folder()
        if not os.path.isdir(live) or not os.listdir(live):
            return []
        from gitxp.recording.recovery import recover

        return recover(Git(self.location.git_dir, own_group=True), self.location.common_dir)

    @property
    def config(self) -> Config:
        """What gitxp.yaml says, or the defaults; those in a bare repository, too. Raises `ConfigError`."""
        from gitxp.capture.config import Config, load_config

        toplevel = self.location.toplevel
        return Config() if toplevel is None else load_config(toplevel)

    def close(self) -> None:
        """End the helper processes, and forget passwords. A repository may be used again after it."""
        if self._objects is not None:
            self._objects.close()
            self._objects = None
        if self._talking is not None:
            self._talking.close()
            self._talking = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_objects", None) is not None or getattr(self, "_talking", None) is not None:
            self.close()

    def _own_path(self, *parts: str) -> str:
        """A path of what gitxp has in the repository beside refs (docs/format.md, What stays on the machine)."""
        return os.path.join(self.location.common_dir, "gitxp", *parts)

    @property
    def _index_path(self) -> str:
        return self._own_path("index.sqlite")

    def _live_folder(self, *name: str) -> str:
        """Where a run of this name is until it is finished; without one, where all of them are."""
        return self._own_path("live", *name)

    def _has_live_folder(self, name: str) -> bool:
        return os.path.isdir(self._live_folder(name))

    def _large_store(self) -> Store:
        from gitxp.git.lfs import find_store

        return find_store(self._git_here(), self.location.common_dir)

    def _keep_large(self, commits: Sequence[Oid]) -> None:
        """Let git-lfs keep the large files of runs that go to the trash or into an archive, by their tips, as it kept them."""
        from gitxp.keeping.large_kept import keep_large, keeps_recent
        from gitxp.keeping.pointers import find_pointers_in

        if commits and keeps_recent(self.git):
            pointers = find_pointers_in(self.git, commits)
            if pointers:
                keep_large(self.git, pointers, os.environ, besides=True)

    def _keep_large_alone(self) -> None:
        """Let git-lfs no longer keep the large files of runs that are gone for good."""
        from gitxp.keeping.large_kept import keep_large, list_kept_large
        from gitxp.keeping.pointers import find_pointers_in
        from gitxp.store.trash import list_trash

        if not list_kept_large(self.git):
            return
        folded = [run.commit for run in self._index().newest(archived=True).runs if run.is_folded]
        commits = [*folded, *(entry.commit for entry in list_trash(self.git))]
        keep_large(self.git, find_pointers_in(self.git, commits), os.environ)

    def _with_here(self, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Entries of a record, with `here` where they name a large object: whether it is here."""
        from gitxp.pointer import Pointer, parse_lfs_oid

        store = self._large_store()
        told = []
        for item in items:
            oid = parse_lfs_oid(item.get("lfs_oid", ""))
            here = {} if oid is None else {"here": store.find(Pointer(oid, item.get("size", -1))) is not None}
            told.append({**item, **here})
        return told

    def _git_here(self) -> Git:
        """git, once it is sure that there is a repository: else its own words would be the error."""
        assert self.location
        return self.git

    def _network(self) -> Git:
        """Git that talks to other machines: where a person is at a terminal, it asks them for passwords."""
        return self._connected().git

    def _connected(self) -> Network:
        if self._talking is None:
            from gitxp.git.network import Network, is_person_here

            self._talking = Network(self._git_here(), interactive=is_person_here())
        return self._talking

    def _reader(self, expected: int = 1) -> Objects:
        from gitxp.git.opening import open_objects

        if expected > 1:
            return open_objects(self.git, self.location.common_dir, expected=expected)
        if self._objects is None:
            self._objects = open_objects(self.git, self.location.common_dir)
        return self._objects

    def _running_here(self) -> Running:
        """The runs that are running in this repository."""
        if self._running is None:
            from gitxp.recording.running import Running

            self._running = Running(self.location.common_dir, self.location.toplevel)
        return self._running

    def _index(self) -> Index:
        from gitxp.query.index import Index
        from gitxp.query.live import Live
        from gitxp.store.removed import removed_ids

        if self._asked is not None:
            return self._asked
        running = self._running_here()
        self.recovered += self.recover()
        common_dir = self.location.common_dir
        return Index(
            *(self.git, self._index_path, self._reader),
            removed=lambda: removed_ids(common_dir),
            progress=self.indexing,
            live=Live(running.names, running.summaries),
        )
