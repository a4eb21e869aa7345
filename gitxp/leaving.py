"""What a push would send, as facts: `sharing/` finds them, `render/` tells them."""

from __future__ import annotations

from dataclasses import dataclass

FILE_NAME = "file name"  # the kind of a finding that a file's name alone gave rise to


@dataclass(frozen=True, slots=True)
class LeavingFile:
    """A file of a snapshot that no commit of the user's has, and that the remote has not had before; `size` in bytes."""

    run: str
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class LikelySecret:
    """What looks like a secret in what a run brings.

    `run` is one that has it, and `runs` how many of those that were asked for do. `path` is the path in the run's tree
    and `line` counts from 1; it is 0 where the `kind` is `file name`. `excerpt` is the line up to the secret, which is
    hidden. Paths and excerpts are as they are in the repository: untrusted.
    """

    run: str
    path: str
    line: int
    kind: str
    excerpt: str
    runs: int = 1


@dataclass(frozen=True, slots=True)
class Leaving:
    """What a push of some runs would send to a remote.

    `archives` are refs that hold many runs. `objects` are git's, and `size` the bytes that they take on this disk, compressed.
    `commits_of_branches` counts those of the user's own history that the runs stand on and the remote does not have. `files`
    are those that leave the machine for the first time, each content once; `modified` counts contents of tracked files that
    nobody committed.
    Of the files that only runs bring, `scanned` were looked at for secrets, and `unscanned`, which have
    `unscanned_size` bytes, were not: they are too large, too many, or damaged.
    """

    runs: int
    objects: int
    size: int
    files: tuple[LeavingFile, ...] = ()
    modified: int = 0
    secrets: tuple[LikelySecret, ...] = ()
    scanned: int = 0
    unscanned: int = 0
    unscanned_size: int = 0
    archives: int = 0
    commits_of_branches: int = 0
