"""git-lfs: pointers among what runs hold, and the store of the objects that they point to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from gitxp.capture.data.pointers import lfs_oid
from gitxp.git.contents import read_objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gitxp.git.program import Git
    from gitxp.keeping.holdings import Held

# A pointer is three lines: 43 bytes, 76, and `size ` with a number; other clients add a line or two.
_SMALLEST, _LARGEST = 120, 1024


class Pointer(NamedTuple):
    """A pointer file: the sha256 of what it stands for, the bytes that it says that has, and the file."""

    sha256: str
    size: int
    file: Held


def find_pointers(git: Git, held: Iterable[Held]) -> list[Pointer]:
    """Those of these objects that are pointers."""
    small = {str(one.oid): one for one in held if one.kind == "blob" and _SMALLEST <= one.size <= _LARGEST}
    found = []
    for oid, data in read_objects(git, [(one.oid, one.size) for one in small.values()]):
        pointer = lfs_oid(data)
        if pointer is not None:
            found.append(Pointer(pointer.removeprefix("sha256:"), _size_in(data), small[oid]))
    return found


def lfs_folder(git: Git, common_dir: str) -> str:
    """Where git-lfs keeps its objects: `lfs.storage`, relative to git's common folder, or `lfs` there."""
    answer = git.ask("config", "--type=path", "--get", "lfs.storage")
    storage = os.fsdecode(answer.stdout).rstrip("\n") if not answer.status else ""
    return os.path.join(common_dir, storage or "lfs")


def object_path(folder: str, sha256: str) -> str:
    """The place of one object in git-lfs's folder."""
    return os.path.join(folder, "objects", sha256[:2], sha256[2:4], sha256)


def stored_size(folder: str, sha256: str) -> int | None:
    """The bytes of an object that is there; None where it is not."""
    try:
        return os.stat(object_path(folder, sha256)).st_size
    except OSError:
        return None


def names_of(pointers: Sequence[Pointer]) -> list[str]:
    """The paths of files, each once."""
    return list(dict.fromkeys(pointer.file.path for pointer in pointers))


def _size_in(data: bytes) -> int:
    for line in data.splitlines():
        key, _, value = line.partition(b" ")
        if key == b"size" and value.isdigit() and len(value) < 19:
            return int(value)
    return 0
