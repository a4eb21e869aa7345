"""Which files a commit has, and whether those on disk are still the same: asked of git for many paths in one go.

Two processes for any number of paths. A path with a newline in it cannot be asked for this way with the git versions
that gitxp runs with, and counts as not being there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitxp.git.program import Git

_FORMAT = "--batch-check=%(objecttype) %(objectname) %(objectsize)"


class Blob(NamedTuple):
    """The object of a file in a commit, and its size in bytes."""

    oid: str
    size: int


def find_blobs(git: Git, commit: str, paths: Sequence[str]) -> dict[str, Blob]:
    """Those of the paths, seen from the top of the working tree, at which the commit has a file or a link."""
    asked = [path for path in paths if path and "\n" not in path]
    if not asked:
        return {}
    data = b"".join(f"{commit}:{path}\n".encode("utf-8", "surrogateescape") for path in asked)
    answers = git.run("cat-file", _FORMAT, data=data).split(b"\n")
    found = {}
    # "<what was asked> missing" where there is none: a path may have spaces in it, a type has none
    for path, answer in zip(asked, answers, strict=False):
        words = answer.split(b" ")
        if len(words) == 3 and words[0] == b"blob" and words[2].isdigit():
            found[path] = Blob(words[1].decode("ascii"), int(words[2]))
    return found


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


def read_blobs(git: Git, oids: Sequence[str]) -> dict[str, bytes]:
    """The bytes of those of these blobs that are there; they are small."""
    found: dict[str, bytes] = {}
    if not oids:
        return found
    answer = git.run("cat-file", "--batch", data="".join(f"{oid}\n" for oid in oids).encode("ascii"))
    at = 0
    while at < len(answer):
        end = answer.index(b"\n", at)
        words = answer[at:end].split(b" ")
        at = end + 1
        if len(words) == 3:  # else it is "<oid> missing"
            found[words[0].decode("ascii")] = answer[at : at + int(words[2])]
            at += int(words[2]) + 1
    return found
