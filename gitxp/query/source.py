"""The text of an expression before Python's parser sees it, and errors that point into it.

Two things are not Python's: `~` and `!~` between two operands (matches, does not match, as in awk and SQL), and names that
are none there (`params.lambda`, `train/loss`). Both are put in other words of the same length, so that every position
stays where it is, and a name is read from where it stands.
"""

from __future__ import annotations

import ast
import io
import keyword
import re
import tokenize
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from gitxp.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST = 10_000  # characters
_BETWEEN = frozenset({"and", "or", "not", "in", "is"})
_KEYWORDS = frozenset(keyword.kwlist) - _BETWEEN - {"True", "False", "None"}
_SIGNS = "-/+*"
# With a bound, so that a long sum is not tried as a name from each of its words on; longer names go in brackets.
_JOINED = re.compile(r"[\w.]+(?:[-/+*][\w.]+){1,32}")
_OPERANDS = frozenset({tokenize.NAME, tokenize.NUMBER, tokenize.STRING})
_UNBALANCED = ("unterminated", "never closed", "unmatched", "does not match", "EOF")  # in what Python's parser says
_SHOWN = 60  # characters of a long expression on either side of the place that is pointed at
_HELP = "'gitxp list --help' has examples."
# What people write who come from other languages, and how it is said here.
_FOREIGN = {
    "&&": "It is 'and' here.",
    "||": "It is 'or' here.",
    "&": "It is 'and' here.",
    "|": "It is 'or' here.",
    "=": "To compare is '==' here.",
    "<>": "It is '!=' here.",
    "!": "It is 'not' here.",
    "=~": "It is '~' here.",
    "~=": "It is '~' here.",
    "===": "It is '==' here.",
    ":=": "To compare is '==' here.",
}
# Of ours, those that have one of these in them.
_OURS = frozenset({"==", "!=", "<=", ">="})
_OPERATORS = re.compile(r"[&|=<>!~:]+")


class QueryError(UsageError):
    """An expression that cannot be understood; the message shows the place, which is a sentence, first and last character."""

    def __init__(self, message: str, *, hint: str | None = None, place: tuple[str, int, int] | None = None) -> None:
        super().__init__(message, hint=hint)
        self._place = place

    def within(self, text: str, at: int) -> QueryError:
        """The same error, of an expression that is a part of `text`, from the character `at` on."""
        if self._place is None:
            return self
        sentence, first, last = self._place
        return make_error(sentence, text, at + first, at + last, self.hint)


class Source(NamedTuple):
    """A text as it was typed, and the tree that Python's parser makes of it; `~` is MatMult there, and `!~` FloorDiv."""

    text: str
    tree: ast.expr

    def span(self, node: ast.expr) -> tuple[int, int]:
        """Where in the text a node stands, in characters."""
        data = self.text.encode()
        assert node.end_col_offset is not None
        return len(data[: node.col_offset].decode()), len(data[: node.end_col_offset].decode())

    def part(self, node: ast.expr) -> str:
        """The text of a node as it was typed."""
        first, last = self.span(node)
        return self.text[first:last]

    def fail(self, message: str, node: ast.expr, hint: str | None = None) -> NoReturn:
        """Raise a `QueryError` that points at this node."""
        fail(message, self.text, *self.span(node), hint=hint)


def fail(message: str, text: str, first: int, last: int, hint: str | None = None) -> NoReturn:
    """Raise a `QueryError` that points at these characters of a text."""
    raise make_error(message, text, first, last, hint)


