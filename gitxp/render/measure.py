"""How wide text is on a terminal, and how to make it fit.

Chinese, Japanese and Korean characters and emoji take two columns, combining marks none (Unicode Standard Annex 11,
as `unicodedata` has it). What a font makes of sequences of emoji is nobody's guess; they are counted one by one.
"""

from __future__ import annotations

import unicodedata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ELLIPSIS = "…"


def width_of(text: str) -> int:
    """Columns that the text takes; it holds no control characters (see `safe.visible`)."""
    return len(text) if text.isascii() else sum(map(_width, text))


def shorten(text: str, width: int | None, *, keep_end: bool = False) -> str:
    """The text, or as much of its beginning (or end) as fits into `width` columns (None: all) with an ellipsis.

    Marks that take no column are counted all the same: a stranger can heap up thousands of them.
    """
    if width is None:
        return text
    most = 4 * width + 16
    if len(text) > most:
        text = text[-most:] if keep_end else text[:most]
    elif len(text) * 2 <= width or width_of(text) <= width:
        return text
    if keep_end:
        return ELLIPSIS + "".join(reversed(_fitting(reversed(text), width - 1)))
    return "".join(_fitting(text, width - 1)) + ELLIPSIS


def shorten_apart(texts: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Each text in as many columns as its width says, so that those that differ still look different, if that can be.

    Long paths and names often have their beginning in common: then that is what goes.
    """
    plain = [shorten(text, width) for text, width in zip(texts, widths, strict=True)]
    if plain == list(texts):
        return plain
    first, last = min(texts), max(texts)
    common = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    narrow = min(widths)
    starts = [max(0, common - keep) for keep in (narrow // 2, narrow // 4, 0)]
    without = [[ELLIPSIS + text[start:] if start else text for text in texts] for start in starts]
    ways = [(list(texts), False), *((one, False) for one in without), (list(texts), True)]
    counts = [_count_different(one, widths, keep_end=keep_end) for one, keep_end in ways]
    changed, keep_end = ways[counts.index(max(counts))]
    return [shorten(text, width, keep_end=keep_end) for text, width in zip(changed, widths, strict=True)]


def _count_different(texts: Sequence[str], widths: Sequence[int], *, keep_end: bool) -> int:
    """How many look different when they are cut; one that only goes on where the other is cut does not."""
    if len(set(widths)) == 1:
        return len({shorten(text, widths[0], keep_end=keep_end) for text in texts})
    seen: list[tuple[str, int]] = []
    for text, width in zip(texts, widths, strict=True):
        for other, least in ((other, min(width, wide)) for other, wide in seen):
            if shorten(text, least, keep_end=keep_end) == shorten(other, least, keep_end=keep_end):
                break
        else:
            seen.append((text, width))
    return len(seen)


def wrap(text: str, width: int | None) -> Iterator[str]:
    """Pieces of the text, each at most `width` columns (but where one character is wider), cut at spaces if possible.

    None is as wide as it comes.
    """
    while width is not None and shorten(text, width) != text:
        piece = "".join(_fitting(text[: 4 * width + 16], width)) or text[0]
        cut = piece.rfind(" ")
        if text[len(piece) : len(piece) + 1] != " " and cut > 0:
            piece = piece[:cut]
        yield piece.rstrip()
        text = text[len(piece) :].lstrip(" ")
    if text:
        yield text


def _fitting(characters: Iterable[str], room: int) -> list[str]:
    """As many of the first characters as there is room for, in columns."""
    kept: list[str] = []
    for character in characters:
        room -= _width(character)
        if room < 0:
            break
        kept.append(character)
    return kept


def fit(naturals: list[int], shortest: list[int], ranks: list[int], width: int, *, gap: int, drop: bool) -> list[int]:
    """Widths of columns for a table of `width`; 0 for those that found no place.

    Each column is as wide as its text where that fits. Else columns shrink to their `shortest`, and where that does
    not do, those with the highest rank go (unless `drop` is false: then the table is too wide). The room that is left
    goes to the columns in the order of their ranks.
    """
    widths = [min(pair) for pair in zip(naturals, shortest, strict=True)]
    by_rank = sorted(range(len(widths)), key=lambda i: ranks[i])
    room = width - sum(widths) - gap * (len(widths) - 1)
    for i in reversed(by_rank[1:]):
        if not drop or room >= 0:
            break
        room += widths[i] + gap
        widths[i] = 0
    for i in by_rank:
        if widths[i]:
            more = max(0, min(naturals[i] - widths[i], room))
            widths[i] += more
            room -= more
    return widths


def _width(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
