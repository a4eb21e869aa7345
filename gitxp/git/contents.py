"""Many objects at once, by one process of git each time: their kinds and sizes, their bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitxp.git.program import Git

# Bytes of contents that are held in memory at a time.
_PIECE = 32 * 1024 * 1024


def check_objects(git: Git, oids: Sequence[str]) -> Iterator[tuple[str, str, int]]:
    """Object, kind and size in bytes of those objects that are in the repository."""
    if not oids:
        return
    asked = "".join(f"{oid}\n" for oid in oids).encode()
    data = git.run("--no-replace-objects", "cat-file", "--batch-check", "--buffer", data=asked)
    for line in data.decode("ascii", "replace").splitlines():
        words = line.split(" ")
        if len(words) == 3 and words[2].isdigit():
            yield words[0], words[1], int(words[2])


def read_objects(git: Git, sizes: Sequence[tuple[str, int]]) -> Iterator[tuple[str, bytes]]:
    """The bytes of objects of which the sizes are known, of those that are there; some tens of megabytes are read at a time."""
    part: list[str] = []
    total = 0
    for oid, size in sizes:
        if part and total + size > _PIECE:
            yield from _read(git, part)
            part, total = [], 0
        part.append(oid)
        total += size
    if part:
        yield from _read(git, part)


def _read(git: Git, oids: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    asked = "".join(f"{oid}\n" for oid in oids).encode()
    data = memoryview(git.run("--no-replace-objects", "cat-file", "--batch", "--buffer", data=asked))
    at = 0
    for oid in oids:
        end = at + len(oid)
        while data[end] != 10:  # a newline
            end += 1
        size = bytes(data[at:end]).rsplit(b" ", 1)[1]
        at = end + 1
        if size.isdigit():  # else it is "<oid> missing"
            yield oid, bytes(data[at : at + int(size)])
            at += int(size) + 1
