"""What can be asked of the object database, what comes back, and how it is refused.

Every object is untrusted: each read has a limit, asked before the bytes are, and a tree may not be deeper or wider than
any that people make. What is larger can be streamed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from gitxp.errors import FormatError
from gitxp.format import MAX_RECORD, Oid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

FOLDER_MODE, SUBMODULE_MODE = "40000", "160000"


class MissingObject(FormatError):
    """An object that something else names is not in the repository."""

    def __init__(self, oid: str) -> None:
        super().__init__(
            f"object {oid[:12]} is not in the repository",
            hint="Fetch the run again, or look for damage with 'git fsck'.",
        )


class WrongObject(FormatError):
    """An object is not of the kind that its place asks for, or its bytes are damaged."""


class TooLarge(FormatError):
    """An object is larger than the reader is willing to hold in memory."""

    def __init__(self, what: str, size: int, limit: int) -> None:
        super().__init__(f"{what} has {size:,} bytes, and {limit:,} is the most that is read")
        self.size = size


class Entry(NamedTuple):
    """One entry of a tree: path (bytes that are no UTF-8 as surrogateescape), mode in octal as git keeps it, object."""

    path: str
    mode: str
    oid: Oid


class Commit(NamedTuple):
    """A commit: its tree, its parents, the committer's unix time in seconds, the message."""

    oid: Oid
    tree: Oid
    parents: tuple[Oid, ...]
    time: int
    message: str


class Beside(NamedTuple):
    """Of a commit, the bytes of a file (None where it has none) and the entries of a folder beside it; or why they cannot be read."""

    oid: Oid
    data: bytes | FormatError | None
    entries: list[Entry] | FormatError


class Objects(Protocol):
    """What can be asked of an object database. Each method raises `FormatError` for objects that are missing or damaged."""

    def read_commit(self, oid: Oid) -> Commit:
        """The facts of a commit."""

    def read_blob(self, oid: Oid, limit: int = MAX_RECORD) -> bytes:
        """The bytes of a blob; `TooLarge` where there are more than `limit`."""

    def stream_blob(self, oid: Oid) -> Iterator[bytes]:
        """The bytes of a blob of any size, in pieces."""

    def get_size(self, oid: Oid) -> int:
        """How many bytes an object has."""

    def find_entry(self, commit: Oid, path: str) -> Entry | None:
        """The entry at a path of a commit's tree, a folder's too; None where there is none."""

    def read_file(self, commit: Oid, path: str, limit: int = MAX_RECORD) -> bytes | None:
        """The bytes of the file at a path of a commit's tree; None where there is none; `TooLarge` beyond `limit`."""

    def list_files(self, commit: Oid, folder: str) -> list[Entry]:
        """All files below a folder of a commit's tree, with their whole paths; empty where the folder is not there."""

    def read_files(
        self, commits: Iterable[Oid], path: str, limit: int = MAX_RECORD
    ) -> Iterator[tuple[Oid, bytes | FormatError | None]]:
        """The file at one path in each of many commits, in their order: its bytes, None, or why it cannot be read."""

    def list_folders(self, commits: Iterable[Oid], folder: str) -> Iterator[tuple[Oid, list[Entry] | FormatError]]:
        """The entries of one folder in each of many commits, in their order, with their whole paths; or why not."""

    def read_beside(self, commits: Sequence[Oid], path: str, folder: str) -> Iterator[Beside]:
        """The file at one path and the entries of one folder in each of many commits, in their order.

        Both lie in one folder, and not at the top.
        """

    def list_top(self, commit: Oid) -> list[Entry]:
        """The entries at the top of a commit's tree."""

    def list_tree(self, tree: Oid) -> list[Entry]:
        """The entries of a tree."""

    def count_entries(self, tree: Oid) -> tuple[int, list[Oid]]:
        """How many entries a tree has, and which trees are in it: what `list_tree` tells, in a tenth of its time."""

    def close(self) -> None:
        """Let go of processes and files. The reader may be used again: it opens what it needs."""
