"""What an expression is once it was understood: a tree of conditions over values of runs, every part with its type.

It says what is meant and not how it is found out: `sql.py` asks it of the index.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum

_BARE = re.compile(r"[^\W\d][\w.]*(?:[-/+*][\w.]+)*")  # as source.py reads names
_WORDS = frozenset({"and", "or", "not", "in", "is"})


class Type(Enum):
    """What kind of value something is, and so what it may be compared with."""

    NUMBER = "a number"
    TEXT = "text"
    ANY = "a number, text, true or false, or a list"  # a parameter is what it is in each run
    FLAG = "true or false"
    TIME = "a time"
    SECONDS = "a duration"
    VERSION = "a version"
    OID = "an id"
    TEXTS = "a list of text"


def spell(kind: str, name: str, *, is_clear: bool = False) -> str:
    """A name as an expression has it: alone if that is clear, with `params.` or `metrics.`, or in brackets and quotes."""
    if _BARE.fullmatch(name) and name not in _WORDS:
        return name if is_clear else f"{kind}.{name}"
    return f"{kind}[{json.dumps(name, ensure_ascii=False)}]"


@dataclass(frozen=True, slots=True)
class Key:
    """A value that each run has or has not.

    `kind` is `field`, `params`, `metrics`, `packages`, `data` or `outputs`; `stat` is that of a metric: last, min, max,
    count, step. A field's name is a column of `fields.FIELDS`.
    """

    kind: str
    name: str
    type: Type
    stat: str = "last"

    @property
    def title(self) -> str:
        """The key in full, as an expression has it where nothing in it needs quotes."""
        if self.kind == "field":
            return self.name
        return f"{self.kind}.{self.name}{self._ending}"

    @property
    def spelled(self) -> str:
        """The key in full, as an expression has it."""
        return self.name if self.kind == "field" else f"{spell(self.kind, self.name)}{self._ending}"

    @property
    def _ending(self) -> str:
        return "" if self.kind != "metrics" or self.stat == "last" else f".{self.stat}"


@dataclass(frozen=True, slots=True)
class Moment:
    """A time that somebody wrote: from `first` up to `last`, in unix seconds; a day is as long as that day."""

    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Version:
    """A version that somebody wrote, and the bytes by which it is ordered (`versions.version_key`)."""

    text: str
    key: bytes


Scalar = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Const:
    """A value that was written in the expression; None stands for a value that a run does not have."""

    value: Scalar | tuple[object, ...] | Moment | Version | None


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two numbers and `+`, `-`, `*` or `/` between them, as floats; with anything else, a run has no such value."""

    operator: str
    left: Operand
    right: Operand


Operand = Key | Const | Arithmetic


@dataclass(frozen=True, slots=True)
class Compare:
    """`operator` is `<`, `<=`, `>`, `>=`, `==` or `!=`. False where a run does not have one of the two."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Contains:
    """Whether the value of `key`, a list or a text, has this in it."""

    key: Key
    item: Scalar


@dataclass(frozen=True, slots=True)
class Matches:
    """Whether a regular expression is found in the value, or in one of several."""

    key: Key
    pattern: str


@dataclass(frozen=True, slots=True)
class Has:
    """Whether a run has the value at all."""

    operand: Operand


@dataclass(frozen=True, slots=True)
class IsNan:
    """Whether a metric is not a number."""

    key: Key


@dataclass(frozen=True, slots=True)
class IsTrue:
    """Whether the value is true as Python has it: neither false, nor 0, nor empty, nor missing."""

    key: Key


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: Condition


@dataclass(frozen=True, slots=True)
class And:
    """All of these."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of these, at least."""

    parts: tuple[Condition, ...]


Condition = Compare | Contains | Matches | Has | IsNan | IsTrue | Not | And | Or


@dataclass(frozen=True, slots=True)
class Order:
    """One key of an order; runs that do not have it come last either way."""

    operand: Key | Arithmetic
    descending: bool = False
