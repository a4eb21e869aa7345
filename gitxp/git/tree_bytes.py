"""The bytes of a tree as git stores it: mode, space, name, a zero byte and the hash, one entry after another."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from gitxp.format import Oid
from gitxp.git.objects import Entry, WrongObject

if TYPE_CHECKING:
    from collections.abc import Iterator

_OCTAL = re.compile(r"[0-7]+")
# One entry of a tree, by the bytes of its hash: its mode, and what it is.
_ENTRY = {size: re.compile(rb"([^ \0]*) [^\0]*\0(.{%d})" % size, re.DOTALL) for size in (20, 32)}


def read_entries(data: bytes, oid: Oid) -> Iterator[Entry]:
    """The entries of a tree's bytes."""
    size = len(oid) // 2
    at = 0
    while at < len(data):
        end = data.find(b"\0", at)
        mode, space, path = data[at:end].partition(b" ")
        if end < 0 or not space or end + 1 + size > len(data):
            raise WrongObject(f"tree {oid[:12]} is damaged")
        at = end + 1 + size
        yield Entry(os.fsdecode(path), mode.decode("ascii", "replace"), Oid(data[end + 1 : at].hex()))


def is_folder(mode: str) -> bool:
    """Whether git takes an entry of this mode for a folder: `40000` as it writes it, and also `040000` and `40755`."""
    return _OCTAL.fullmatch(mode) is not None and int(mode, 8) & 0o170000 == 0o040000


def list_entries(folder: str, data: bytes, oid: Oid) -> list[Entry]:
    """The entries of a folder's bytes, with their whole paths."""
    return [entry._replace(path=f"{folder}/{entry.path}") for entry in read_entries(data, oid)]


def find_in_tree(tree: bytes, name: bytes, hash_size: int) -> tuple[str, Oid] | None:
    """Mode and object of one entry: what `_read_tree` would find, in a tenth of its time."""
    wanted = b" " + name
    at = 0
    while (end := tree.find(b"\0", at)) >= 0:
        if tree.endswith(wanted, at, end) and tree[at : end - len(wanted)].isdigit():
            return tree[at : end - len(wanted)].decode("ascii"), Oid(tree[end + 1 : end + 1 + hash_size].hex())
        at = end + 1 + hash_size
    return None


def count_in_tree(tree: bytes, oid: Oid) -> tuple[int, list[Oid]]:
    """How many entries a tree has, and which trees are in it; of a damaged one, those before the damage at the least."""
    found = _ENTRY[len(oid) // 2].findall(tree)
    folders = {mode for mode in {mode for mode, _ in found} if is_folder(mode.decode("ascii", "replace"))}
    return len(found), [Oid(oid.hex()) for mode, oid in found if mode in folders]
