"""git-lfs's store of large objects of a repository, read and written without its program.

The objects lie below git's common folder, or where `lfs.storage` says, under their digests (git-lfs's docs/spec.md); what
names them are pointers (gitxp/pointer.py). What is put there by the same rules is git-lfs's: a plain `git push` with its
hook uploads it, `git lfs fetch` brings it, `git lfs fsck` checks it.

An object is never a second name (a hard link) of the user's file: whoever writes that anew would change the object. It
is a clone where the file system can, else a copy, and what is hashed is what was written.
"""

from __future__ import annotations

import errno
import os
import stat

from gitxp.errors import FormatError, GitxpError
from gitxp.git.shared import make_folders, parse_shared, share
from gitxp.pointer import Pointer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, BinaryIO, NamedTuple, Self

    from gitxp.git.program import Git
else:
    from gitxp.light import NamedTuple

_CHUNK = 1 << 20
_STORAGE, _SHARED = "lfs.storage", "core.sharedrepository"
_FICLONE = 0x40049409  # linux/fs.h
_NO_CLONES = frozenset(
    (errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.EBADF, errno.ETXTBSY)
)


class MissingContent(GitxpError):
    """A large object that a pointer names is not in the store of this repository; `pointer` says which."""

    def __init__(self, what: str, pointer: Pointer) -> None:
        super().__init__(
            f"The content of {what} is not here: it is the large object {pointer.oid[:12]}, {pointer.size:,} bytes.",
            hint="Bring it from the storage or the remote: gitxp pull --large RUN",
        )
        self.pointer = pointer


class DamagedContent(FormatError):
    """A large object does not have the sha256 that it is kept under; `path` is its file."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"The large object {os.path.basename(path)[:12]} is damaged: its bytes have another sha256",
            hint="Let git lfs fsck move it away, and fetch it again.",
        )
        self.path = path


class Stored(NamedTuple):
    """What was put into the store: its pointer, the digest of the hasher besides, and whether it would not hold still."""

    pointer: Pointer
    digest: bytes = b""
    changed: bool = False


def find_store(git: Git, common_dir: str) -> Store:
    """The store of the repository with this common folder (docs/format.md: shared by all linked worktrees)."""
    data = git.ask("config", "-z", "--get-regexp", rf"^({_STORAGE}|{_SHARED})$".replace(".", r"\.")).stdout
    found = dict(os.fsdecode(item).partition("\n")[::2] for item in data.split(b"\0") if item)
    return Store.of(common_dir, found)


class Store:
    """The large objects of a repository.

    `root` is git-lfs's folder; `others` are the folders of objects of repositories that this one borrows from
    (`git clone --reference`), in which objects are found and never put. `shared` is what `parse_shared` gives.
    """

    def __init__(self, root: str, others: Iterable[str] = (), shared: int = 0) -> None:
        self.root = root
        self.shared = shared
        self.folder = os.path.join(root, "objects")
        self.others = tuple(others)

    @classmethod
    def of(cls, common_dir: str, settings: Mapping[str, str]) -> Store:
        """As git-lfs finds it, by what git's configuration says."""
        root = os.path.join(common_dir, settings.get(_STORAGE) or "lfs")
        return cls(root, _borrowed(common_dir), parse_shared(settings.get(_SHARED, "")))

    def is_begun(self) -> bool:
        """Whether an object was ever put here, or into a repository that this one borrows from."""
        return any(map(os.path.isdir, (self.folder, *self.others)))

    def path(self, oid: str) -> str:
        """Where the object of this digest is or would be."""
        return os.path.join(self.folder, oid[:2], oid[2:4], oid)

    def size(self, oid: str) -> int | None:
        """The bytes of an object in this store itself, whatever they are; None where it is not there."""
        try:
            return os.stat(self.path(oid)).st_size
        except OSError:
            return None

    def make_place(self, oid: str) -> str:
        """Where an object is to be; the folders on the way are there then. Raises `OSError`."""
        path = self.path(oid)
        make_folders(os.path.dirname(path), self.shared)
        return path

    def find(self, pointer: Pointer) -> str | None:
        """The object's file, if there is one of its size; its bytes are not looked at."""
        for folder in (self.folder, *self.others):
            path = os.path.join(folder, pointer.oid[:2], pointer.oid[2:4], pointer.oid)
            try:
                about = os.lstat(path)
            except OSError:
                continue
            if stat.S_ISREG(about.st_mode) and about.st_size == pointer.size:
                return path
        return None

    def open(self, pointer: Pointer, what: str = "a file") -> BinaryIO:
        """The object, opened to be read, unverified. Raises `MissingContent`, in which `what` names what it is of."""
        path = self.find(pointer)
        if path is None:
            raise MissingContent(what, pointer)
        return open(path, "rb")

    def stream(self, pointer: Pointer, what: str = "a file") -> Iterator[bytes]:
        """The object's bytes in pieces. Raises `MissingContent`, and `DamagedContent` behind the last piece."""
        import hashlib

        hasher = hashlib.sha256()
        with self.open(pointer, what) as file:
            while chunk := file.read(_CHUNK):
                hasher.update(chunk)
                yield chunk
        if hasher.hexdigest() != pointer.oid:
            raise DamagedContent(file.name)

    def is_whole(self, pointer: Pointer) -> bool:
        """Whether the object is there with the right bytes: all of them are read."""
        try:
            for _ in self.stream(pointer):
                continue
        except (MissingContent, DamagedContent):
            return False
        return True

    def set_aside(self, pointer: Pointer) -> bool:
        """Move an object of this store itself away that does not have the right bytes, as `git lfs fsck` does; whether it had not.

        All of it is read. What a repository has that this one borrows from stays. Raises `OSError`.
        """
        path = self.find(pointer)
        if path is None or path != self.path(pointer.oid) or self.is_whole(pointer):
            return False
        folder = os.path.join(self.root, "bad")
        make_folders(folder, self.shared)
        os.rename(path, os.path.join(folder, pointer.oid))
        return True

    def take_over(self, path: str, fd: int, oid: str) -> None:
        """Make an object of a file that is open, whose bytes have this sha256; what has its place is replaced, whatever it was.

        When this returns, the object survives a power cut. Raises `OSError`.
        """
        share(fd, self.shared)
        os.fsync(fd)
        target = self.make_place(oid)
        folder = os.path.dirname(target)
        os.rename(path, target)
        for place in (folder, os.path.dirname(folder), self.folder, self.root):
            _sync_folder(place)

    def put(
        self,
        source: int,
        *,
        hasher: Callable[[], Any] | None = None,
        tick: Callable[[int], None] | None = None,
    ) -> Stored:
        """Keep the bytes of an open file, from its beginning to where it ends when this begins.

        If it changed while it was read, it is read once more, and if that did, too, `changed` says so; what is kept has
        the digest that it is kept under, all the same. `hasher` makes another hasher that the bytes go through; `tick` is
        called with the number of bytes after each piece, and what it raises leaves nothing behind. When this returns, the
        object survives a power cut. Raises `OSError`.
        """
        with Incoming(self) as incoming:
            for _ in range(2):
                before = _facts(source)
                other = hasher() if hasher else None
                pointer = incoming.take(source, before[0], other, tick)
                changed = _facts(source) != before
                if not changed:
                    break
            incoming.publish(pointer)
        return Stored(pointer, other.digest() if other else b"", changed)


