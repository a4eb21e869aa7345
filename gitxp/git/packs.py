r"""Objects that were made in memory, written in one go: a pack, fed to one git process.

`git hash-object` takes a process, and a sync, for each commit; `git fast-import` moves a ref, and here the ref must move
together with others. The object's name is computed here (gitformat-pack(5) and git's own `<kind> <size>\0` header);
git checks every byte of it as it writes, with `--strict` also what the objects point to.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING, NamedTuple

from gitxp.format import Oid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.git.program import Git

_NUMBERS = {"commit": 1, "tree": 2, "blob": 3}
# git's own `transfer.unpackLimit`: fewer objects become loose ones.
_FEW = 100


class NewObject(NamedTuple):
    """An object that may not be in the repository yet: its id, kind and bytes."""

    oid: Oid
    kind: str
    data: bytes


def make_object(kind: str, data: bytes, hash_size: int) -> NewObject:
    """The object of these bytes; `hash_size` is the length of the repository's ids in hexadecimal digits, 40 or 64."""
    digest = _hash(hash_size)
    digest.update(b"%s %d\0" % (kind.encode(), len(data)))
    digest.update(data)
    return NewObject(Oid(digest.hexdigest()), kind, data)


def write_objects(git: Git, objects: Sequence[NewObject]) -> None:
    """Write the objects, durably; those that are there already cost nothing. Raises `GitFailed`."""
    if not objects:
        return
    pack = [b"PACK" + (2).to_bytes(4, "big") + len(objects).to_bytes(4, "big")]
    for item in objects:
        pack += (_header(_NUMBERS[item.kind], len(item.data)), zlib.compress(item.data))
    digest = _hash(len(objects[0].oid))
    for part in pack:
        digest.update(part)
    few = ("unpack-objects", "-q", "--strict")
    many = ("index-pack", "--stdin", "--strict")
    git.run(*(few if len(objects) < _FEW else many), data=b"".join([*pack, digest.digest()]))


def _header(number: int, size: int) -> bytes:
    """Kind and size: 4 bits of the size in the first byte, then 7 in each, the lowest first."""
    byte, size = number << 4 | size & 15, size >> 4
    head = bytearray()
    while size:
        head.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    head.append(byte)
    return bytes(head)


def _hash(hash_size: int) -> hashlib._Hash:
    return hashlib.sha1(usedforsecurity=False) if hash_size == 40 else hashlib.sha256()
