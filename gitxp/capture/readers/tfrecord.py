"""TFRecord framing, read as far as it is there: what TensorBoard's event files are made of.

A record is its length (8 bytes, little-endian), the length's checksum, the data, the data's checksum (masked CRC-32C,
4 bytes each; tensorflow/core/lib/io/record_writer.h). A writer appends while we read, so a file that ends within a record
is not broken: reading goes on there the next time. The checksum of a length is always verified, since without a true
length there is no next record: a wrong one ends the file. That of the data is verified up to 1 KiB, which is every scalar
and hyperparameter, and costs a wrong record only itself; images and histograms over that are taken as they are.
"""

from __future__ import annotations

import os
import stat
import struct
from typing import TYPE_CHECKING

from gitxp.capture.readers.crc32c import crc32c, crc32c_each, mask, words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

CHECKED = 1024
MAX_RECORD = 64 * 1024 * 1024
_CHUNK = 4 * 1024 * 1024
_HEADER = 12
_FOOTER = 4
_LENGTHS = 10_000  # headers that are remembered, since most records have one of a few lengths

Record = tuple[int, bytes]
"""Where the data of a record begins in its file, and the data."""


class Records:
    """The records of one file; each call of `read` goes on where the one before it stopped.

    `problems` are clauses about the file. A file that became shorter, or another file, is read anew: `is_anew` says so
    until the next `read`.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.offset = 0
        self.problems: list[str] = []
        self.is_anew = False
        self._is_broken = False
        self._inode = 0
        self._lengths: dict[bytes, int] = {}

    def open(self) -> BufferedReader | None:
        """The file at the place where reading goes on; None where there is nothing new. Raises `OSError`."""
        fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        file = open(fd, "rb")  # noqa: SIM115  (the caller closes it)
        facts = os.fstat(fd)
        self.is_anew = bool(self._inode) and (facts.st_ino != self._inode or facts.st_size < self.offset)
        if self.is_anew:
            self.offset, self._is_broken, self.problems = 0, False, []
        self._inode = facts.st_ino
        if self._is_broken or facts.st_size == self.offset or not stat.S_ISREG(facts.st_mode):
            file.close()
            return None
        return file

    def read(self, file: BufferedReader) -> Iterator[list[Record]]:
        """The whole records from here on, in batches; those that are damaged are left out and counted."""
        damaged = 0
        rest = b""
        file.seek(self.offset)
        while not self._is_broken and (piece := file.read(_CHUNK)):
            chunk = rest + piece
            batch, used = self._split(chunk)
            kept = _sound(batch)
            damaged += len(batch) - len(kept)
            yield kept
            self.offset += used
            rest = chunk[used:]
            size = self._lengths.get(rest[:_HEADER])
            if size is not None and size > MAX_RECORD:
                rest = b""
                end = self.offset + _HEADER + size + _FOOTER
                if end > os.fstat(file.fileno()).st_size:
                    break
                self.problems.append(f"a record of {size:,} bytes is left out: {MAX_RECORD:,} is the most")
                self.offset = file.seek(end)
        if damaged:
            self.problems.append(f"damaged records left out: {damaged:,}")

    def _split(self, chunk: bytes) -> tuple[list[tuple[int, bytes, bytes]], int]:
        """The whole records in a chunk, each with its place and its checksum, and how much of the chunk they are."""
        found = []
        at, end, base = 0, len(chunk), self.offset
        lengths = self._lengths
        while at + _HEADER <= end:
            header = chunk[at : at + _HEADER]
            size = lengths.get(header)
            if size is None:
                size = self._length(header, base + at)
            if size is None:
                break
            start = at + _HEADER
            stop = start + size
            if stop + _FOOTER > end:
                break
            found.append((base + start, chunk[start:stop], chunk[stop : stop + _FOOTER]))
            at = stop + _FOOTER
        return found, at

    def _length(self, header: bytes, at: int) -> int | None:
        """The length that the header at byte `at` says; None, and the end of the reading, where its checksum is wrong."""
        size, checksum = struct.unpack("<QI", header)
        if mask(crc32c(header[:8])) != checksum:
            self._is_broken = True
            self.problems.append(f"it is damaged from byte {at:,} on")
            return None
        if len(self._lengths) > _LENGTHS:
            self._lengths.clear()
        self._lengths[header] = size
        return int(size)


def _sound(batch: list[tuple[int, bytes, bytes]]) -> list[Record]:
    """The records whose data has the checksum that it should have, or is too long to be asked."""
    groups: dict[int, list[int]] = {}
    for number, (_, data, _) in enumerate(batch):
        size = len(data)
        if size <= CHECKED:
            try:
                groups[size].append(number)
            except KeyError:
                groups[size] = [number]
    wrong: set[int] = set()
    for numbers in groups.values():
        computed = crc32c_each([batch[number][1] for number in numbers])
        stored = words(b"".join([batch[number][2] for number in numbers]))
        pairs = zip(numbers, computed, stored, strict=True)
        wrong.update(number for number, ours, theirs in pairs if mask(ours) != theirs)
    return [(start, data) for number, (start, data, _) in enumerate(batch) if number not in wrong]
