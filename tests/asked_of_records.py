"""What a query means, written anew over plain records in Python: the referee of the index.

It shares the tree with gitxp (what a text means is tested by itself) and nothing of what finds the answer.
"""

from __future__ import annotations

import datetime
import math
import operator
import re
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.query import tree

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def so_far(record: dict[str, Any], live: tuple[str, dict[str, list[float]]] | None) -> dict[str, Any]:
    """A record, of a run that is running with what its live folder has: the id of its run, and the values of each metric."""
    if live is None or live[0] != record["id"] or record["status"] != "running":
        return record
    metrics = {}
    for name, values in live[1].items():
        if values:
            numbers = [value for value in values if not math.isnan(value)] or values
            every = {"last": values[-1], "min": min(numbers), "max": max(numbers)}
            summary = {key: value if math.isfinite(value) else repr(value) for key, value in every.items()}
            metrics[name] = {**summary, "count": len(values), "step": len(values) - 1}
    return {**record, "metrics": metrics} if metrics else record


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
        "started_at": started,
        "finished_at": unix(record.get("finished_at")),
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


class Summed(NamedTuple):
    """What runs of a group have of a number."""

    best: Any
    best_run: str | None
    mean: float | None
    std: float | None
    n: int
    nan: int


def is_number(value: Any) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def first_started(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The record of the run that started first; of equals, the first by name."""
    return min(records, key=lambda record: (unix(record["started_at"]) or 0, record["name"]))


def same(one: Any, two: Any) -> bool:
    """Whether two values make one group: as Python has it, but true is not 1, and nan is nan."""
    if isinstance(one, float) and math.isnan(one):
        return isinstance(two, float) and math.isnan(two)
    return bool(one == two) and isinstance(one, bool) == isinstance(two, bool)


def grouped(
    records: Sequence[dict[str, Any]], keys: Sequence[tree.Operand], now: float
) -> list[tuple[tuple[Any, ...], list[dict[str, Any]]]]:
    """The records in groups with the same values, each with these values."""
    groups: list[tuple[tuple[Any, ...], list[dict[str, Any]]]] = []
    for record in records:
        values = tuple(operand_value(key, record, now) for key in keys)
        for there, members in groups:
            if all(same(one, two) for one, two in zip(there, values, strict=True)):
                members.append(record)
                break
        else:
            groups.append((values, [record]))
    return groups


def summed(records: Sequence[dict[str, Any]], operand: tree.Operand, now: float, *, is_less: bool) -> Summed:
    """What the numbers of these records come to, by fractions."""
    values = [(value, record) for record in records if is_number(value := operand_value(operand, record, now))]
    numbers = [(value, record) for value, record in values if not math.isnan(value)]
    nan = len(values) - len(numbers)
    if not numbers:
        return Summed(None, None, None, None, 0, nan)
    best = (min if is_less else max)(value for value, _ in numbers)
    name = first_started([record for value, record in numbers if value == best])["name"]
    floats = [float(value) for value, _ in numbers]
    if not all(map(math.isfinite, floats)):
        odd = {value for value in floats if not math.isfinite(value)}
        return Summed(best, name, odd.pop() if len(odd) == 1 else math.nan, None, len(floats), nan)
    fractions = [Fraction(value) for value in floats]
    mean = sum(fractions) / len(fractions)
    if len(fractions) == 1:
        return Summed(best, name, float(mean), None, 1, nan)
    square = sum((value - mean) ** 2 for value in fractions) / (len(fractions) - 1)
    with localcontext(prec=60):
        std = float((Decimal(square.numerator) / Decimal(square.denominator)).sqrt())
    return Summed(best, name, float(mean), std, len(floats), nan)


def beats(one: Sequence[Any], two: Sequence[Any]) -> bool:
    """Whether a point is as good as another in each coordinate and better in one; less is better."""
    return all(a <= b for a, b in zip(one, two, strict=True)) and any(a < b for a, b in zip(one, two, strict=True))


def front(
    records: Sequence[dict[str, Any]], keys: Sequence[tree.Operand], are_less: Sequence[bool], now: float
) -> tuple[list[str], int]:
    """The names of the records that none beats, the best in the first key first, and how many lack a number or have nan."""
    points = []
    for record in records:
        values = [operand_value(key, record, now) for key in keys]
        if all(is_number(value) and not math.isnan(value) for value in values):
            point = tuple(v if less else -v for v, less in zip(values, are_less, strict=True))
            points.append((point, unix(record["started_at"]), record["name"]))
    kept = [one for one in points if not any(beats(other[0], one[0]) for other in points)]
    return [name for *_, name in sorted(kept)], len(records) - len(points)


def group_rank(value: Any) -> tuple[int, Any]:
    """Where a value stands among those of other groups: false, true, numbers, text, lists, nan, missing."""
    if value is None:
        return 9, 0
    if isinstance(value, float) and math.isnan(value):
        return 8, 0
    for place, kind in ((1, bool), (2, (int, float)), (3, str)):
        if isinstance(value, kind):
            return place, value
    return 4, [group_rank(item) for item in value]
