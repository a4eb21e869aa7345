"""Metrics from what a program prints or leaves in a file, for programs that know nothing of gitxp.

Lines are searched for `name=value`, `name: value` and `'name': value`, several in a line, with colours taken out and
with the lines of progress bars (which end in a carriage return) as lines. Only because the user asked for it: any
program prints things that look like numbers. So a name is a letter or `_` and then letters, digits and `_ . - /`, with
a space, a bracket, a quote, or one of `, ; |` before it; a number ends at a space, a bracket, `, ; | %` or the line's
end; a colon needs a space behind it. `12:30:01`, `http://host:80`, `took: 3s`, `n: 1,234`, `date=2026-01-02` and
`INFO: 3 files` are no metrics. `93%` is 93, as it stands there. `nan` and `inf` are taken.

A line that begins with `[7]` is XGBoost's or LightGBM's: step 7, and its colons need no space. Otherwise the step is
the whole number behind `step`, `iteration`, `iter`, `batch` or `epoch` (the first of these that is there; `epoch 3/10`,
`Epoch [3/10]` and `epoch=3` are 3), and these are no metrics; without any it is one more than the metric's last.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from gitxp.errors import ConfigError

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

Found = tuple[str, int, float]
"""A metric's name, its step, its value."""

MAX_LINE = 64 * 1024
MAX_METRICS = 1_000
MAX_FILE = 16 * 1024 * 1024
_MAX_DEPTH = 32
_MAX_STEP = 2**53
_STEPS = ("global_step", "step", "iteration", "iter", "batch", "epoch")
_STEP_NAMES = frozenset((*_STEPS, "steps", "iterations", "iters", "epochs", "batches", "eta", "pid", "rank", "line"))
_LEVELS = frozenset("trace debug info notice warn warning error critical fatal".split())


class LineMetrics:
    """An incremental reader of lines: give it bytes as they come, cut anywhere; it gives what they are found to say.

    Of a line over `MAX_LINE` bytes only the beginning is read, and of the metrics over `MAX_METRICS` nothing: what
    comes cannot fill the memory.
    """

    def __init__(self) -> None:
        self._patterns = _Patterns()
        self._line = bytearray()
        self._next: dict[str, int] = {}

    def feed(self, data: bytes) -> list[Found]:
        """What the lines say that end in these bytes."""
        found: list[Found] = []
        *ended, rest = self._patterns.line_end.split(data)
        for piece in ended:
            self._take(piece)
            found += self._read()
        self._take(rest)
        return found

    def close(self) -> list[Found]:
        """What the last line says, which has no end."""
        return self._read()

    def _take(self, piece: bytes) -> None:
        room = MAX_LINE + 1 - len(self._line)
        if room > 0:
            self._line += piece[:room]

    def _read(self) -> list[Found]:
        if not self._line:
            return []
        line = bytes(self._line)
        self._line.clear()
        if len(line) > MAX_LINE:  # the last word may be half of one
            line = line[: max(line.rfind(b" "), line.rfind(b"\t"), 0)]
        if b"=" not in line and b":" not in line:
            return []
        if b"\x1b" in line:
            line = self._patterns.escape.sub(b"", line)
        return list(self._metrics(line))

    def _metrics(self, line: bytes) -> Iterator[Found]:
        boosting = self._patterns.boosting.match(line)
        step = int(boosting[1]) if boosting else self._step(line)
        pattern = self._patterns.tight if boosting else self._patterns.metric
        for match in pattern.finditer(line):
            name = match[1].decode("ascii")
            if name.lower() in _STEP_NAMES or name.lower() in _LEVELS:
                continue
            if name not in self._next and len(self._next) == MAX_METRICS:
                continue
            value = float(match[2])
            at = self._next.get(name, 0) if step is None else step
            self._next[name] = at + 1
            yield name, at, value

    def _step(self, line: bytes) -> int | None:
        steps: dict[str, int] = {}
        for match in self._patterns.step.finditer(line):
            number = int(match[2])
            if number < _MAX_STEP:
                steps.setdefault(match[1].decode("ascii").lower(), number)
        return next((steps[name] for name in _STEPS if name in steps), None)


