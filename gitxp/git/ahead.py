"""A file and a folder beside it in each of many commits, by one `git cat-file` that works ahead of us.

git finds the objects of a run while this process makes something of those before. For that the tree of the next commits
is asked for together with the files of these: there is always something left to do, and never more asked at once than
fits into a pipe. Nothing unusual is decided here: for a commit where anything is not as it nearly always is, there is
None, and whoever asks reads it by itself.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import FormatError
from gitxp.format import MAX_RECORD, Oid
from gitxp.git.objects import FOLDER_MODE, Beside, MissingObject
from gitxp.git.tree_bytes import find_in_tree, list_entries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitxp.git.batch import Batch

# git maps packs into memory and keeps what it may need again, up to 100 MB and whole packs; this is as quick within a tenth.
SETTINGS = ("core.packedGitWindowSize=4m", "core.packedGitLimit=32m", "core.deltaBaseCacheLimit=16m")
# Commits asked about at once: 128 lines of 74 bytes and 256 of 65, where hashes have 64 digits, fit into a pipe.
_GROUP = 128


class _Place(NamedTuple):
    """Where a commit has the file and the folder; `folder` is None where it has no such folder."""

    file: Oid
    folder: Oid | None


def read_ahead(batch: Batch, commits: Sequence[Oid], at: int, path: str, folder: str) -> Iterator[Beside | None]:
    """The file and the entries of the folder in each of these commits from `at` on; None for one that is to be read by itself.

    It ends early, after such a None, where git stopped.
    """
    above, _, name = path.rpartition("/")
    names = os.fsencode(name), os.fsencode(folder.removeprefix(f"{above}/"))
    group = commits[at : at + _GROUP]
    try:
        _ask(batch, [], group, above)
        while group:
            places, stopped = _find_places(batch, group, names)
            at += len(group)
            ahead = [] if stopped else commits[at : at + _GROUP]
            _ask(batch, places, ahead, above)
            for oid, place in zip(group, places, strict=False):
                yield place and _read_place(batch, oid, place, folder)
            if stopped:
                yield None
            group = ahead
    except FormatError:
        yield None


def _ask(batch: Batch, places: Sequence[_Place | None], ahead: Sequence[Oid], above: str) -> None:
    wanted = [oid for place in places if place is not None for oid in place if oid is not None]
    batch.send([*wanted, *(f"{oid}:{above}" for oid in ahead)])


def _find_places(batch: Batch, group: Sequence[Oid], names: tuple[bytes, bytes]) -> tuple[list[_Place | None], bool]:
    """Where the commits have them, as far as git told; whether it stopped before the end."""
    places: list[_Place | None] = []
    for oid in group:
        try:
            tree = _receive(batch, oid, "tree")
        except FormatError:
            return places, True
        places.append(None if tree is None else _find_place(tree, names, len(oid) // 2))
    return places, False


def _find_place(tree: bytes, names: tuple[bytes, bytes], hash_size: int) -> _Place | None:
    file, folder = (find_in_tree(tree, name, hash_size) for name in names)
    if file is None or not file[0].startswith("100") or (folder is not None and folder[0] != FOLDER_MODE):
        return None
    place = _Place(file[1], folder and folder[1])
    # of a tree that is cut there is less than a whole hash, which git would take for the beginning of another
    return place if all(oid is None or len(oid) == 2 * hash_size for oid in place) else None


def _read_place(batch: Batch, oid: Oid, place: _Place, folder: str) -> Beside | None:
    data = _receive(batch, oid, "blob")
    if place.folder is None:
        return None if data is None else Beside(oid, data, [])
    tree = _receive(batch, oid, "tree")
    if data is None or tree is None:
        return None
    try:
        return Beside(oid, data, list_entries(folder, tree, place.folder))
    except FormatError:
        return None


def _receive(batch: Batch, oid: Oid, wanted: str) -> bytes | None:
    """The next answer, None where the object is missing or of another kind. `FormatError` where git stopped."""
    try:
        kind, size = batch.receive(oid)
    except MissingObject:
        return None
    data = batch.receive_bytes(oid, kind, size, MAX_RECORD)
    return data if kind == wanted else None
