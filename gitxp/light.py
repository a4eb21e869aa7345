"""`NamedTuple` without `typing`.

`import typing` brings in `re`, `enum`, `functools` and `collections`: 9 ms of the 55 that a whole `gitxp run true` may
take (python -X importtime; docs/performance.md). Modules on the way to the command's start take their `NamedTuple` from
here when they run, and from `typing` when they are type-checked.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _item(position: int) -> Callable[[Any], Any]:
    return lambda self: tuple.__getitem__(self, position)


class _Fields(type):
    """Makes of annotations the fields of a tuple, as `typing.NamedTuple` does."""

    def __new__(cls, name: str, bases: tuple[type, ...], members: dict[str, Any]) -> _Fields:
        fields = tuple(members.get("__annotations__", ()))
        members["_defaults"] = {field: members.pop(field) for field in fields if field in members}
        members["_fields"] = fields
        for position, field in enumerate(fields):
            members[field] = property(_item(position))
        members.setdefault("__slots__", ())
        return super().__new__(cls, name, bases, members)


class NamedTuple(tuple[object, ...], metaclass=_Fields):
    """A tuple whose items have names; subclasses declare them as annotations, with defaults or without."""

    __slots__ = ()
    _fields: tuple[str, ...]
    _defaults: dict[str, Any]

    def __new__(cls, *values: Any, **named: Any) -> Any:
        """The tuple; `TypeError` for a missing, doubled or unknown field."""
        fields = cls._fields
        if len(values) > len(fields):
            msg = f"{cls.__name__} takes {len(fields)} values, not {len(values)}"
            raise TypeError(msg)
        rest = [named.pop(f) if f in named else cls._default(f) for f in fields[len(values) :]]
        if named:
            msg = f"{cls.__name__} has no field {', '.join(named)} that is not given already"
            raise TypeError(msg)
        return tuple.__new__(cls, (*values, *rest))

    @classmethod
    def _default(cls, field: str) -> Any:
        if field not in cls._defaults:
            msg = f"{cls.__name__} needs {field}"
            raise TypeError(msg)
        return cls._defaults[field]

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self, strict=True))

    def _replace(self, **named: Any) -> Any:
        return type(self)(**{**self._asdict(), **named})

    def __repr__(self) -> str:
        items = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
        return f"{type(self).__name__}({items})"
