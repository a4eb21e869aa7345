"""Files that nobody finds half written: they are made beside their place, and get their name when they are whole.

Whoever dies on the way leaves the old file, and one whose name ends with `.tmp`. A new file has the mode that the umask leaves.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO


class Beside:
    """A file on its way to `path`: `file`, open, until it is published or discarded. Entered, it is one or the other at the end.

    `mode` is what it is to have instead; a `durable` one survives a power cut. A link that has the place is replaced, and not
    followed. All of it raises `OSError`.
    """

    def __init__(self, path: str, *, mode: int | None = None, durable: bool = False, buffering: int = -1) -> None:
        self._path = path
        self._durable = durable
        self._temporary = f"{path}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        fd = os.open(self._temporary, flags, 0o666 if mode is None else 0o600)
        self.file: BinaryIO = os.fdopen(fd, "wb", buffering)
        if mode is not None:
            os.fchmod(fd, mode)

    def publish(self) -> None:
        """Give it its name; if that fails, it is discarded."""
        try:
            with self.file:
                self.file.flush()
                if self._durable:
                    os.fsync(self.file.fileno())
            os.replace(self._temporary, self._path)
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Take it away; what has its place stays."""
        try:
            self.file.close()
        finally:
            os.unlink(self._temporary)

    def __enter__(self) -> BinaryIO:
        return self.file

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.publish()
        else:
            self.discard()


def write_whole(path: str, data: bytes, *, mode: int | None = None, durable: bool = False) -> None:
    """Put a file with these bytes in the place of whatever is at the path. Raises `OSError`, and leaves nothing then."""
    with Beside(path, mode=mode, durable=durable) as file:
        file.write(data)
