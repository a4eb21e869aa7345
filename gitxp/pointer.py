"""Pointers of git-lfs: small texts in git that name a large object by its sha256 (git-lfs's docs/spec.md).

`encode_pointer` and `decode_pointer` are each other's inverse: what gitxp puts into runs, and what it puts content in place
of. Others write more: lines of extensions, whose content would take the extension's program to read. `read_pointer`
takes those, too, where it only matters which object is meant: to say what data was read, or to keep an object.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from gitxp.light import NamedTuple

MAX_POINTER = 1024  # bytes; a larger file is none, whatever it says
MIN_POINTER = 126  # bytes: that of an object with a size of one digit
_VERSION_LINE = b"version https://git-lfs.github.com/spec/v1\n"
_HEX = frozenset("0123456789abcdef")
_MAX_DIGITS = 18  # of a size: git-lfs keeps it in 64 bits


class Pointer(NamedTuple):
    """A large object: its sha256 as 64 hexadecimal digits, and its size in bytes."""

    oid: str
    size: int

    @property
    def lfs_oid(self) -> str:
        """As records have it: `sha256:<64 hexadecimal digits>`."""
        return f"sha256:{self.oid}"


def encode_pointer(pointer: Pointer) -> bytes:
    """The text that git has in place of the object, to the byte what git-lfs writes."""
    return b"%soid sha256:%s\nsize %d\n" % (_VERSION_LINE, pointer.oid.encode("ascii"), pointer.size)


def decode_pointer(data: bytes) -> Pointer | None:
    """The pointer that these bytes are, or None: only what `encode_pointer` writes is one."""
    pointer = read_pointer(data)
    return pointer if pointer is not None and encode_pointer(pointer) == data else None


def read_pointer(data: bytes) -> Pointer | None:
    """The object that a pointer means, whoever wrote it, with whatever lines beside those that all have; None for others."""
    if not MIN_POINTER <= len(data) <= MAX_POINTER or not data.startswith(_VERSION_LINE):
        return None
    oid = size = b""
    for line in data.split(b"\n"):
        key, _, value = line.rstrip(b"\r").partition(b" ")
        if key == b"oid":
            oid = value
        elif key == b"size":
            size = value
    digits = parse_lfs_oid(oid.decode("latin-1"))
    if digits is None or not size.isdigit() or len(size) > _MAX_DIGITS:
        return None
    return Pointer(digits, int(size))


def parse_lfs_oid(text: str) -> str | None:
    """The 64 digits of `sha256:<64 hexadecimal digits>`, or None."""
    kind, _, digits = text.partition(":")
    return digits if kind == "sha256" and len(digits) == 64 and _HEX.issuperset(digits) else None
