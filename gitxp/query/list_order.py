"""The order of parameters that are lists: item by item, as groups of runs have it, and not letter by letter of their JSON."""

from __future__ import annotations

import json
import struct
from typing import Any

from gitxp.format import as_float

_END, _NUMBER, _TEXT, _LIST, _NAN, _OTHER = (bytes([mark]) for mark in range(6))
_SIGN = 1 << 63


def list_key(encoded: bytes) -> bytes:
    """Bytes that are ordered as the lists are: numbers before text before lists; what is nan or null comes last.

    `encoded` is a list as the index has it. Of two that differ in numbers that are one float neither is first.
    """
    return _key(json.loads(encoded))


def _key(value: Any) -> bytes:
    if isinstance(value, list):
        return _LIST + b"".join(map(_key, value)) + _END
    if isinstance(value, str):
        # no byte of a text is below those that end one: its own 0 and 1 have a 1 before them
        text = value.encode("utf-8", "surrogatepass")
        return _TEXT + text.replace(b"\x01", b"\x01\x02").replace(b"\x00", b"\x01\x01") + _END
    if isinstance(value, (int, float)):
        number = as_float(value)
        return _NAN if number != number else _NUMBER + _sortable(number)  # noqa: PLR0124  (only nan is not itself)
    return _OTHER + json.dumps(value).encode("ascii") + _END


def _sortable(number: float) -> bytes:
    """Eight bytes that are ordered as numbers are: the bits of a float, those of one below 0 turned."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", number + 0.0))  # + 0.0: -0.0 is 0
    return struct.pack(">Q", bits ^ (2 * _SIGN - 1) if bits & _SIGN else bits | _SIGN)
