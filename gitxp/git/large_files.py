"""Pointers in trees, and the large objects' bytes in place of them.

Whose pointer a file is does not matter here: gitxp's own in a run, or git-lfs's in a project that uses it.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from gitxp.git.contents import check_objects, read_objects
from gitxp.git.lfs import DamagedContent, MissingContent, clone, write_all
from gitxp.pointer import MAX_POINTER, MIN_POINTER, decode_pointer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gitxp.git.lfs import Store
    from gitxp.git.objects import Entry, Objects
    from gitxp.git.program import Git
    from gitxp.pointer import Pointer

_LINK_MODE = "120000"
_CHUNK = 1 << 20
_NO_LINK = os.O_NOFOLLOW | os.O_CLOEXEC


class Content(NamedTuple):
    """The bytes of a file: how many, and in pieces. `pointer` is that of a large object, if they are one's."""

    size: int
    chunks: Iterator[bytes]
    pointer: Pointer | None = None


class Left(NamedTuple):
    """A path at which there still is a pointer, and why, for people."""

    path: str
    reason: str


def open_artifact(objects: Objects, store: Store, entry: Entry) -> Content:
    """The bytes of a file of a tree; of a pointer, those of the large object.

    Raises `MissingContent` before the first piece, `DamagedContent` behind the last, `FormatError` as `objects` do.
    """
    size = objects.get_size(entry.oid)
    pointer = None
    if MIN_POINTER <= size <= MAX_POINTER and entry.mode != _LINK_MODE:
        pointer = decode_pointer(objects.read_blob(entry.oid))
    if pointer is None:
        return Content(size, objects.stream_blob(entry.oid))
    if store.find(pointer) is None:
        raise MissingContent(entry.path, pointer)
    return Content(pointer.size, store.stream(pointer, entry.path), pointer)


def find_pointers(git: Git, commit: str, folder: str = "") -> dict[str, Pointer]:
    """The files of a commit's tree, or of this folder of it, that are pointers: by their whole paths. Raises `GitFailed`."""
    blobs: dict[str, tuple[str, int]] = {}
    where = ("--", folder) if folder else ()
    rest = b""
    command = ("--literal-pathspecs", "ls-tree", "-r", "-l", "-z", "--full-tree", commit, *where)
    for piece in git.start(*command).stream():
        *lines, rest = (rest + piece).split(b"\0")
        for line in lines:
            about, _, path = line.partition(b"\t")
            mode, _, oid, size = about.split()
            # a submodule has no size, and neither has what is not here of a partial clone
            if mode != _LINK_MODE.encode("ascii") and size.isdigit() and MIN_POINTER <= int(size) <= MAX_POINTER:
                blobs[os.fsdecode(path)] = oid.decode("ascii"), int(size)
    pointers = _decode(git, dict.fromkeys(blobs.values()))
    return {path: pointers[oid] for path, (oid, _) in blobs.items() if oid in pointers}


def reachable_pointers(git: Git, commits: Iterable[str], known: Iterable[str] = ()) -> set[Pointer]:
    """All pointers in the histories of these commits, without what the histories of the `known` ones have.

    That is what a push of these commits has to bring where the others are, some of which may not be here. Raises `GitFailed`.
    """
    data = "".join([*(f"{commit}\n" for commit in commits), *(f"^{commit}\n" for commit in known)]).encode("ascii")
    # what is not here of a partial clone is nothing that could be pushed
    words = ("rev-list", "--objects", "--no-object-names", "--filter=object:type=blob", "--missing=allow-any")
    listed = git.run(*words, "--ignore-missing", "--stdin", data=data).decode("ascii").split()
    kinds = check_objects(git, listed)
    small = [(oid, size) for oid, kind, size in kinds if kind == "blob" and MIN_POINTER <= size <= MAX_POINTER]
    return set(_decode(git, small).values())


def _decode(git: Git, blobs: Iterable[tuple[str, int]]) -> dict[str, Pointer]:
    """The pointers among these blobs with their sizes, by the blobs' ids."""
    read = ((oid, decode_pointer(data)) for oid, data in read_objects(git, list(blobs)))
    return {oid: pointer for oid, pointer in read if pointer is not None}


def smudge(store: Store, folder: str, wanted: Mapping[str, Pointer]) -> list[Left]:
    """Put the bytes of large objects in place of their pointers in files below a folder; where that could not be.

    `wanted` has a pointer for each path below the folder. A file that is anything but this pointer is left as it is, and
    so is what lies behind a link; a file that has the bytes already is right. Each is replaced as a whole, and keeps its
    mode. Raises nothing for what is missing, damaged, or in the way.
    """
    left = []
    for path, pointer in sorted(wanted.items()):
        try:
            reason = _smudge(store, folder, path, pointer)
        except (MissingContent, DamagedContent) as error:
            reason = error.message
        except OSError as error:
            reason = error.strerror or str(error)
        if reason:
            left.append(Left(path, reason))
    return left


def has_content(path: str, pointer: Pointer) -> bool:
    """Whether a file on disk, which is no link, has the bytes that a pointer stands for."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _NO_LINK)
    except OSError:
        return False
    try:
        about = os.fstat(fd)
        return stat.S_ISREG(about.st_mode) and about.st_size == pointer.size and _digest(fd) == pointer.oid
    finally:
        os.close(fd)


def _smudge(store: Store, folder: str, path: str, pointer: Pointer) -> str:
    """Why a file has no content now; empty where it has."""
    *parents, name = path.split("/")
    if not all(part not in {"", ".", ".."} for part in (*parents, name)):
        return "no path of a file"
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for parent in parents:
            inner = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | _NO_LINK, dir_fd=place)
            os.close(place)
            place = inner
        fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _NO_LINK, dir_fd=place)
        try:
            about = os.fstat(fd)
            if not stat.S_ISREG(about.st_mode):
                return "no regular file"
            if about.st_size == pointer.size and about.st_size > MAX_POINTER:
                return "" if _digest(fd) == pointer.oid else "it is no longer the pointer that it was"
            if decode_pointer(os.read(fd, MAX_POINTER + 1)) != pointer:
                return "it is no longer the pointer that it was"
        finally:
            os.close(fd)
        _replace(store, place, name, pointer, stat.S_IMODE(about.st_mode))
    finally:
        os.close(place)
    return ""


def _replace(store: Store, place: int, name: str, pointer: Pointer, mode: int) -> None:
    temporary = f".{os.getpid()}-{os.urandom(8).hex()}.tmp"
    with store.open(pointer) as source:
        target = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o600, dir_fd=place)
        try:
            if not clone(source.fileno(), target):
                while chunk := source.read(_CHUNK):
                    write_all(target, chunk)
            _verify(target, pointer, source.name)
            os.fchmod(target, mode)
            os.rename(temporary, name, src_dir_fd=place, dst_dir_fd=place)
        except BaseException:
            os.unlink(temporary, dir_fd=place)
            raise
        finally:
            os.close(target)


def _verify(fd: int, pointer: Pointer, path: str) -> None:
    if _digest(fd) != pointer.oid:
        raise DamagedContent(path)


def _digest(fd: int) -> str:
    import hashlib

    hasher = hashlib.sha256()
    os.lseek(fd, 0, os.SEEK_SET)
    while chunk := os.read(fd, _CHUNK):
        hasher.update(chunk)
    return hasher.hexdigest()