def make_error(message: str, text: str, first: int, last: int, hint: str | None = None) -> QueryError:
    """A `QueryError` that points at these characters of a text."""
    begin, end = max(0, first - _SHOWN), min(len(text), max(min(last, first + _SHOWN), first + 1) + _SHOWN)
    before, after = "…" * (begin > 0), "…" * (end < len(text))
    line = before + "".join(c if c.isprintable() else " " for c in text[begin:end]) + after
    from unicodedata import category, east_asian_width

    def width(part: str) -> int:
        marks = ("Mn", "Me")  # drawn over the character before
        return sum(0 if category(c) in marks else 2 if east_asian_width(c) in "WF" else 1 for c in part)

    marks = max(1, min(width(text[first : min(last, end)]), _SHOWN))
    gap = len(before) + width(text[begin:first])
    words = f"{message}\n  {line}\n  {' ' * gap}{'^' * marks}"
    return QueryError(words, hint=hint or _HELP, place=(message, first, last))


def read_source(text: str, is_key: Callable[[str], bool]) -> Source:
    """The text parsed as Python's grammar has it; `is_key` tells of `train/loss` whether it is a name. Raises `QueryError`."""
    text = "".join(" " if c.isspace() else c for c in text).strip()
    if not text:
        raise QueryError("The expression is empty.", hint=_HELP)
    if len(text) > _MOST:
        raise QueryError(f"The expression has {len(text):,} characters, and {_MOST:,} are the most.", hint=_HELP)
    if "\0" in text or not _is_utf8(text):
        raise QueryError("The expression is no text.", hint=_HELP)
    try:
        tree = ast.parse(_in_python(text, is_key), mode="eval").body
    except SyntaxError as error:
        if "digits" in (error.msg or ""):  # more than Python reads
            raise QueryError("A number in the expression has too many digits.", hint=_HELP) from None
        if error.offset == 0:
            fail("The expression ends where something must follow.", text, len(text), len(text) + 1)
        at = max(0, min((error.offset or 1) - 1, len(text) - 1))
        if any(word in (error.msg or "") for word in _UNBALANCED):
            fail("A bracket or a quote is missing.", text, at, at + 1)
        fail("This cannot be understood.", text, at, at + 1, _hint_for(text, at))
    except (ValueError, RecursionError, MemoryError):
        raise QueryError("The expression is nested too deep.", hint=_HELP) from None
    return Source(text, tree)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _in_python(text: str, is_key: Callable[[str], bool]) -> str:
    """The text with `~` between operands as `@`, `!~` as `//`, and names that are none in Python as some of their length."""
    characters = list(text)
    previous = None
    end = 0  # of the last name that was replaced
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            at = token.start[1]
            if at < end or not token.string.strip():
                continue
            ends_operand = previous is not None and (previous.type in _OPERANDS or previous.string in {")", "]"})
            if token.string in {"@", "//"}:
                fail(f"There is no {token.string!r} here.", text, at, at + len(token.string))
            if token.type == tokenize.NAME:
                end = _end_of_name(text, at, is_key) or (token.end[1] if token.string in _KEYWORDS else at)
                characters[at:end] = "_" * (end - at)
            elif token.string == "~" and previous is not None and previous.string == "!":
                characters[at - 1 : at + 1] = "//"
            elif token.string == "~" and ends_operand:
                characters[at] = "@"
            previous = token if token.string not in _BETWEEN else None
    except (tokenize.TokenError, SyntaxError):
        pass  # a bracket or a quote is missing: Python's parser says where
    return "".join(characters)


def _end_of_name(text: str, at: int, is_key: Callable[[str], bool]) -> int | None:
    """Where a name ends that begins here and has signs in it that are operators elsewhere: train/loss, weight-decay."""
    match = _JOINED.match(text, at)
    while match is not None:
        if is_key(match[0]):
            return match.end()
        match = _JOINED.match(text, at, max(match[0].rfind(sign) for sign in _SIGNS) + at)
    return None


def _hint_for(text: str, at: int) -> str | None:
    """What an operator of another language is here, where one stands at this place or just before it."""
    if any(match[0] in _OURS and match.start() <= at <= match.end() for match in _OPERATORS.finditer(text)):
        return None
    for begin in (at - 2, at - 1, at):
        for length in (3, 2, 1):
            if begin >= 0 and begin <= at < begin + length + 1 and (hint := _FOREIGN.get(text[begin : begin + length])):
                return hint
    return None
