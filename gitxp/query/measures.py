"""Keys that stand for numbers of which one way is better, as they are typed: `metrics.acc,-duration`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.direction import Direction, direction_by_name, parse_direction
from gitxp.errors import UsageError
from gitxp.listed import Measure
from gitxp.query.expression import parse_part, split_list
from gitxp.query.source import QueryError, make_error, read_source
from gitxp.query.tree import Key, Type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitxp.query.expression import Part
    from gitxp.query.fields import Names
    from gitxp.query.tree import Arithmetic

STARTED = Key("field", "started_at", Type.TIME)
_NUMBERS = frozenset({Type.NUMBER, Type.ANY, Type.SECONDS})


class Wanted(NamedTuple):
    """A key with its way, and what it is."""

    operand: Key | Arithmetic
    measure: Measure


def parse_measures(text: str, names: Names, now: float, *, times: bool = False) -> list[Wanted]:
    """The keys in a text, each with its direction; `times` may be among them. Raises `QueryError`, with the place."""
    wanted = []
    for part in split_list(text):
        direction = parse_direction(part.text)
        skip = part.text.find(direction.key) if direction.key else len(part.text)
        narrowed = part._replace(text=part.text[: skip + len(direction.key)])
        operand = parse_part(narrowed, skip, names, now)
        if isinstance(operand, Key) and operand.type not in (_NUMBERS | {Type.TIME} if times else _NUMBERS):
            begin = part.at + skip
            sentence = f"{operand.title} is {operand.type.value}, and a number is wanted here."
            raise make_error(sentence, part.whole, begin, begin + len(direction.key), "metrics.loss, duration")
        wanted.append(Wanted(operand, _measure_of(operand, direction)))
    if not wanted:
        raise UsageError("No key is named.", hint="metrics.acc,-duration")
    return wanted


def measure_of_metric(name: str) -> Wanted:
    """A metric that nobody named: which way is better is told by its name."""
    key = Key("metrics", name, Type.NUMBER)
    return Wanted(key, Measure(key.title, direction_by_name(name)))


def parse_keys(text: str, names: Names, now: float) -> list[tuple[Key | Arithmetic, str]]:
    """The keys in a text, each with its title in full. Raises `QueryError`, with the place."""
    keys = []
    for part in split_list(text):
        operand = parse_part(part, 0, names, now)
        keys.append((operand, operand.title if isinstance(operand, Key) else part.text))
    if not keys:
        raise UsageError("No key is named.", hint="params.model,group")
    return keys


def check_grammar(*texts: str | None) -> None:
    """That lists of keys could be understood, where there are no runs and so no names. Raises `QueryError`."""
    for part in _parts(texts):
        key = parse_direction(part.text).key
        try:
            read_source(key, lambda _: True)
        except QueryError as error:
            raise error.within(part.whole, part.at + part.text.find(key)) from None


def is_number(value: Any) -> bool:
    """Whether a value of a run is a number, and not nan; true and false are none."""
    kind = type(value)
    return kind is int or (kind is float and not math.isnan(value))


def is_nan(value: Any) -> bool:
    """Whether a value of a run is nan."""
    return type(value) is float and math.isnan(value)


def _measure_of(operand: Key | Arithmetic, direction: Direction) -> Measure:
    if not isinstance(operand, Key):
        return Measure(direction.key, direction)
    return Measure(operand.title, direction, operand.type is Type.SECONDS)


def _parts(texts: tuple[str | None, ...]) -> Iterator[Part]:
    for text in texts:
        yield from split_list(text or "")
