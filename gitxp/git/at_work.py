"""Whether a git is at work in a repository: what a lock file cannot tell of a process that was killed.

A git that holds a lock need not have the file open: it closes it before it renames it. So not the file is asked for, but
the processes: any whose program's name begins with `git`, and that stands in the repository, has a file of it open, or is told
of it by a variable or an option. Linux tells that below /proc; elsewhere nothing does.
"""

from __future__ import annotations

import os
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PROC = "/proc"


def is_git_at_work(folders: Sequence[str]) -> bool | None:
    """Whether a git of this machine may be at work in these folders, absolute paths; None where nothing tells.

    Our own helpers, which only read, do not count. A process that cannot be looked at is taken for one that is at work.
    """
    if not os.path.exists(os.path.join(_PROC, "self", "comm")):
        return None
    tops = [os.path.realpath(folder) for folder in folders]
    return any(_may_be_at_work(pid, tops) for pid in _gits())


def _gits() -> Iterator[str]:
    for pid in filter(str.isdigit, os.listdir(_PROC)):
        try:
            with open(os.path.join(_PROC, pid, "stat"), "rb") as file:
                before, _, after = file.read().rpartition(b")")
        except OSError:
            continue  # it has ended
        state, parent = after.split()[:2]
        if before.partition(b"(")[2].startswith(b"git") and state != b"Z" and int(parent) != os.getpid():
            yield pid


def _may_be_at_work(pid: str, tops: Sequence[str]) -> bool:
    place = os.path.join(_PROC, pid)
    try:
        folder = os.readlink(os.path.join(place, "cwd"))
        opened = [os.path.join(place, "fd", fd) for fd in os.listdir(os.path.join(place, "fd"))]
        named = [os.path.realpath(os.path.join(folder, os.fsdecode(path))) for path in _named(place)]
        paths = [folder, *named, *filter(None, map(_target, opened))]
    except (FileNotFoundError, ProcessLookupError):
        return False  # it has ended
    except OSError:
        return True
    return any(f"{path}/".startswith(f"{top}/") for path in paths for top in tops)


def _named(place: str) -> Iterator[bytes]:
    """The repositories that a variable or an option of a process names."""
    with open(os.path.join(place, "environ"), "rb") as file:
        words = file.read().split(b"\0")
    yield from (word.removeprefix(b"GIT_DIR=") for word in words if word.startswith(b"GIT_DIR="))
    with open(os.path.join(place, "cmdline"), "rb") as file:
        words = file.read().split(b"\0")
    yield from (word.removeprefix(b"--git-dir=") for word in words if word.startswith(b"--git-dir="))
    yield from (after for word, after in pairwise(words) if word == b"--git-dir")


def _target(link: str) -> str | None:
    """Where a link leads; None where it is gone."""
    try:
        return os.readlink(link)
    except FileNotFoundError:
        return None
