"""What a folder held when it was last fingerprinted, so that unchanged files are not read again.

One file for each fingerprinted root, below the repository's cache folder; rebuildable, and ignored where damaged. Its
head holds the answer for the whole root beside a digest of all names and stats below it: an unchanged folder of
100,000 files costs the stats and one small read. The body is one record a file in manifest order, so that it is read
and written as a stream beside the walk, and memory does not grow with the number of files.

A stat is trusted only if it is older than the look at the content (git's racy rule): a file that is changed again
within the clock's grain keeps its stat. `SLACK` covers the grain of file systems; ctime is looked at too, because
`cp -p` and `rsync -t` set mtime back.
"""

from __future__ import annotations

import contextlib
import os
import struct
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import xxhash

from gitxp.git.beside import Beside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitxp.capture.data.hashing import Facts

_MAGIC = b"gitxp data 1\n\0\0\0"
_HEAD = struct.Struct("<16s16s16sqqqQ")  # magic, stats, answer, size, files, length and xxh3-64 of the body
_CHECK = struct.Struct("<Q")  # xxh3-64 of the head
_RECORD = struct.Struct("<qqqq16sI")
_HEAD_SIZE = _HEAD.size + _CHECK.size
_PIECE = 1 << 16
SLACK = 2_000_000_000  # ns: FAT counts in 2 s, older network file systems in 1 s, the kernel's clock in 4 ms
UNTRUSTED = bytes(16)  # as the stats of the head: matches nothing


class Answer(NamedTuple):
    """The fingerprint of a root: 16 bytes of xxh3-128, bytes in all, number of files."""

    digest: bytes
    size: int
    files: int


def is_trusted(facts: Facts, looked: int, now: int) -> bool:
    """Whether a later equal stat means equal content, if the look began at `looked` and ended by `now` (ns).

    A time in the future (a wrong clock packed the archive) is no obstacle: a change would set it to the present.
    """
    _, mtime, ctime, _ = facts
    low, high = looked - SLACK, now + SLACK
    return not (low <= mtime <= high or low <= ctime <= high)


class Cache:
    """The cache of one root, opened for reading; without a file, or with a damaged one, it knows nothing."""

    def __init__(self, folder: str | None, root: bytes) -> None:
        self.path = os.path.join(folder, "data", xxhash.xxh3_128_hexdigest(root)) if folder else None
        self.manifest = f"{self.path}.txt" if self.path else None  # where the manifest of the answer is kept
        self.answer: Answer | None = None
        self.stats = UNTRUSTED
        self._length = 0
        self._check = 0
        self._records: Iterator[tuple[bytes, Facts, bytes]] | None = None
        self._next: tuple[bytes, Facts, bytes] | None = None
        self._file: BinaryIO | None = None
        if self.path:
            with contextlib.suppress(OSError):
                self._file = open(self.path, "rb", buffering=_PIECE)  # noqa: SIM115  (closed by close)
                self._read_head(self._file.read(_HEAD_SIZE))

    def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file.close()

    def find(self, path: bytes, facts: Facts) -> bytes | None:
        """The digest of the content, if this file had these facts and they can be trusted.

        Paths must be asked for in manifest order.
        """
        if self._records is None:
            self._records = self._read_records()
            self._next = next(self._records, None)
        while self._next is not None and self._next[0] < path:
            self._next = next(self._records, None)
        if self._next is None or self._next[0] != path or self._next[1] != facts:
            return None
        return self._next[2]

    def after(self, path: bytes) -> Iterator[tuple[bytes, Facts, bytes]]:
        """What is known of the files behind this one, which is the last that was asked for: path, facts, digest."""
        if self._next is not None and self._records is not None:
            yield from (record for record in (self._next, *self._records) if record[0] > path)

    def _read_head(self, head: bytes) -> None:
        if len(head) != _HEAD_SIZE or not head.startswith(_MAGIC):
            return
        if _CHECK.unpack(head[_HEAD.size :])[0] != xxhash.xxh3_64_intdigest(head[: _HEAD.size]):
            return
        _, self.stats, digest, size, files, self._length, self._check = _HEAD.unpack(head[: _HEAD.size])
        self.answer = Answer(digest, size, files)

    def _read_records(self) -> Iterator[tuple[bytes, Facts, bytes]]:
        if not self._file or not self.answer or not self._is_whole(self._file):
            return
        read = self._file.read
        while record := read(_RECORD.size):
            size, mtime, ctime, inode, digest, length = _RECORD.unpack(record)
            yield read(length), (size, mtime, ctime, inode), digest

    def _is_whole(self, file: BinaryIO) -> bool:
        """Whether the body is what was written: the file was renamed into place without an fsync."""
        hasher = xxhash.xxh3_64()
        left = self._length
        while left and (piece := file.read(min(_PIECE, left))):
            hasher.update(piece)
            left -= len(piece)
        file.seek(_HEAD_SIZE)
        return not left and hasher.intdigest() == self._check


class Writer:
    """The next cache of a root, written beside the old one and renamed over it by `publish`.

    A cache that cannot be written (a read-only or full disk) is no cache, and no error.
    """

    def __init__(self, cache: Cache) -> None:
        self._path = cache.path
        self._hasher = xxhash.xxh3_64()
        self._length = 0
        self._beside: Beside | None = None
        if self._path:
            with contextlib.suppress(OSError):
                os.makedirs(os.path.dirname(self._path), exist_ok=True)
                self._beside = Beside(self._path, buffering=_PIECE)
        self._write(bytes(_HEAD_SIZE))

    def add(self, path: bytes, facts: Facts, digest: bytes) -> None:
        """Keep the digest of a file whose facts can be trusted; in manifest order."""
        record = _RECORD.pack(*facts, digest, len(path)) + path
        self._hasher.update(record)
        self._length += len(record)
        self._write(record)

    def publish(self, stats: bytes, answer: Answer) -> None:
        """Put the new cache in the old one's place; `stats` is `UNTRUSTED` where the answer is not to be taken again."""
        head = _HEAD.pack(_MAGIC, stats, *answer, self._length, self._hasher.intdigest())
        if not self._beside:
            return
        try:
            with self._beside as file:
                file.seek(0)
                file.write(head + _CHECK.pack(xxhash.xxh3_64_intdigest(head)))
        except OSError:
            self._beside = None

    def publish_part(self) -> None:
        """The same for a root of which not all was read, and which has no answer yet."""
        self.publish(UNTRUSTED, Answer(bytes(16), 0, 0))

    def discard(self) -> None:
        """Forget it all."""
        if self._beside:
            with contextlib.suppress(OSError):
                self._beside.discard()
            self._beside = None

    def _write(self, data: bytes) -> None:
        if self._beside:
            try:
                self._beside.file.write(data)
            except OSError:
                self.discard()
