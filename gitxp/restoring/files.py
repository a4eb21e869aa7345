"""One file of a snapshot, as it lay in the working tree: through git's filters, line ends and encodings.

The attributes that count are the run's own, and not those of the files that are here now. git reads them from an index
when it checks out: it gets one with just this file and the `.gitattributes` on the way to it.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from gitxp.errors import GitFailed, GitxpError, UsageError
from gitxp.format import FOLDER
from gitxp.git.objects import FOLDER_MODE, SUBMODULE_MODE
from gitxp.git.program import Git
from gitxp.git.scratch import make_scratch
from gitxp.restoring.trees import SAFE, explained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitxp.git.objects import Entry, Objects
    from gitxp.git.worktree import Location
    from gitxp.model import Run

_CHUNK = 1 << 20
_ATTRIBUTES = ".gitattributes"


def path_in_tree(typed: str, location: Location, directory: str) -> str:
    """What a user means by a path, seen from their folder, as a path in a tree; `.gitxp/…` is always that of the run.

    Raises `UsageError` where it leads out of the repository.
    """
    if typed == FOLDER or typed.startswith(FOLDER + "/"):
        return os.path.normpath(typed)
    top = location.toplevel
    if top is None:
        inside = os.path.normpath(typed.lstrip("/"))
    else:
        here = os.path.join(top, location.prefix)
        full = os.path.normpath(os.path.join(here, typed))
        if typed.startswith("/") and not f"{full}/".startswith(f"{top}/"):
            full = os.path.join(os.path.realpath(os.path.dirname(full)), os.path.basename(full))
        inside = os.path.relpath(full, top)
    if inside == ".." or inside.startswith("../"):
        raise UsageError(f"{typed!r} is not in this repository.", hint=f"Paths are seen from {directory}.")
    return inside


def read_file(git: Git, objects: Objects, run: Run, path: str, *, stored: bool = False) -> Iterator[bytes]:
    """The bytes of the file at a path of a run's tree, in pieces: as it was on disk, or, if `stored`, as git keeps it.

    Of a symbolic link it is where that leads. Raises `UsageError` where there is no file.
    """
    entry = objects.find_entry(run.commit, path) if path != "." else None
    if entry is None:
        if path == ".":
            raise UsageError("That is a folder.", hint=f"git ls-tree --name-only {run.commit[:12]}")
        raise UsageError(
            f"{run.name} has no file {path!r}.", hint=f"Its files: git ls-tree -r --name-only {run.commit[:12]}"
        )
    if entry.mode == FOLDER_MODE:
        raise UsageError(f"{path!r} is a folder.", hint=f"Its files: git ls-tree --name-only {run.commit[:12]}:{path}")
    if entry.mode == SUBMODULE_MODE:
        raise UsageError(f"{path!r} is a submodule, at {entry.oid}.", hint="Its files are in its own repository.")
    if stored or path.startswith(FOLDER + "/") or not entry.mode.startswith("100"):
        yield from objects.stream_blob(entry.oid)
        return
    scratch = make_scratch()
    try:
        yield from _written(git, objects, run, entry, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _written(git: Git, objects: Objects, run: Run, entry: Entry, scratch: str) -> Iterator[bytes]:
    """The file as git writes it to a folder of ours."""
    git_dir = os.fsdecode(git.run("rev-parse", "--absolute-git-dir")).rstrip("\n")
    index, top = os.path.join(scratch, "index"), os.path.join(scratch, "top")
    os.mkdir(top)
    inside = Git(top, extra={"GIT_DIR": git_dir, "GIT_WORK_TREE": top}, settings=SAFE)
    parts = entry.path.split("/")[:-1]
    places = ["/".join([*parts[:depth], _ATTRIBUTES]) for depth in range(len(parts) + 1)]
    rules = [found for place in places if (found := objects.find_entry(run.commit, place)) and found.mode[:3] == "100"]
    lines = [
        f"{item.mode} {item.oid} 0\t{item.path}\0" for item in {item.path: item for item in (*rules, entry)}.values()
    ]
    try:
        inside.run("update-index", "-z", "--index-info", data=os.fsencode("".join(lines)), index=index)
        listed = inside.run(
            "checkout-index", "--temp", "-z", "--stdin", data=os.fsencode(entry.path) + b"\0", index=index
        )
    except GitFailed as error:
        raise explained(error, run, "here") from error
    name = listed.partition(b"\t")[0]
    try:
        with open(os.path.join(os.fsencode(top), name), "rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except (FileNotFoundError, IsADirectoryError) as error:
        raise GitxpError(f"git did not write {entry.path!r}.", hint="--stored gives it as git keeps it.") from error
