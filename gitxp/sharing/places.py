"""Where large objects can be copied to: a folder, or what fsspec opens; content-addressed."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

from gitxp.errors import GitxpError
from gitxp.sharing.filesystems import Remote, Ssh
from gitxp.sharing.folder import Folder
from gitxp.sharing.s3 import S3
from gitxp.sharing.store_address import PACKAGES, parse_address

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable


class Place(Protocol):
    """Files by names with slashes. All methods raise what their library raises.

    A file is sent by `begin`, which gives what the place calls it from then on, and `put`. If that is cut off, the same two go on where it
    was, as far as the place can.
    """

    identity: str
    """What it is remembered by."""
    is_atomic: bool
    """Whether nobody sees a file that is not yet complete."""

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none."""

    def begin(self, name: str, size: int, begun: str) -> str:
        """What the place calls a file that is to be sent: `begun`, if that is how it knows what was sent before."""

    def put(self, source: str, name: str, begun: str, tick: Callable[[int], None]) -> str:
        """Send what is not there of a local file; the name that the whole has then, `name` or a passing one.

        `tick` is told how many bytes are there, and what it raises ends it.
        """

    def drop(self, name: str, begun: str) -> None:
        """Take away what was sent of a file that is not to be gone on with."""

    def read(self, name: str, start: int = 0) -> contextlib.AbstractContextManager[BinaryIO]:
        """A file, opened at this byte."""

    def move(self, name: str, target: str) -> None:
        """Give a file another name."""

    def delete(self, name: str) -> None:
        """Take a file away, if it is there."""


def open_place(url: str, toplevel: str) -> Place:
    """The place that gitxp.yaml names. Raises `ConfigError`, and `GitxpError` where a package for it is missing."""
    address = parse_address(url, toplevel)
    if address.kind == "folder":
        return Folder(address.path)
    try:
        if address.kind == "ssh":
            return Ssh(address)
        return S3(address) if address.kind == "s3" else Remote(address)
    except ImportError as error:
        package = PACKAGES[address.kind]
        raise GitxpError(
            f"The storage is at {address.kind}://, and a package for that is missing: {error}.",
            hint=f"Install it: pip install '{package}'",
        ) from error
