"""One block of gitxp.yaml, put in, changed or taken away as text: all else stays as it is, to the byte.

A YAML library that writes would lose comments, quotes and the order of keys. The parser's marks tell where a block
stands; what was edited is read again, and refused unless it means what it meant but for that block. So no form of YAML
that nobody thought of can be damaged. The file comes with a checkout: a link could lead anywhere, and is not followed.
"""

from __future__ import annotations

import json
import os
import stat
from typing import Any

import yaml

from gitxp.capture.config import FILE_NAME, decode_config
from gitxp.capture.params.documents import MAX_BYTES, DocumentError, decode_yaml
from gitxp.errors import ConfigError
from gitxp.git.beside import write_whole

_BOM = "\ufeff"
_INDENT = "  "


def write_block(toplevel: str, key: str, values: dict[str, str | int] | None) -> None:
    """Give gitxp.yaml this block of scalars, in place of the one that it has; None takes the block away.

    The file is made where there is none, and replaced as a whole. Raises `ConfigError` where it cannot be read, is no
    plain file, or is not in block style.
    """
    path = os.path.join(toplevel, FILE_NAME)
    found = _read(path)
    if found is None and values is None:
        return
    data, mode = found or (b"", None)
    edited = edit_block(data, key, values)
    if edited != data or found is None:
        try:
            write_whole(path, edited, mode=mode, durable=True)
        except OSError as error:
            raise ConfigError(
                f"{FILE_NAME} cannot be written: {error.strerror}.", hint="Look at its rights."
            ) from error


def edit_block(data: bytes, key: str, values: dict[str, str | int] | None) -> bytes:
    """The bytes of a gitxp.yaml with this block of scalars at its top, or without it (None). Raises `ConfigError`."""
    try:
        before = decode_yaml(data)
        text = data.decode("utf-8")
    except DocumentError as error:
        raise ConfigError(f"{FILE_NAME} cannot be read: {error}.", hint=_hint(values)) from error
    except UnicodeDecodeError:
        raise ConfigError(f"{FILE_NAME} is no UTF-8 text.", hint="Save it as UTF-8.") from None
    decode_config(before)
    bom = _BOM if text.startswith(_BOM) else ""
    text = text.removeprefix(_BOM)
    end = "\r\n" if "\r\n" in text else "\n"
    edited = (bom + _edit(text, key, values, end)).encode()
    wanted = {k: v for k, v in (before or {}).items() if k != key} | ({} if values is None else {key: values})
    try:
        is_sound = (decode_yaml(edited) or {}) == wanted
    except DocumentError:
        is_sound = False
    if not is_sound:
        _refuse(values)
    return edited


def _edit(text: str, key: str, values: dict[str, str | int] | None, end: str) -> str:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None:
        return text if values is None else _append(text, _block(key, values, "", end), end)
    if not isinstance(root, yaml.MappingNode) or root.flow_style or not root.value:
        _refuse(values)
    indent = " " * root.value[0][0].start_mark.column
    pair = next(((name, value) for name, value in root.value if name.value == key), None)
    if pair is None:
        return text if values is None else _append(text, _block(key, values, indent, end), end)
    name, value = pair
    lines = text.splitlines(keepends=True)
    if values is None:
        del lines[name.start_mark.line : _last_line(name, value) + 1]
        return "".join(lines)
    if isinstance(value, yaml.ScalarNode) and not value.value:
        head = lines[name.start_mark.line]
        lines[name.start_mark.line] = head if head.endswith("\n") else head + end
        lines[name.start_mark.line + 1 : name.start_mark.line + 1] = _lines(values, indent + _INDENT, end)
        return "".join(lines)
    if not isinstance(value, yaml.MappingNode) or value.flow_style:
        _refuse(values)
    return _change(text, value, values, end)


def _change(text: str, block: yaml.MappingNode, values: dict[str, str | int], end: str) -> str:
    """The text with each value of a block changed in its place; keys that are not wanted lose their lines."""
    cuts: list[tuple[int, int, str]] = []
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for name, value in block.value:
        if name.value not in values:
            cuts.append((starts[name.start_mark.line], starts[_last_line(name, value) + 1], ""))
        elif decode_yaml(b"k: " + text[value.start_mark.index : value.end_mark.index].encode()) != {
            "k": values[name.value]
        }:
            cuts.append((value.start_mark.index, value.end_mark.index, _scalar(values[name.value])))
    there = {name.value for name, _ in block.value}
    more = {name: value for name, value in values.items() if name not in there}
    last = starts[_last_line(*block.value[-1]) + 1]
    added = "".join(_lines(more, " " * block.value[0][0].start_mark.column, end))
    if added and last == len(text) and not text.endswith("\n"):
        added = end + added
    for first, after, new in sorted([*cuts, (last, last, added)], reverse=True):
        text = text[:first] + new + text[after:]
    return text


def _last_line(name: yaml.Node, value: yaml.Node) -> int:
    """The line on which a value ends; that of a block of text, or of a map, is told from its parts."""
    if isinstance(value, yaml.MappingNode) and value.value and not value.flow_style:
        return max(_last_line(*pair) for pair in value.value)
    mark = value.end_mark
    ends_before = mark.column == 0 and mark.line > name.start_mark.line
    return int(max(name.start_mark.line, mark.line - ends_before))


def _append(text: str, block: str, end: str) -> str:
    if text and not text.endswith("\n"):
        text += end
    gap = end if text and not text.endswith(("\n\n", "\n\r\n")) else ""
    return text + gap + block


def _block(key: str, values: dict[str, str | int], indent: str, end: str) -> str:
    return "".join([f"{indent}{key}:{end}", *_lines(values, indent + _INDENT, end)])


def _lines(values: dict[str, str | int], indent: str, end: str) -> list[str]:
    return [f"{indent}{name}: {_scalar(value)}{end}" for name, value in values.items()]


def _scalar(value: str | int) -> str:
    """A value as it is written: bare where that is understood, else in quotes."""
    text = str(value)
    for written in (text, "'" + text.replace("'", "''") + "'"):
        try:
            if text.isprintable() and decode_yaml(f"k: {written}\nl: 1\n".encode()) == {"k": value, "l": 1}:
                return written
        except DocumentError:
            continue
    return json.dumps(text)


def _refuse(values: dict[str, str | int] | None) -> Any:
    raise ConfigError(f"{FILE_NAME} is not in the form that gitxp can edit.", hint=_hint(values))


def _hint(values: dict[str, str | int] | None) -> str:
    if values is None:
        return "Take the goal out yourself: delete the key 'goal' and what belongs to it."
    lines = "".join(_lines(values, _INDENT, "\n"))
    return f"Write it there yourself, in block style:\ngoal:\n{lines}".rstrip()


def _read(path: str) -> tuple[bytes, int] | None:
    """The bytes and the mode of the file; None where there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        what = "is a link, and is not written through" if os.path.islink(path) else f"cannot be read: {error.strerror}"
        raise ConfigError(f"{FILE_NAME} {what}.", hint="Put a plain file in its place.") from error
    with os.fdopen(fd, "rb") as file:
        about = os.fstat(fd)
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_BYTES:
            raise ConfigError(f"{FILE_NAME} is no plain file of at most {MAX_BYTES:,} bytes.", hint="Mend it first.")
        return file.read(), stat.S_IMODE(about.st_mode)
