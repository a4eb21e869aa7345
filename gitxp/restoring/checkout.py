"""A snapshot in a folder of its own: a linked worktree of git's, or plain files.

git writes the files: it alone knows filters (LFS), line ends, encodings, executable bits and links as the run had them.
The worktree stands as the run began: HEAD at its base, detached, and what differed from it staged. Staged, for then the
snapshot of another run there is the same tree, whatever is ignored, large or named like a secret.

Nothing is written over anything: the folder is new or empty. What fails or is interrupted leaves none behind.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from gitxp.errors import GitFailed, GitxpError, UsageError
from gitxp.git.objects import SUBMODULE_MODE
from gitxp.git.outbox import find_common_dir
from gitxp.git.program import Git, checked
from gitxp.git.scratch import make_scratch
from gitxp.restoring.submodules import Filled, fill_submodules
from gitxp.restoring.trees import SAFE, check_files, explained, find_base, find_sound_folder, snapshot_tree
from gitxp.store.doing import Doing

if TYPE_CHECKING:
    from gitxp.format import Oid
    from gitxp.git.worktree import Location
    from gitxp.model import Run

_SAID = ("error: ", "warning: ")


@dataclass(frozen=True, slots=True)
class Restored:
    """A snapshot that was restored to `path`, an absolute one; `base` is None where the run began without a commit.

    `worktree` tells whether it is one of git's. `differing` are paths whose file could not be as it was: two of one name,
    where case does not count. `submodules` are empty folders, `filled` those whose files were written without a repository
    of their own, `left_out` paths that the snapshot has not. `notices` are
    sentences, of git's for the most part. `undo` is the ref of a commit with what was there before, where it was restored
    onto a working tree.
    """

    run: str
    path: str
    base: str | None
    worktree: bool
    differing: tuple[str, ...] = ()
    submodules: tuple[str, ...] = ()
    filled: tuple[Filled, ...] = ()
    left_out: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    undo: str | None = None


def default_place(location: Location, name: str) -> str:
    """Where a run is restored to unless somebody says: beside the repository, so that `../data` leads where it led."""
    top = location.toplevel or location.common_dir.removesuffix("/.git")
    return f"{top.rstrip('/').removesuffix('.git')}-{name}"


def restore(
    git: Git,
    run: Run,
    place: str,
    *,
    worktree: bool = True,
    submodules_of: Location | None = None,
    doing: Doing | None = None,
) -> Restored:
    """Write the snapshot of a run to `place`, an absolute path of a folder that is new or empty.

    Raises `UsageError` where it is neither, `FormatError` and `GitxpError` where the snapshot cannot be written; then
    nothing is left behind. With `submodules_of`, submodules get the files that they have in the clones of them there, and no
    repository: else they are empty, for `git submodule update` to fill. `doing` is the caller's note of a larger task; without one, a note stands while this works.
    """
    with contextlib.ExitStack() as stack:
        note = doing or stack.enter_context(Doing(find_common_dir(git), what="restore"))
        folder = stack.enter_context(_Folder(place, note, run))
        files = check_files(git, run)
        if not worktree:
            git = folder.writing_elsewhere(git)
        base = find_base(git, run)
        # a base with runs merged into it has `.gitxp`, which no snapshot has: without it, git would tell of deleted files
        tree = snapshot_tree(git, run, keep=find_sound_folder(git, base) if worktree and base else b"")
        try:
            if worktree:
                folder.link(git, run, base)
                inside = Git(place, settings=SAFE)
                index = None
            else:
                os.makedirs(place, exist_ok=True)
                inside = Git(place, settings=(*SAFE, "core.bare=false"))
                inside.environ = git.environ | _plain(git, place)
                index = folder.private_index()
            said = inside.start("read-tree", "--reset", "-u", tree, index=index).result()
            checked(("read-tree",), said)
            differing = inside.run("diff-files", "--name-only", "-z", "--ignore-submodules", index=index)
            filled: list[Filled] = []
            empty = [path for path, mode in files if mode == SUBMODULE_MODE]
            if submodules_of is not None:
                filled, empty = fill_submodules(git, tree, place, submodules_of.toplevel, submodules_of.common_dir)
        except GitFailed as error:
            raise explained(error, run, place) from error
        folder.keep()
    return Restored(
        run=run.name,
        path=place,
        base=base,
        worktree=worktree,
        differing=tuple(os.fsdecode(path) for path in differing.split(b"\0") if path),
        submodules=tuple(empty),
        filled=tuple(filled),
        left_out=tuple(item["path"] for item in run.record.get("skipped", ())),
        notices=tuple(_notices(run, said.stderr.decode("utf-8", "replace"))),
    )


def remove_worktree(git: Git, place: str) -> None:
    """Take a worktree away with all that is in it; links in it are not followed."""
    shutil.rmtree(place, ignore_errors=True)  # git would say no to files that it does not know, and to submodules
    git.run("worktree", "remove", "--force", "--force", place)


def _plain(git: Git, place: str) -> dict[str, str]:
    """What makes git write to a folder that is no working tree of its own."""
    git_dir = os.fsdecode(git.run("rev-parse", "--absolute-git-dir")).rstrip("\n")
    return {"GIT_DIR": git_dir, "GIT_WORK_TREE": place}


def _notices(run: Run, stderr: str) -> list[str]:
    told = [f"git: {line}" for line in stderr.splitlines() if line.startswith(_SAID)]
    if run.record.get("snapshot") is False:
        told.append(f"{run.name} has no snapshot: these are the files of the commit that HEAD was at")
    dirty = [item["path"] for item in run.record.get("submodules", ()) if item.get("dirty")]
    told += [f"a submodule had changes of its own then, which no snapshot has: {path}" for path in dirty]
    return told


class _Folder:
    """The folder to write to: what was made for it goes again, unless it is kept."""

    def __init__(self, place: str, note: Doing, run: Run) -> None:
        if "\n" in place:
            raise UsageError("A folder with a newline in its name cannot be a worktree.", hint="Choose another --to.")
        self._place = place
        self._scratch: str | None = None
        self._git: Git | None = None
        self._is_kept = False
        self._made = _first_missing(place)
        self._note = note
        self._run = run

    def __enter__(self) -> Self:
        if self._made is None:
            is_empty = os.path.isdir(self._place) and not os.listdir(self._place)
            if not is_empty:
                raise UsageError(
                    f"{self._place} is there already, and nothing is ever written over it.",
                    hint="Choose a folder that is new or empty: --to DIR",
                )
        self._note.say(run=self._run.name, commit=self._run.commit, place=self._place, made=self._made)
        if self._made is not None:
            self._make()
        return self

    def _make(self) -> None:
        """Make the folder, which nobody else has made meanwhile: what is taken away again is ours."""
        try:
            os.makedirs(os.path.dirname(self._place), exist_ok=True)
            os.mkdir(self._place)
        except FileExistsError as error:
            raise UsageError(
                f"{self._place} is being written by somebody else.",
                hint="Choose a folder that is new or empty: --to DIR",
            ) from error
        except OSError as error:
            raise GitxpError(
                f"{self._run.name} could not be restored to {self._place}: {error.strerror}.",
                hint="Choose another --to.",
            ) from error

    def link(self, git: Git, run: Run, base: Oid | None) -> None:
        """Make it a worktree without files: HEAD at the base; on a branch that does not exist yet, where there is none."""
        self._git = git
        try:
            git.run("worktree", "add", "--force", "--detach", "--no-checkout", self._place, base or run.commit)
        except GitFailed:
            self._is_kept = self._made is None  # it was empty, and somebody else took it meanwhile
            raise
        if base is None:
            taken = git.run("for-each-ref", "--format=%(refname)", f"refs/heads/{run.name}*").decode().splitlines()
            name, number = f"refs/heads/{run.name}", 1
            while name in taken:
                number += 1
                name = f"refs/heads/{run.name}-{number}"
            Git(self._place).run("symbolic-ref", "HEAD", name)

    def private_index(self) -> str:
        """The path of an index that is none of the user's."""
        return os.path.join(self._make_scratch(), "index")

    def writing_elsewhere(self, git: Git) -> Git:
        """Git that puts new objects into a folder of ours, where those of the repository are only to be read."""
        said = os.fsdecode(git.run("rev-parse", "--git-path", "objects")).removesuffix("\n")
        objects = os.path.abspath(os.path.join(git.directory, said))
        if os.access(objects, os.W_OK):
            return git
        ours = os.path.join(self._make_scratch(), "objects")
        os.mkdir(ours)
        other = Git(git.directory, environ=git.environ)
        other.environ |= {"GIT_OBJECT_DIRECTORY": ours, "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(objects)}
        return other

    def _make_scratch(self) -> str:
        if self._scratch is None:
            self._scratch = make_scratch()
            self._note.say(scratch=self._scratch)
        return self._scratch

    def keep(self) -> None:
        """It is complete."""
        self._is_kept = True

    def __exit__(self, *_: object) -> None:
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
        if self._is_kept:
            return
        shutil.rmtree(self._place, ignore_errors=True)
        if self._git is not None:
            self._git.ask("worktree", "remove", "--force", "--force", self._place)
        if self._made is None:
            os.makedirs(self._place, exist_ok=True)
            return
        folder = os.path.dirname(self._place)
        while f"{folder}/".startswith(f"{self._made}/") and os.path.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)
            folder = os.path.dirname(folder)


def _quoted(path: str) -> str:
    """A path as git takes it in a list of object folders, whatever is in it."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _first_missing(place: str) -> str | None:
    """The topmost of the folders on the way to a path that is not there; None where it is all there."""
    missing = None
    while not os.path.lexists(place):
        missing, place = place, os.path.dirname(place)
    return missing
