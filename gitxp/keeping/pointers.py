"""git-lfs's pointers among what runs hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gitxp.git.contents import read_objects
from gitxp.pointer import MAX_POINTER, MIN_POINTER, read_pointer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gitxp.git.program import Git
    from gitxp.keeping.holdings import Held
    from gitxp.pointer import Pointer


class HeldPointer(NamedTuple):
    """A pointer, whoever wrote it, and the file that it is."""

    pointer: Pointer
    file: Held


def find_pointers(git: Git, held: Iterable[Held]) -> list[HeldPointer]:
    """Those of these objects that are pointers."""
    small = {str(one.oid): one for one in held if one.kind == "blob" and MIN_POINTER <= one.size <= MAX_POINTER}
    found = []
    for oid, data in read_objects(git, [(one.oid, one.size) for one in small.values()]):
        pointer = read_pointer(data)
        if pointer is not None:
            found.append(HeldPointer(pointer, small[oid]))
    return found


def names_of(pointers: Sequence[HeldPointer]) -> list[str]:
    """The paths of files, each once."""
    return list(dict.fromkeys(pointer.file.path for pointer in pointers))
