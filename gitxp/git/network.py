"""Git as it is to talk to other machines: with the user's hooks, and asking as `git push` asks.

Where a person is at a terminal, git and ssh ask there for passwords, passphrases and unknown hosts. A command of gitxp
makes more than one connection, and a person wants to type a password once: over HTTP git keeps what was typed, in memory,
by its own credential-cache behind a socket that only the user can open, until the command ends. The user's own helpers
and askpass programs come first. Without a person nothing may wait for an answer: git does not prompt, and where there is a
terminal all the same, it gets a session of its own, in which ssh, whose prompt no variable of git's turns off, does not
find that. Else it stays in the group of processes that gitxp is in, and ends with it.
"""

from __future__ import annotations

import copy
import os
import shlex
import shutil
import sys
import tempfile

from gitxp.git.lfs_remote import SKIP_UPLOAD
from gitxp.git.program import Git

# Objects from elsewhere are looked at before they are kept.
_DISTRUST = ("transfer.fsckObjects=true", "fetch.fsckObjects=true")
_PROMPT = "GIT_TERMINAL_PROMPT"
_LONGEST = 900  # seconds for which what was typed is kept if nobody is left to forget it


def is_person_here() -> bool:
    """Whether somebody can be asked: stdin or stderr is a terminal, so that `2>&1 | tee` asks, as git does."""
    return any(stream is not None and not stream.closed and stream.isatty() for stream in (sys.stdin, sys.stderr))


def _has_terminal() -> bool:
    """Whether there is a terminal that a program could open, though no stream of ours leads there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


class Network:
    """`git` talks to other machines; `close` forgets what a person typed for it."""

    def __init__(self, git: Git, *, interactive: bool) -> None:
        self._typed: str | None = None
        settings = [setting for setting in git.settings if not setting.startswith("core.hooksPath=")]
        settings += _DISTRUST
        self.git = Git(git.directory, environ=git.environ, own_session=not interactive and _has_terminal())
        if interactive:
            self._typed = tempfile.mkdtemp(prefix="gitxp-")
            settings.append(f"credential.helper=cache --timeout={_LONGEST} --socket={shlex.quote(self._socket)}")
            del self.git.environ[_PROMPT]
            self.git.environ.update({key: value for key, value in os.environ.items() if key == _PROMPT})
        self.git.settings = tuple(settings)

    def without_upload(self) -> Git:
        """The same git, but for git-lfs: that uploads nothing from its hook, and the user's other hooks run."""
        git = copy.copy(self.git)
        git.environ = {**git.environ, **SKIP_UPLOAD}
        return git

    def close(self) -> None:
        """Forget what was typed. It may be closed twice."""
        if self._typed is not None:
            self.git.ask("credential-cache", f"--socket={self._socket}", "exit")
            shutil.rmtree(self._typed, ignore_errors=True)
            self._typed = None

    @property
    def _socket(self) -> str:
        return os.path.join(self._typed or "", "typed")
