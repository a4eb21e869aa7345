"""A line as it is typed into a shell, taken apart into words, and text put into one more word of it.

Nothing is expanded: a word that the shell would make something else of (`$HOME`, `$(…)`) has no completion.
"""

from __future__ import annotations

from typing import NamedTuple

_BLANK = " \t\n"
_OPERATORS = "|&;()<>"
# What needs no backslash within a word of bash; `~` and `#` only do at its beginning.
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=@%./,:^")
_WITHIN = _PLAIN | {"~"}
_IN_DOUBLE = frozenset('$`"\\')  # what a backslash protects between double quotes


class Word(NamedTuple):
    """A word as the shell reads it, as it was typed, and the quote that is still open at its end."""

    text: str
    raw: str
    quote: str = ""
    is_expanded: bool = False  # the shell would put something else in place of a part of it


def split_line(line: str) -> list[Word]:
    """The words of a line up to the cursor; the last one, perhaps empty, is the one that is being typed."""
    words: list[Word] = []
    text, quote, begin = "", "", None
    expanded = escaped = False
    for at, character in enumerate(line):
        if escaped:
            text += character if not quote or character in _IN_DOUBLE else f"\\{character}"
            escaped = False
        elif quote == "'":
            text, quote = (text, "") if character == "'" else (text + character, quote)
        elif character == "\\":
            begin, escaped = at if begin is None else begin, True
        elif quote:
            expanded |= character in "$`"
            text, quote = (text, "") if character == '"' else (text + character, quote)
        elif character in _BLANK or character in _OPERATORS:
            if begin is not None:
                words.append(Word(text, line[begin:at], "", expanded))
            text, begin, expanded = "", None, False
        else:
            begin = at if begin is None else begin
            expanded |= character in "$`"
            quote = character if character in "'\"" else ""
            text += "" if quote else character
    raw = "" if begin is None else line[begin:]
    return [*words, Word(text, raw, quote, expanded or escaped)]


def quote_rest(text: str, word: Word) -> str | None:
    """Text as it is typed after a word, so that bash reads just this text; None where that cannot be."""
    if word.quote == "'":
        return text.replace("'", "'\\''")
    if word.quote:
        if "!" in text:
            return None  # an interactive bash has no way to write it there
        return "".join(f"\\{character}" if character in _IN_DOUBLE else character for character in text)
    safe = [_WITHIN if at or word.raw else _PLAIN for at in range(len(text))]
    return "".join(c if c in plain or ord(c) > 127 else f"\\{c}" for c, plain in zip(text, safe, strict=True))
