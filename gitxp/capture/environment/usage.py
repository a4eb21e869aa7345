"""What the machine and the processes of a command use, by psutil, where it is installed.

A command is a tree of processes: what is measured is the process that was started, what came of it, and what was once
seen as its descendant, for a process whose parent is gone is nobody's child any more. The processor time of processes
that have ended is in their parents' accounts (Linux), so that a tree of short ones is not missed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOOPBACK = ("lo", "lo0")


def find_usage(pid: int) -> Usage | None:
    """What looks at a process, or None where it has ended."""
    try:
        return Usage(pid)
    except psutil.NoSuchProcess:
        return None


class Usage:
    """Looks at the process `pid`, all below it, and the machine. Raises `psutil.Error` where it may not."""

    def __init__(self, pid: int) -> None:
        self._main = psutil.Process(pid)
        self._seen: dict[int, psutil.Process] = {pid: self._main}
        self._before = (self._main.create_time(), 0.0)
        psutil.cpu_percent()  # the first call has nothing to compare with
        self._first = dict(_counters())

    def sample(self) -> dict[str, float]:
        """What is used now, by name; docs/howto/environment.md has names and units. Empty where the process has ended.

        `cpu` is the mean since the last call, and for the first call since the process began; bytes read, written,
        received and sent count from when this was made.
        """
        try:
            for child in self._main.children(recursive=True):
                self._seen.setdefault(child.pid, child)
        except psutil.NoSuchProcess:
            return {}
        now, used, resident = time.time(), 0.0, 0
        for pid, process in list(self._seen.items()):
            try:
                if not process.is_running():  # its number may be another's by now
                    del self._seen[pid]
                    continue
                with process.oneshot():
                    used += sum(process.cpu_times()[:4])  # user, system, and those of ended children
                    resident += process.memory_info().rss
            except psutil.Error:  # it ended just now, or became another user's
                del self._seen[pid]
        if self._main.pid not in self._seen:
            return {}
        at, before = self._before
        self._before = (now, used)
        found: dict[str, float] = {"memory": resident}
        if now > at:
            found["cpu"] = round(max(0.0, used - before) / (now - at) * 100, 1)
        memory = psutil.virtual_memory()
        found["machine/cpu"] = psutil.cpu_percent()
        found["machine/memory"] = memory.total - memory.available
        counters = dict(_counters())
        return found | {name: count - self._first.get(name, 0) for name, count in counters.items()}


def _counters() -> Iterator[tuple[str, int]]:
    """Bytes that went through disks and networks since the machine was started."""
    disk = psutil.disk_io_counters()  # None where the system shows no disks
    if disk is not None:
        yield "disk/read", disk.read_bytes
        yield "disk/written", disk.write_bytes
    networks = [about for name, about in psutil.net_io_counters(pernic=True).items() if name not in _LOOPBACK]
    if networks:
        yield "network/received", sum(about.bytes_recv for about in networks)
        yield "network/sent", sum(about.bytes_sent for about in networks)
