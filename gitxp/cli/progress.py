"""What a command is doing, on one line of the terminal, once it takes longer than people like to wait in silence."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING

from gitxp.render.safe import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SILENCE = 1.0  # seconds that people like to wait before they are told what for
_PAUSE = 0.1  # seconds between two such lines
CLEAR = "\r\x1b[K"


class Line:
    """The line: what was told last, shown when the silence was long enough, and anew after a pause.

    What takes long often tells nothing until it is done, so a thread waits for that moment; but not where git may ask for a
    password meanwhile (`is_alone` is false), whose question the line must not cover: then what comes too early is lost.
    """

    def __init__(self, *, is_alone: bool) -> None:
        self._is_alone = is_alone
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._due = time.monotonic() + _SILENCE
        self._what = ""
        self._is_shown = False

    def tell(self, what: str) -> None:
        """Show this, in place of what was told before; "" clears the line."""
        with self._lock:
            self._what = what
            early = self._due - time.monotonic()
            if not what:
                self._clear()
            elif early <= 0:
                self._show()
            elif self._is_alone and self._timer is None:
                self._timer = threading.Timer(early, self._ring)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """Clear the line, and wait no more."""
        self.tell("")
        if self._timer is not None:
            self._timer.cancel()

    def _ring(self) -> None:
        with self._lock:
            self._timer = None
            if self._what:
                self._show()

    def _show(self) -> None:
        sys.stderr.write(f"{CLEAR}{visible(self._what)} …")
        sys.stderr.flush()
        self._is_shown = True
        self._due = time.monotonic() + _PAUSE

    def _clear(self) -> None:
        if self._is_shown:
            sys.stderr.write(CLEAR)
            sys.stderr.flush()
            self._is_shown = False
            self._due = time.monotonic()


@contextlib.contextmanager
def show_progress() -> Iterator[Callable[[str], None]]:
    """A function that is told what is done next ("" for nothing); on a terminal it says so, and at the end the line is clear."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    line = Line(is_alone=True)
    try:
        yield line.tell
    finally:
        line.close()
