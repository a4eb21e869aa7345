"""A snapshot onto the user's working tree, and back.

What is there is taken as a snapshot first, untracked files included, and kept as a commit below `refs/gitxp/undo/`; its parents are
HEAD, and what was written instead. Then git goes from that tree to the other one in a private copy of the index: it
writes and removes only files that the first snapshot has just as they are on disk, so that nothing can be lost. HEAD, the
index and branches stay; `git status` says what differs from them. What git ignores, and what a snapshot leaves out, stays
where it is; where it stands in the way of a file, nothing is done at all.
"""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING, NamedTuple, Self

from gitxp.capture.snapshot import Snapshot, capture, copy_index
from gitxp.errors import GitFailed, GitxpError, SnapshotFailed, some_of
from gitxp.format import FOLDER, Oid, format_time
from gitxp.git.large_files import find_pointers, has_content
from gitxp.git.objects import SUBMODULE_MODE
from gitxp.git.program import Git
from gitxp.git.scratch import make_scratch
from gitxp.git.worktree import Surveyor
from gitxp.restoring.checkout import Restored
from gitxp.restoring.large import list_large
from gitxp.restoring.submodules import list_submodules
from gitxp.restoring.trees import SAFE, check_files, find_base, find_folder_entry, list_files, snapshot_tree
from gitxp.store.writer import Identity

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gitxp.capture.untracked import Limits
    from gitxp.git.worktree import Survey
    from gitxp.model import Run

UNDO_REFS = "refs/gitxp/undo/"
_SHOWN = 5
_OURS = f"{FOLDER}/".encode()
_ATTRIBUTES = b".gitattributes"
_DECIDING = ("text", "eol", "crlf", "ident", "filter", "working-tree-encoding")


class Before(NamedTuple):
    """The working tree as it was: the ref and the commit that keep it, its tree, and the private index."""

    ref: str
    commit: Oid
    tree: Oid
    private: str


def restore_here(git: Git, run: Run, limits: Limits, user: str, host: str) -> Restored:
    """Make the files of the working tree that `git` is in those of the run's snapshot; `Restored.undo` brings them back.

    `limits` are those of snapshots; `user` and `host` are for a commit where git knows no name. Raises `GitxpError` where
    files that no snapshot would have stand in the way, in a sparse checkout, and in the middle of a merge; then nothing
    was changed.
    """
    with _WorkingTree(git) as here:
        said = f"Before gitxp restore --here {run.name}"
        files = check_files(git, run)
        before = here.keep("restore", said, run.commit, limits, (user, host))
        tree = snapshot_tree(here.git, run, keep=find_folder_entry(here.git, before.tree))
        right = here.find_right(run, before)
        if right:
            tree, files = here.leave_out(tree, right), [item for item in files if item[0] not in right]
        here.go(before, tree, files)
        base = find_base(git, run)
        notices = (*here.notices(run), *_other_submodules(here.git, tree, before.tree))
        return Restored(run.name, here.git.directory, base, worktree=False, notices=notices, undo=before.ref)


def bring_back(git: Git, ref: str, limits: Limits, user: str, host: str) -> str:
    """Make the files of the working tree what a ref below `refs/gitxp/undo/` kept.

    What is there now is kept in the same way first: the ref of that is given. Of the files that are not in the one that
    is brought back, those go that came with what was written then; what the user made since stays. The arguments and
    errors are those of `restore_here`; `GitFailed` where there is no such ref. The ref stays.
    """
    with _WorkingTree(git) as here:
        commit = here.resolve(f"{ref}^{{commit}}")
        tree = here.resolve(f"{commit}^{{tree}}")
        parents = git.run("rev-list", "--parents", "-1", commit).decode("ascii").split()[1:]
        written = dict(list_files(git, parents[-1])) if parents else {}
        said = f"Before gitxp undo of {ref.removeprefix(UNDO_REFS)}"
        before = here.keep("undo", said, commit, limits, (user, host))
        files = list_files(git, tree)
        here.go(here.without(before, written.keys() | dict(files).keys()), tree, files)
        return before.ref


