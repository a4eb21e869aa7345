r"""JSON, exact: what programs read, and what a terminal may see as well.

Sorted keys and one value a line, as the record itself is written. Characters that could harm a terminal are written
as `\uNNNN`, which any reader of JSON turns back into what they were; so nothing is lost by being safe.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gitxp.format import encode_json, encode_number
from gitxp.render.safe import is_safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def json_text(value: object) -> str:
    """A JSON document with a newline at the end; nan and infinities are the strings that the record uses."""
    text = encode_json(_finite(value)).decode()
    return "\n".join(line if line.isprintable() else _escape(line) for line in text.split("\n"))


def json_array(values: Iterable[object]) -> Iterator[str]:
    """A JSON array in pieces, so that ten thousand runs need not be text at the same time."""
    before = "[\n"
    for value in values:
        yield before + json_text(value).rstrip("\n")
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return encode_number(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def _escape(line: str) -> str:
    return "".join(c if is_safe(c) else _escape_character(c) for c in line)


def _escape_character(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else json.dumps(character)[1:-1]
