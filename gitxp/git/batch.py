"""`git cat-file --batch`, the process: names go in, objects come out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gitxp.git.objects import MissingObject, TooLarge, WrongObject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.format import Oid
    from gitxp.git.program import Git, Process

# Requests for one batch of answers: 256 lines of at most 100 bytes fit into any pipe, so that nobody waits for another.
BATCH = 256
_CHUNK = 1 << 16


class Batch:
    """One `git cat-file --batch…` process, started when it is first needed and again after it broke off."""

    def __init__(self, git: Git, option: str, settings: Sequence[str] = ()) -> None:
        self._git = git
        said = (word for setting in settings for word in ("-c", setting))
        self._command = (*said, "--no-replace-objects", "cat-file", option)
        self._process: Process | None = None
        self._stdout = -1
        self._buffer = bytearray()

    @property
    def alive(self) -> bool:
        """Whether it stands ready between two answers."""
        return self._process is not None

    def close(self) -> None:
        """End the process and forget what it said."""
        process, self._process = self._process, None
        self._buffer.clear()
        if process is not None:
            process.close()

    def send(self, names: Sequence[str]) -> None:
        """Ask for objects, at most `BATCH` of them."""
        if self._process is None:
            self._process = self._git.start(*self._command, stdin=True)
            self._stdout = next(iter(self._process.out))
        try:
            self._process.send("".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape"))
        except BrokenPipeError:
            self._fail(names[0])

    def ask(self, oid: Oid) -> tuple[str, int]:
        """Send one and receive its kind and size."""
        self.send([oid])
        return self.receive(oid)

    def receive(self, oid: Oid) -> tuple[str, int]:
        """Kind and size of the next object; `MissingObject` where there is none."""
        words = self._read_line(oid).rsplit(" ", 2)
        if len(words) < 3 or not words[2].isdigit():
            raise MissingObject(oid)
        return words[1], int(words[2])

    def receive_bytes(self, oid: Oid, kind: str, size: int, limit: int | None) -> bytes:
        """The bytes that follow a kind and size; where those are over the limit the process ends, and they are not read."""
        if limit is not None and size > limit:
            self.close()
            raise TooLarge(f"{kind} {oid[:12]}", size, limit)
        while len(self._buffer) < size + 1:
            self._fill(oid)
        data = bytes(self._buffer[:size])
        del self._buffer[: size + 1]
        return data

    def _read_line(self, oid: Oid) -> str:
        while (end := self._buffer.find(b"\n")) < 0:
            self._fill(oid)
        line = self._buffer[:end].decode("utf-8", "replace")
        del self._buffer[: end + 1]
        return line

    def _fill(self, oid: str) -> None:
        chunk = os.read(self._stdout, _CHUNK)
        if not chunk:
            self._fail(oid)
        self._buffer += chunk

    def _fail(self, oid: str) -> None:
        """The process ended by itself: git found an object that it cannot read."""
        process, self._process = self._process, None
        self._buffer.clear()
        assert process is not None
        words = process.result().stderr.decode("utf-8", "replace").strip().splitlines()
        said = words[-1] if words else "git stopped"
        raise WrongObject(f"object {oid[:12]} cannot be read: {said}", hint="Look for damage with 'git fsck'.")
