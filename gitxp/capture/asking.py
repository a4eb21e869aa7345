"""Asking a program that may be slow, may hang, and may print whatever it likes: bounded in time and in bytes."""

from __future__ import annotations

import os
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_ANSWER = 65_536
_SIGKILL = 9


def ask(command: Sequence[str], environ: Mapping[str, str], timeout: float) -> bytes | None:
    """What a program (an absolute path and its arguments) prints; None where it does not start or end within `timeout` s.

    It runs in a process group of its own, so that a Ctrl-C is the command's, and ends with all that it started.
    """
    ours, theirs = os.pipe()
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        pid = os.posix_spawn(
            command[0],
            list(command),
            environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, theirs, 1),
                (os.POSIX_SPAWN_DUP2, null, 2),
            ],
            setpgroup=0,
        )
    except OSError:
        os.close(ours)
        return None
    finally:
        os.close(theirs)
        os.close(null)
    answer = bytearray()
    end = time.monotonic() + timeout
    poll = select.poll()
    poll.register(ours, select.POLLIN)
    try:
        while len(answer) < MAX_ANSWER:
            left = end - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                break
            piece = os.read(ours, MAX_ANSWER)
            if not piece:
                return bytes(answer)
            answer += piece
        return None
    finally:
        os.close(ours)
        try:
            os.killpg(pid, _SIGKILL)  # it has answered, or it had its time
        finally:
            os.waitpid(pid, 0)


def which(name: str, cwd: str, environ: Mapping[str, str]) -> str | None:
    """The program that a command's first word means, as a shell in `cwd` would find it."""
    folders = [""] if "/" in name else environ.get("PATH", os.defpath).split(os.pathsep)
    for folder in folders:
        path = os.path.normpath(os.path.join(cwd, folder, name))
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None
