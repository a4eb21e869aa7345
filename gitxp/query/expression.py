"""Expressions about runs, such as `loss < 0.5 and params.opt == "adam" and "good" in tags`, as trees of conditions.

Python's grammar is what people who train models can write without looking it up; its parser reads it, a whitelist of
what ast has is taken, and nothing is ever evaluated. Each name is looked up and each comparison is checked here, where
the place in the text is known: so an error points at the character, and what is left (`tree.py`) makes sense.
"""

from __future__ import annotations

import ast
import math
import re
from typing import TYPE_CHECKING, NamedTuple, NoReturn, TypeVar

from gitxp.errors import UsageError
from gitxp.format import STATUSES, bounded, clean_text
from gitxp.query.coercion import Written, coerce, hint_for
from gitxp.query.fields import FIELDS, KINDS, Names
from gitxp.query.source import QueryError, Source, read_source
from gitxp.query.tree import (
    And,
    Arithmetic,
    Compare,
    Const,
    Contains,
    Has,
    IsNan,
    IsTrue,
    Key,
    Matches,
    Not,
    Or,
    Order,
    Type,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitxp.query.tree import Condition, Operand, Scalar

_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "==",
    ast.IsNot: "!=",
}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
# Python's, and what pandas makes of conditions.
_FOREIGN: dict[type[ast.AST], str] = {
    ast.BitAnd: "It is 'and' here.",
    ast.BitOr: "It is 'or' here.",
    ast.Invert: "It is 'not' here.",
}
_WORDS = {"true": True, "false": False, "none": None, "null": None, "nan": math.nan, "inf": math.inf}
_MOST_CONDITIONS = 500

T = TypeVar("T")


def parse_where(text: str, names: Names, now: float) -> Condition:
    """The condition that a text states; times are seen at `now` (unix seconds). Raises `QueryError`."""
    source = read_source(text, names.has)
    return _guarded(lambda: _Parser(source, names, now).condition(source.tree))


def parse_operand(text: str, names: Names, now: float) -> Key | Arithmetic:
    """The value of runs that a text names: a key, or arithmetic with keys. Raises `QueryError`."""
    source = read_source(text, names.has)
    operand = _guarded(lambda: _Parser(source, names, now).operand(source.tree))
    if isinstance(operand, Const):
        source.fail("This is a value, and not the name of one.", source.tree)
    return operand


def parse_order(text: str, names: Names, now: float) -> tuple[Order, ...]:
    """The order that `metrics.loss,-started` states: each key ascending, with `-` before it descending. Raises `QueryError`."""
    orders = []
    for part in split_list(text):
        descending = part.text.startswith("-")
        orders.append(Order(parse_part(part, int(descending), names, now), descending))
    return tuple(orders)


class Part(NamedTuple):
    """One of several expressions in a text, and where in `whole` it begins."""

    text: str
    whole: str
    at: int


def parse_part(part: Part, skip: int, names: Names, now: float) -> Key | Arithmetic:
    """The value that a part names after its first `skip` characters. Raises `QueryError`, with the place in the whole."""
    text = part.text[skip:].lstrip()
    try:
        return parse_operand(text, names, now)
    except QueryError as error:
        raise error.within(part.whole, part.at + len(part.text) - len(text)) from None


def split_list(text: str) -> list[Part]:
    """The parts of a text between commas that are in no quotes and no brackets, without spaces around them."""
    depth, quote, begin, is_escaped = 0, "", 0, False
    spans: list[tuple[int, str]] = []
    for at, character in enumerate(text):
        if is_escaped:
            is_escaped = False
        elif quote:
            is_escaped = character == "\\"
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "," and depth <= 0:
            spans.append((begin, text[begin:at]))
            begin = at + 1
    every = (*spans, (begin, text[begin:]))
    return [Part(part, text, at + len(one) - len(one.lstrip())) for at, one in every if (part := one.strip())]


def split_names(text: str) -> list[str]:
    """The different names in a text, between commas; one that has a comma itself stands in quotes."""
    names = [part.text for part in split_list(text)]
    return list(dict.fromkeys(name[1:-1] if _is_quoted(name) else name for name in names))


def _is_quoted(text: str) -> bool:
    return len(text) > 2 and text[0] == text[-1] and text[0] in "\"'"


def _guarded(parse: Callable[[], T]) -> T:
    try:
        return parse()
    except RecursionError:
        raise QueryError("The expression is nested too deep.") from None


