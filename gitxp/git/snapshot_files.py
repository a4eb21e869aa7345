"""Which files a commit has, and whether those on disk are still the same: asked of git for many paths in one go.

Two processes for any number of paths. Git takes 0.1 ms to say of a path that it is not there, for it looks for reasons:
of many paths, the tree is listed instead. Of a few, one with a newline in it cannot be asked for with the git versions
that gitxp runs with, and counts as not being there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitxp.git.program import Git

_FORMAT = "--batch-check=%(objecttype) %(objectname) %(objectsize)"
_FEW = 200  # paths
_FEW_FOLDERS = 100  # as arguments


class Blob(NamedTuple):
    """The object of a file in a commit, and its size in bytes."""

    oid: str
    size: int


def find_blobs(git: Git, commit: str, paths: Sequence[str]) -> dict[str, Blob]:
    """Those of the paths, seen from the top of the working tree, at which the commit has a file or a link."""
    if len(paths) > _FEW:
        return _find_many(git, commit, paths)
    asked = [path for path in paths if path and "\n" not in path]
    data = b"".join(f"{commit}:{path}\n".encode("utf-8", "surrogateescape") for path in asked)
    return dict(_check(git, asked, data))


def _find_many(git: Git, commit: str, paths: Sequence[str]) -> dict[str, Blob]:
    asked = {os.fsencode(path) for path in paths}
    tops = {path.partition("/")[0] for path in paths} - {""}
    process = git.start(
        "--literal-pathspecs",
        "ls-tree",
        "-r",
        "-z",
        "--full-tree",
        commit,
        "--",
        *tops if len(tops) <= _FEW_FOLDERS else (),
    )
    oids: dict[str, bytes] = {}
    rest = b""
    for piece in process.stream():
        *lines, rest = (rest + piece).split(b"\0")
        for line in lines:
            about, _, path = line.partition(b"\t")
            if path in asked:
                _, kind, oid = about.split(b" ")
                if kind == b"blob":
                    oids[os.fsdecode(path)] = oid
    return dict(_check(git, list(oids), b"".join(oid + b"\n" for oid in oids.values())))


def _check(git: Git, paths: Sequence[str], data: bytes) -> Iterator[tuple[str, Blob]]:
    """Those of the paths of which git has a blob; `data` has a line for each that says what to ask for."""
    if not paths:
        return
    answers = git.run("cat-file", _FORMAT, data=data).split(b"\n")
    # "<what was asked> missing" where there is none: a path may have spaces in it, a type has none
    for path, answer in zip(paths, answers, strict=False):
        words = answer.split(b" ")
        if len(words) == 3 and words[0] == b"blob" and words[2].isdigit():
            yield path, Blob(words[1].decode("ascii"), int(words[2]))


def find_unchanged(git: Git, blobs: Mapping[str, Blob]) -> set[str]:
    """Those of the paths whose files on disk, through git's own filters, are what the commit has.

    `git` runs at the top of the working tree. All files must be there and readable: else git gives up, and so `GitFailed`.
    """
    paths = [path for path in blobs if not path.startswith('"')]
    if not paths:
        return set()
    data = b"".join(path.encode("utf-8", "surrogateescape") + b"\n" for path in paths)
    oids = git.run("hash-object", "--stdin-paths", data=data).decode("ascii").split()
    return {path for path, oid in zip(paths, oids, strict=True) if blobs[path].oid == oid}
