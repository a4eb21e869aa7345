"""The one home of what only POSIX systems have: file locks, pseudo-terminals, sessions, fork.

Everything else in gitxp would run on Windows; this would have to be written for it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import termios

from gitxp.csignal import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, NoReturn

_SHELL = "/bin/sh"
_PR_SET_CHILD_SUBREAPER = 36
# Lustre that is mounted without `flock` says ENOSYS, NFS whose lock service is not there ENOLCK, others EOPNOTSUPP.
NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP})


def try_lock(fd: int) -> bool:
    """Take the lock of an open file, if nobody has it; it is held until every copy of the descriptor is closed.

    Raises `OSError` with an errno of `NO_LOCKS` where the file system has no locks.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            return False
        raise
    return True


def wait_lock(fd: int) -> None:
    """Take the lock of an open file, however long it takes."""
    fcntl.flock(fd, fcntl.LOCK_EX)


def sync(fd: int) -> None:
    """Bring a file's bytes to the disk, as far as a power cut is concerned (macOS: a plain fsync does not)."""
    if sys.platform == "darwin":
        try:
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        except OSError:
            os.fsync(fd)
    else:
        os.fsync(fd)


def open_terminal(like: int) -> tuple[int, int]:
    """A pseudo-terminal of the size and settings of the terminal `like`: (our end, the child's end)."""
    master, slave = os.openpty()
    copy_window_size(like, master)
    # in the background, the settings are those of the shell that edits its next command line
    attributes = _attributes(like) if is_foreground(like) else None
    if attributes is not None:
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
    os.set_blocking(master, False)
    return master, slave


def copy_window_size(source: int, target: int) -> None:
    """Give one terminal the size of another; the kernel tells the programs on it."""
    try:
        size = fcntl.ioctl(source, termios.TIOCGWINSZ, b"\0" * 8)
        fcntl.ioctl(target, termios.TIOCSWINSZ, size)
    except OSError:
        return  # one of them is gone; there is nobody to whom its size matters


def make_raw(fd: int) -> list[Any] | None:
    """Let every key through to the program; gives what `restore` takes, None where `fd` is no terminal any more."""
    before = _attributes(fd)
    if before is not None:
        import tty

        tty.setraw(fd, termios.TCSADRAIN)
    return before


def _attributes(fd: int) -> list[Any] | None:
    try:
        return termios.tcgetattr(fd)
    except termios.error:  # it went away
        return None


def restore(fd: int, attributes: list[Any]) -> None:
    """Undo `make_raw`, even from the background, where the kernel would stop us for it."""
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        termios.tcsetattr(fd, termios.TCSADRAIN, attributes)
    except termios.error:
        pass  # the terminal is gone
    finally:
        signal.signal(signal.SIGTTOU, before)


def is_foreground(fd: int) -> bool:
    """Whether we may read from this terminal now."""
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return False


def foreground_of(terminal: int) -> int:
    """The group of processes in a terminal's foreground, 0 where there is none."""
    try:
        return os.tcgetpgrp(terminal)
    except OSError:
        return 0


def suspend_key(master: int) -> bytes:
    """The key that stops the program on this terminal (usually Ctrl-Z); empty where the program wants it for itself."""
    attributes = _attributes(master)
    if attributes is None:
        return b""
    key = attributes[6][termios.VSUSP] if attributes[3] & termios.ISIG else b""
    return b"" if key == b"\0" else bytes(key)


def end_of_input(master: int) -> bytes:
    """The key that tells the program on this terminal that its input is over (usually Ctrl-D)."""
    attributes = _attributes(master)
    return b"\x04" if attributes is None else bytes(attributes[6][termios.VEOF])


def signal_group(terminal: int, number: int) -> None:
    """Signal the group of processes in the terminal's foreground, if there is one."""
    try:
        os.killpg(os.tcgetpgrp(terminal), number)
    except OSError:
        return  # nobody is there any more


def become_reaper() -> bool:
    """Let orphans of our children become ours, so that one can be waited for when its parent was killed (Linux only)."""
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def spawn(
    executable: str,
    command: Sequence[str],
    cwd: str,
    environ: Mapping[str, str],
    streams: Sequence[int],
    *,
    own_terminal: bool,
    caught: Iterable[int],
) -> int:
    """Start the user's command in `cwd` with these three descriptors as its standard streams; its process id.

    `own_terminal`: it gets a session of its own, with the terminal among its streams as the controlling one. `caught`
    signals get their default action back. A file without `#!` is given to /bin/sh, as execvp(3) does. Raises `OSError`
    with the errno of a failed exec.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(executable, command, cwd, environ, streams, own_terminal=own_terminal, caught=caught, report=write)
    os.close(write)
    failure = os.read(read, 16)
    os.close(read)
    if failure:
        os.waitpid(pid, 0)
        number = int(failure)
        raise OSError(number, os.strerror(number), executable)
    return pid


def _become(
    executable: str,
    command: Sequence[str],
    cwd: str,
    environ: Mapping[str, str],
    streams: Sequence[int],
    *,
    own_terminal: bool,
    caught: Iterable[int],
    report: int,
) -> NoReturn:
    try:
        signal.set_wakeup_fd(-1)
        for number in (*caught, signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores the last two
            signal.signal(number, signal.SIG_DFL)
        if own_terminal:
            os.setsid()
        for number, fd in enumerate(streams):
            if fd == number:
                os.set_inheritable(fd, True)
            else:
                os.dup2(fd, number)
        if own_terminal:
            terminal = next(number for number in range(3) if streams[number] > 2)
            fcntl.ioctl(next(n for n in (terminal, 1, 2) if os.isatty(n)), termios.TIOCSCTTY, 0)
        os.chdir(cwd)
        try:
            os.execve(executable, list(command), environ)
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise
            os.execve(_SHELL, [_SHELL, executable, *command[1:]], environ)
    except OSError as error:
        os.write(report, str(error.errno).encode())
    finally:
        os._exit(127)
