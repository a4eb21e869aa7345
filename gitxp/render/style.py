"""Colours, where the caller wants them: the meaning of a text chooses its ink, and only here is ink an escape sequence.

A terminal of 256 colours gets inks that are as far from white as from black (a contrast of at least 3.8 to either, by
WCAG 2.1): yellow and cyan of the old eight vanish on white, blue on black. Else the eight are used, as the terminal has them.
"""

from __future__ import annotations

_INKS = {
    "heading": "1",
    "faint": "2",
    "good": "32",
    "bad": "31",
    "odd": "35",
    "alive": "36",
    "curve 1": "32",
    "curve 2": "35",
    "curve 3": "36",
    "curve 4": "33",
    "curve 5": "34",
    "curve 6": "31",
}
CURVES = tuple(ink for ink in _INKS if ink.startswith("curve"))
_INKS_OF_256 = {
    "faint": "38;5;243",
    "good": "38;5;28",
    "bad": "38;5;160",
    "odd": "38;5;130",
    "alive": "38;5;31",
    "curve 1": "38;5;28",
    "curve 2": "38;5;163",
    "curve 3": "38;5;31",
    "curve 4": "38;5;130",
    "curve 5": "38;5;27",
    "curve 6": "38;5;160",
}
_STATUS = {
    "running": "alive",
    "completed": "good",
    "failed": "bad",
    "interrupted": "odd",
    "killed": "bad",
    "lost": "odd",
    "unreadable": "bad",
}


class Style:
    """Paints text when `color` is true, and gives it back as it was when not; `many` tells of a terminal of 256 colours."""

    def __init__(self, *, color: bool = False, many: bool = False) -> None:
        self.color = color
        self._inks = {**_INKS, **_INKS_OF_256} if many else _INKS

    def paint(self, text: str, ink: str) -> str:
        """The text in an ink: `heading`, `faint`, `good`, `bad`, `odd`, `alive`, one of `CURVES`, or `""` for none."""
        if not self.color or not ink or not text:
            return text
        return f"\x1b[{self._inks[ink]}m{text}\x1b[m"


def ink_of_status(status: str) -> str:
    """The ink of a run's status; none for one that this version does not know."""
    return _STATUS.get(status, "")
