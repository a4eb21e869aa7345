"""YAML, TOML and JSON files as values, and those values as flat parameters.

Files named in a command were written by anybody, so nothing in them may run, hang, or fill the memory: limits on size,
depth and count, and no tags that build objects. What stands in a YAML file means what it means on a command line
(scalars.py); TOML and JSON have types of their own. A file that is no such document costs one clause of a sentence.

yaml, json and tomllib are imported when a file of that kind is decoded, and not before.
"""

from __future__ import annotations

import codecs
import os
import stat
from typing import TYPE_CHECKING, Any

from gitxp.capture.params.scalars import Scalar, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_NODES = 20_000
_MAX_NAME = 1_000
_MAX_DOTS = 1_000  # in a line of TOML
_ENCODINGS = {codecs.BOM_UTF8: "UTF-8", codecs.BOM_UTF16_LE: "UTF-16-LE", codecs.BOM_UTF16_BE: "UTF-16-BE"}


class DocumentError(Exception):
    """The bytes are no such document: `problem` is a clause ("it is not YAML: …"), `line` counts from 1."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem if line is None else f"{problem} (line {line})")
        self.problem = problem
        self.line = line


def read_document(path: str, remarks: list[str] | None = None) -> Any:
    """The value of a YAML, TOML or JSON file, by its suffix; for `remarks`, see `decode_yaml`.

    Raises `DocumentError` for a broken, too large or special file and `OSError` for one that cannot be read.
    """
    # a FIFO must not make us wait for somebody who writes into it
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        about = os.fstat(fd)
        if not stat.S_ISREG(about.st_mode):
            raise DocumentError("it is a folder" if stat.S_ISDIR(about.st_mode) else "it is no regular file")
        if about.st_size > MAX_BYTES:
            raise DocumentError(f"it has {about.st_size:,} bytes, and {MAX_BYTES:,} is the most")
        data = b""
        while piece := os.read(fd, MAX_BYTES + 1):
            data += piece
            if len(data) > MAX_BYTES:
                raise DocumentError(f"it grew over {MAX_BYTES:,} bytes while it was read")
    finally:
        os.close(fd)
    return decode_document(path, data, remarks)


def decode_document(path: str, data: bytes, remarks: list[str] | None = None) -> Any:
    """The value of the bytes of a YAML, TOML or JSON file, by its suffix, or `DocumentError`; for `remarks`, see `decode_yaml`."""
    lowered = path.lower()
    if lowered.endswith(".json"):
        return decode_json(data, remarks)
    return decode_toml(data) if lowered.endswith(".toml") else decode_yaml(data, remarks)


def find_keys(path: str, data: bytes) -> dict[str, Scalar | list[Scalar]] | None:
    """The values of a configuration file by dotted names; None where the bytes are no such document, or beyond the limits.

    A list that is the whole document has the name `(list)`; a single value is no such document.
    """
    if len(data) > MAX_BYTES:
        return None
    try:
        document = decode_document(path, data, [])
        if isinstance(document, list):
            document = {"(list)": document}
        return dict(flatten(document)) if document is None or isinstance(document, dict) else None
    except DocumentError:
        return None


def decode_json(data: bytes, remarks: list[str] | None = None) -> Any:
    """The value of a JSON document, or `DocumentError`; for `remarks`, see `decode_yaml`."""
    import json

    def to_map(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    on_repeated(f"it has the key {short(key)} twice", remarks)
                seen.add(key)
        return found

    try:
        return json.loads(_text(data), object_pairs_hook=to_map)
    except json.JSONDecodeError as error:
        raise DocumentError(f"it is not JSON: {error.msg}", error.lineno) from error
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"it is not JSON: {_first_line(error)}") from error


def decode_toml(data: bytes) -> Any:
    """The value of a TOML document, or `DocumentError`."""
    import tomllib

    # for a.b.c… tomllib takes time that grows with the square of the number of parts
    if any(line.count(b".") > _MAX_DOTS for line in data.split(b"\n")):
        raise DocumentError(f"a line of it has more than {_MAX_DOTS:,} dots")
    try:
        return tomllib.loads(_text(data))
    except (ValueError, RecursionError) as error:  # tomllib's message ends with the line
        raise DocumentError(f"it is not TOML: {_first_line(error)}") from error


def decode_yaml(data: bytes, remarks: list[str] | None = None) -> Any:
    """The value of the one document in a YAML stream (None for an empty one), or `DocumentError`.

    A key that stands twice in one map is an error. With `remarks`, which gets a clause for it, the last one counts, as
    it does for most programs that read such files.
    """
    from gitxp.capture.params.yaml_values import build

    return build(_text(data), remarks)


def on_repeated(clause: str, remarks: list[str] | None) -> None:
    """What a decoder does about a key that stands twice in one map."""
    if remarks is None:
        raise DocumentError(clause)
    remarks.append(f"{clause}: the last one counts")


def short(text: str) -> str:
    """A key as it may stand in a sentence."""
    return repr(text if len(text) <= 60 else text[:59] + "…")


def flatten(document: Any) -> Iterator[tuple[str, Scalar | list[Scalar]]]:
    """The scalars of a document by dotted names: `{"a": {"b": 1}}` gives `a.b`, 1.

    A list of scalars stays a list; in any other list the items go by their index. null is the text `null`. Empty maps
    are left out. Raises `DocumentError` where the document is nested too deeply, has too many values, as a few aliases
    can make it, or a name that is none.
    """
    # iterators, so that a thousand long names of one map are never there at once
    stack: list[Iterator[tuple[str, Any]]] = [iter([("", document)])]
    seen = 0
    while stack:
        name, thing = next(stack[-1], (None, None))
        if name is None:
            stack.pop()
            continue
        seen += 1 + (len(thing) if isinstance(thing, list) else 0)
        _check(name, seen, len(stack) - 1)
        if isinstance(thing, dict):
            stack.append(_named(name, thing.items()))
            continue
        if isinstance(thing, list):
            scalars = [scalar for scalar in map(plain, thing) if scalar is not None]
            if len(scalars) < len(thing):
                stack.append(_named(name, enumerate(thing)))
            elif name:
                yield name, scalars
            continue
        single = plain(thing)
        if single is not None and name:
            yield name, single


def _check(name: str, seen: int, depth: int) -> None:
    if seen > MAX_NODES:
        raise DocumentError(f"it has more than {MAX_NODES:,} values")
    if depth > MAX_DEPTH:
        raise DocumentError(f"it is nested more than {MAX_DEPTH} deep")
    if len(name) > _MAX_NAME:
        raise DocumentError(f"it has names of more than {_MAX_NAME:,} characters, such as {short(name)}")


def _named(prefix: str, children: Iterable[tuple[object, Any]]) -> Iterator[tuple[str, Any]]:
    return ((f"{prefix}.{key}" if prefix else str(key), child) for key, child in children)


def _text(data: bytes) -> str:
    """The bytes of a document as text: UTF-8, or UTF-16 that says so in its first two bytes."""
    bom, encoding = next(((bom, name) for bom, name in _ENCODINGS.items() if data.startswith(bom)), (b"", "UTF-8"))
    try:
        return data[len(bom) :].decode(encoding)
    except UnicodeDecodeError as error:
        raise DocumentError(
            f"it is no {encoding[:6].rstrip('-')} text", data.count(b"\n", 0, error.start) + 1
        ) from error


def _first_line(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error).split("\n", 1)[0]
