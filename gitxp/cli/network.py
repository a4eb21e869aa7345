"""What git and the other side say while runs travel: progress on a terminal, the other side's words everywhere.

What comes from there is made safe. git's own lines about each ref are left out: the command says the same in fewer.
What is neither is of the user's hook pre-push.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from gitxp.cli.progress import CLEAR, Line
from gitxp.cli.remarks import say
from gitxp.git.addresses import hide_credentials
from gitxp.render.safe import visible

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

_PROGRESS = re.compile(
    r"(remote: )?[A-Z][a-z]+ (objects|deltas|data|references|refs|LFS objects|LFS)\b.*:|remote: Total \d"
)
_WORTH = ("remote: ", "warning: ", "hint: ", "Locking support", "Unable to")
# What git itself and git-lfs say beside progress, of refs and of what went wrong: the command's own lines and its error tell it.
_OF_GIT = re.compile(
    r"To |From |Everything up-to-date|Pushing to |Delta compression |Total \d|fatal: |error: |"
    r"batch (?:request|response): |Check that it exists and that you have proper |(   | [*+=!t-] )[\[0-9a-f]"
)
_LONGEST = 2000


class Listener:
    """Takes git's stderr as it comes. `quiet` leaves out all but what the other side and, `with_hook`, the user's hook say."""

    def __init__(self, *, quiet: bool = False, with_hook: bool = False) -> None:
        self._is_terminal = not quiet and sys.stderr.isatty()
        self._with_hook = with_hook
        self._line = Line(is_alone=False)
        self._rest = b""
        self._is_open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Show what is left, and end a line of progress that is still open."""
        rest, self._rest = self._rest, b""
        self._show(rest.decode("utf-8", "replace"))
        self._end_line()
        self._line.close()

    def __call__(self, chunk: bytes) -> None:
        """Show what is worth it of these bytes; an unfinished line waits for its end."""
        self._rest += chunk
        *lines, self._rest = re.split(rb"(?<=[\r\n])", self._rest[-_LONGEST * 10 :])
        for line in lines:
            self._show(line.decode("utf-8", "replace"))

    def tell(self, what: str) -> None:
        """Show what gitxp itself is doing, on a terminal and if it takes a while, until something else is said."""
        if self._is_terminal:
            self._end_line()
            self._line.tell(what)

    def say(self, lines: Iterable[str]) -> None:
        """Write lines of gitxp's own, which are safe for a terminal."""
        self._line.tell("")
        say(lines)

    def _is_worth(self, text: str) -> bool:
        return text.startswith(_WORTH) or (self._with_hook and _OF_GIT.match(text) is None)

    def _end_line(self) -> None:
        if self._is_open:
            sys.stderr.write("\n")
            self._is_open = False

    def _show(self, line: str) -> None:
        text = hide_credentials(line.rstrip("\r\n").rstrip()[:_LONGEST])
        is_progress = _PROGRESS.match(text) is not None
        if not text or (is_progress and not self._is_terminal) or not (is_progress or self._is_worth(text)):
            return
        self._line.tell("")
        if is_progress:
            is_last = line.endswith("\n")
            sys.stderr.write(f"{CLEAR}{visible(text)}" + ("\n" if is_last else ""))
            self._is_open = not is_last
        else:
            self._end_line()
            sys.stderr.write(f"{visible(text)}\n")
        sys.stderr.flush()
