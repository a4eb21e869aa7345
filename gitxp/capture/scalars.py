"""What the words of a command line mean as values: `0.1` is a number, `true` is a boolean, `1:30` is text.

The rules are YAML 1.2's core schema, kept to what nobody is surprised by: decimal numbers (`1e-4` too, which PyYAML
leaves a string), `true` and `false`. All else is text: `yes`, `no`, `on` and `off` (Norway, and Hydra's grammar
agrees), `null` (the record says nothing by leaving a key out), octal, hexadecimal and base-60 numbers, dates, and
whole numbers outside 64 bits, which other readers of JSON would round. What is no number that JSON can hold becomes
the text that docs/format.md gives for it: `nan`, `inf`, `-inf`.

No yaml and no re here: this runs before the user's command starts.
"""

from __future__ import annotations

Scalar = bool | int | float | str

_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NOT_FINITE = {".nan": "nan", ".inf": "inf", "+.inf": "inf", "-.inf": "-inf"}
_NUMERIC = frozenset("0123456789+-.eE")
_LONGEST_NUMBER = 400
MAX_INT = 2**63


def scalar(text: str) -> Scalar:
    """The value of one word; never raises, and never gives nan or an infinity as a float."""
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if (lowered := text.lower()) in _NOT_FINITE:
        return _NOT_FINITE[lowered]
    number = _number(text)
    return text if number is None else number


def value(text: str) -> Scalar | list[Scalar]:
    """Like `scalar`, and `[64, 32]` is a list of them; a list with quotes or brackets inside stays text."""
    if len(text) > 1 and text[0] == "[" and text[-1] == "]":
        inside = text[1:-1]
        if not inside.strip():
            return []
        if not any(c in "[]{}'\"\\" for c in inside):
            return [scalar(item.strip()) for item in inside.split(",")]
    return scalar(text)


def is_number(text: str) -> bool:
    """Whether the word is a number: `-1` is one, and so no option."""
    return _number(text) is not None


def plain(thing: object) -> Scalar | None:
    """A scalar that a YAML, TOML or JSON file held, as the record keeps it; None for what is no scalar."""
    if thing is None:
        return "null"
    if isinstance(thing, bool | str):
        return thing
    if isinstance(thing, int):
        return thing if -MAX_INT <= thing < MAX_INT else _digits(thing)
    if isinstance(thing, float):
        return thing if thing - thing == 0 else repr(thing)
    if hasattr(thing, "isoformat"):  # TOML has dates and times
        return str(thing.isoformat())
    return None


def _digits(number: int) -> str:
    # str() refuses more than 4,300 digits, hex() does not
    return str(number) if number.bit_length() < 10_000 else hex(number)


def _number(text: str) -> int | float | None:
    if not text or len(text) > _LONGEST_NUMBER or not _NUMERIC.issuperset(text):
        return None
    digits = text[1:] if text[0] in "+-" else text
    if digits.isdigit():
        if len(digits) > 1 and digits[0] == "0":
            return None
        number = int(text)
        return number if -MAX_INT <= number < MAX_INT else None
    if not digits or digits[0] not in "0123456789.":
        return None
    try:
        real = float(text)
    except ValueError:
        return None
    return real if real - real == 0 else None
