"""What a command is doing, on one line of the terminal, once it takes longer than people like to wait in silence."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from gitxp.render.safe import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SILENCE = 1.0  # seconds
_CLEAR = "\r\x1b[K"


@contextlib.contextmanager
def show_progress() -> Iterator[Callable[[str], None]]:
    """A function that is told what is done next ("" for nothing); on a terminal it says so, and at the end the line is clear."""
    begun = time.monotonic()
    shown = False

    def tell(what: str) -> None:
        nonlocal shown
        if what and sys.stderr.isatty() and time.monotonic() - begun > _SILENCE:
            sys.stderr.write(f"{_CLEAR}{visible(what)} …")
            sys.stderr.flush()
            shown = True
        elif shown and not what:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
            shown = False

    try:
        yield tell
    finally:
        tell("")
