"""Many files hashed at once: in threads where there is more than one job, told of and stopped by the caller.

A job is one big file, or a batch of small ones, which are not worth a hand-over each. Big files are read by as many
threads as there are cores. Small ones are mostly work for the interpreter, which does one thing at a time: threads make
100,000 of them slower by half (3.6 s for 2.4 s, in the page cache), but much faster where each waits for a disk or a
server. So the first batch is watched: if it mostly waited, the rest goes to threads.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import xxhash

from gitxp.capture.data.hashing import FileHash, hash_file, make_buffer
from gitxp.capture.data.walk import FILE, LINK, Item

if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable, Sequence

_SMALL = 256 * 1024
_BATCH = 64
_MAX_THREADS = 8
_WAIT = 0.1


class Cancelled(Exception):
    """The caller asked to stop. `found` is what `hash_items` had by then."""

    def __init__(self, found: Sequence[FileHash | None] = ()) -> None:
        super().__init__()
        self.found = found


class Watch:
    """What the caller wants to hear, and whether they still want it; `bytes` and `files` are what was read so far."""

    def __init__(self, progress: Callable[[int, int], None] | None, cancelled: Callable[[], bool] | None) -> None:
        self._progress = progress
        self._cancelled = cancelled
        self.bytes = 0
        self.files = 0

    def look(self) -> None:
        """Tell the caller, and raise `Cancelled` where they want no more."""
        if self._progress:
            self._progress(self.bytes, self.files)
        if self._cancelled and self._cancelled():
            raise Cancelled


def hash_items(root: bytes, items: Sequence[Item], watch: Watch) -> list[FileHash | None]:
    """The hash of each item below `root`, in their order; None for what cannot be read. Raises `Cancelled`."""
    big: list[list[int]] = []
    small: list[list[int]] = [[]]
    for place, item in enumerate(items):
        if item.facts[0] > _SMALL:
            big.append([place])
        else:
            if len(small[-1]) == _BATCH:
                small.append([])
            small[-1].append(place)
    work = _Work(root, items, watch)
    try:
        if work.run_here(small[:1]):
            work.run_threads(big + small[1:], _MAX_THREADS)
        else:
            work.run_threads(big, min(_MAX_THREADS, os.cpu_count() or 1))
            work.run_here(small[1:])
        watch.look()
    except Cancelled:
        raise Cancelled(work.found) from None
    return work.found


class _Work:
    """What is to be hashed, as places in `items`, and what was found."""

    def __init__(self, root: bytes, items: Sequence[Item], watch: Watch) -> None:
        self._root = root
        self._items = items
        self._watch = watch
        self._looked = time.monotonic()
        self.found: list[FileHash | None] = [None] * len(items)

    def run_here(self, jobs: Sequence[list[int]]) -> bool:
        """Jobs, in this thread; whether most of the time went by in waiting."""
        wall, work = time.monotonic(), time.thread_time()
        with make_buffer() as buffer:
            for job in jobs:
                self._do(job, buffer, self._tick_here)
                self._watch.files += len(job)
        return time.monotonic() - wall > 3 * (time.thread_time() - work) + 0.001

    def run_threads(self, jobs: Sequence[list[int]], count: int) -> None:
        """Jobs, in up to `count` threads, while this one keeps the caller informed."""
        if min(len(jobs), count) < 2:
            self.run_here(jobs)
            return
        import threading

        crew = _Crew(jobs, self._watch)
        threads = [
            threading.Thread(target=crew.work, args=(self._do,), name=f"gitxp-hash-{i}", daemon=True)
            for i in range(min(len(jobs), count))
        ]
        started = 0
        for thread in threads:
            try:
                thread.start()
            except RuntimeError:  # too many for the system; and an interpreter that is ending starts none at all
                break
            started += 1
        if not started:
            crew.work(self._do)
        del threads[started:]
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(_WAIT)
                    self._watch.look()
        finally:
            crew.is_stopped = True
            for thread in threads:
                thread.join()
        if crew.failure:
            raise crew.failure

    def _tick_here(self, size: int) -> None:
        self._watch.bytes += size
        if time.monotonic() - self._looked >= _WAIT:
            self._looked = time.monotonic()
            self._watch.look()

    def _do(self, job: list[int], buffer: mmap.mmap, tick: Callable[[int], None]) -> None:
        for place in job:
            self.found[place] = _hash_item(self._root, self._items[place], buffer, tick)


class _Crew:
    """Jobs that several threads take one after the other."""

    def __init__(self, jobs: Sequence[list[int]], watch: Watch) -> None:
        import threading

        self._jobs = iter(jobs)
        self._watch = watch
        self._lock = threading.Lock()
        self.is_stopped = False
        self.failure: BaseException | None = None

    def work(self, do: Callable[[list[int], mmap.mmap, Callable[[int], None]], None]) -> None:
        """What each thread does: `do` jobs until there are none or one of the threads failed."""
        try:
            with make_buffer() as buffer:
                job = self._take(0)
                while job:
                    do(job, buffer, self._tick)
                    job = self._take(len(job))
        except BaseException as error:  # noqa: BLE001  (raised again in the caller's thread)
            self.is_stopped = True
            self.failure = error

    def _take(self, done: int) -> list[int] | None:
        with self._lock:
            self._watch.files += done
            return None if self.is_stopped else next(self._jobs, None)

    def _tick(self, size: int) -> None:
        with self._lock:
            self._watch.bytes += size
        if self.is_stopped:
            raise Cancelled


def _hash_item(root: bytes, item: Item, buffer: mmap.mmap, tick: Callable[[int], None]) -> FileHash | None:
    path = root + b"/" + item.path if item.path else root
    try:
        if item.kind == FILE:
            return hash_file(path, buffer, expected=item.facts, follow=not item.path, tick=tick)
        if item.kind == LINK:
            return FileHash(xxhash.xxh3_128_digest(os.readlink(path)), item.facts, changed=False)
    except OSError:
        return None
    return None
