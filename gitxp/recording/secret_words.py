"""Words of the command that turned out to be secrets: in `train.py -p X` only the program knows that `-p` is a password.

Its parser tells what it was given, and under which name. By then the first commit has been made, so that it has the word;
the commits that follow have not, and the record says so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from gitxp.capture.params.said import ARGV
from gitxp.capture.secrets.redaction import REDACTED, redact_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gitxp.format import Record
    from gitxp.recording.statements import Statement

_LEAST_WITHIN = 6  # characters of what is looked for within a word: a line for a shell
_MAX_NAME = 100
_MOST = 500  # secrets


def given_secrets(statements: Iterable[Statement]) -> dict[str, str]:
    """The secrets among the values that parsers were given on a command line, each with the parameter's name."""
    found: dict[str, str] = {}
    for statement in statements:
        if statement.kind != "params":
            continue
        given, hidden = (frozenset(statement.facts.get(key, ())) for key in ("given", "hidden"))
        for name, value in statement.facts.get("params", {}).items():
            if name in given:
                for text in _texts(value):
                    is_secret = name in hidden or redact_value(name, text) == REDACTED
                    if is_secret and text not in {"", REDACTED} and len(found) < _MOST:
                        found.setdefault(text, name[:_MAX_NAME])
    return found


def hidden_names(statements: Iterable[Statement]) -> frozenset[str]:
    """The parameters whose programs do not show them."""
    return frozenset(name for statement in statements for name in statement.facts.get("hidden", ()))


def hide_words(record: Record, secrets: Mapping[str, str]) -> list[str]:
    """Take these secrets, with their names, out of the record's command and out of what was guessed from its words.

    Gives a sentence where the first commit has one of them.
    """
    if not secrets:
        return []
    program, *words = record["command"]
    names: dict[str, None] = {}
    for text, name in secrets.items():
        hidden = [_without(word, text) for word in words]
        if hidden != words:
            words = hidden
            names.setdefault(name)
    record["command"] = [program, *words]
    sources = record.get("param_sources", {})
    for name, value in record.get("params", {}).items():
        is_guess = sources.get(name) == ARGV and (len(name) == 1 or len(str(value)) >= _LEAST_WITHIN)
        if is_guess and str(value) in secrets:
            record["params"][name] = REDACTED
    if not names:
        return []
    named = ", ".join(map(repr, names))
    return [f"The command shows a secret ({named}): this run's first commit has it. Hand it over in a variable."]


def _without(word: str, text: str) -> str:
    """A word without this secret: all of it, what stands behind `-p` or `-p=`, or a part of a line for a shell."""
    if word == text:
        return REDACTED
    if word[:1] == "-" and word.endswith(text):
        option = word[: -len(text)]
        if option.endswith("=") or (len(option) == 2 and option[1].isalnum()):
            return option + REDACTED
    if len(text) >= _LEAST_WITHIN and text in word and any(letter.isspace() for letter in word):
        return re.sub(rf"(?<!\w){re.escape(text)}(?!\w)", REDACTED, word)
    return word


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)
