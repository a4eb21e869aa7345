"""What programs hand us, as what a run can keep: a number for a metric, a tree of scalars for parameters and words.

Nothing of numpy, torch, jax or tensorflow is imported: their scalars are known by their `item` method, as they are by
each other. Nothing here raises; what has no meaning is None, and the caller says so.
"""

from __future__ import annotations

import os
import sys

from gitxp.capture.params.scalars import plain as plain_scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

MAX_TEXT = 2_000
_MAX_ITEMS = 2_000
_MAX_DEPTH = 32
_TO_DICT = ("model_dump", "flag_values_dict", "_asdict")  # pydantic, absl, named tuples


def number(value: Any) -> float | None:
    """A float for a number, a boolean, a Decimal, a Fraction, and an array or tensor of one element; None for all else.

    Whole numbers beyond what a float can hold become infinities.
    """
    if value is None or isinstance(value, str | bytes | bytearray | complex):
        return None
    try:
        return float(value if isinstance(value, int | float) else _item(value))
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
    except Exception:  # noqa: BLE001  (somebody's __float__ or __bool__: whatever it raises, it is no number)
        return None


def _item(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    if hasattr(value, "numpy"):  # tensorflow
        return value.numpy().item()
    return value


def tree(value: Any) -> Any:
    """Any object as dictionaries with text keys, lists and scalars (text, number, boolean; nan, inf, null as texts).

    Namespaces, dataclasses, OmegaConf's and pydantic's objects are dictionaries; enumerations are their names, functions
    and classes theirs, paths texts, arrays lists; of other objects there is what `repr` gives.
    """
    return _tree(value, 0)


def _tree(value: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        return "…"
    try:
        members = mapping(value)
        if members is not None:
            return {str(key): _tree(item, depth + 1) for key, item in members.items()}
        items = _items(value)
        if items is not None:
            return [_tree(item, depth + 1) for item in items]
        return _leaf(value)
    except Exception:  # noqa: BLE001  (objects of others: what cannot be looked at has at least a type)
        return f"<{type(value).__name__}>"


def mapping(value: Any) -> dict[Any, Any] | None:
    """The members of what stands for a dictionary: mappings, argparse's Namespace, dataclasses, and so on; None of others."""
    found: Any = None
    method = next((name for name in _TO_DICT if callable(getattr(value, name, None))), None)
    if isinstance(value, dict):
        found = value
    elif isinstance(value, type):
        found = None
    elif _is_instance(value, "omegaconf", "Container"):
        found = _container(value)
    elif hasattr(value, "__dataclass_fields__"):
        found = {name: getattr(value, name) for name in value.__dataclass_fields__}
    elif method is not None:
        found = dict(getattr(value, method)())
    elif _is_instance(value, "argparse", "Namespace"):
        found = dict(vars(value))
    elif hasattr(value, "keys") and hasattr(value, "__getitem__"):
        found = {key: value[key] for key in value.keys()}  # noqa: SIM118  (it need not be iterable)
    return found if isinstance(found, dict) else None


def _container(value: Any) -> Any:
    omegaconf: Any = sys.modules["omegaconf"]
    return omegaconf.OmegaConf.to_container(value, resolve=True)


def _items(value: Any) -> Iterable[Any] | None:
    if _is_instance(value, "omegaconf", "Container"):
        return list(_container(value))
    if isinstance(value, list | tuple):
        return value[:_MAX_ITEMS]
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)[:_MAX_ITEMS]
    if hasattr(value, "tolist") and getattr(value, "shape", None):
        return value.reshape(-1).tolist() if _size(value) <= _MAX_ITEMS else [f"<array of shape {tuple(value.shape)}>"]
    return None


def _size(array: Any) -> int:
    size = 1
    for length in array.shape:
        size *= int(length)
    return size


def _leaf(value: Any) -> Any:
    single = plain_scalar(value)
    if single is not None:
        found: Any = single
    elif isinstance(value, bytes):
        found = value.decode("utf-8", "backslashreplace")
    elif _is_instance(value, "enum", "Enum"):
        found = value.name
    elif isinstance(value, os.PathLike):
        found = os.fsdecode(value)
    elif hasattr(value, "item"):
        found = _leaf(value.item())
    elif callable(value) and hasattr(value, "__qualname__"):
        found = value.__qualname__
    elif "__repr__" not in vars(type(value)) and "__str__" not in vars(type(value)):  # with an address, which differs
        found = f"{type(value).__module__}.{type(value).__qualname__}"
    else:
        found = str(value)
    return cut(found) if isinstance(found, str) else found


def cut(text: str) -> str:
    """The text, at most `MAX_TEXT` characters of it."""
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _is_instance(value: Any, module: str, name: str) -> bool:
    """Whether it is an instance of a class of a module that somebody may have imported; we do not."""
    loaded = sys.modules.get(module)
    kind = getattr(loaded, name, None)
    return isinstance(kind, type) and isinstance(value, kind)
