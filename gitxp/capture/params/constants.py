"""Constants of a program as parameters: upper-case names that its main file binds to literals at module level.

`LR = 0.1`, `PARAMS = {"depth": 3}`: many programs keep their settings so. They are read from the text of the snapshot,
with `ast`; nothing is executed. A name that is bound anew to anything else than a literal, in a function too, or whose
value is changed in place, is left out, for what it is then only the program knows. Names without a letter, and `__all__`
and its like, are none.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MAX_SOURCE = 1024 * 1024  # bytes
_MAX_CONSTANTS = 500
_UNKNOWN: Any = object()
_CHANGING = frozenset(
    "update setdefault pop popitem clear append extend insert remove sort reverse add discard".split()
)


def find_constants(source: bytes) -> dict[str, Any]:
    """The constants of a program by name, in their order: numbers, texts, booleans, None, and lists and dictionaries of these.

    The bodies of `if __name__ == "__main__":` count as module level. Of a name that is bound to several literals the
    last one counts. A text that is no Python has none.
    """
    return _find(source, _is_constant)


def find_literals(source: bytes) -> dict[str, Any]:
    """The same of all names that do not begin with an underscore, in lower case as well: of code that holds settings alone."""
    return _find(source, _is_public)


def _find(source: bytes, is_meant: Callable[[str], bool]) -> dict[str, Any]:
    if len(source) > MAX_SOURCE:
        return {}
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # of another Python, or no Python at all
        return {}
    last = {name: value for name, value in _bindings(tree.body) if is_meant(name)}
    last |= dict.fromkeys(_changed(tree), _UNKNOWN)
    known = {name: value for name, value in last.items() if value is not _UNKNOWN}
    return dict(list(known.items())[:_MAX_CONSTANTS])


def _bindings(body: Sequence[ast.stmt]) -> Iterator[tuple[str, Any]]:
    for statement in body:
        match statement:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from _bound(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                yield from _bound(target, value)
            case ast.AugAssign(target=ast.Name(id=name)):
                yield name, _UNKNOWN
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__")), body=inner):
                yield from _bindings(inner)
            case ast.If() | ast.For() | ast.While() | ast.With() | ast.Try():  # what holds then, only the program knows
                for node in ast.walk(statement):
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                        yield node.id, _UNKNOWN


def _changed(tree: ast.Module) -> Iterator[str]:
    """The names of constants that something else than an assignment at module level changes, wherever it stands."""
    for node in ast.walk(tree):
        match node:
            case ast.Global(names=names):
                yield from names
            case ast.alias(name=name, asname=other):
                yield other or name.partition(".")[0]
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.NamedExpr(target=ast.Name(id=name)) | ast.Name(id=name, ctx=ast.Del()):
                yield name
            case ast.Subscript(ctx=ast.Store() | ast.Del()) | ast.Attribute(ctx=ast.Store() | ast.Del()):
                yield from _owner(node)
            case ast.Call(func=ast.Attribute(attr=method) as function) if method in _CHANGING:
                yield from _owner(function)


def _owner(node: ast.expr) -> Iterator[str]:
    """The name in `NAME["a"].b[0]`."""
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def _bound(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, Any]]:
    match target, value:
        case ast.Name(id=name), _:
            yield name, _literal(value)
        case ((ast.Tuple(elts=names) | ast.List(elts=names)), (ast.Tuple(elts=values) | ast.List(elts=values))):
            if len(names) == len(values):  # LR, DEPTH = 0.1, 3
                for inner, item in zip(names, values, strict=True):
                    yield from _bound(inner, item)


def _literal(value: ast.expr) -> Any:
    try:
        return _plain(ast.literal_eval(value))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return _UNKNOWN


def _plain(value: Any) -> Any:
    """The value as JSON has it; raises `ValueError` where it has none (bytes, complex numbers, `...`)."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set):
        return [_plain(item) for item in sorted(value, key=repr)]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    raise ValueError(f"{type(value).__name__} is no parameter")


def _is_constant(name: str) -> bool:
    return name.isupper() and not name.startswith("__")


def _is_public(name: str) -> bool:
    return not name.startswith("_")
