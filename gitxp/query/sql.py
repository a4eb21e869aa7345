"""Conditions and orders as SQL over the index's tables.

Every value goes as a parameter, never into the text. A comparison is false where one side is missing, so each is closed by
`IS TRUE`: without that, `not` would turn a missing value's NULL into NULL. Where the type of a parameter differs from
run to run, `typeof` keeps numbers from being compared with text, which sqlite would order before it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from gitxp.format import RUN_REFS
from gitxp.query.facts import NAN, encode_list
from gitxp.query.list_order import list_key
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
    Moment,
    Not,
    Or,
    Type,
    Version,
)
from gitxp.query.versions import version_key

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from gitxp.query.tree import Condition, Operand, Order

FROM = "refs JOIN fields ON fields.number = refs.number"
# What makes an order whole: the newest first, as `gitxp list` has them, then by name.
NEWEST = "refs.started > :latest, refs.started DESC, refs.name"
# Whether a run has values in the tables of `live.py`, which count in place of those that were committed.
IS_LIVE = "(refs.name IN (SELECT run FROM live.runs))"
_COLUMNS = {
    "name": "refs.name",
    "commit": "refs.commit_id",
    "ref": f"coalesce(refs.archive, '{RUN_REFS}' || refs.name)",
    "started_at": "fields.started",
    "finished_at": "fields.finished",
    "parent_run": "fields.parent",
    "archived": "refs.hidden",
    "age": "(:now - fields.started)",
    "duration": "CASE WHEN fields.status = 'running' THEN max(0, :now - fields.started) ELSE fields.duration END",
    "tags": "nullif(fields.tags, '[]')",
    "notes": "nullif(fields.notes, '[]')",
    "data": "nullif(fields.data, '[]')",
    "outputs": "nullif(fields.outputs, '[]')",
}
_NUMBERS = "('integer', 'real')"
_DYNAMIC = {Type.ANY, Type.NUMBER}
PYTHON = ":python"  # among the packages of an environment: the version of its interpreter


class Functions:
    """The functions that the SQL of this module calls, given to a connection.

    Of an exception in one, Ctrl-C during a regular expression among them, sqlite tells only that there was one: it is
    kept in `error`.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self.error: BaseException | None = None
        database.create_function("regexp", 2, self._keeping(_regexp), deterministic=True)
        database.create_function("version_key", 1, self._keeping(_version_key), deterministic=True)
        database.create_function("list_key", 1, self._keeping(list_key), deterministic=True)

    def _keeping(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            try:
                return function(*args)
            except BaseException as error:
                self.error = error
                raise

        return call


class Translation:
    """Collects what one question needs: the joins of the keys that it speaks of, and the values of its parameters.

    With `has_live` the metrics of runs that have some in the tables of `live.py` are taken from there.
    """

    def __init__(self, now: float, latest: float, *, has_live: bool = False) -> None:
        self._has_live = has_live
        self.values: dict[str, Any] = {"now": now, "latest": latest}
        self.needs_packages = False
        self._joins: dict[tuple[str, str], str] = {}
        self._sql: list[str] = []

    @property
    def tables(self) -> str:
        """What stands after FROM."""
        return " ".join([FROM, *self._sql])

    @property
    def joined(self) -> int:
        """How many tables are joined."""
        return len(self._sql) + 2

    def condition(self, condition: Condition) -> str:
        """An expression that is 0 or 1 for each run, never NULL."""
        match condition:
            case And(parts):
                return _joined("AND", list(map(self.condition, parts))) or "1"
            case Or(parts):
                return _joined("OR", list(map(self.condition, parts))) or "0"
            case Not(part):
                return f"(NOT {self.condition(part)})"
            case Has(operand):
                return f"({self.operand(operand)} IS NOT NULL)"
            case IsNan(key):
                return f"({self.operand(key)} IS '{NAN}')"
            case IsTrue(key):
                return self._truth(key)
            case Matches(key, pattern):
                return self._matches(key, pattern)
            case Contains(key, item):
                return self._contains(key, item)
            case Compare():
                return self._compare(condition)

    def order(self, orders: Sequence[Order]) -> str:
        """What stands after ORDER BY: runs without a value last, those with nan before them."""
        parts = []
        for order in orders:
            value = self.operand(order.operand)
            parts.append(f"{value} IS NULL")
            key = order.operand
            if isinstance(key, Key) and key.kind == "metrics":
                parts.append(f"{value} = '{NAN}'")
            if isinstance(key, Key) and key.type is Type.VERSION:
                value = f"version_key({value})"
            elif isinstance(key, Key) and key.type is Type.ANY:
                value = f"CASE typeof({value}) WHEN 'blob' THEN list_key({value}) ELSE {value} END"
            parts.append(f"{value} {'DESC' if order.descending else 'ASC'}")
        return ", ".join([*parts, NEWEST])

    def operand(self, operand: Operand) -> str:
        """An expression that is the value, NULL where a run does not have it."""
        match operand:
            case Const(value):
                return self._value(value)
            case Arithmetic(operator, left, right):
                return f"({self._float(left)} {operator} {self._float(right)})"
            case Key(kind, name):
                if kind == "params":
                    return f"{self._join('params', name)}.value"
                if kind == "metrics":
                    return self._measured(operand, f"{self._join('metrics', name)}.{operand.stat}")
                if kind == "packages" or name == "python":
                    return f"{self._join('packages', PYTHON if kind == 'field' else name)}.version"
                if kind in {"data", "outputs"}:
                    return f"(SELECT value FROM json_each(fields.{kind}) WHERE key = {self._value(name)})"
                return _COLUMNS.get(name, f'fields."{name}"')

    def exact(self, operand: Operand) -> str:
        """As `operand`, for values that are to be seen: true and false are JSON in blobs, as lists are.

        It joins nothing that was not joined before, so that there may be any number of them.
        """
        if not isinstance(operand, Key) or operand.kind not in {"params", "metrics"}:
            return self.operand(operand)
        alias = self._joins.get((operand.kind, operand.name))
        value = operand.stat if operand.kind == "metrics" else _exact(f"{alias}." if alias else "")
        if alias is not None:
            text = value if operand.kind == "params" else f"{alias}.{value}"
        else:
            key = self._key(operand.kind, operand.name)
            text = f"(SELECT {value} FROM {operand.kind} WHERE key = {key} AND number = refs.number)"
        return text if operand.kind == "params" else self._measured(operand, text)

    def among(self, names: Sequence[str]) -> str:
        """Whether a run is one of these."""
        return f"refs.name IN (SELECT value FROM json_each({self._value(json.dumps(list(names)))}))"

    def _join(self, table: str, name: str) -> str:
        alias = self._joins.get((table, name))
        if alias is None:
            alias = self._joins[table, name] = f"t{len(self._joins)}"
            if table == "packages":
                self.needs_packages = True
                on = f"{alias}.environment = fields.environment AND {alias}.name = {self._value(name)}"
            else:
                on = f"{alias}.key = {self._key(table, name)} AND {alias}.number = refs.number"
            self._sql.append(f"LEFT JOIN {table} {alias} ON {on}")
        return alias

    def _measured(self, key: Key, committed: str) -> str:
        """The number of a metric: of a run that is running, what it is so far."""
        if not self._has_live:
            return committed
        so_far = f"SELECT {key.stat} FROM live.metrics WHERE name = {self._value(key.name)} AND run = refs.name"
        return f"(CASE WHEN {IS_LIVE} THEN ({so_far}) ELSE {committed} END)"

    def _key(self, kind: str, name: str) -> str:
        return f"(SELECT key FROM keys WHERE kind = '{kind}' AND name = {self._value(name)})"

    def _value(self, value: object) -> str:
        name = f"v{len(self.values)}"
        self.values[name] = encode_list(value) if isinstance(value, tuple) else value
        return f":{name}"

    def _float(self, operand: Operand) -> str:
        text = self.operand(operand)
        if isinstance(operand, Key):
            return f"CASE WHEN typeof({text}) IN {_NUMBERS} THEN CAST({text} AS REAL) END"
        return f"CAST({text} AS REAL)"

    def _truth(self, key: Key) -> str:
        value = self.operand(key)
        return (
            f"(CASE typeof({value}) WHEN 'null' THEN 0 WHEN 'text' THEN {value} <> '' "
            f"WHEN 'blob' THEN {value} <> x'5b5d' ELSE {value} <> 0 END)"
        )

    def _matches(self, key: Key, pattern: str) -> str:
        value, regex = self.operand(key), self._value(pattern)
        if key.type is Type.TEXTS:
            return f"EXISTS (SELECT 1 FROM {self._items(key)} WHERE {_item(key)} REGEXP {regex})"
        return f"((typeof({value}) = 'text' AND {value} REGEXP {regex}) IS TRUE)"

    def _contains(self, key: Key, item: object) -> str:
        wanted = self._value(item)
        if key.type is Type.TEXTS:
            return f"EXISTS (SELECT 1 FROM {self._items(key)} WHERE {_item(key)} = {wanted})"
        value = self.operand(key)
        text = f"instr({value}, {wanted}) > 0" if isinstance(item, str) else "0"
        listed = f"EXISTS (SELECT 1 FROM json_each(CAST({value} AS TEXT)) WHERE value = {wanted})"
        return f"(CASE typeof({value}) WHEN 'text' THEN {text} WHEN 'blob' THEN {listed} ELSE 0 END)"

    def _items(self, key: Key) -> str:
        return f"json_each(fields.{key.name})"

    def _compare(self, condition: Compare) -> str:
        operator, left, right = condition.operator, condition.left, condition.right
        if isinstance(right, Const):
            if isinstance(right.value, Moment):
                return self._moment(operator, left, right.value)
            if isinstance(right.value, Version):
                return self._version(operator, left, right.value)
            if isinstance(left, Key) and left.type is Type.OID:
                return self._begins(operator, left, str(right.value))
        if isinstance(left, Key) and left.type is Type.VERSION:
            first, second = (f"version_key({self.operand(side)})" for side in (left, right))
            return _closed(operator, first, second)
        first, second = self.operand(left), self.operand(right)
        guards = [
            _guard(operator, side, text, other) for side, text, other in ((left, first, right), (right, second, left))
        ]
        if operator not in {"==", "!="} and not isinstance(right, Const) and (_is_any(left) or _is_any(right)):
            guards.append(f"(typeof({first}) = 'text') = (typeof({second}) = 'text')")
            guards += [f"typeof({one}) <> 'blob'" for one in (first, second)]
        return _closed(operator, first, second, " AND ".join(filter(None, guards)))

    def _moment(self, operator: str, left: Operand, moment: Moment) -> str:
        value = self.operand(left)
        first, last = self._value(moment.first), self._value(moment.last)
        if moment.first == moment.last:
            return _closed(operator, value, first)
        during = f"({value} >= {first} AND {value} < {last})"
        return {
            "<": f"(({value} < {first}) IS TRUE)",
            "<=": f"(({value} < {last}) IS TRUE)",
            ">": f"(({value} >= {last}) IS TRUE)",
            ">=": f"(({value} >= {first}) IS TRUE)",
            "==": f"({during} IS TRUE)",
            "!=": f"({during} IS FALSE)",
        }[operator]

    def _version(self, operator: str, left: Operand, version: Version) -> str:
        return _closed(operator, f"version_key({self.operand(left)})", self._value(version.key))

    def _begins(self, operator: str, key: Key, text: str) -> str:
        """An id or a commit may be given by its beginning, as everywhere."""
        value, wanted = self.operand(key), self._value(text.lower())
        is_it = f"(substr({value}, 1, length({wanted})) = {wanted} AND {wanted} <> '')"
        return f"({is_it} IS {'TRUE' if operator == '==' else 'FALSE'})"


def _joined(word: str, parts: Sequence[str]) -> str:
    """Conditions joined by a word, halves in brackets: sqlite's trees may be 1,000 deep, and lists are longer."""
    if len(parts) < 2:
        return "".join(parts)
    half = len(parts) // 2
    return f"({_joined(word, parts[:half])} {word} {_joined(word, parts[half:])})"


def _closed(operator: str, first: str, second: str, guard: str = "") -> str:
    """A comparison that is 0 where one side is missing, and where the guard does not hold."""
    if operator == "!=":
        equal = _closed("==", first, second, guard)
        return f"({first} IS NOT NULL AND {second} IS NOT NULL AND NOT {equal})"
    text = f"{first} {'=' if operator == '==' else operator} {second}"
    return f"(({f'{guard} AND {text}' if guard else text}) IS TRUE)"


def _guard(operator: str, side: Operand, text: str, other: Operand) -> str:
    """What must hold of a side so that it can be compared with the other: its class, where that differs from run to run."""
    if not isinstance(side, Key) or side.type not in _DYNAMIC:
        return ""
    if side.type is Type.NUMBER:
        return f"typeof({text}) IN {_NUMBERS}" if side.kind == "metrics" else ""
    if isinstance(other, Const):
        if operator in {"==", "!="}:
            return ""
        if isinstance(other.value, str):
            return f"typeof({text}) = 'text'"
        return f"typeof({text}) = 'blob' AND 0" if isinstance(other.value, tuple) else f"typeof({text}) IN {_NUMBERS}"
    return "" if _is_any(other) or _is_text(other) else f"typeof({text}) IN {_NUMBERS}"


def _exact(table: str) -> str:
    """A parameter's value, with true and false as JSON."""
    true, false = (f"x'{word.encode().hex()}'" for word in ("true", "false"))
    return f"CASE {table}flag WHEN 1 THEN {true} WHEN 0 THEN {false} ELSE {table}value END"


def _is_any(operand: Operand) -> bool:
    return isinstance(operand, Key) and operand.type is Type.ANY


def _is_text(operand: Operand) -> bool:
    return isinstance(operand, Key) and operand.type is Type.TEXT


def _item(key: Key) -> str:
    """What of each row of `json_each` is the text: paths are the keys of an object."""
    return "value" if key.name in {"tags", "notes"} else "key"


def _regexp(pattern: str, text: object) -> bool:
    return isinstance(text, str) and re.search(pattern, text) is not None


def _version_key(text: object) -> bytes | None:
    return version_key(text) if isinstance(text, str) else None
