"""The front: the process that the user started. It waits, hands on the signals that it gets, and ends as the command did.

It does next to nothing, so that next to nothing can happen to it; and it has everything in its hands that the recorder
has, so that it can go on where a recorder that was killed left off.
"""

from __future__ import annotations

import os
import select
import sys
import time

from gitxp.csignal import signal
from gitxp.recording.ending import Ending
from gitxp.recording.posix import become_reaper
from gitxp.recording.recorder import Recorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitxp.recording.recorder import Task
    from gitxp.recording.relay import Streams
    from gitxp.recording.signals import Signals

_READ = 1 << 16
_SHORT = 100  # ms


def watch(task: Task, streams: Streams, signals: Signals) -> Ending:
    """Record the run in a process of its own and wait for its end."""
    to_recorder_read, to_recorder = os.pipe()
    from_recorder, from_recorder_write = os.pipe()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by whoever started us
            stream.flush()
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _record(task, streams, signals, (to_recorder_read, from_recorder_write), (to_recorder, from_recorder))
    os.close(to_recorder_read)
    os.close(from_recorder_write)
    streams.close_theirs()
    front = _Front(pid, streams, signals, to_recorder, from_recorder)
    front.wait()
    if front.ending is not None:
        return front.ending
    return Recorder(task, streams, signals).take_over(front.command_pid, started)


def _record(task: Task, streams: Streams, signals: Signals, ours: tuple[int, int], theirs: tuple[int, int]) -> None:
    """Be the recorder; does not return."""
    status = 1
    try:
        for fd in theirs:
            os.close(fd)
        signals.renew()
        Recorder(task, streams, signals, *ours).run()
        status = 0
    except BaseException:  # noqa: BLE001  (the front goes on without us; what happened must not be lost)
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


class _Front:
    """What is waited for: messages and the end of the recorder, and signals."""

    def __init__(self, pid: int, streams: Streams, signals: Signals, to_recorder: int, from_recorder: int) -> None:
        self.pid = pid
        self.streams = streams
        self.signals = signals
        self.to_recorder = to_recorder
        self.from_recorder = from_recorder
        self.command_pid = 0
        self.ending: Ending | None = None
        self._lines: list[str] = []
        self._buffer = b""
        self._is_over = False

    def wait(self) -> None:
        """Until the recorder is gone."""
        poll = select.poll()
        poll.register(self.signals.fd, select.POLLIN)
        poll.register(self.from_recorder, select.POLLIN)
        is_heard = is_reaper = False
        while not (self._is_over and is_heard):
            events = poll.poll(None if is_reaper else _SHORT)
            if not events:  # a command that is over by now needs no second guardian
                is_reaper = True
                become_reaper()
            for fd, _ in events:
                if fd == self.signals.fd:
                    self._on_signals(self.signals.take())
                elif not self._read():
                    poll.unregister(self.from_recorder)
                    is_heard = True
                    if not self._is_over:  # its end of the pipe closes a moment before it can be waited for
                        os.waitpid(self.pid, 0)
                        self._is_over = True
        os.close(self.to_recorder)
        os.close(self.from_recorder)

    def _on_signals(self, numbers: bytes) -> None:
        for number in numbers:
            if number == signal.SIGCHLD:
                self._reap()
            elif number not in {signal.SIGWINCH, signal.SIGCONT}:
                try:
                    os.write(self.to_recorder, bytes([number]))
                except BrokenPipeError:
                    return  # it is dead or dying; SIGCHLD follows

    def _reap(self) -> None:
        """Take the recorder's end, and those of orphans that became ours meanwhile.

        After the recorder's end no more: the command may be ours then, and its end is for whoever records it.
        """
        while not self._is_over:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._is_over = pid == self.pid

    def _read(self) -> bool:
        data = os.read(self.from_recorder, _READ)
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._on_message(line.decode("ascii"))
        return bool(data)

    def _on_message(self, line: str) -> None:
        word, _, value = line.partition(" ")
        if word == "pid":
            self.command_pid = int(value)
        elif word == "deaf":
            channel = self.streams.channels[int(value)]
            channel.open = False
            channel.pending.clear()
            os.close(channel.source)
        elif word == "over":
            self.ending = Ending.parse(self._lines)
        else:
            self._lines.append(line)
