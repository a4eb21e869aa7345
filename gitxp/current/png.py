"""Pixels to PNG with nothing but zlib, for arrays where no PIL is installed (PNG 1.2: www.w3.org/TR/PNG)."""

from __future__ import annotations

import struct
import zlib

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels: grey, grey and alpha, RGB, RGBA


def encode_png(pixels: bytes, width: int, height: int, channels: int) -> bytes:
    """A PNG file of 8-bit pixels, row by row from the top; `ValueError` where their number is not what the sizes say."""
    stride = width * channels
    if channels not in _COLOUR_TYPES or width < 1 or height < 1 or len(pixels) != stride * height:
        msg = f"{len(pixels)} bytes are no image of {width} x {height} with {channels} channels"
        raise ValueError(msg)
    rows = b"".join(b"\0" + pixels[start : start + stride] for start in range(0, len(pixels), stride))
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 6)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
