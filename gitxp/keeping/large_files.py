"""The large files of runs' artifacts that nobody else needs: objects of git-lfs that may be taken out of its store.

Needed is what a pointer stands for that can be reached from any ref but those of the chosen runs (branches, tags, other runs,
the trash, remotes), from a reflog that is not of runs, or from an index; and any pointer in the chosen runs that is no
artifact. All of the history is looked at, so that it may take as long as `git gc` does.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from gitxp.format import FOLDER, RUN_REFS, Oid
from gitxp.git.contents import check_objects
from gitxp.git.lfs import find_store
from gitxp.git.remote import TRACKING_REFS
from gitxp.keeping.large_kept import KEPT_REF
from gitxp.keeping.pointers import as_held, find_pointers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gitxp.git.program import Git
    from gitxp.model import Run

_ARTIFACTS = f"{FOLDER}/artifacts"
_OWN_REFLOGS = ("--exclude=refs/experiments/*", "--exclude=refs/gitxp/*")


class LargeFile(NamedTuple):
    """An object of git-lfs that only artifacts of chosen runs need: its sha256, its bytes, a path that has it."""

    sha256: str
    size: int
    path: str


def find_large_files(
    git: Git, common_dir: str, runs: Sequence[Run], progress: Callable[[str], None] = lambda _: None
) -> list[LargeFile]:
    """The objects in git-lfs's store that artifacts of these runs need, and nothing else does, by their sha256."""
    store = find_store(git, common_dir)
    if not runs or not os.path.isdir(store.folder):
        return []
    progress("the artifacts of runs")
    commits = _commits_of(git, runs)
    pathspec = ["--", f":(top){_ARTIFACTS}"]
    artifacts = _pointers(git, commits, "--no-walk=unsorted", pathspec=pathspec)
    found = {sha256: (size, path) for sha256, path in artifacts.items() if (size := store.size(sha256)) is not None}
    if not found:
        return []
    progress("what all else needs")
    needed = _pointers(git, commits, "--no-walk=unsorted", pathspec=["--", f":(top,exclude){_ARTIFACTS}"])
    needed |= _pointers(git, _other_tips(git, runs, set(commits)), "--indexed-objects")
    return [LargeFile(sha256, size, path) for sha256, (size, path) in sorted(found.items()) if sha256 not in needed]


def _commits_of(git: Git, runs: Iterable[Run]) -> list[Oid]:
    """The commits of runs from their tips down to what a branch has."""
    asked = "".join(f"{run.commit}\n" for run in runs).encode()
    others = ("--not", "--branches", "--tags", "--remotes")
    answer = git.run("rev-list", "--ignore-missing", "--stdin", *others, data=asked)
    return [Oid(line) for line in answer.decode("ascii").splitlines()]


def _other_tips(git: Git, runs: Sequence[Run], commits: set[Oid]) -> list[Oid]:
    """What all refs but those of these runs lead to, and the reflogs of refs that are not ours."""
    names = {run.ref for run in runs}
    lines = git.run("for-each-ref", "--format=%(objectname) %(refname)").decode("utf-8", "surrogateescape").split("\n")
    found = [
        oid
        for oid, ref in (line.split(" ", 1) for line in lines if line)
        if ref not in names and ref != KEPT_REF and not (ref.startswith((TRACKING_REFS, RUN_REFS)) and oid in commits)
    ]
    logs = git.ask("log", "--walk-reflogs", "--format=%H", *_OWN_REFLOGS, "--all")
    found += logs.stdout.decode("ascii", "replace").split()
    there_are = {oid for oid, _, _ in check_objects(git, list(dict.fromkeys(found)))}
    return [Oid(oid) for oid in dict.fromkeys(found) if oid in there_are]


def _pointers(git: Git, tips: Sequence[Oid], *options: str, pathspec: Sequence[str] = ()) -> dict[str, str]:
    """The sha256 of all pointers that are reached from these, each with a path."""
    asked = "".join(f"{oid}\n" for oid in tips).encode()
    data = git.run("rev-list", "--objects", "--missing=allow-any", *options, "--stdin", *pathspec, data=asked or b"\n")
    paths: dict[str, str] = {}
    for line in data.split(b"\n"):
        oid, is_object, path = line.decode("utf-8", "surrogateescape").partition(" ")
        if is_object:
            paths[oid] = path
    return {one.pointer.oid: one.file.path for one in find_pointers(git, as_held(git, paths))}
