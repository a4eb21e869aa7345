"""What goes on in a question about runs, `metrics.loss < 0.5 and params.opt == "ad…`: keys, comparisons, values.

Where only one key is left, it comes with the comparisons that make sense of it: so a shell, which closes the quote
behind the only way to go on, leaves it open, and the reader is told what can be asked.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

from gitxp.cli.completed_keys import key_items
from gitxp.errors import UsageError
from gitxp.format import STATUSES
from gitxp.query.fields import ALIASES, FIELDS
from gitxp.query.tree import Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gitxp.query.fields import Names
    from gitxp.query.glance import Glance
    from gitxp.query.tree import Key

_MOST = 100  # values of a parameter that are offered
_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*(?P<end>"?)|'(?:[^'\\]|\\.)*(?P<close>'?))"""
    r"""|(?P<name>[^\W\d][\w.]*(?:[-/+*][\w.]+)*(?:\[(?:"(?:[^"\\]|\\.)*"?\]?)?)?)"""
    r"""|(?P<number>[\d.]\w*)"""
    r"""|(?P<compare><=|>=|==|!=|!~|<|>|~|!|=)"""
    r"""|(?P<other>\S)"""
)
# What may come next: an operand to begin with, a comparison, the value compared with, `and` or `or`.
_KEY, _COMPARE, _VALUE, _JOIN = range(4)
_ORDERED = ("<", "<=", ">", ">=", "==", "!=")
_COMPARISONS = {
    Type.TEXT: ("==", "!=", "~", "!~", "in"),
    Type.ANY: (*_ORDERED, "~", "in"),
    Type.OID: ("==", "!="),
    Type.FLAG: ("and", "or"),
    Type.TEXTS: (),
}


def complete_question(glance: Glance, before: Sequence[str], text: str) -> Iterator[CompletionItem[str]]:
    """What the last word of a question may be: `text` is its beginning, `before` are the words that come first."""
    head = "".join(f"{word} " for word in before)
    whole = head + text
    state, key, begins = _read(whole)
    part = whole[begins:]
    is_asked = whole[:begins].rstrip().endswith("has(")
    for words, about in _find(glance, state, key, part, is_asked=is_asked):
        yield CompletionItem((whole[:begins] + words)[len(head) :], help=about, is_open=True)


def _read(whole: str) -> tuple[int, str, int]:
    """What may come at the end, the key that is compared there, and where what is being typed begins."""
    state, key = _KEY, ""
    for token in _TOKEN.finditer(whole):
        is_open = token["string"] is not None and not (token["end"] or token["close"])
        if token.end() == len(whole) and (is_open or token["name"] or token["compare"]):
            return state, key, token.start()
        state, key = _next(state, key, token)
    return state, key, len(whole)


def _next(state: int, key: str, token: re.Match[str]) -> tuple[int, str]:
    """What may come after a token."""
    word = token[0]
    if token["compare"] or (word == "in" and state == _COMPARE):
        return _VALUE, key
    if word in {"and", "or", "not", "("}:
        return (_COMPARE, key) if word == "not" and state == _COMPARE else (_KEY, "")
    if word == ")":
        return _JOIN, ""
    if token["other"]:
        return state, key
    if state == _KEY:
        return _COMPARE, word
    return _JOIN, ""


def _find(glance: Glance, state: int, key: str, part: str, *, is_asked: bool) -> Iterator[tuple[str, str]]:
    """What a part may become, with what is said of it; `is_asked` tells that it is a key in `has(…)`."""
    if state == _JOIN:
        yield from (_begun(part, (("and ", "both"), ("or ", "either"))))
    elif state == _COMPARE:
        found = _look_up(glance.keys(), key)
        if key[:1] in "\"'":
            yield from _begun(
                part, (("in tags", "has this tag"), ("in notes", "has this note"), ("in data", "reads this"))
            )
        else:
            yield from _begun(part, ((f"{one} ", "") for one in _comparisons(found)))
    elif state == _VALUE:
        yield from _begun(part, ((_quoted(text, part), "") for text in _values(glance, key)))
    elif part[:1] in {'"', "'"}:
        yield from _begun(part, ((f"{_quoted(tag, part)} in tags", "tag") for tag in glance.tags()))
    elif is_asked:
        yield from ((f"{item.value})", item.help or "") for item in key_items(glance.keys(), part, FIELDS))
    else:
        yield from _keys(glance.keys(), part)


def _keys(names: Names, part: str) -> Iterator[tuple[str, str]]:
    found = [(item.value, item.help or "") for item in key_items(names, part, FIELDS) if item.value.startswith(part)]
    if len(found) == 1 and not found[0][0].endswith("."):
        value, about = found[0]
        comparisons = _comparisons(_look_up(names, value))
        yield from ((f"{value} {comparison} ", about) for comparison in comparisons)
        if comparisons:
            return
    yield from found
    yield from _begun(part, (("has(", "whether there is such a value"), ("not ", "turned over"))) if part else ()


def _look_up(names: Names, word: str) -> Key | None:
    bracket = re.fullmatch(r'(\w+)\["(.*)"\]', word)
    try:
        return names.find_in(bracket[1], bracket[2]) if bracket else names.find(word)
    except UsageError:
        return None


def _comparisons(key: Key | None) -> Sequence[str]:
    return _ORDERED if key is None else _COMPARISONS.get(key.type, _ORDERED)


def _values(glance: Glance, word: str) -> Sequence[str]:
    """The texts that what is compared may be equal to."""
    key = _look_up(glance.keys(), word)
    if key is None:
        return ()
    if key.kind == "params":
        return glance.values_of(key.name, _MOST)
    field = ALIASES.get(key.name, key.name)
    return STATUSES if field == "status" else glance.values(field, _MOST)


def _quoted(text: str, part: str) -> str:
    """A text as an expression has it, in the quotes that were begun."""
    quoted = json.dumps(text, ensure_ascii=False)
    if part[:1] == "'":
        return "'" + quoted[1:-1].replace("'", "\\'").replace('\\"', '"') + "'"
    return quoted


def _begun(part: str, found: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return (pair for pair in found if pair[0].startswith(part))