class _Patterns:
    """The regular expressions, compiled when the first reader is made."""

    line_end: re.Pattern[bytes]

    def __init__(self) -> None:
        import re

        number = rb"([-+]?(?:(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][-+]?\d{1,4})?|nan|NaN|NAN|inf|Inf|INF|-?[Ii]nfinity))"
        before = rb"(?:^|(?<=[\s,;|(\[{'\"]))"
        name = rb"([A-Za-z_][A-Za-z0-9_./-]{0,99})"
        after = rb"(?=$|[\s;|)\]}%]|,(?!\d)|\.(?:\s|$))"
        # keras writes backspaces to go back over its line
        self.line_end = re.compile(rb"[\r\n\x08]+")
        self.escape = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
        self.boosting = re.compile(rb"\s*\[(\d{1,15})\]\s")
        self.metric = re.compile(before + name + rb"['\"]?(?:[ \t]*=[ \t]*|[ \t]*:[ \t]+)" + number + after)
        self.tight = re.compile(before + name + rb"['\"]?[ \t]*[=:][ \t]*" + number + after)
        self.step = re.compile(
            rb"(?<![A-Za-z0-9_./-])(global_step|step|iteration|iter|batch|epoch)['\"]?[ \t]*[:=#]?[ \t]*[\[(]?[ \t]*"
            rb"(\d{1,16})(?![\d.]*[A-Za-z0-9])(?!\.\d)",
            re.IGNORECASE,
        )


_KINDS: dict[type, str] = {list: "a list", str: "a text", bool: "a boolean", type(None): "null"}


def from_json_file(path: str) -> dict[str, float]:
    """The numbers in a JSON file by dotted names: `{"test": {"acc": 0.9}}` gives `test.acc`; items of lists by index.

    Booleans and texts are no metrics; NaN and Infinity, as Python's json writes them, are. Raises `ConfigError` where
    there is no such file, no object in it, or more than it may have.
    """
    import json

    shown = os.path.basename(path)
    hint = "--metrics-from takes stdout, or a JSON file whose object has numbers in it."
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            about = os.fstat(fd)
            if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_FILE:
                raise ConfigError(f"{shown} is no regular file of at most {MAX_FILE:,} bytes.", hint=hint)
            document = json.loads(file.read(MAX_FILE))
    except OSError as error:
        raise ConfigError(f"{shown} cannot be read: {error.strerror}.", hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{shown} is not JSON: {error}.", hint=hint) from error
    if not isinstance(document, dict):
        kind = _KINDS.get(type(document), "a number")
        raise ConfigError(f"{shown} has no object at its top, but {kind}.", hint=hint)
    found: dict[str, float] = {}
    for name, value in _numbers(document):
        if len(found) == MAX_METRICS:
            raise ConfigError(f"{shown} has more than {MAX_METRICS:,} numbers.", hint=hint)
        found[name] = value
    return found


def _numbers(document: dict[str, Any]) -> Iterator[tuple[str, float]]:
    stack: list[tuple[str, Any, int]] = [("", document, 0)]
    while stack:
        name, thing, depth = stack.pop()
        if isinstance(thing, dict | list) and depth < _MAX_DEPTH:
            pairs = thing.items() if isinstance(thing, dict) else enumerate(thing)
            inner = [(f"{name}.{key}" if name else str(key), child, depth + 1) for key, child in pairs]
            stack.extend(reversed(inner))
        elif isinstance(thing, int | float) and not isinstance(thing, bool) and name:
            try:
                yield name, float(thing)
            except OverflowError:
                yield name, float("inf") if thing > 0 else float("-inf")
