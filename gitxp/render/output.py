"""What a run printed, on its way to a terminal: colours pass, everything else that is not text is shown.

Carriage returns pass as well: progress bars are made of them. What arrives in pieces leaves as if it had come whole: a
character or an escape sequence that is cut in two waits for its other half.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from gitxp.render.safe import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_COLOR = re.compile(r"(\x1b\[[0-9;:]*m)")
_CUT = re.compile(r"\x1b(\[[0-9;:]{0,64})?\Z")
_KEPT = "\n\r\t"
_RESET = b"\x1b[m"


def visible_output(chunks: Iterable[bytes], *, color: bool) -> Iterator[bytes]:
    """The output as UTF-8 that a terminal may see; without `color`, sequences that colour are dropped.

    Colours are reset at the end, so that the output of a run that was killed does not paint the prompt.
    """
    decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
    waiting, painted = "", False
    for chunk in chunks:
        text = waiting + decode(chunk)
        cut = _CUT.search(text)
        waiting = text[cut.start() :] if cut else ""
        pieces = _COLOR.split(text[: cut.start()] if cut else text)
        painted = painted or len(pieces) > 1
        yield _joined(pieces, color=color)
    yield _joined([waiting + decode(b"", True)], color=color)
    if painted and color:
        yield _RESET


def _joined(pieces: list[str], *, color: bool) -> bytes:
    """Text at even places made safe, colours at odd places kept or dropped."""
    safe = [(piece if color else "") if i % 2 else visible(piece, keep=_KEPT) for i, piece in enumerate(pieces)]
    return "".join(safe).encode()
