"""Signals as bytes to read: whoever waits for several things at once can wait for signals, too."""

from __future__ import annotations

import os

from gitxp.csignal import signal

# What a user or a scheduler may send to a running program, and would have it get. Not SIGTSTP: stopping is the
# kernel's affair, and reaches the whole group.
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_OURS = (signal.SIGCHLD, signal.SIGWINCH, signal.SIGCONT)


class Signals:
    """While installed, the signals in `PASSED_ON`, and SIGCHLD, SIGWINCH and SIGCONT, are no more than bytes that `take` gives.

    What was ignored when we were started (`nohup`, a shell's background job) stays ignored, for the child, too.
    """

    def __init__(self) -> None:
        self.fd, self._write = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._write, False)
        self.caught: list[int] = []
        for number in (*PASSED_ON, *_OURS):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, _note)
                self.caught.append(number)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def renew(self) -> None:
        """After a fork, in the child: a pipe of its own, or it would read its parent's signals."""
        signal.set_wakeup_fd(-1)
        read, write = os.pipe()
        os.dup2(read, self.fd, inheritable=False)
        os.dup2(write, self._write, inheritable=False)
        os.close(read)
        os.close(write)
        os.set_blocking(self.fd, False)
        os.set_blocking(self._write, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def take(self) -> bytes:
        """The numbers of the signals that came since; empty where none did."""
        try:
            return os.read(self.fd, 4096)
        except BlockingIOError:
            return b""


def _note(number: int, frame: object) -> None:
    """Do nothing: that Python wrote the number to the pipe is all that is wanted."""


def die_by(number: int) -> int:
    """End this process by the signal, as the command ended; returns 128 + n only where the signal does not kill."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the command has dumped its core, if any
    signal.set_wakeup_fd(-1)
    if number not in {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
    return 128 + number