class _WorkingTree:
    """The user's working tree, with a private index of what is in it."""

    def __init__(self, git: Git) -> None:
        surveyor = Surveyor(git)
        try:
            surveyor.location()
            version = surveyor.version()
            self._survey: Survey = surveyor.survey()
        finally:
            surveyor.close()
        assert self._survey.location.toplevel is not None
        self.git = Git(self._survey.location.toplevel, settings=SAFE)
        self.git.durable_for(version)
        self._snapshot: Snapshot | None = None
        self._scratch = ""

    def __enter__(self) -> Self:
        survey = self._survey
        is_sparse = survey.variables.get("core.sparsecheckout", "").lower() in {"true", "yes", "on", "1"}
        top = self.git.directory
        if is_sparse or any(
            not os.path.lexists(os.path.join(top, path)) for path, is_skipped in survey.flagged if is_skipped
        ):
            raise GitxpError(
                "This is a sparse checkout: what is not checked out here would be missing.",
                hint="Restore into a folder of its own: leave --here out.",
            )
        unmerged = [entry.path for entry in survey.entries if entry.worktree == "U"]
        if unmerged:
            raise GitxpError(
                f"There is a merge going on here: {unmerged[0]} has conflicts.",
                hint="Finish or abort it first: git status; or leave --here out.",
            )
        self._scratch = make_scratch()
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)

    def keep(self, what: str, message: str, instead: Oid, limits: Limits, by: tuple[str, str]) -> Before:
        """Take a snapshot of the working tree and keep it in a commit on HEAD, with a ref of its own.

        `instead` is the commit of what will be there instead.
        """
        location, index = self._survey.location, os.path.join(self._scratch, "index")
        self._snapshot = snapshot = capture(
            self.git, self._survey, index, os.path.join(self._scratch, "kept"), limits, is_whole=True
        )
        if not os.path.exists(index):
            copy_index(location.index_path, index)
        self.git.ask("update-index", "-q", "--refresh", index=index)  # exit status 1 says that something differs
        tree = snapshot.tree or self.resolve_empty()
        if self.resolve_index(index) != tree:
            raise SnapshotFailed("The files changed while they were looked at.", hint="Let them be for a moment.")
        parents = [word for parent in (location.head, instead) if parent for word in ("-p", parent)]
        identity = Identity.of(self._survey.variables, os.environ, *by)
        commit = write_commit(self.git, tree, parents, message, identity)
        of = f"-{location.worktree}" if location.worktree else ""
        ref = f"{UNDO_REFS}{format_time(time.time_ns()).replace(':', '')}-{what}{of}"
        self.git.run("update-ref", "--create-reflog", "-m", f"gitxp {what}", ref, commit, "0" * len(commit))
        return Before(ref, commit, tree, index)

    def without(self, before: Before, paths: Collection[str]) -> Before:
        """The same, as if no files were there but at these paths: what the user's index does not have stays on disk."""
        tracked = {entry.path for entry in self._survey.entries}
        tracked |= (
            dict(list_files(self.git, self._survey.location.head_tree)).keys()
            if self._survey.location.head_tree
            else set()
        )
        others = dict(list_files(self.git, before.tree)).keys() - paths - tracked
        if not others:
            return before
        data = b"".join(os.fsencode(path) + b"\0" for path in others)
        self.git.run("update-index", "--force-remove", "-z", "--stdin", data=data, index=before.private)
        return before._replace(tree=self.resolve_index(before.private))

    def find_right(self, run: Run, before: Before) -> set[str]:
        """The large files of a run that are on disk as it had them, and that no snapshot has: they can stay."""
        large = list_large(run) - dict(list_files(self.git, before.tree)).keys()
        pointers = find_pointers(self.git, run.commit) if large else {}
        top = self.git.directory
        return {path for path in large & pointers.keys() if has_content(os.path.join(top, path), pointers[path])}

    def leave_out(self, tree: Oid, paths: Collection[str]) -> Oid:
        """A tree without these paths."""
        index = os.path.join(self._scratch, "partial")
        self.git.run("read-tree", tree, index=index)
        data = b"".join(os.fsencode(path) + b"\0" for path in paths)
        self.git.run("update-index", "--force-remove", "-z", "--stdin", data=data, index=index)
        return self.resolve_index(index)

    def go(self, before: Before, tree: Oid, files: list[tuple[str, str]]) -> None:
        """Go from what was kept to another tree, whose files these are. `GitxpError` where something is in the way."""
        kept = dict(list_files(self.git, before.tree))
        differ = self.git.run("diff-files", "-z", "--name-only", "--ignore-submodules", index=before.private)
        odd = {os.fsdecode(path) for path in differ.split(b"\0") if path and not path.startswith(_OURS)}
        in_the_way = sorted(odd | _in_the_way(self.git.directory, files, kept))
        if in_the_way:
            self.git.run("update-ref", "-d", before.ref, before.commit)  # nothing was changed: there is nothing to undo
            raise GitxpError(
                f"These files are in the way, and no snapshot has them: {some_of(in_the_way, _SHOWN)}.",
                hint="git ignores them, or they look like secrets or are large. Move them, or leave --here out.",
            )
        alike = self._find_alike(before.tree, tree)
        rules = self._read_rules(alike, before.private)
        try:
            self.git.run("read-tree", "-m", "-u", before.tree, tree, index=before.private)
            others = self._read_rules(alike, before.private)
            self._write_anew([alike[path] for path in alike if rules[path] != others[path]], before.private)
        except GitFailed as error:
            raise GitxpError(
                f"The files could not all be written. {error.message}",
                hint=f"What was here before is kept as {before.ref}: gitxp undo",
            ) from error

    def _find_alike(self, tree: Oid, other: Oid) -> dict[bytes, bytes]:
        """The files that two trees share, where a `.gitattributes` is not the same in both: by path, git's line for each.

        Of one blob, other attributes make another file on disk, and git writes none whose blob it has already.
        """
        differ = set(self.git.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", tree, other).split(b"\0"))
        if not any(os.path.basename(path) == _ATTRIBUTES for path in differ):
            return {}
        lines = self.git.run("ls-tree", "-r", "-z", "--full-tree", other).split(b"\0")
        files = {line.partition(b"\t")[2]: line for line in lines if line.startswith(b"100")}
        return {path: line for path, line in files.items() if path not in differ}

    def _read_rules(self, paths: Collection[bytes], index: str) -> dict[bytes, tuple[bytes, ...]]:
        """By path, the attributes that decide what git writes, as the `.gitattributes` of an index have them."""
        if not paths:
            return {}
        data = b"".join(path + b"\0" for path in paths)
        told = self.git.run("check-attr", "--cached", "-z", "--stdin", *_DECIDING, data=data, index=index).split(b"\0")
        values, count = told[2::3], len(_DECIDING)
        return {path: tuple(values[n * count : (n + 1) * count]) for n, path in enumerate(paths)}

    def _write_anew(self, lines: Sequence[bytes], index: str) -> None:
        """Write the files of these lines of `git ls-tree`, though those that are there have the same blobs."""
        if not lines:
            return
        # an entry that is written so has no times and no size of a file, so that git takes what is there for an old one
        data = b"".join(line + b"\0" for line in lines)
        self.git.run("update-index", "-z", "--index-info", data=data, index=index)
        paths = b"".join(line.partition(b"\t")[2] + b"\0" for line in lines)
        self.git.run("checkout-index", "--force", "-z", "--stdin", data=paths, index=index)

    def resolve(self, revision: str) -> Oid:
        """The object that this text means to git."""
        return Oid(self.git.run("rev-parse", "--verify", "--end-of-options", revision).decode("ascii").strip())

    def resolve_index(self, index: str) -> Oid:
        """The tree of a private index."""
        return Oid(self.git.run("write-tree", index=index).decode("ascii").strip())

    def resolve_empty(self) -> Oid:
        """The tree of no files."""
        return Oid(self.git.run("mktree").decode("ascii").strip())

    def notices(self, run: Run) -> tuple[str, ...]:
        """What is to be said besides: that there is no snapshot, and what was left where it was."""
        told = []
        if run.record.get("snapshot") is False:
            told.append(f"{run.name} has no snapshot: these are the files of the commit that HEAD was at")
        skipped = self._snapshot.skipped if self._snapshot else ()
        return (*told, *(f"left as it is: {item.path}: {item.reason}" for item in skipped))


def write_commit(git: Git, tree: Oid, parents: Sequence[str], message: str, identity: Identity) -> Oid:
    """Write a commit, and nothing that leads to it."""
    people: dict[str, str] = {}
    for role, who in (("AUTHOR", identity.author), ("COMMITTER", identity.committer)):
        name, _, email = who.removesuffix(">").rpartition(" <")
        people |= {f"GIT_{role}_NAME": name, f"GIT_{role}_EMAIL": email}
    writer = Git(git.directory, environ=git.environ, extra=people)
    writer.settings = git.settings
    made = writer.run("commit-tree", tree, *parents, "-F", "-", data=message.encode("utf-8", "surrogateescape") + b"\n")
    return Oid(made.decode("ascii").strip())


def _other_submodules(git: Git, tree: Oid, before: Oid) -> list[str]:
    """Sentences about the submodules that are not at the commit that the run had them at: they are left alone."""
    had = dict(list_submodules(git, before))
    return [
        f"left as it is: the submodule {path}, which the run had at {commit[:10]}"
        for path, commit in list_submodules(git, tree)
        if had.get(path) != commit
    ]


def _in_the_way(toplevel: str, files: list[tuple[str, str]], kept: dict[str, str]) -> set[str]:
    """Of the files on disk that writing these would replace or remove, those that were not kept: a submodule's, too."""
    found: set[str] = set()
    seen: set[str] = set()
    for path, mode in files:
        if path in kept and (kept[path] != SUBMODULE_MODE or mode == SUBMODULE_MODE):
            continue
        folder, is_behind = os.path.dirname(path), False
        while folder:
            is_behind = is_behind or folder in kept  # a file or a link is there now, and goes
            if folder not in seen:
                seen.add(folder)
                found |= _above(toplevel, folder, kept)
            folder = os.path.dirname(folder)
        full = os.path.join(toplevel, path)
        if is_behind:
            continue
        if _is_folder(full):
            found |= {inner for inner in _files_below(toplevel, path) if inner not in kept}
        elif os.path.lexists(full):
            found.add(path)
    return found


def _above(toplevel: str, folder: str, kept: dict[str, str]) -> set[str]:
    """The folder, where something else is there that was not kept, or a submodule with files."""
    full = os.path.join(toplevel, folder)
    if _is_folder(full):
        return {folder} if kept.get(folder) == SUBMODULE_MODE and os.listdir(full) else set()
    return {folder} if os.path.lexists(full) and folder not in kept else set()


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _files_below(toplevel: str, folder: str) -> list[str]:
    return [
        os.path.relpath(os.path.join(place, name), toplevel)
        for place, folders, files in os.walk(os.path.join(toplevel, folder))
        for name in [*files, *(inner for inner in folders if os.path.islink(os.path.join(place, inner)))]
    ]
