"""YAML, TOML and JSON files as values, and those values as flat parameters. The one home of yaml.

Files named in a command were written by anybody, so nothing in them may run, hang, or fill the memory: no tags that
build objects, limits on size, depth, aliases and count. What PyYAML's rules would turn into surprises is turned off,
as OmegaConf does it: dates stay text, `1:30` is no number, `1e-4` is one. `yes` and `on` stay booleans here, because
the program that reads the file (with PyYAML, nearly always) sees booleans.

yaml, json and tomllib are imported when a file of that kind is decoded, and not before.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from gitxp.capture.scalars import Scalar, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 1024 * 1024
_MAX_DEPTH = 32
_MAX_NODES = 20_000
_MAX_MERGES = 100
_loader: Any = None


class DocumentError(Exception):
    """The bytes are no such document: `problem` is a clause ("it is not YAML: …"), `line` counts from 1."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem if line is None else f"{problem} (line {line})")
        self.problem = problem
        self.line = line


def read_document(path: str) -> Any:
    """The value of a YAML, TOML or JSON file, by its suffix.

    Raises `DocumentError` for a broken, too large or special file and `OSError` for one that cannot be read.
    """
    # a FIFO must not make us wait for somebody who writes into it
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        about = os.fstat(fd)
        if not stat.S_ISREG(about.st_mode):
            msg = "it is no regular file"
            raise DocumentError(msg)
        if about.st_size > MAX_BYTES:
            msg = f"it has {about.st_size:,} bytes, and {MAX_BYTES:,} is the most"
            raise DocumentError(msg)
        pieces = []
        while piece := os.read(fd, MAX_BYTES):
            pieces.append(piece)
            if sum(map(len, pieces)) > MAX_BYTES:
                msg = f"it grew over {MAX_BYTES:,} bytes while it was read"
                raise DocumentError(msg)
    finally:
        os.close(fd)
    data = b"".join(pieces)
    lowered = path.lower()
    if lowered.endswith(".json"):
        return decode_json(data)
    return decode_toml(data) if lowered.endswith(".toml") else decode_yaml(data)


def decode_json(data: bytes) -> Any:
    """The value of a JSON document, or `DocumentError`."""
    import json

    try:
        return json.loads(data)
    except json.JSONDecodeError as error:
        msg = f"it is not JSON: {error.msg}"
        raise DocumentError(msg, error.lineno) from error
    except (ValueError, RecursionError) as error:
        msg = f"it is not JSON: {_first_line(error)}"
        raise DocumentError(msg) from error


def decode_toml(data: bytes) -> Any:
    """The value of a TOML document, or `DocumentError`."""
    import tomllib

    try:
        return tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # tomllib's message ends with the line
        msg = f"it is not TOML: {_first_line(error)}"
        raise DocumentError(msg) from error


def decode_yaml(data: bytes) -> Any:
    """The value of the one document in a YAML stream (None for an empty one), or `DocumentError`."""
    import yaml

    if data.count(b"[") + data.count(b"{") > _MAX_NODES or b"- " * 500 in data:
        msg = "it is nested too deeply"
        raise DocumentError(msg)
    try:
        return yaml.load(data, Loader=_yaml_loader())  # noqa: S506  (a subclass of the safe loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        msg = f"it is not YAML: {', '.join(filter(None, (error.context, error.problem)))}"
        raise DocumentError(msg, mark.line + 1 if mark else None) from error
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        msg = f"it is not YAML: {_first_line(error)}"
        raise DocumentError(msg) from error


def flatten(document: Any) -> Iterator[tuple[str, Scalar | list[Scalar]]]:
    """The scalars of a document by dotted names: `{"a": {"b": 1}}` gives `a.b`, 1.

    A list of scalars stays a list; in any other list the items go by their index. null is the text `null`. Empty maps
    and values that have no text (binary ones) are left out. Raises `DocumentError` where the document is nested too
    deeply or has too many values, as a few aliases can make it.
    """
    stack: list[tuple[str, Any, int]] = [("", document, 0)]
    seen = 0
    while stack:
        name, thing, depth = stack.pop()
        seen += 1
        if seen > _MAX_NODES:
            msg = f"it has more than {_MAX_NODES:,} values"
            raise DocumentError(msg)
        if depth > _MAX_DEPTH:
            msg = f"it is nested more than {_MAX_DEPTH} deep"
            raise DocumentError(msg)
        if isinstance(thing, dict):
            dotted = [(f"{name}.{_key(key)}" if name else _key(key), child, depth + 1) for key, child in thing.items()]
            stack.extend(reversed(dotted))
            continue
        if isinstance(thing, set):
            thing = sorted(thing, key=repr)
        if isinstance(thing, list | tuple):
            seen += len(thing)
            scalars = [plain(item) for item in thing[:_MAX_NODES]]
            items = [item for item in scalars if item is not None]
            if len(items) == len(thing):
                if name:
                    yield name, items
            else:
                indexed = [(f"{name}.{i}" if name else str(i), item, depth + 1) for i, item in enumerate(thing)]
                stack.extend(reversed(indexed))
            continue
        single = plain(thing)
        if single is not None and name:
            yield name, single


def _key(key: object) -> str:
    if isinstance(key, str):
        return key
    return str(key).lower() if isinstance(key, bool) else str(plain(key))


def _first_line(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error).split("\n", 1)[0]


def _yaml_loader() -> Any:
    """The loader class, made once: libyaml's where PyYAML was built with it."""
    global _loader  # noqa: PLW0603  (a class that costs an import to make)
    if _loader is not None:
        return _loader
    import re

    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    merge = "tag:yaml.org,2002:merge"

    class Loader(base):  # type: ignore[misc]
        def flatten_mapping(self, node: yaml.MappingNode) -> None:
            # `<<: [*a, *a, …]` copies what it names, level by level: the one alias bomb that a safe loader builds
            merges = 0
            for key, child in node.value:
                if key.tag == merge:
                    merges += len(child.value) if isinstance(child, yaml.SequenceNode) else 1
            if merges > _MAX_MERGES or len(node.value) > _MAX_NODES:
                raise yaml.constructor.ConstructorError(None, None, "too many merged maps", node.start_mark)
            super().flatten_mapping(node)

        def construct_unknown(self, _suffix: str, node: yaml.Node) -> Any:
            if isinstance(node, yaml.ScalarNode):
                return self.construct_scalar(node)
            if isinstance(node, yaml.SequenceNode):
                return self.construct_sequence(node, deep=True)
            return self.construct_mapping(node, deep=True)

    numbers = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp"
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in numbers]
        for first, resolvers in base.yaml_implicit_resolvers.items()
    }
    whole = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,399})$")
    real = re.compile(
        r"(?:[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    )
    Loader.add_implicit_resolver(numbers[0], whole, list("-+0123456789"))
    Loader.add_implicit_resolver(numbers[1], real, list("-+0123456789."))
    Loader.add_multi_constructor("!", Loader.construct_unknown)
    Loader.add_multi_constructor("tag:", Loader.construct_unknown)
    _loader = Loader
    return Loader
