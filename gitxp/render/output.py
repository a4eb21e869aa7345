"""What a run printed, on its way to a terminal: colours pass, everything else that is not text is shown.

Carriage returns pass as well: progress bars are made of them. What arrives in pieces leaves as if it had come whole: a
character or an escape sequence that is cut in two waits for its other half.
"""

from __future__ import annotations

import codecs
import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from gitxp.render.safe import visible

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

_COLOR = re.compile(r"(\x1b\[[0-9;:]*m)")
_CUT = re.compile(r"\x1b(\[[0-9;:]{0,64})?\Z")
_KEPT = "\n\r\t"
_RESET = b"\x1b[m"


def visible_output(chunks: Iterable[bytes], *, color: bool) -> Iterator[bytes]:
    """The output as UTF-8 that a terminal may see; without `color`, sequences that colour are dropped.

    Colours are reset at the end, so that the output of a run that was killed does not paint the prompt.
    """
    painted = False
    for texts, colors in _apart(chunks):
        painted = painted or bool(colors)
        shown = [visible(text, keep=_KEPT) for text in texts]
        yield _joined(shown, colors if color else [])
    if painted and color:
        yield _RESET


def visible_diff(chunks: Iterable[bytes], own: Collection[str]) -> Iterator[bytes]:
    """A diff of git as UTF-8 that a terminal may see; of the sequences that colour, only git's `own` pass.

    The files' contents may hold such a sequence, too: git ends each line without colour, so that it paints its own line.
    """
    for texts, colors in _apart(chunks):
        shown = [visible(text, keep="\n\t") for text in texts]
        yield _joined(shown, [color if color in own else visible(color) for color in colors])


def _apart(chunks: Iterable[bytes]) -> Iterator[tuple[list[str], list[str]]]:
    """Each piece as texts, and the sequences that colour between them: one fewer."""
    decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
    waiting = ""
    for chunk in chunks:
        text = waiting + decode(chunk)
        cut = _CUT.search(text)
        waiting = text[cut.start() :] if cut else ""
        pieces = _COLOR.split(text[: cut.start()] if cut else text)
        yield pieces[::2], pieces[1::2]
    yield [waiting + decode(b"", True)], []


def _joined(texts: list[str], colors: list[str]) -> bytes:
    return "".join(text + color for text, color in zip_longest(texts, colors, fillvalue="")).encode()
