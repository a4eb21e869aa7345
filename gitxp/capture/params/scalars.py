"""What a word means as a value, by one rule wherever it stands: on a command line, behind `--param`, in a YAML file.

The rule is YAML 1.2's core schema (yaml.org/spec/1.2.2, section 10.3.2): `10`, `+1`, `010`, `0x10`, `0o17` are whole
numbers, `.5`, `1e-3`, `5.` are numbers, `true` and `false` in three spellings are booleans, `null` and `~` are null. All
else is text: `yes` and `on` (the country Norway, and Hydra agrees), `1_000`, `1:30`, dates. PyYAML, which most programs
read their files with, holds to YAML 1.1 and takes `yes` for true, `010` for 8, `1:30` for 90 and `1e-3` for text; a word
that meant one thing in a file and another on the command line would make two equal runs differ.

A record has no null, nan or infinity: they are the texts `null`, `nan`, `inf`, `-inf`. A number that JSON's readers
would round or refuse (whole numbers outside 64 bits, `1e999`) stays the text that it was.

No yaml and no re here: this runs before the user's command starts.
"""

from __future__ import annotations

Scalar = bool | int | float | str

NULL = "null"
_NULLS = frozenset(("null", "Null", "NULL", "~"))
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NOT_FINITE = {
    **dict.fromkeys((".nan", ".NaN", ".NAN"), "nan"),
    **dict.fromkeys((sign + word for sign in ("", "+") for word in (".inf", ".Inf", ".INF")), "inf"),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), "-inf"),
}
_DECIMAL = frozenset("0123456789")
_NUMERIC = frozenset("0123456789+-.eE")
_BASES = {"0x": (16, frozenset("0123456789abcdefABCDEF")), "0o": (8, frozenset("01234567"))}
_LONGEST_NUMBER = 400
_MAX_INT = 2**63  # the records of docs/format.md have whole numbers between this and its negative
# What makes YAML see something else than plain words between the brackets of a list: anywhere, and at the beginning.
_QUOTING = frozenset("[]{}'\"\\")
_SPECIAL = frozenset("#&*!|>%@`?:")


def scalar(text: str) -> Scalar:
    """The value of one word; never raises, and never gives nan or an infinity as a float."""
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if is_null(text):
        return NULL
    if text in _NOT_FINITE:
        return _NOT_FINITE[text]
    number = _number(text)
    return text if number is None else number


def value(text: str) -> Scalar | list[Scalar]:
    """Like `scalar`, and `[64, 32]` is a list of them; a list that needs a real parser (quotes, lists in it) stays text."""
    if len(text) > 1 and text[0] == "[" and text[-1] == "]":
        items = _items(text[1:-1])
        if items is not None:
            return items
    return scalar(text)


def is_null(text: str) -> bool:
    """Whether the word is null. An empty word is not: on a command line it is a text, and in a file there is no word."""
    return text in _NULLS


def is_number(text: str) -> bool:
    """Whether the word is a number: `-1` is one, and so no option."""
    return _number(text) is not None


def plain(thing: object) -> Scalar | None:
    """A value that a YAML, TOML or JSON file held, as the record keeps it; None for what is no scalar."""
    if thing is None:
        return NULL
    if isinstance(thing, bool | str):
        return thing
    if isinstance(thing, int):
        return thing if -_MAX_INT < thing < _MAX_INT else _digits(thing)
    if isinstance(thing, float):
        return thing if thing - thing == 0 else repr(thing)
    if hasattr(thing, "isoformat"):  # TOML has dates and times
        return str(thing.isoformat())
    return None


def _digits(number: int) -> str:
    # str() refuses more than 4,300 digits, hex() does not
    return str(number) if number.bit_length() < 10_000 else hex(number)


def _items(inside: str) -> list[Scalar] | None:
    items = [item.strip(" ") for item in inside.split(",")]
    if not items[-1]:  # `[]`, and the comma that may stand behind the last item
        items.pop()
    return [scalar(item) for item in items] if all(map(_is_plain, items)) else None


def _is_plain(item: str) -> bool:
    """Whether YAML, too, takes the item of a list for one plain word or several."""
    if not item or not item.isprintable() or not _QUOTING.isdisjoint(item) or item[0] in _SPECIAL:
        return False
    return item[:2] not in ("-", "- ") and item[-1] != ":" and not any(pair in item for pair in (": ", ":?", " #"))


def _number(text: str) -> int | float | None:
    if not text or len(text) > _LONGEST_NUMBER:
        return None
    if text[:2] in _BASES:
        base, allowed = _BASES[text[:2]]
        return _in_64_bits(int(text, base)) if len(text) > 2 and allowed.issuperset(text[2:]) else None
    if not _NUMERIC.issuperset(text):
        return None
    digits = text[1:] if text[0] in "+-" else text
    if _DECIMAL.issuperset(digits):
        return _in_64_bits(int(text)) if digits else None
    try:
        real = float(text)
    except ValueError:
        return None
    return real if real - real == 0 else None


def _in_64_bits(number: int) -> int | None:
    return number if -_MAX_INT < number < _MAX_INT else None
