"""What a command is doing, on one line of the terminal, once it takes longer than people like to wait in silence."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING

from gitxp.render.safe import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SILENCE = 1.0  # seconds
_CLEAR = "\r\x1b[K"


class _Line:
    """The line: what was told last, shown from the moment on when the silence was long enough.

    A thread waits for that moment, since what takes long often tells nothing until it is done.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._what = ""
        self._is_due = self._is_shown = False

    def tell(self, what: str) -> None:
        with self._lock:
            self._what = what
            if self._timer is None and what:
                self._timer = threading.Timer(_SILENCE, self._end_silence)
                self._timer.daemon = True
                self._timer.start()
            self._show()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.tell("")

    def _end_silence(self) -> None:
        with self._lock:
            self._is_due = True
            self._show()

    def _show(self) -> None:
        if self._what and self._is_due:
            sys.stderr.write(f"{_CLEAR}{visible(self._what)} …")
        elif self._is_shown:
            sys.stderr.write(_CLEAR)
        else:
            return
        sys.stderr.flush()
        self._is_shown = bool(self._what)


@contextlib.contextmanager
def show_progress() -> Iterator[Callable[[str], None]]:
    """A function that is told what is done next ("" for nothing); on a terminal it says so, and at the end the line is clear."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    line = _Line()
    try:
        yield line.tell
    finally:
        line.close()
