"""Metrics of the machine while a run goes on: a thread that looks every few seconds, and writes to the journal.

What it looks with (psutil, NVML) is imported in the thread, when the run has lasted for an interval: a short command
pays nothing, and a driver that does not answer holds nobody up. Any failure is one sentence, and the end of it.

The process may be the user's own (`gitxp.init`), which may fork at any time: a child in which a lock of the import
system or of psutil stays locked, for the thread that held it is not there, would hang. So forks wait for what holds such
a lock, which is milliseconds; never for NVML.
"""

from __future__ import annotations

import os
import threading
import time
from functools import partial

from gitxp.format import SYSTEM_PREFIX
from gitxp.recording.journal import Journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    Look = Callable[[], dict[str, float]]
    _T = TypeVar("_T")

_LAST_LOOK = 1.0  # seconds that the end of a run waits for a look that is under way

NO_FORK = threading.Lock()
os.register_at_fork(before=NO_FORK.acquire, after_in_parent=NO_FORK.release, after_in_child=NO_FORK.release)


class Sampling:
    """Looks at the process `pid` and its machine, at once and then every `interval` seconds, until it is stopped.

    `since` is the time (monotonic) at which the run began, from which steps count, in whole seconds. `environ` is the
    command's. `problem` is a sentence, once something went wrong.
    """

    def __init__(self, journal: str, pid: int, environ: Mapping[str, str], interval: float, since: float) -> None:
        self._journal = Journal(journal)
        self._pid = pid
        self._environ = environ
        self._interval = interval
        self._since = since
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="gitxp-system")
        self.problem: str | None = None
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether there is anything that it looks with."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Look no more; a look that hangs is left to itself."""
        self._stop.set()
        self._thread.join(_LAST_LOOK)

    def _run(self) -> None:
        looks = [look for find in (self._find_usage, self._find_gpu_usage) if (look := self._attempt(find))]
        while looks and not self._stop.is_set():
            looks = [look for look in looks if self._attempt(partial(self._keep, look))]
            self._stop.wait(self._interval)

    def _attempt(self, action: Callable[[], _T]) -> _T | None:
        try:
            return action()
        except Exception as error:  # noqa: BLE001  (whatever a driver says, it is a sentence and no more)
            self.problem = self.problem or f"System metrics are not complete: {type(error).__name__}: {error}"
            return None

    def _find_usage(self) -> Look | None:
        with NO_FORK:
            try:
                from gitxp.capture.environment.usage import find_usage
            except ImportError:
                return None  # psutil is not installed
            usage = find_usage(self._pid)
        if usage is None:
            return None

        def look() -> dict[str, float]:
            with NO_FORK:
                return usage.sample()

        return look

    def _find_gpu_usage(self) -> Look | None:
        with NO_FORK:
            try:
                from gitxp.capture.environment.gpu_usage import find_gpu_usage
            except ImportError:
                return None  # nvidia-ml-py is not installed
        usage = find_gpu_usage(self._environ)
        return usage.sample if usage else None

    def _keep(self, look: Look) -> bool:
        """Look, and log what is seen; whether there was anything, and it is worth to look again."""
        found = look()
        if not self._stop.is_set():
            step, now = int(time.monotonic() - self._since), round(time.time(), 3)
            for name, value in found.items():
                self._journal.append(SYSTEM_PREFIX + name, step, now, value)
        return bool(found)