class _Parser:
    """Makes the tree of one source."""

    def __init__(self, source: Source, names: Names, now: float) -> None:
        self._source = source
        self._names = names
        self._now = now
        self._conditions = 0

    def condition(self, node: ast.expr) -> Condition:
        """What is true or false of a run."""
        self._conditions += 1
        if self._conditions > _MOST_CONDITIONS:
            self._source.fail(f"More than {_MOST_CONDITIONS} conditions are too many.", node)
        match node:
            case ast.BoolOp():
                parts = tuple(self.condition(value) for value in node.values)
                return And(parts) if isinstance(node.op, ast.And) else Or(parts)
            case ast.UnaryOp(op=ast.Not()):
                return Not(self.condition(node.operand))
            case ast.Compare():
                return self._comparison(node)
            case ast.BinOp(op=ast.MatMult() | ast.FloorDiv()):
                return self._match(node)
            case ast.Call():
                return self._call(node)
            case _:
                return self._truth(node)

    def _truth(self, node: ast.expr) -> Condition:
        """A name alone: `starred`, `params.pretrained`, `tags`."""
        operand = self.operand(node)
        if not isinstance(operand, Key):
            self._source.fail("This is a value, and no condition.", node)
        if operand.type in {Type.FLAG, Type.ANY}:
            return IsTrue(operand)
        if operand.type is Type.TEXTS:
            return Has(operand)
        example = {Type.TEXT: '== "…"', Type.TIME: '> "2 days ago"', Type.SECONDS: '> "1h"', Type.VERSION: '>= "2.3"'}
        return self._source.fail(
            f"{operand.title} is {operand.type.value}, and no condition.",
            node,
            f"Compare it: {self._source.part(node)} {example.get(operand.type, '< 0.5')}, or ask has({operand.title}).",
        )

    def operand(self, node: ast.expr) -> Operand:
        """A value: of a run, or written here."""
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None as value):
                return Const(_kept(value))
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return self._name(node)
            case ast.BinOp():
                return self._arithmetic(node)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
                return self._signed(node)
            case ast.List() | ast.Tuple() | ast.Set():
                return Const(tuple(self._plain(item) for item in node.elts))
            case _:
                hint = "has(…) and isnan(…) are conditions of their own." if isinstance(node, ast.Call) else None
                if isinstance(node, ast.UnaryOp):
                    hint = _FOREIGN.get(type(node.op))
                return self._source.fail("This is no value.", node, hint)

    def _arithmetic(self, node: ast.BinOp) -> Operand:
        operator = _ARITHMETIC.get(type(node.op))
        if operator is None:
            hint = _FOREIGN.get(type(node.op), "To reckon with there are + - * /")
            self._source.fail("This is no value.", node, hint)
        left, right = self.operand(node.left), self.operand(node.right)
        self._check_number(left, node.left)
        self._check_number(right, node.right)
        return Arithmetic(operator, left, right)

    def _signed(self, node: ast.UnaryOp) -> Operand:
        operand = self.operand(node.operand)
        self._check_number(operand, node.operand)
        if isinstance(node.op, ast.UAdd):
            return operand
        if isinstance(operand, Const):
            assert isinstance(operand.value, (int, float))
            return Const(-operand.value)
        return Arithmetic("-", Const(0), operand)

    def _plain(self, node: ast.expr) -> object:
        operand = self.operand(node)
        if not isinstance(operand, Const):
            self._source.fail("In a list are values only.", node)
        return operand.value

    def _name(self, node: ast.expr) -> Operand:
        if isinstance(node, ast.Subscript):
            kind = self._source.part(node.value)
            if kind not in KINDS:
                self._source.fail(f"There is no {kind}[…].", node.value, f"There are {', '.join(KINDS)}.")
            if not (isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)):
                self._source.fail("A name in quotes is wanted.", node.slice, f'{kind}["name"]')
            name = clean_text(node.slice.value)
            return self._names.find_in(kind, name) or self._unknown(f"{kind}.{name}", node)
        inner = node
        while isinstance(inner, ast.Attribute):
            inner = inner.value
        if isinstance(inner, ast.Subscript):  # metrics["train/loss"].min
            whole = self._name(inner)
            rest = self._source.text[self._source.span(inner)[1] : self._source.span(node)[1]]
            if isinstance(whole, Key) and whole.kind == "metrics":
                found = self._names.find_in("metrics", whole.name + rest.replace(" ", ""))
                return found or self._unknown(f"metrics.{whole.name}{rest}", node)
        if not isinstance(inner, ast.Name):
            self._source.fail("This is not understood here.", node)
        text = self._source.part(node).replace(" ", "")
        return self._find(text, node) or self._word(text, node)

    def _word(self, text: str, node: ast.expr) -> Operand:
        """A name that no run has: true, null, inf are values; of the rest, what is near to it is told."""
        word = text.lower()
        return Const(_WORDS[word]) if word in _WORDS else self._unknown(text, node)

    def _find(self, text: str, node: ast.expr) -> Key | None:
        try:
            return self._names.find(text)
        except UsageError as error:
            return self._source.fail(error.message, node, error.hint)

    def _unknown(self, text: str, node: ast.expr) -> NoReturn:
        near = self._names.near(text)
        prefix, dot, rest = text.partition(".")
        what = {"params": "parameter", "metrics": "metric"}.get(prefix) if dot else None
        message = f"No run has a {what} {rest!r}." if what else f"No run has {text!r}: no field, parameter or metric."
        hint = f"Near it: {', '.join(near)}." if near else f"There are {', '.join(FIELDS)}, params.… and metrics.…"
        is_whole_key = bool(what) or node is self._source.tree
        self._source.fail(message, node, hint if is_whole_key else f'Text is in quotes: "{text}". {hint}')

    def _check_number(self, operand: Operand, node: ast.expr) -> None:
        if isinstance(operand, Const):
            if isinstance(operand.value, bool) or not isinstance(operand.value, (int, float)):
                self._source.fail("A number is wanted here.", node)
        elif isinstance(operand, Key) and operand.type not in {Type.NUMBER, Type.ANY, Type.SECONDS, Type.TIME}:
            self._source.fail(f"{operand.title} is {operand.type.value}, and a number is wanted here.", node)

    def _call(self, node: ast.Call) -> Condition:
        name = self._source.part(node.func)
        if name not in {"has", "isnan"} or len(node.args) != 1 or node.keywords:
            self._source.fail(f"There is no {name}(…) here.", node, "There are has(KEY) and isnan(METRIC).")
        argument = node.args[0]
        if name == "has":
            operand = self._has_operand(argument)
            return Has(operand) if operand else Not(And(()))
        operand = self.operand(argument)
        if not isinstance(operand, Key) or operand.kind != "metrics":
            self._source.fail("isnan is asked of a metric.", argument)
        return IsNan(operand)

    def _has_operand(self, node: ast.expr) -> Operand | None:
        """What `has` is asked of; None for a parameter or a metric, said in full, that no run has."""
        try:
            operand = self.operand(node)
        except QueryError:
            text = self._source.part(node)
            if text.startswith(("params.", "metrics.", "params[", "metrics[")):
                return None
            raise
        if isinstance(operand, Const):
            self._source.fail("has is asked of a name.", node, "has(metrics.loss)")
        return operand

    def _match(self, node: ast.BinOp) -> Condition:
        key = self.operand(node.left)
        if not isinstance(key, Key) or key.type in {Type.NUMBER, Type.FLAG, Type.TIME, Type.SECONDS}:
            self._source.fail("Only text is matched.", node.left, 'name ~ "^tuned"')
        pattern = self.operand(node.right)
        if not isinstance(pattern, Const) or not isinstance(pattern.value, str):
            self._source.fail("A regular expression in quotes is wanted here.", node.right, 'name ~ "^tuned"')
        try:
            re.compile(pattern.value)
        except (re.error, OverflowError, RecursionError) as error:
            self._source.fail(f"This is no regular expression: {error}.", node.right)
        found = Matches(key, pattern.value)
        return _turned(key, found) if isinstance(node.op, ast.FloorDiv) else found

    def _comparison(self, node: ast.Compare) -> Condition:
        """One comparison or a chain of them: `0.1 < lr <= 0.5`."""
        nodes = [node.left, *node.comparators]
        parts: list[Condition] = []
        for operator, left, right in zip(node.ops, nodes, nodes[1:], strict=False):
            if isinstance(operator, (ast.In, ast.NotIn)):
                parts.append(self._membership(left, right, negated=isinstance(operator, ast.NotIn)))
            else:
                parts.append(self._compare(_COMPARISONS[type(operator)], left, right))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _membership(self, left: ast.expr, right: ast.expr, *, negated: bool) -> Condition:
        if isinstance(right, (ast.List, ast.Tuple, ast.Set)):
            key = self._key(left)
            found: Condition = Or(tuple(self._compare("==", left, item) for item in right.elts))
            return _turned(key, found) if negated else found
        key = self._key(right)
        if key.type not in {Type.TEXTS, Type.TEXT, Type.ANY}:
            self._source.fail(f"{key.title} is {key.type.value}: nothing is in it.", right)
        item = self.operand(left)
        if not isinstance(item, Const) or not isinstance(item.value, (str, int, float)):
            self._source.fail("A value is wanted here: a text in quotes, or a number.", left, '"good" in tags')
        if key.type is not Type.ANY and not isinstance(item.value, str):
            self._source.fail("A text in quotes is wanted here.", left, '"good" in tags')
        return _turned(key, Contains(key, item.value)) if negated else Contains(key, item.value)

    def _key(self, node: ast.expr) -> Key:
        operand = self.operand(node)
        if not isinstance(operand, Key):
            self._source.fail("The name of a value is wanted here.", node, '"good" in tags, opt in ["adam", "sgd"]')
        return operand

    def _compare(self, operator: str, left_node: ast.expr, right_node: ast.expr) -> Condition:
        left, right = self.operand(left_node), self.operand(right_node)
        if isinstance(left, Const):
            if isinstance(right, Const):
                self._source.fail("Neither side of this comparison is a value of runs.", right_node)
            operator, left, right, right_node = _TURNED[operator], right, left, left_node
        if not isinstance(right, Const):
            self._check_pair(operator, left, right, right_node)
            return Compare(operator, left, right)
        if right.value is None:
            if operator not in {"==", "!="}:
                self._source.fail("None is neither more nor less than anything.", right_node)
            return Has(left) if operator == "!=" else Not(Has(left))
        return Compare(operator, left, self._coerced(operator, left, right, right_node))

    def _check_pair(self, operator: str, left: Operand, right: Operand, node: ast.expr) -> None:
        """That two values of runs can be compared with each other."""
        types = [operand.type if isinstance(operand, Key) else Type.NUMBER for operand in (left, right)]
        first, second = (Type.NUMBER if type_ is Type.SECONDS else type_ for type_ in types)
        is_sound = first is second or (
            Type.ANY in {first, second} and {first, second} <= {Type.ANY, Type.NUMBER, Type.TEXT, Type.FLAG}
        )
        if not is_sound or first is Type.TEXTS:
            self._source.fail(f"{types[0].value.capitalize()} cannot be compared with {types[1].value}.", node)
        unordered = next((type_ for type_ in types if type_ in _UNORDERED), None)
        if unordered is not None and operator not in {"==", "!="}:
            self._source.fail(f"{unordered.value.capitalize()} is neither more nor less than another.", node)

    def _coerced(self, operator: str, left: Operand, right: Const, node: ast.expr) -> Const:
        """The value that was written, as the type of what it is compared with wants it."""
        type_ = left.type if isinstance(left, Key) else Type.NUMBER
        title = left.title if isinstance(left, Key) else "This"
        value = right.value
        if isinstance(value, float) and math.isnan(value):
            self._source.fail("nan equals nothing.", node, "isnan(metrics.loss)")
        if type_ in _UNORDERED and operator not in {"==", "!="}:
            self._source.fail(f"{title} is {type_.value}: there is only == and != for it.", node)
        wanted = coerce(type_, Written(value, self._source.part(node), self._now))
        if wanted is None:
            self._source.fail(f"{title} is {type_.value}, and this is none.", node, hint_for(type_, title))
        if title == "status" and operator in {"==", "!="} and wanted not in {*STATUSES, "unreadable"}:
            self._source.fail("There is no such status.", node, f"There are {', '.join(STATUSES)} and unreadable.")
        return Const(wanted)


def _kept(value: Scalar | None) -> Scalar | None:
    """A value as the index keeps it."""
    if isinstance(value, str):
        return clean_text(value)
    return bounded(value) if isinstance(value, int) else value


_UNORDERED = frozenset({Type.FLAG, Type.OID, Type.TEXTS})


def _turned(key: Key, found: Condition) -> Condition:
    """That something is not so of a value that the run has."""
    return Not(found) if key.type is Type.TEXTS else And((Has(key), Not(found)))
