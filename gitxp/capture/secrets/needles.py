"""Texts that are looked for in bytes, in all the forms in which programs write them: as they are, escaped, coded.

A secret has some twenty forms, so that searching for one after the other would read a file hundreds of times. Instead the
bytes are read once, as whole numbers of four bytes each: whatever is at least seven bytes long has one of them wholly
within, wherever it begins. Only forms of which such a number was seen are then searched for.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_GRAM = 4  # bytes of a number
_LEAST = 2 * _GRAM - 1  # bytes in which there is a whole one for sure


class Needles:
    """These texts, as UTF-8, to be found in any of their forms."""

    def __init__(self, texts: Iterable[bytes]) -> None:
        forms = {form for text in texts for form in forms_of(text)}
        self._short = [form for form in forms if len(form) < _LEAST]
        self._by_gram: dict[int, list[bytes]] = {}
        for form in forms:
            if len(form) >= _LEAST:
                for start in range(_GRAM):
                    gram = memoryview(form[start : start + _GRAM]).cast("I")[0]
                    self._by_gram.setdefault(gram, []).append(form)

    def are_in(self, data: bytes) -> bool:
        """Whether one of them is in these bytes."""
        if any(form in data for form in self._short):
            return True
        numbers = memoryview(data)[: len(data) // _GRAM * _GRAM].cast("I")
        seen = set(filter(self._by_gram.__contains__, numbers))
        return any(form in data for form in {form for gram in seen for form in self._by_gram[gram]})


def forms_of(text: bytes) -> Iterator[bytes]:
    """What a text, UTF-8, may look like in a file: quoted for a URL, in base64, UTF-16, escaped as in JSON or Python."""
    yield text
    for safe in ("", "/", "!*'()", ";/?:@&=+$,!*'()#"):  # Python's, and JavaScript's encodeURIComponent and encodeURI
        quoted = quote(text, safe=safe)
        yield quoted.encode()
        yield _small_hex(quoted).encode()
    yield quote_plus(text).encode()
    for before in range(3):
        yield from _base64(text, before)
    string = text.decode("utf-8", "surrogateescape")
    for coding in ("utf-16-le", "utf-16-be"):
        yield string.encode(coding, "surrogatepass")
    for escaped in (*_json(string), *_python(string, text)):
        yield escaped.encode("utf-8", "surrogateescape")


def _base64(text: bytes, before: int) -> Iterator[bytes]:
    """The characters that the text alone decides, where so many bytes (of three) stand before it."""
    coded = base64.b64encode(bytes(before) + text)
    first = -(-before * 8 // 6)
    coded = coded[first : (before + len(text)) * 8 // 6]
    yield coded
    yield coded.translate(bytes.maketrans(b"+/", b"-_"))


def _json(string: str) -> Iterator[str]:
    for ascii_only in (True, False):
        written = json.dumps(string, ensure_ascii=ascii_only)[1:-1]
        yield written
        yield written.replace("/", "\\/")  # PHP, and JSON that stands in HTML
        yield json.dumps(written, ensure_ascii=ascii_only)[1:-1]  # JSON in JSON


def _python(string: str, text: bytes) -> Iterator[str]:
    for written in (repr(string)[1:-1], ascii(string)[1:-1], repr(text)[2:-1]):
        plain = written.replace("\\'", "'")  # which of the quotes are escaped is decided by what else is in the text
        yield plain
        yield plain.replace("'", "\\'")


def _small_hex(quoted: str) -> str:
    """The same with `%2f` for `%2F`."""
    first, *rest = quoted.split("%")
    return "%".join([first, *(part[:2].lower() + part[2:] for part in rest)])
