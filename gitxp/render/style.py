"""Colours, where the caller wants them: the meaning of a text chooses its ink, and only here is ink an escape sequence."""

from __future__ import annotations

_INKS = {
    "heading": "1",
    "faint": "2",
    "good": "32",
    "bad": "31",
    "odd": "33",
    "alive": "36",
    "curve 1": "32",
    "curve 2": "35",
    "curve 3": "36",
    "curve 4": "33",
    "curve 5": "34",
    "curve 6": "31",
}
CURVES = tuple(ink for ink in _INKS if ink.startswith("curve"))
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
    """Paints text when `color` is true, and gives it back as it was when not."""

    def __init__(self, *, color: bool = False) -> None:
        self.color = color

    def paint(self, text: str, ink: str) -> str:
        """The text in an ink: `heading`, `faint`, `good`, `bad`, `odd`, `alive`, one of `CURVES`, or `""` for none."""
        if not self.color or not ink or not text:
            return text
        return f"\x1b[{_INKS[ink]}m{text}\x1b[m"


def ink_of_status(status: str) -> str:
    """The ink of a run's status; none for one that this version does not know."""
    return _STATUS.get(status, "")
