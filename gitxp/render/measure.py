"""How wide text is on a terminal, and how to make it fit.

Chinese, Japanese and Korean characters and emoji take two columns, combining marks none (Unicode Standard Annex 11,
as `unicodedata` has it). What a font makes of sequences of emoji is nobody's guess; they are counted one by one.
"""

from __future__ import annotations

import unicodedata

ELLIPSIS = "…"


def width_of(text: str) -> int:
    """Columns that the text takes; it holds no control characters (see `safe.visible`)."""
    return len(text) if text.isascii() else sum(map(_width, text))


def shorten(text: str, width: int, *, keep_end: bool = False) -> str:
    """The text, or as much of its beginning (or end) as fits into `width` columns with an ellipsis."""
    if len(text) * 2 <= width or width_of(text) <= width:
        return text
    room = width - 1
    kept: list[str] = []
    for character in reversed(text) if keep_end else text:
        room -= _width(character)
        if room < 0:
            break
        kept.append(character)
    if keep_end:
        return ELLIPSIS + "".join(reversed(kept))
    return "".join(kept) + ELLIPSIS


def fit(naturals: list[int], shortest: list[int], ranks: list[int], width: int, *, gap: int, drop: bool) -> list[int]:
    """Widths of columns for a table of `width`; 0 for those that found no place.

    Each column is as wide as its text where that fits. Else columns shrink to their `shortest`, and where that does
    not do, those with the highest rank go (unless `drop` is false: then the table is too wide). The room that is left
    goes to the columns in the order of their ranks.
    """
    widths = [min(pair) for pair in zip(naturals, shortest, strict=True)]
    by_rank = sorted(range(len(widths)), key=lambda i: ranks[i])

    def room() -> int:
        taken = [w for w in widths if w]
        return width - sum(taken) - gap * (len(taken) - 1)

    for i in reversed(by_rank[1:]):
        if not drop or room() >= 0:
            break
        widths[i] = 0
    for i in by_rank:
        if widths[i]:
            widths[i] += max(0, min(naturals[i] - widths[i], room()))
    return widths


def _width(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
