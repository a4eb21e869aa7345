"""The protobuf wire format: fields by number, with no schema and no package.

https://protobuf.dev/programming-guides/encoding/. Groups (wire types 3 and 4) are not in any message that is read here.
Of a field that comes twice the last counts, as in proto3, unless it is repeated.
"""

from __future__ import annotations

import struct


class WireError(ValueError):
    """The bytes are no protobuf message."""


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The whole number that begins at this byte, and where it ends."""
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            msg = "a number has no end"
            raise WireError(msg)
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def signed(value: int) -> int:
    """A varint as a signed 64-bit number."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


class Message:
    """The fields of one message: `numbers` that came as varints, and `blobs`: everything else, as bytes."""

    def __init__(self, data: bytes) -> None:
        self.numbers: dict[int, list[int]] = {}
        self.blobs: dict[int, list[bytes]] = {}
        at, end = 0, len(data)
        while at < end:
            key, at = varint(data, at)
            number, wire = key >> 3, key & 7
            if wire == 0:
                value, at = varint(data, at)
                self.numbers.setdefault(number, []).append(value)
                continue
            if wire == 2:
                size, at = varint(data, at)
            elif wire in {1, 5}:
                size = 8 if wire == 1 else 4
            else:
                msg = f"there is no wire type {wire}"
                raise WireError(msg)
            if at + size > end:
                msg = "a field is longer than its message"
                raise WireError(msg)
            self.blobs.setdefault(number, []).append(data[at : at + size])
            at += size

    def __contains__(self, number: int) -> bool:
        return number in self.numbers or number in self.blobs

    def integer(self, number: int) -> int:
        """A signed whole number; 0 where it is absent, as proto3 has it."""
        return signed(self.numbers[number][-1]) if number in self.numbers else 0

    def blob(self, number: int) -> bytes:
        """Bytes, a text, or a message; empty where it is absent."""
        return self.blobs[number][-1] if number in self.blobs else b""

    def message(self, number: int) -> Message:
        """A message within this one; an empty one where it is absent."""
        return Message(self.blob(number))

    def messages(self, number: int) -> list[Message]:
        """All messages of a repeated field."""
        return [Message(data) for data in self.blobs.get(number, ())]

    def text(self, number: int) -> str:
        """A text; what is no UTF-8 in it is replaced."""
        return self.blob(number).decode("utf-8", "replace")

    def real(self, number: int) -> float:
        """A float or double; 0 where it is absent."""
        data = self.blob(number)
        if len(data) not in {0, 4, 8}:
            msg = "a number has a strange length"
            raise WireError(msg)
        return float(struct.unpack("<d" if len(data) == 8 else "<f", data)[0]) if data else 0.0

    def reals(self, number: int, code: str) -> list[float]:
        """All numbers of a repeated field, packed or not; `code` is `struct`'s letter for one of them."""
        return [value for data in self.blobs.get(number, ()) for value in unpack(data, code)]

    def integers(self, number: int) -> list[int]:
        """All whole numbers of a repeated field, packed or not."""
        found = [signed(value) for value in self.numbers.get(number, ())]
        for data in self.blobs.get(number, ()):
            at = 0
            while at < len(data):
                value, at = varint(data, at)
                found.append(signed(value))
        return found


def unpack(data: bytes, code: str) -> list[float]:
    """The numbers of which these bytes are made, little-endian."""
    size = struct.calcsize(f"<{code}")
    if len(data) % size:
        msg = "a list of numbers ends within one"
        raise WireError(msg)
    return [float(value) for value in struct.unpack(f"<{len(data) // size}{code}", data)]
