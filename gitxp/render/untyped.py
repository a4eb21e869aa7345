"""Parts of a record of whatever form they have: a page leaves out what has not the form that docs/format.md gives to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.render.words import value_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MANY = 20  # files or sentences of one kind that a page names; the others are counted
_LONGEST = 10_000  # characters of one value; --json has it whole
_DEPTH = 3


def text_of(value: Any) -> str:
    """Any value on one line, not without end."""
    return value_text(value, _LONGEST)


def joined(values: Iterable[Any]) -> str:
    """Those of the values that there are, one behind the other."""
    return " ".join(text_of(value) for value in values if value)


def some(texts: Sequence[str], between: str) -> str:
    """The first of them, and how many there are besides."""
    more = [f"and {len(texts) - MANY:,} more"] if len(texts) > MANY else []
    return between.join([*texts[:MANY], *more])


def described(value: Any, depth: int = _DEPTH) -> str:
    """A value of a form that is not known before: names and values of objects, items of lists, the first of them."""
    if isinstance(value, dict) and depth:
        items = list(value.items())[: MANY + 1]
        texts = [
            f"{text_of(name)} ({described(item, depth - 1)})"
            if isinstance(item, dict)
            else f"{text_of(name)} {described(item, depth - 1)}"
            for name, item in items
        ]
    elif isinstance(value, list) and depth:
        texts = [described(item, depth - 1) for item in value[: MANY + 1]]
    else:
        return text_of(value)
    return text_of(some([*texts, *[""] * (len(value) - len(texts))], ", "))


def mapping_of(value: Any) -> Mapping[str, Any]:
    """The value, if it is an object; else an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """The value's items, if it is a list; else none."""
    return list(value) if isinstance(value, (list, tuple)) else []


def mappings_of(value: Any) -> list[Mapping[str, Any]]:
    """Those items of a list that are objects."""
    return [item for item in list_of(value) if isinstance(item, dict)]
