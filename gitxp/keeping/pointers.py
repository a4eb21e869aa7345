"""git-lfs's pointers among what runs hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gitxp.format import Oid
from gitxp.git.contents import check_objects, read_objects
from gitxp.keeping.holdings import Held
from gitxp.pointer import MAX_POINTER, MIN_POINTER, read_pointer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gitxp.git.program import Git
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


def find_pointers_in(git: Git, commits: Sequence[Oid]) -> list[HeldPointer]:
    """The pointers in the trees of these commits."""
    if not commits:
        return []
    asked = "".join(f"{oid}\n" for oid in commits).encode()
    words = ("--ignore-missing", "--missing=allow-any", "--no-walk=unsorted", "--stdin")
    data = git.run("rev-list", "--objects", *words, data=asked)
    lines = (line.decode("utf-8", "surrogateescape").partition(" ") for line in data.split(b"\n"))
    return find_pointers(git, as_held(git, {oid: path for oid, is_object, path in lines if is_object}))


def as_held(git: Git, paths: Mapping[str, str]) -> Iterator[Held]:
    """The objects with these ids that are here, with a path of each."""
    for oid, kind, size in check_objects(git, list(paths)):
        yield Held(Oid(oid), paths[oid], kind, size, 0, 0, is_shared=False)


def names_of(pointers: Sequence[HeldPointer]) -> list[str]:
    """The paths of files, each once."""
    return list(dict.fromkeys(pointer.file.path for pointer in pointers))