class Incoming:
    """A file on its way into the store: nobody sees it before `publish`, and without that nothing stays of it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # git-lfs clears this folder of what is older than an hour: of what a kill left
        folder = os.path.join(store.root, "tmp")
        make_folders(folder, store.shared)
        self.path = os.path.join(folder, f"gitxp-{os.getpid()}-{os.urandom(8).hex()}")
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            return  # it has its name

    def take(self, source: int, size: int, other: Any, tick: Callable[[int], None] | None) -> Pointer:
        """Take at most `size` bytes of an open file, in place of what was taken before; what they are."""
        import hashlib

        hashers = [hashlib.sha256(), *([other] if other else [])]
        os.ftruncate(self.fd, 0)
        cloned = clone(source, self.fd)
        reader = self.fd if cloned else source
        os.lseek(reader, 0, os.SEEK_SET)
        os.lseek(self.fd, 0, os.SEEK_SET)
        done = 0
        while (cloned or done < size) and (chunk := os.read(reader, _CHUNK if cloned else min(size - done, _CHUNK))):
            for hasher in hashers:
                hasher.update(chunk)
            if not cloned:
                write_all(self.fd, chunk)
            done += len(chunk)
            if tick:
                tick(len(chunk))
        return Pointer(hashers[0].hexdigest(), done)

    def publish(self, pointer: Pointer) -> None:
        """Give it the name by which it is found; what has that name is replaced, whatever it was."""
        self._store.take_over(self.path, self.fd, pointer.oid)


def clone(source: int, target: int) -> bool:
    """Let an open file share the blocks of another, if the file system can; whether it could. Raises `OSError`."""
    import fcntl

    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno not in _NO_CLONES:
            raise
        return False
    return True


def write_all(fd: int, data: bytes) -> None:
    """Write all of it, in as many pieces as it takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _borrowed(common_dir: str) -> Iterator[str]:
    """Where git-lfs looks besides: the stores of the repositories in `objects/info/alternates`."""
    objects = os.path.join(common_dir, "objects")
    try:
        with open(os.path.join(objects, "info", "alternates"), "rb") as file:
            lines = file.read().split(b"\n")
    except OSError:
        return
    for line in lines:
        if line and not line.startswith((b"#", b'"')):
            alternate = os.path.normpath(os.path.join(objects, os.fsdecode(line)))
            yield os.path.join(os.path.dirname(alternate), "lfs", "objects")


def _facts(fd: int) -> tuple[int, int, int]:
    """Size in bytes, and what changes with the content; `OSError` where it is no regular file."""
    about = os.fstat(fd)
    if not stat.S_ISREG(about.st_mode):
        raise OSError(errno.EINVAL, "no regular file")
    return about.st_size, about.st_mtime_ns, about.st_ctime_ns


def _sync_folder(path: str) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
