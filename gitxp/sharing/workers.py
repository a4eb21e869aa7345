"""Threads that copy large objects, several at once, and how far they are.

It is no ThreadPoolExecutor: Python waits for its threads before it exits, and an object may take hours. Whoever waits for
these may be interrupted, and need not wait longer.
"""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import GitxpError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gitxp.pointer import Pointer

WORKERS = 4
_PATIENCE = 2.0  # seconds that an interrupted command waits for its workers
_PAUSE = 0.2  # seconds between two looks how far they are


class Progress(NamedTuple):
    """How far it is: objects that are done with and bytes that were copied, of how many.

    `read_back` are those of the bytes that were read back, where that is done.
    """

    objects: int
    all_objects: int
    size: int
    all_size: int
    read_back: int


class Failure(NamedTuple):
    """An object that was not copied, and why, for people."""

    pointer: Pointer
    reason: str


class Copied(NamedTuple):
    """What was copied, what was there already, and what failed."""

    copied: tuple[Pointer, ...]
    there: tuple[Pointer, ...]
    failed: tuple[Failure, ...]


class Interrupted(Exception):
    """The user wants no more; raised where a worker looks for that."""


class Watch:
    """How far one object is: bytes that were copied, and read back. Each call looks whether the user wants no more."""

    def __init__(self, is_stopped: threading.Event) -> None:
        self._is_stopped = is_stopped
        self.size = self.read_back = 0

    def check(self) -> None:
        """Raise `Interrupted` where it is time."""
        if self._is_stopped.is_set():
            raise Interrupted

    def copied(self, size: int) -> None:
        """So many bytes are there."""
        self.size = size
        self.check()

    def checked(self, size: int) -> None:
        """So many bytes were read back."""
        self.read_back = size
        self.check()


class _Done(NamedTuple):
    """An object that is done with: whether it had to be copied, or why it was not."""

    pointer: Pointer
    came: bool | Exception


class Workers:
    """The threads, each with one object at a time. `done` gives what came of each."""

    def __init__(self, copy: Callable[[Pointer, Watch], bool], wanted: Sequence[Pointer]) -> None:
        self._copy = copy
        self._wanted = iter(wanted)
        self._lock = threading.Lock()
        self._watches: dict[Pointer, Watch] = {}
        self._is_stopped = threading.Event()
        self._done: queue.SimpleQueue[_Done] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"gitxp-large-{number}", daemon=True)
            for number in range(min(WORKERS, len(wanted)))
        ]
        for thread in self._threads:
            thread.start()

    def take(self) -> _Done | None:
        """What is done next; None if nothing is for a moment."""
        try:
            done = self._done.get(timeout=_PAUSE)
        except queue.Empty:
            return None
        with self._lock:
            del self._watches[done.pointer]
        return done

    def moving(self) -> tuple[int, int]:
        """Bytes that were copied and read back of what `take` did not give yet."""
        with self._lock:
            watches = list(self._watches.values())
        return sum(watch.size for watch in watches), sum(watch.read_back for watch in watches)

    def stop(self) -> None:
        """Let them end where they are; those whose network does not answer are left to themselves."""
        self._is_stopped.set()
        until = time.monotonic() + _PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _work(self) -> None:
        while not self._is_stopped.is_set():
            with self._lock:
                pointer = next(self._wanted, None)
                if pointer is None:
                    return
                watch = self._watches[pointer] = Watch(self._is_stopped)
            try:
                self._done.put(_Done(pointer, self._copy(pointer, watch)))
            except Exception as error:  # noqa: BLE001  (each library for a place has errors of its own)
                self._done.put(_Done(pointer, error))


def copy_each(
    copy: Callable[[Pointer, Watch], bool],
    pointers: Iterable[Pointer],
    progress: Callable[[Progress], None] | None = None,
    *,
    reads_back: bool,
) -> Copied:
    """Copy objects, several at once; what cannot be copied is told and does not stop the others.

    `progress` is told after each and a few times a second, in the thread that called.
    """
    wanted = sorted(set(pointers))
    copied: list[Pointer] = []
    there: list[Pointer] = []
    failed: list[Failure] = []
    number = size = 0
    total = sum(pointer.size for pointer in wanted)
    workers = Workers(copy, wanted)
    try:
        while number < len(wanted):
            done = workers.take()
            if done is not None:
                number, size = number + 1, size + done.pointer.size
                if isinstance(done.came, Exception):
                    failed.append(Failure(done.pointer, _reason(done.came)))
                else:
                    (copied if done.came else there).append(done.pointer)
            moving, read_back = workers.moving()
            now = Progress(number, len(wanted), size + moving, total, size + read_back if reads_back else 0)
            if progress:
                progress(now)
    finally:
        workers.stop()
    return Copied(tuple(sorted(copied)), tuple(sorted(there)), tuple(sorted(failed)))


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, GitxpError) else f"{type(error).__name__}: {error}"
