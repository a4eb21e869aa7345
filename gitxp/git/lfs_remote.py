"""The LFS side of remotes, to which git-lfs, the program, talks: in its hook pre-push, and where objects are fetched.

Which server that is, credentials, proxies, transfers of other kinds than the basic one: all that is git-lfs's, as it is in a
plain `git push`. What a server sends is hashed by git-lfs before it is an object, and again by whoever restores it.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from gitxp.git.refusals import find_refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gitxp.git.lfs import Store
    from gitxp.git.program import Git
    from gitxp.git.remote import Remote
    from gitxp.pointer import Pointer

SKIP_UPLOAD = {"GIT_LFS_SKIP_PUSH": "1"}
_AT_ONCE = 200  # commits in one command


def has_program(git: Git) -> bool:
    """Whether git-lfs is installed."""
    return not git.ask("lfs", "version").status


def has_hook(git: Git) -> bool:
    """Whether a push of this `git` calls git-lfs: only where somebody had it installed in this clone (`git lfs install`)."""
    path = os.fsdecode(git.run("rev-parse", "--path-format=absolute", "--git-path", "hooks/pre-push")).rstrip("\n")
    try:
        with open(path, "rb") as file:
            return os.access(path, os.X_OK) and b"lfs" in file.read(1 << 16)
    except OSError:
        return False


def fetch_objects(
    git: Git,
    store: Store,
    remote: Remote,
    wanted: Sequence[tuple[str, Sequence[Pointer]]],
    on_stderr: Callable[[bytes], None],
) -> list[tuple[Pointer, str]]:
    """Bring large objects from a remote to the store: those of commits. Those that are not here after it, each with a reason."""
    said = ""
    for start in range(0, len(wanted), _AT_ONCE):
        commits = [commit for commit, _ in wanted[start : start + _AT_ONCE]]
        # what the user configured to leave out of fetches was asked for by name now
        process = git.start("lfs", "fetch", "--include=", "--exclude=", remote.name, *commits)
        said += process.watch(on_stderr).stderr.decode("utf-8", "replace")
    pointers = dict.fromkeys(pointer for _, some in wanted for pointer in some)
    return [(pointer, _reason(pointer, said, remote)) for pointer in pointers if store.find(pointer) is None]


def _reason(pointer: Pointer, said: str, remote: Remote) -> str:
    refusal = find_refusal(said)
    if refusal is not None:
        return f"{remote.label} has no LFS ({refusal})"
    return next(_lines_about(pointer, said), "git lfs fetch did not bring it")


def _lines_about(pointer: Pointer, said: str) -> Iterator[str]:
    """What git-lfs said of this object, then what it said of all."""
    lines = [line.strip() for line in re.split(r"[\r\n]+", said)]
    yield from (line.replace(f"[{pointer.oid}] ", "") for line in lines if pointer.oid in line)
    yield from (line for line in lines if line.startswith(("batch ", "error: ", "fatal: ")))
