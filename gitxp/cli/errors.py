"""What went wrong, in words: the one translator from exceptions to stderr and an exit status.

Three kinds, sorted here and nowhere else. What a user can cause (`GitxpError`, a full disk, a missing permission) is
one sentence and a hint. Ctrl-C and a reader that went away (`gitxp list | head -1`) end quietly, with the status that
shells give to them. Anything else is our mistake: one sentence, and a log that is fit for a bug report.

Light to import: `gitxp run` passes through here before its child starts.
"""

from __future__ import annotations

import errno
import os
import sys

from gitxp.errors import GitxpError
from gitxp.render.safe import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

EXIT_FAILURE = 1
EXIT_BUG = 70  # EX_SOFTWARE of sysexits.h
EXIT_INTERRUPTED = 130  # 128 + SIGINT
EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE

_LINES = "\n"  # a message or hint may have several
# Failures of the machine, not of gitxp: the operating system's own sentence says all there is to say.
_OF_THE_MACHINE = frozenset(
    {
        errno.EACCES,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EPERM,
        errno.EROFS,
        errno.ESTALE,
    }
)


def report(error: BaseException) -> int:
    """Tell the user on stderr what went wrong, and give the exit status.

    `GITXP_DEBUG=1` adds the traceback to whatever it was.
    """
    if isinstance(error, BrokenPipeError):
        _forget_stdout()
        return EXIT_BROKEN_PIPE
    if os.environ.get("GITXP_DEBUG", "") not in {"", "0"}:
        _write(_traceback(error))
    if isinstance(error, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    if isinstance(error, GitxpError):
        say(error.message, error.hint)
        return error.exit_code
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        about = f": {os.fsdecode(error.filename)}" if isinstance(error.filename, str | bytes) else ""
        if not _quietly(lambda: sys.stdout.flush()):  # noqa: PLW0108  (there may be no stdout to ask)
            _forget_stdout()  # it was the answer that found no place
        say(f"{error.strerror}{about}.")
        return EXIT_FAILURE
    if isinstance(error, MemoryError):
        say("There is not enough memory.")
        return EXIT_FAILURE
    return _report_bug(error)


def say(message: str, hint: str | None = None) -> None:
    """Write `Error: …` and `Hint: …` to stderr, made safe for a terminal."""
    text = f"Error: {visible(message, keep=_LINES)}\n"
    if hint:
        text += f"Hint: {visible(hint, keep=_LINES)}\n"
    _write(text)


def _report_bug(error: BaseException) -> int:
    # The type and not the message: that may hold anything, and the log has it.
    what = f"Something went wrong inside gitxp ({type(error).__name__}); this is a mistake in gitxp, not yours."
    try:
        path = _write_log(error)
    except OSError as trouble:
        say(what, f"Its log could not be written ({trouble.strerror}). GITXP_DEBUG=1 shows what to report.")
    else:
        say(what, f"Please report it with the log: {path}")
    return EXIT_BUG


def _write_log(error: BaseException) -> str:
    """Keep what a bug report needs in one file, the newest over the one before; its path.

    The command's arguments stay out of it (they may hold secrets), but for the name of gitxp's own command.
    """
    import platform

    from gitxp import __version__

    folder = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "gitxp")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = os.path.join(folder, "error.log")
    commands = [word for word in sys.argv[1:2] if word.isalpha()]
    text = (
        f"gitxp {__version__}\nPython {sys.version}\n{platform.platform()}\n"
        f"command: gitxp {' '.join(commands)} …\n\n{_traceback(error)}"
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    return path


def _traceback(error: BaseException) -> str:
    import traceback

    return visible("".join(traceback.format_exception(error)), keep=_LINES)


def _forget_stdout() -> None:
    """Let stdout end nowhere, or Python complains at its exit that it could not flush."""
    _quietly(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()))


def _write(text: str) -> None:
    """Write to stderr, if there still is one: a report that cannot be delivered must not become another failure."""
    _quietly(lambda: _write_and_flush(text))


def _write_and_flush(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _quietly(action: Callable[[], object]) -> bool:
    """Whether that went well: a stream may be None, closed, or gone."""
    try:
        action()
    except (AttributeError, OSError, ValueError):
        return False
    return True
