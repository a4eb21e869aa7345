"""Secrets in what people write: `password=hunter2`, `api_key: …`, `--token …` in a note or a tag.

A note is no command: "the token: unknown" speaks of a token, and has none. So where the name leaves a doubt (`token`,
`key`, `auth`, `pass`), what follows a colon or stands apart goes only if it looks like no word: if it has digits among
its letters, capitals within, or is long. `token=…` without spaces is read as in a command, and of a name that leaves no
doubt (`password`, `api_key`) every value goes.
"""

from __future__ import annotations

import re

from gitxp.capture.secrets.names import is_secret, leaves_doubt, tells_of_what
from gitxp.capture.secrets.shapes import REDACTED, SCHEMES

# A value goes on over commas and the like, since a password may have them, but not into the next `name=`.
_VALUE = r"""("[^"\n]*"|'[^'\n]*'|(?:[^\s,;&"']|[,;&](?![\s"']|[A-Za-z_][\w.-]*[:=]|$)|["'](?=[^\s,;&"'\])}]))+)"""
_ASSIGNMENT = re.compile(
    r"""(?<![\w.-])(?:([A-Za-z]+)[ ])?([A-Za-z_][\w.-]*)(["']?[ \t]*(?::=|=|:)(?!//)\s*)""" + _VALUE
)
_OPTION = re.compile(r"(?<![\w-])()--?([A-Za-z][\w.-]*)([ \t]+)(?!-)" + _VALUE)
_LONG = 20  # characters, which few words have


def redact_assignments(text: str) -> str:
    """A note, a tag or a message without the values that it gives to secret names; names and all else stay."""
    return _OPTION.sub(_without_value, _ASSIGNMENT.sub(_without_value, text))


def _without_value(match: re.Match[str]) -> str:
    before, name, sign, value = match.groups()
    if value[0] in "\"'" and value[-1] == value[0] and len(value) > 1:
        plain, opening, closing = value[1:-1], value[0], value[0]
    else:
        plain, opening = value.rstrip(".,;:!?)]}"), ""
        closing = value[len(plain) :]
    if before and tells_of_what(before):  # `API key: …`, `pad token: …`
        name = f"{before} {name}"
    if not plain or plain.startswith(REDACTED) or plain.lower() in SCHEMES or not is_secret(name, plain):
        return match[0]
    if sign != "=" and leaves_doubt(name) and _is_word(plain):
        return match[0]
    return match[0][: len(match[0]) - len(value)] + opening + REDACTED + closing


def _is_word(text: str) -> bool:
    """Whether it reads as a word, a few of them joined, or a number."""
    if text.isdigit():
        return True
    if len(text) >= _LONG or any(letter.isdigit() for letter in text):
        return False
    return all(part in {part.lower(), part.upper(), part.capitalize()} for part in re.split(r"\W+", text))
