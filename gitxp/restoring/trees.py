"""What of a run's commit is the user's: the snapshot without `.gitxp`, and the base that it stood on.

The tree is made by `git mktree` from the entries of the run's own, so that its folders and files are the same objects.
A run may come from anybody: that its paths can be written is asked of git, which refuses `.git` in all its spellings,
`..` and absolute paths by itself; what git lets pass, and no file system can hold, is looked for here.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

from gitxp.errors import FormatError, GitFailed, GitxpError, find_unwritable
from gitxp.format import FOLDER, Oid
from gitxp.git.history import ask_contains
from gitxp.git.program import Git
from gitxp.git.scratch import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitxp.model import Run

# Beside what every git of gitxp's has: paths that are `.git` on some file system are refused on all of them, all files
# are written in a sparse repository, too, and submodules are left alone.
SAFE = ("core.protectHFS=true", "core.protectNTFS=true", "core.sparseCheckout=false", "submodule.recurse=false")
MAX_FILES = 3_000_000
_INVALID = "invalid path '"
_FOLDER_MODE = "040000"


def snapshot_tree(git: Git, run: Run, *, keep: bytes = b"") -> Oid:
    """The tree of a run without `.gitxp`; `keep` is an entry as `git ls-tree -z` has it, to stand in its place.

    Raises `FormatError` where git makes no tree of these names, `GitFailed` where there is no such commit.
    """
    entries = [entry for entry in _entries(git, run.commit) if _name_of(entry) != FOLDER.encode()]
    data = b"".join(entry + b"\0" for entry in [*entries, keep] if entry)
    made = git.ask("mktree", "-z", "--missing", data=data)
    if made.status:
        raise _refusal(run, made.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: "))
    return Oid(made.stdout.decode("ascii").strip())


def find_folder_entry(git: Git, tree: str) -> bytes:
    """The entry of `.gitxp` in a tree, as `git ls-tree -z` has it; empty where there is none."""
    return next((entry for entry in _entries(git, tree) if _name_of(entry) == FOLDER.encode()), b"")


def find_sound_folder(git: Git, base: Oid) -> bytes:
    """The same of a run's base, where it is a folder that can be written; else empty. The base may come from anybody, too."""
    entry = find_folder_entry(git, base)
    mode, _, oid = entry.partition(b"\t")[0].decode("ascii").split() if entry else ("", "", "")
    if mode != _FOLDER_MODE or find_clash(list_files(git, oid)) is not None:
        return b""
    return entry if _judge(git, oid) is None else b""


def list_files(git: Git, tree: str) -> list[tuple[str, str]]:
    """Path and mode of all files in a tree, in git's order; a submodule has the mode `SUBMODULE_MODE`.

    Raises `FormatError` beyond `MAX_FILES`: ten levels of ten equal folders are 10^10 files in a few KB.
    """
    listing, count = bytearray(), 0
    for chunk in git.start("ls-tree", "-r", "-z", "--full-tree", tree).stream():
        listing += chunk
        count += chunk.count(0)
        if count > MAX_FILES:
            raise FormatError(
                f"{tree[:12]} has more than {MAX_FILES:,} files.", hint="Nobody has that many: it is a trap."
            )
    parts = (line.partition(b"\t") for line in listing.split(b"\0") if line)
    return [(os.fsdecode(bytes(path)), about.partition(b" ")[0].decode("ascii")) for about, _, path in parts]


def check_files(git: Git, run: Run) -> list[tuple[str, str]]:
    """The files of a run's snapshot, as `list_files`.

    Raises `FormatError` where git refuses to write a path, and where one stands twice, or is a file and a folder at once:
    git writes one of the two then; a link that is also a folder is how files have been written outside of a checkout.
    """
    files = [item for item in list_files(git, run.commit) if not item[0].startswith(f"{FOLDER}/")]
    error = _judge(git, run.commit)
    if error is not None:
        raise explained(error, run, "here") from error
    clash = find_clash(files)
    if clash is not None:
        raise _refusal(run, clash)
    return files


def _judge(git: Git, tree: str) -> GitFailed | None:
    """Why git would not write the paths of a tree; None where it would."""
    judge = Git(git.directory, environ=git.environ, settings=SAFE)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as scratch:
        try:
            judge.run("read-tree", tree, index=os.path.join(scratch, "index"))
        except GitFailed as error:
            return error
    return None


def find_clash(files: list[tuple[str, str]]) -> str | None:
    """What is wrong with files as `list_files` gives them: one that stands twice, or is a folder, too; None if nothing is."""
    known: set[str] = set()
    for path, _ in files:
        if path in known:
            return f"{path!r} stands there twice"
        known.add(path)
    seen: set[str] = set()
    for path, _ in files:
        folder = os.path.dirname(path)
        while folder and folder not in seen:
            if folder in known:
                return f"{folder!r} is a file and a folder at once"
            seen.add(folder)
            folder = os.path.dirname(folder)
    return None


def explained(error: GitFailed, run: Run, place: str) -> GitxpError:
    """What git refused to write, in words that say whose path it is."""
    _, found, rest = error.stderr.partition(_INVALID)
    if found:
        path = rest.partition("\n")[0].removesuffix("'")
        return _refusal(run, f"git refuses the path {path!r}, which could reach outside of the folder, or into .git")
    words = [line for line in error.stderr.splitlines() if "filter" in line]
    if words:
        told = words[-1].removeprefix("error: ").removeprefix("fatal: ")
        return GitxpError(
            f"The snapshot of {run.name} cannot be written: {told}.",
            hint="A filter of your git configuration failed: git config --show-origin --get-regexp '^filter'",
        )
    hint = error.hint
    if find_unwritable(error.stderr):
        hint = f"{hint} 'gitxp restore --plain' does with neither."
    return GitxpError(f"{run.name} could not be restored to {place}. {error.message}", hint=hint)


def _refusal(run: Run, why: str) -> FormatError:
    return FormatError(
        f"The snapshot of {run.name} cannot be written: {why}.",
        hint=f"git made no such commit by itself. Look at it: git ls-tree -r {run.commit[:12]}",
    )


def find_base(git: Git, run: Run) -> Oid | None:
    """The commit that the run began at; None where there was none, or the record names one that is not in its history."""
    base = run.record.get("base")
    if not isinstance(base, str) or len(base) not in {40, 64} or not set(base) <= set("0123456789abcdef"):
        return None
    return Oid(base) if ask_contains(git, run.commit, Oid(base)) else None


def _entries(git: Git, tree: str) -> Iterator[bytes]:
    return (entry for entry in git.run("ls-tree", "-z", "--full-tree", tree).split(b"\0") if entry)


def _name_of(entry: bytes) -> bytes:
    return entry.partition(b"\t")[2]
