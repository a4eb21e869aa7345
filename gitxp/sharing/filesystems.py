"""Storages that fsspec opens: any of its file systems that can seek, and ssh's, where a file that was begun is gone on with."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from gitxp.sharing.folder import BLOCK, Passing, send_rest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gitxp.sharing.store_address import Address

_PART = 16 << 20
_STEP = 1 << 20  # Google takes parts of whole 256 KiB only
_MAX_PARTS = 10_000  # of one object


def part_size(size: int, least: int = _PART) -> int:
    """How a file of this size is cut: by themselves libraries would hold up to 500 MiB of one in memory."""
    return max(least, -(-size // _MAX_PARTS) + _STEP & -_STEP)


class Remote:
    """The storage. A file comes to it as a whole, or not at all: what was cut off begins anew."""

    is_atomic = True

    def __init__(self, address: Address) -> None:
        self.identity = f"{address.kind}://{address.host}{address.path}"
        self._top = address.host + address.path
        self._system = self._open(address)

    def _open(self, address: Address) -> Any:
        """The file system. Raises `ImportError` where its package is missing."""
        import fsspec

        return fsspec.filesystem(address.kind, skip_instance_cache=True, use_listings_cache=False)

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none."""
        try:
            return int(self._system.info(self._full(name))["size"])
        except FileNotFoundError:
            return None

    def begin(self, name: str, size: int, begun: str) -> str:
        """Nothing, for there is nothing to go on with."""
        del name, size, begun
        return ""

    def put(self, source: str, name: str, begun: str, tick: Callable[[int], None]) -> str:
        """Send a local file, in parts where it is large."""
        del begun
        from fsspec.callbacks import Callback

        callback = Callback(hooks={"tick": lambda _size, done, **_: tick(done)})
        size = os.path.getsize(source)
        self._system.put_file(source, self._full(name), callback=callback, chunksize=part_size(size))
        return name

    def drop(self, name: str, begun: str) -> None:
        """Do nothing: there is nothing."""

    @contextlib.contextmanager
    def read(self, name: str, start: int = 0) -> Iterator[BinaryIO]:
        """A file, opened at this byte."""
        with self._system.open(self._full(name), "rb", block_size=BLOCK) as file:
            if start:
                file.seek(start)
            yield cast("BinaryIO", file)

    def move(self, name: str, target: str) -> None:
        """Give a file another name."""
        self._system.makedirs(self._full(target).rpartition("/")[0], exist_ok=True)
        self._system.mv(self._full(name), self._full(target))

    def delete(self, name: str) -> None:
        """Take a file away, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self._system.rm_file(self._full(name))

    def _full(self, name: str) -> str:
        return f"{self._top}/{name}"


class Ssh(Passing, Remote):
    """A folder that is reached by ssh."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        at = f"{address.user}@" if address.user else ""
        port = f":{address.port}" if address.port else ""
        self.identity = f"ssh://{at}{address.host}{port}{address.path}"
        self._top = address.path

    def _open(self, address: Address) -> Any:
        from sshfs import SSHFileSystem

        options = {key: value for key, value in (("username", address.user), ("port", address.port)) if value}
        # its own default is to trust whatever answers; () is ~/.ssh/known_hosts
        return SSHFileSystem(address.host, known_hosts=(), skip_instance_cache=True, **options)

    def put(self, source: str, name: str, begun: str, tick: Callable[[int], None]) -> str:
        """Send what is not there of a local file. To compare all that is there would cost what sending it costs: its end is."""
        del name
        path = self._full(begun)
        self._system.makedirs(path.rpartition("/")[0], exist_ok=True)
        there = self.size(begun)
        with open(source, "rb") as near, self._system.open(path, "w+b" if there is None else "r+b") as far:
            send_rest(near, far, there or 0, tick, proof=BLOCK)
        return begun
