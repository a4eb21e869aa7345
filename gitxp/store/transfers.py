"""Large objects that are on their way: what came of one so far, and what is known of one that is being sent.

`<git common dir>/gitxp/coming/<sha256>` has the first bytes of an object that is being fetched; where the store is on another file
system (lfs.storage), they are beside its objects, for that is where there is room. `gitxp/sending/` has notes of those
that are being sent, each with the words by which the storage goes on with it. Either is locked as long as somebody is at
work on it, and stays if that is cut off, so that the next one goes on where it was. What is in them proves nothing: an
object counts when all of its bytes were hashed.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from gitxp.git.lfs import Incoming
from gitxp.git.shared import make_folders, share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from gitxp.git.lfs import Store
    from gitxp.pointer import Pointer

_PAUSE = 0.2  # seconds between two looks whether another process is done
_HELD = frozenset({errno.EWOULDBLOCK, errno.EACCES})
_DAY = 86_400
# For which nobody went on with it. A push takes away what it left at the storage, before only the note of it is.
COMING_DAYS, SENT_DAYS, SENDING_DAYS = 7, 7, 30


class Coming:
    """The first bytes of an object that is being fetched, open as `fd`; nobody else writes to it.

    While another process fetches the object, `wait` is called, and what it raises ends that. On a file system without
    locks, the file is our own, and goes where it was not published; and where the disk is full, so that others can work.
    """

    def __init__(self, common_dir: str, store: Store, pointer: Pointer, wait: Callable[[], None]) -> None:
        self._store = store
        self._pointer = pointer
        folder = coming_folder(common_dir, store)
        make_folders(folder, store.shared)
        self.path = os.path.join(folder, pointer.oid)
        found = _open_alone(self.path, store.shared, wait)
        self._is_ours = found is None
        if found is None:
            self.path += f"-{os.getpid()}-{os.urandom(8).hex()}"
            found = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        self.fd = found
        self._is_gone = False

    def __enter__(self) -> Self:
        if self.size() > self._pointer.size:
            self.clear()
        return self

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        try:
            if not self._is_gone and (self._is_ours or not self.size() or is_full(error)):
                _unlink(self.path, self.fd)
        finally:
            os.close(self.fd)

    def size(self) -> int:
        """The bytes that are here."""
        return os.fstat(self.fd).st_size

    def clear(self) -> None:
        """Forget what is here."""
        os.ftruncate(self.fd, 0)

    def publish(self) -> None:
        """Make it an object of the store: its bytes were hashed. Raises `OSError`."""
        try:
            self._store.take_over(self.path, self.fd, self._pointer.oid)
        except OSError as error:
            if error.errno != errno.EXDEV:  # one file system that is mounted at two places
                raise
            with Incoming(self._store) as incoming:
                taken = incoming.take(self.fd, self._pointer.size, None, None)
                if taken != self._pointer:
                    raise OSError(errno.EIO, "it changed while it was copied", self.path) from error
                incoming.publish(taken)
            os.unlink(self.path)
        self._is_gone = True


class Sending:
    """A note of an object that is being sent to a storage; nobody else of this repository sends it there meanwhile.

    `begun` is what the storage calls what it has of it, "" for nothing; `is_known` says that somebody began to send it and
    did not come to the end. Where no note can be kept, `is_kept` is false, and nobody can go on later.
    """

    def __init__(self, path: str, fd: int | None, storage: str, oid: str) -> None:
        self._path, self._fd, self._storage, self.oid = path, fd, storage, oid
        self.is_kept = fd is not None
        facts = {} if fd is None else _decode(os.pread(fd, 1 << 16, 0))
        self.is_known, self.begun = bool(facts), str(facts.get("begun", ""))

    @classmethod
    def open(cls, common_dir: str, storage: str, oid: str, wait: Callable[[], None]) -> Self:
        """The note of this object. `wait` is called while another process sends it, and what it raises ends that."""
        path = os.path.join(_folder(common_dir, "sending"), _note_name(oid, storage))
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        except OSError:  # a repository that may only be read
            return cls(path, None, storage, oid)
        return cls(path, _open_alone(path, 0, wait), storage, oid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd is not None:
            if not os.fstat(self._fd).st_size:
                _unlink(self._path, self._fd)
            os.close(self._fd)

    def note(self, begun: str) -> None:
        """Keep what the storage calls it; a kill in the middle leaves no note."""
        self.begun, self.is_known = begun, True
        if self._fd is not None:
            facts = {"begun": begun, "sha256": self.oid, "storage": self._storage}
            try:
                os.ftruncate(self._fd, 0)
                os.pwrite(self._fd, json.dumps(facts, sort_keys=True).encode("ascii") + b"\n", 0)
            except OSError:  # a full disk is no reason not to send
                self.is_kept = False

    def forget(self) -> None:
        """Keep nothing: it is there as a whole, or nothing of it is."""
        self.begun, self.is_known = "", False
        if self._fd is not None:
            os.ftruncate(self._fd, 0)


def list_left_sending(common_dir: str, storage: str, now: float) -> Iterator[Sending]:
    """The notes of what was being sent to a storage, and nobody went on with for long; each is to be entered."""
    end = _note_name("", storage)
    for path in _files(_folder(common_dir, "sending")):
        if path.endswith(end):
            fd = _lock_left(path, now - SENT_DAYS * _DAY)
            if fd is not None:
                yield Sending(path, fd, storage, os.path.basename(path).removesuffix(end))


class Left(NamedTuple):
    """What nobody went on with for long: its file, whether it is of an object that was `sent`, its bytes on this machine."""

    path: str
    sent: bool
    size: int


def list_left_transfers(common_dir: str, store: Store, now: float) -> list[Left]:
    """What nobody went on with for so many days, and nobody has locked; `now` is unix time in seconds."""
    return list(_left(common_dir, store, now))


def clear_left_transfers(common_dir: str, store: Store, now: float) -> int:
    """Delete what `list_left_transfers` gives; the bytes."""
    freed = 0
    for left in _left(common_dir, store, now):
        try:
            os.unlink(left.path)
        except FileNotFoundError:
            continue  # somebody else took it away
        freed += left.size
    return freed


def coming_folder(common_dir: str, store: Store) -> str:
    """Where the first bytes of objects of this store are."""
    if _device(common_dir) == _device(store.root):
        return _folder(common_dir, "coming")
    return os.path.join(store.root, "gitxp-coming")


def is_full(error: BaseException | None) -> bool:
    """Whether something failed since there is no more room."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def _folder(common_dir: str, kind: str) -> str:
    return os.path.join(common_dir, "gitxp", kind)


