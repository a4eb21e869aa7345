"""What a query means, written anew over plain records in Python: the referee of the index.

It shares the tree with gitxp (what a text means is tested by itself) and nothing of what finds the answer.
"""

from __future__ import annotations

import datetime
import math
import operator
import re
from typing import Any

from gitxp.query import tree

OPERATORS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def unix(text: str | None) -> float | None:
    """A time of a record in unix seconds."""
    return None if text is None else datetime.datetime.fromisoformat(text).timestamp()


def value_of(key: tree.Key, record: dict[str, Any], now: float) -> Any:
    """The value of a record, None where it has none."""
    if key.kind == "field":
        return _field(key.name, record, now)
    if key.kind == "params":
        return record.get("params", {}).get(key.name)
    if key.kind == "metrics":
        value = record.get("metrics", {}).get(key.name, {}).get(key.stat)
        return float(value) if isinstance(value, str) else value
    return {entry["path"]: entry["xxh3_128"] for entry in record.get(key.kind, [])}.get(key.name)


def _field(name: str, record: dict[str, Any], now: float) -> Any:
    started = unix(record["started_at"])
    assert started is not None
    made = {
        "started": started,
        "finished": unix(record.get("finished_at")),
        "age": now - started,
        "duration": max(0, now - started) if record["status"] == "running" else record.get("duration"),
        "command": " ".join(record["command"]),
        "starred": False,
        "archived": False,
        "notes": [record["note"]] if "note" in record else None,
        "tags": record.get("tags") or None,
        "data": [entry["path"] for entry in record.get("data", [])] or None,
    }
    return made[name] if name in made else record.get(name)


def number(operand: tree.Operand, record: dict[str, Any], now: float) -> float | None:
    """An operand of arithmetic: a float, or None for everything that is no number."""
    value = operand_value(operand, record, now)
    if isinstance(value, (int, float)) and not math.isnan(value):
        return float(value)
    return None


def operand_value(operand: tree.Operand, record: dict[str, Any], now: float) -> Any:
    """The value of an operand for a record."""
    if isinstance(operand, tree.Const):
        return operand.value
    if isinstance(operand, tree.Key):
        return value_of(operand, record, now)
    left, right = number(operand.left, record, now), number(operand.right, record, now)
    if left is None or right is None or (operand.operator == "/" and right == 0):
        return None
    actions = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
    result = actions[operand.operator](left, right)
    return None if math.isnan(result) else result


def compare(sign: str, left: Any, right: Any) -> bool:
    """A comparison as Python has it; false where one side is missing, and between things that Python does not compare."""
    if left is None or right is None:
        return False
    if isinstance(right, tree.Moment):
        first, last = right.first, right.last
        if first == last:
            return bool(OPERATORS[sign](left, first))
        during = first <= left < last
        answers = {"<": left < first, "<=": left < last, ">": left >= last, ">=": left >= first, "==": during}
        return not during if sign == "!=" else answers[sign]
    right = list(right) if isinstance(right, tuple) else right
    if sign in {"==", "!="}:
        return bool(OPERATORS[sign](left, right))
    kinds = {isinstance(side, str) for side in (left, right)}
    if len(kinds) == 2 or isinstance(left, list) or isinstance(right, list):
        return False
    return bool(OPERATORS[sign](left, right))


def holds(condition: tree.Condition, record: dict[str, Any], now: float) -> bool:  # noqa: C901, PLR0911  (a case a kind)
    """Whether a condition is true of a record."""
    match condition:
        case tree.And(parts):
            return all(holds(part, record, now) for part in parts)
        case tree.Or(parts):
            return any(holds(part, record, now) for part in parts)
        case tree.Not(part):
            return not holds(part, record, now)
        case tree.Has(operand):
            return operand_value(operand, record, now) is not None
        case tree.IsNan(key):
            value = value_of(key, record, now)
            return isinstance(value, float) and math.isnan(value)
        case tree.IsTrue(key):
            return bool(value_of(key, record, now))
        case tree.Matches(key, pattern):
            value = value_of(key, record, now)
            items = value if key.type is tree.Type.TEXTS else [value]
            return any(isinstance(item, str) and re.search(pattern, item) for item in items or [])
        case tree.Contains(key, item):
            value = value_of(key, record, now)
            if isinstance(value, str):
                return isinstance(item, str) and item in value
            return isinstance(value, list) and item in value
        case tree.Compare(sign, left, right):
            return compare(sign, operand_value(left, record, now), operand_value(right, record, now))


def rank(value: Any) -> tuple[int, Any]:
    """Where a value stands among others of its key: missing last, nan before them, numbers before text."""
    if value is None:
        return 4, 0
    if isinstance(value, float) and math.isnan(value):
        return 3, 0
    return (1, value) if isinstance(value, str) else (0, value)


def ordered(records: list[dict[str, Any]], orders: tuple[tree.Order, ...], now: float) -> list[str]:
    """The names of the records in an order; what is equal by it comes newest first, then by name."""
    records = sorted(records, key=lambda record: record["name"])
    records.sort(key=lambda record: unix(record["started_at"]) or 0, reverse=True)
    for order in reversed(orders):
        ranks = {record["name"]: rank(operand_value(order.operand, record, now)) for record in records}
        for wanted in (0, 1):  # each class by itself: what is missing stays last when the order is turned
            chosen = [record for record in records if ranks[record["name"]][0] == wanted]
            chosen.sort(key=lambda record: ranks[record["name"]][1], reverse=order.descending)
            records = [record for record in records if ranks[record["name"]][0] != wanted] + chosen
        classes = (1, 0, 3, 4) if order.descending else (0, 1, 3, 4)
        records = [record for one in classes for record in records if ranks[record["name"]][0] == one]
    return [record["name"] for record in records]
