"""Large objects, copied between the LFS store of the repository and a place that gitxp.yaml names.

There they lie at `sha256/<first 2 digits>/<next 2>/<oid>`. What has left is read back and hashed before it counts; what comes is
hashed before it is an object. A copy that was cut off is made anew, and what is there in its full size is not copied
again: so whoever is interrupted goes on where they were.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import GitxpError
from gitxp.git.lfs import DamagedContent, Incoming, MissingContent, write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gitxp.git.lfs import Store
    from gitxp.pointer import Pointer
    from gitxp.sharing.places import Place

    Check = Callable[[], None]

WORKERS = 4
_PATIENCE = 2.0  # seconds that an interrupted command waits for its workers
_CHUNK = 1 << 20


class Progress(NamedTuple):
    """How far it is: objects and bytes that are done with, of how many."""

    objects: int
    all_objects: int
    size: int
    all_size: int


class Failure(NamedTuple):
    """An object that was not copied, and why, for people."""

    pointer: Pointer
    reason: str


class Copied(NamedTuple):
    """What was copied, what was there already, and what failed."""

    copied: tuple[Pointer, ...]
    there: tuple[Pointer, ...]
    failed: tuple[Failure, ...]


class AlteredContent(GitxpError):
    """What is at the place is not what was asked for or sent."""

    def __init__(self, pointer: Pointer) -> None:
        super().__init__(
            f"The large object {pointer.oid[:12]} has other bytes in the storage.",
            hint="Delete it there, and push the run by its name from a clone that has it: gitxp push REMOTE RUN",
        )


def name_of(oid: str) -> str:
    """Where an object lies at a place."""
    return f"sha256/{oid[:2]}/{oid[2:4]}/{oid}"


def upload(
    store: Store, place: Place, pointers: Iterable[Pointer], progress: Callable[[Progress], None] | None = None
) -> Copied:
    """Copy objects to a place, several at once; what cannot be copied is told and does not stop the others."""
    return _each(lambda pointer, check: _upload(store, place, pointer, check), pointers, progress)


def download(
    store: Store, place: Place, pointers: Iterable[Pointer], progress: Callable[[Progress], None] | None = None
) -> Copied:
    """Copy objects from a place, several at once; what cannot be copied is told and does not stop the others."""
    return _each(lambda pointer, check: _download(store, place, pointer, check), pointers, progress)


class _Interrupted(Exception):
    """The user wants no more; raised where a worker looks for that."""


class _Workers:
    """Threads that copy, each one object at a time. Whoever waits for them may be interrupted, and need not wait longer.

    That is why it is no ThreadPoolExecutor: Python waits for its threads before it exits, and an object may take hours.
    """

    def __init__(self, copy: Callable[[Pointer, Check], bool], wanted: Sequence[Pointer]) -> None:
        self._copy = copy
        self._wanted = iter(wanted)
        self._lock = threading.Lock()
        self._is_stopped = threading.Event()
        self.done: queue.SimpleQueue[tuple[Pointer, bool | Exception]] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"gitxp-large-{number}", daemon=True)
            for number in range(min(WORKERS, len(wanted)))
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let them end where they are; those whose network does not answer are left to themselves."""
        self._is_stopped.set()
        until = time.monotonic() + _PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _check(self) -> None:
        if self._is_stopped.is_set():
            raise _Interrupted

    def _work(self) -> None:
        while not self._is_stopped.is_set():
            with self._lock:
                pointer = next(self._wanted, None)
            if pointer is None:
                return
            try:
                self.done.put((pointer, self._copy(pointer, self._check)))
            except Exception as error:  # noqa: BLE001  (each library for a place has errors of its own)
                self.done.put((pointer, error))


def _each(
    copy: Callable[[Pointer, Check], bool],
    pointers: Iterable[Pointer],
    progress: Callable[[Progress], None] | None,
) -> Copied:
    wanted = sorted(set(pointers))
    copied: list[Pointer] = []
    there: list[Pointer] = []
    failed: list[Failure] = []
    size, all_size = 0, sum(pointer.size for pointer in wanted)
    workers = _Workers(copy, wanted)
    try:
        for number in range(1, len(wanted) + 1):
            pointer, came = workers.done.get()
            if isinstance(came, GitxpError):
                failed.append(Failure(pointer, came.message))
            elif isinstance(came, Exception):
                failed.append(Failure(pointer, f"{type(came).__name__}: {came}"))
            else:
                (copied if came else there).append(pointer)
            size += pointer.size
            if progress:
                progress(Progress(number, len(wanted), size, all_size))
    finally:
        workers.stop()
    return Copied(tuple(sorted(copied)), tuple(sorted(there)), tuple(sorted(failed)))


def _upload(store: Store, place: Place, pointer: Pointer, check: Check) -> bool:
    """Whether it had to be copied."""
    name = name_of(pointer.oid)
    if place.size(name) == pointer.size:
        return False
    path = store.find(pointer)
    if path is None:
        raise MissingContent("a run", pointer)
    if not store.is_whole(pointer):
        raise DamagedContent(path)
    at = name if place.is_atomic else f"tmp/{pointer.oid}-{os.urandom(8).hex()}"
    try:
        place.put(path, at, check)
        _verify(place, at, pointer, check)
        if at != name:
            place.move(at, name)
    except AlteredContent:
        place.delete(at)
        raise
    except BaseException:
        if at != name:  # else what is there is whole, and may be somebody else's
            place.delete(at)
        raise
    return True


def _verify(place: Place, name: str, pointer: Pointer, check: Check) -> None:
    hasher = hashlib.sha256()
    with place.read(name) as file:
        while chunk := file.read(_CHUNK):
            check()
            hasher.update(chunk)
    if hasher.hexdigest() != pointer.oid:
        raise AlteredContent(pointer)


def _download(store: Store, place: Place, pointer: Pointer, check: Check) -> bool:
    """Whether it had to be copied."""
    if store.find(pointer) is not None:
        return False
    found = place.size(name_of(pointer.oid))
    if found is None:
        raise GitxpError("it is not in the storage")
    if found != pointer.size:
        raise AlteredContent(pointer)
    hasher, done = hashlib.sha256(), 0
    with Incoming(store) as incoming, place.read(name_of(pointer.oid)) as file:
        while done <= pointer.size and (chunk := file.read(_CHUNK)):
            check()
            hasher.update(chunk)
            write_all(incoming.fd, chunk)
            done += len(chunk)
        if hasher.hexdigest() != pointer.oid:
            raise AlteredContent(pointer)
        incoming.publish(pointer)
    return True