def _left(common_dir: str, store: Store, now: float) -> Iterator[Left]:
    """The same, each locked as long as it is looked at."""
    sending = _folder(common_dir, "sending")
    for folder, days in ((coming_folder(common_dir, store), COMING_DAYS), (sending, SENDING_DAYS)):
        for path in _files(folder):
            fd = _lock_left(path, now - days * _DAY)
            if fd is not None:
                try:
                    yield Left(path, folder == sending, os.fstat(fd).st_size)
                finally:
                    os.close(fd)


def _note_name(oid: str, storage: str) -> str:
    return f"{oid}-{hashlib.sha256(os.fsencode(storage)).hexdigest()[:12]}"


def _device(path: str) -> int:
    """The number of the file system that this is on, or will be."""
    try:
        return os.stat(path).st_dev
    except FileNotFoundError:
        return _device(os.path.dirname(path))


def _files(folder: str) -> list[str]:
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))] if os.path.isdir(folder) else []


def _lock_left(path: str, before: float) -> int | None:
    """A file that was last written to before that, with its lock if there are locks; None where it was later, or somebody has it."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    if os.fstat(fd).st_mtime < before and _try_lock(fd) is not False and _is_at(path, fd):
        return fd
    os.close(fd)
    return None


def _open_alone(path: str, shared: int, wait: Callable[[], None]) -> int | None:
    """A file, made where it is not there, with its lock; None where it cannot be written or there are no locks."""
    while True:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        except OSError:
            return None
        try:
            if os.fstat(fd).st_uid == os.geteuid():
                share(fd, shared)
            while (is_ours := _try_lock(fd)) is False:
                wait()
                time.sleep(_PAUSE)
            if is_ours and _is_at(path, fd):
                return fd
        except BaseException:
            os.close(fd)
            raise
        if is_ours is None and not os.fstat(fd).st_size:
            os.unlink(path)
        os.close(fd)
        if is_ours is None:
            return None


def _try_lock(fd: int) -> bool | None:
    """Take the lock, if nobody has it; None where there are no locks."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in _HELD else None
    return True


def _is_at(path: str, fd: int) -> bool:
    """Whether the file still has its name: who had the lock may have taken it away."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(fd))
    except FileNotFoundError:
        return False


def _unlink(path: str, fd: int) -> None:
    """Take a file away that is ours, unless somebody did already, as one may."""
    if _is_at(path, fd):
        os.unlink(path)


def _decode(data: bytes) -> dict[str, object]:
    try:
        facts = json.loads(data)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}
