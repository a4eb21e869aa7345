"""The methods of `Repo` that bring a run's files back: restore, branch, cat, artifacts."""

from __future__ import annotations

import os

from gitxp.errors import NotARepository
from gitxp.git.program import Git
from gitxp.repo.base import Base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitxp.model import Run
    from gitxp.pointer import Pointer
    from gitxp.restoring.artifacts import Artifact
    from gitxp.restoring.branch import Branch
    from gitxp.restoring.checkout import Restored
    from gitxp.store.doing import Unfinished


class Restoring(Base):
    """A run's files, on disk and in branches again."""

    def restore(
        self, run: Run, to: str | os.PathLike[str] | None = None, *, worktree: bool = True, here: bool = False
    ) -> Restored:
        """Write the files of a run, byte for byte as they were, into a git worktree, or a plain folder.

        `to` is new or empty; without it, the place is beside the repository, `<repository>-<name of the run>`. With `here`
        it is the working tree that we are in, of which a snapshot is kept first, to which `bring_back` returns. Raises
        `GitxpError`; then nothing was written.
        """
        from gitxp.restoring.checkout import default_place, restore

        if here:
            from gitxp.restoring.here import restore_here

            restored = restore_here(self._git_at_top(), run, self.config.snapshot, *self._who())
        else:
            place = os.path.abspath(to) if to is not None else default_place(self.location, run.name)
            submodules_of = None if worktree else self.location  # git fills those of a worktree itself
            restored = restore(
                self._git_here(), run, os.path.realpath(place), worktree=worktree, submodules_of=submodules_of
            )
        return self._with_large(run, restored)

    def _stored(self, name: str) -> dict[str, Pointer | None] | None:
        """The paths that a run has as artifacts, and those of its snapshot's large files, each with its pointer.

        None of a run that is not there; None instead where it goes on.
        """
        from gitxp.git.refs import find_ref
        from gitxp.names import RunName
        from gitxp.pointer import Pointer
        from gitxp.store.runs import read_run

        if self._has_live_folder(name):
            return None
        where = find_ref(self._git_here(), RunName(name))
        record = read_run(self._reader(), where).record if where is not None else {}
        stored: dict[str, Pointer | None] = {
            item["path"]: Pointer(item["lfs_oid"].removeprefix("sha256:"), item["size"])
            for item in record.get("large", ())
            if {"path", "lfs_oid", "size"} <= item.keys()
        }
        return stored | {item["path"]: None for item in record.get("outputs", ()) if item.get("stored")}

    def _unfinished(self) -> list[Unfinished]:
        """What restores and reruns left that were killed."""
        from gitxp.restoring.unfinished import list_unfinished

        location = self.location
        return list(list_unfinished(self._git_here(), location.common_dir, location.toplevel, self._stored))

    def bring_back(self, ref: str) -> str:
        """Make the files of the working tree those that a ref below `refs/gitxp/undo/` kept; the ref of those until now."""
        from gitxp.capture.config import Config
        from gitxp.errors import ConfigError
        from gitxp.restoring.here import bring_back

        try:
            limits = self.config.snapshot
        except ConfigError:  # of the run that was restored: what it broke can be taken back all the same
            limits = Config().snapshot
        return bring_back(self._git_at_top(), ref, limits, *self._who())

    def branch(self, run: Run, name: str) -> Branch:
        """Make a branch with the code of a run, without what gitxp recorded, as one commit on the run's base.

        Nothing is checked out. Raises `UsageError` for a name that git does not allow, `GitxpError` for one that is taken.
        """
        from gitxp.restoring.branch import make_branch
        from gitxp.store.writer import find_identity

        git = self._git_here()
        return make_branch(git, run, name, find_identity(git, os.environ))

    def cat(self, run: Run, path: str, *, stored: bool = False) -> Iterator[bytes]:
        """The bytes of a file of a run, in pieces; `path` is seen from this folder.

        As it was on disk; with `stored`, as git keeps it: a git-lfs pointer, line feeds. Raises `UsageError` where there
        is no such file, `MissingContent` where it is a large file of which the content is not here.
        """
        from gitxp.git.large_files import open_artifact
        from gitxp.restoring.files import path_in_tree, read_file
        from gitxp.restoring.large import list_large

        git, inside = self._git_here(), path_in_tree(path, self.location, self.path)
        entry = self._reader().find_entry(run.commit, inside) if not stored and inside in list_large(run) else None
        if entry is not None and entry.mode.startswith("100"):
            return open_artifact(self._reader(), self._large_store(), entry).chunks
        return read_file(git, self._reader(), run, inside, stored=stored)

    def artifacts(self, run: Run) -> list[Artifact]:
        """The files that a run produced, sorted by path: those that are stored, and those that are but listed.

        `about` of one that is a large object (`lfs_oid`) has `here`: whether the content is in this clone.
        """
        from dataclasses import replace

        from gitxp.restoring.artifacts import list_artifacts

        found = list_artifacts(self._reader(), run)
        if not any("lfs_oid" in artifact.about for artifact in found):
            return found
        told = self._with_here([artifact.about for artifact in found])
        return [replace(artifact, about=about) for artifact, about in zip(found, told, strict=True)]

    def read_artifact(self, run: Run, path: str) -> Iterator[bytes]:
        """The bytes of a stored artifact, in pieces; `path` is one of `artifacts`, or the end of only one.

        Raises `UsageError` where there is none, or it is a symbolic link; `GitxpError` where its bytes are not here.
        """
        from gitxp.restoring.artifacts import find_artifact, list_artifacts, read_artifact

        objects = self._reader()
        return read_artifact(objects, find_artifact(list_artifacts(objects, run), path, run), self._large_bytes)

    def get_artifact(
        self, run: Run, path: str, to: str | os.PathLike[str] | None = None, *, force: bool = False
    ) -> tuple[str, int]:
        """Write a stored artifact to a file: its path, and its size in bytes.

        `to` is a file or a folder; without it, it is this folder, and the artifact's own name. Without `force`, nothing
        that is there is replaced. The errors are those of `read_artifact`, and `UsageError` where it is there.
        """
        from gitxp.restoring.artifacts import find_artifact, list_artifacts, read_artifact
        from gitxp.restoring.new_file import write_new_file

        objects = self._reader()
        artifact = find_artifact(list_artifacts(objects, run), path, run)
        target = os.path.abspath(to if to is not None else self.path)
        if os.path.isdir(target):
            target = os.path.join(target, os.path.basename(artifact.path))
        return target, write_new_file(read_artifact(objects, artifact, self._large_bytes), target, force=force)

    def _with_large(self, run: Run, restored: Restored) -> Restored:
        from gitxp.restoring.large import bring_large

        return bring_large(self._git_here(), self._large_store(), run, restored)

    def _large_bytes(self, data: bytes) -> Iterator[bytes] | None:
        """The bytes of the large file that a pointer stands for; None where they are not here."""
        from gitxp.pointer import decode_pointer

        pointer = decode_pointer(data)
        store = self._large_store()
        return None if pointer is None or store.find(pointer) is None else store.stream(pointer)

    def _git_at_top(self) -> Git:
        """Git at the top of the working tree. `NotARepository` where there is none."""
        toplevel = self.location.toplevel
        if toplevel is None:
            raise NotARepository(
                f"{self.location.git_dir} has no working tree here.",
                hint="Restore into a folder of its own: leave --here out.",
            )
        return Git(toplevel)

    def _who(self) -> tuple[str, str]:
        """User and host."""
        from gitxp.store.writer import find_user

        return find_user(os.environ), os.uname().nodename
