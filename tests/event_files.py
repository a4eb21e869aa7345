"""TensorBoard's event files, written by an encoder of the tests' own: bit by bit, with no table and no package.

It shares nothing with the reader under test but the documents that both were written from.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

VERSION = b"brain.Event:2"


def crc32c(data: bytes) -> int:
    """CRC-32C by polynomial division, a bit at a time."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    """The checksum as a record has it."""
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def record(data: bytes) -> bytes:
    """One framed record."""
    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


def varint(value: int) -> bytes:
    """A whole number, negative ones in ten bytes."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: float | bytes | str, code: str = "d") -> bytes:
    """One field: ints as varints, floats as `code` says, bytes and texts with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | (1 if code == "d" else 5)) + struct.pack(f"<{code}", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def event(step: int, *values: bytes, at: float = 1.7e9) -> bytes:
    """An Event with a summary of these values; a step of 0 is left out, as proto3 does."""
    summary = b"".join(field(1, value) for value in values)
    return field(1, at) + (field(2, step) if step else b"") + field(5, summary)


def simple(tag: str, value: float) -> bytes:
    """A value as PyTorch writes scalars."""
    return field(1, tag) + field(2, value, "f")


def metadata(plugin: str, content: bytes = b"") -> bytes:
    """A SummaryMetadata that names a plugin."""
    return field(1, field(1, plugin) + (field(2, content) if content else b""))


def tensor(kind: int, *fields: bytes, shape: Sequence[int] = ()) -> bytes:
    """A TensorProto of a DataType."""
    dimensions = b"".join(field(2, field(1, size)) for size in shape)
    return field(1, kind) + field(2, dimensions) + b"".join(fields)


def value(tag: str, what: bytes, plugin: bytes = b"") -> bytes:
    """A value that is a tensor, with or without the plugin's name."""
    return field(1, tag) + field(8, what) + (field(9, plugin) if plugin else b"")


def event_file(events: Iterable[bytes]) -> bytes:
    """The bytes of a whole file."""
    first = field(1, 1.7e9) + field(3, VERSION)
    return b"".join(record(data) for data in [first, *events])
