"""The values of a YAML document, made from the parser's events. The one home of yaml.

PyYAML's own loader is not used, not even the safe one: it resolves words by the rules of YAML 1.1 (scalars.py says why
not), takes the last of two equal keys without a word, builds what a few aliases multiply to millions, and ends in
`KeyError` or `AttributeError` at tags such as `!!bool maybe`. The parser (libyaml's, where PyYAML was built with it) gives
event after event, so that nesting and aliases are counted before anything grows. Tags build nothing: a text that has
one stays text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from gitxp.capture.params.documents import MAX_DEPTH, MAX_NODES, DocumentError, on_repeated, short
from gitxp.capture.params.scalars import is_null, scalar

if TYPE_CHECKING:
    from collections.abc import Iterable

_CORE = "tag:yaml.org,2002:"
_TYPED = frozenset(_CORE + name for name in ("null", "bool", "int", "float"))
_SET = _CORE + "set"
_MERGE = "<<"


def build(text: str, remarks: list[str] | None) -> Any:
    """The value of the one document in `text`; None where there is none. For the rest, see `documents.decode_yaml`."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Builder(remarks).build(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(filter(None, (error.context, error.problem)))
        if mark and "\t" in _indentation(text, mark.line):
            said = "a tab stands where YAML wants spaces"
        raise DocumentError(f"it is not YAML: {said}", mark.line + 1 if mark else None) from error
    except yaml.reader.ReaderError as error:
        character = error.character if isinstance(error.character, str) else chr(error.character)
        line = text.count("\n", 0, max(text.find(character), 0)) + 1
        raise DocumentError(f"it is no text: it has the character U+{ord(character):04X}", line) from error


def _indentation(text: str, line: int) -> str:
    found = text.split("\n")[line : line + 1]
    return found[0][: len(found[0]) - len(found[0].lstrip())] if found else ""


class _Node:
    """One value; `size` counts all values in it, aliases followed; `text` is how a single word or text is written."""

    def __init__(self, value: Any, line: int, size: int, text: str | None = None, *, is_merge: bool = False) -> None:
        self.value = value
        self.line = line
        self.size = size
        self.text = text
        self.is_merge = is_merge


class _Open:
    """A list, or the keys and values of a map in turn, that has not ended; `before` is the count of values before it."""

    def __init__(self, event: yaml.CollectionStartEvent, line: int, before: int) -> None:
        self.is_map = isinstance(event, yaml.MappingStartEvent)
        self.is_set = event.tag == _SET
        self.anchor: str | None = event.anchor
        self.line = line
        self.before = before
        self.nodes: list[_Node] = []


class _Builder:
    """Puts values together, and counts them; `remarks` as in `documents.decode_yaml`."""

    def __init__(self, remarks: list[str] | None) -> None:
        self._remarks = remarks
        self._anchors: dict[str, _Node] = {}
        self._open: list[_Open] = []
        self._roots: list[_Node] = []
        self._count = 0

    def build(self, events: Iterable[yaml.Event]) -> Any:
        """The value of the one document."""
        for event in events:
            assert event.start_mark is not None
            line = event.start_mark.line + 1
            if isinstance(event, yaml.CollectionStartEvent):
                self._open.append(_Open(event, line, self._count))
                self._count += 1
                if len(self._open) > MAX_DEPTH:
                    raise DocumentError(f"it is nested more than {MAX_DEPTH} deep", line)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._add(self._close(self._open.pop()))
            elif isinstance(event, yaml.AliasEvent):
                self._add(self._follow(event, line))
            elif isinstance(event, yaml.ScalarEvent):
                self._add(self._read(event, line))
            if self._count > MAX_NODES:
                raise DocumentError(f"it has more than {MAX_NODES:,} values", line)
        return self._roots[0].value if self._roots else None

    def _add(self, node: _Node) -> None:
        if self._open:
            self._open[-1].nodes.append(node)
        elif self._roots:
            raise DocumentError("it has more than one document", node.line)
        else:
            self._roots.append(node)

    def _follow(self, event: yaml.AliasEvent, line: int) -> _Node:
        anchor = str(event.anchor)
        target = self._anchors.get(anchor)
        if target is None:
            raise DocumentError(f"it has an alias to {short(anchor)}, and nothing before it has that name", line)
        self._count += target.size
        return _Node(target.value, line, target.size, target.text)

    def _read(self, event: yaml.ScalarEvent, line: int) -> _Node:
        text: str = event.value
        value: Any = text
        is_word = event.implicit[0] and not event.tag  # neither quoted nor tagged
        if is_word or event.tag in _TYPED:
            value = None if not text or is_null(text) else scalar(text)
        self._count += 1
        node = _Node(value, line, 1, text, is_merge=is_word and text == _MERGE)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _close(self, done: _Open) -> _Node:
        value = self._map(done.nodes) if done.is_map else [node.value for node in done.nodes]
        node = _Node(list(value) if done.is_set else value, done.line, self._count - done.before)
        if done.anchor:
            self._anchors[done.anchor] = node
        return node

    def _map(self, nodes: list[_Node]) -> dict[str, Any]:
        """Keys are texts, as they are written. What a map merges (`<<: *base`) stands below what it has itself."""
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, item in zip(nodes[0::2], nodes[1::2], strict=True):
            if key.is_merge:
                for source in reversed(item.value) if isinstance(item.value, list) else [item.value]:
                    if not isinstance(source, dict):
                        raise DocumentError("it merges (<<) what is no map", item.line)
                    merged |= source
                continue
            if key.text is None:
                raise DocumentError("it has a list or a map for a key", key.line)
            if key.text in own:
                clause = f"it has the key {short(key.text)} in line {lines[key.text]} and again in line {key.line}"
                on_repeated(clause, self._remarks)
            lines.setdefault(key.text, key.line)
            own[key.text] = item.value
        return {**merged, **own}
