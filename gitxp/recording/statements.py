"""Reading `said/`: what the processes of a command said of themselves, one JSON object a line.

Each process writes a file of its own, and anybody's program can write there anything. So nothing is taken as given: a
line that is no statement is dropped, and so is a key of a wrong type; a file over the limits is read as far as they go,
and costs no other file anything. What is dropped for its form is counted and told in one sentence, since it means that
something is missing; kinds and keys that are not known are passed over in silence, since a newer probe may say more.
"""

from __future__ import annotations

import json
import math
import os
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.format import MAX_DIGITS
from gitxp.recording.live import Live

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MAX_LINE = 64 * 1024
MAX_FILE = 32 * 1024 * 1024  # bytes of one process
MAX_STATEMENTS = 100_000  # of one process
MAX_FILES = 10_000
MAX_IN_ALL = 256 * 1024 * 1024  # bytes
_MAX_PATH = 4096
_MAX_PID = 1 << 31
_ENDING = ".jsonl"


class Statement(NamedTuple):
    """One statement: its kind, the unix time in seconds at which it was made, by which process, and what it says.

    `pid` is that of the file's name, 0 where it has none. `facts` have the types of docs/format.md; what had another one
    is not there.
    """

    kind: str
    at: float
    pid: int
    facts: dict[str, Any]


def read_statements(folder: str) -> tuple[list[Statement], list[str]]:
    """All statements in the `said/` of a live folder, in the order of their times, and sentences about what is missing.

    Raises nothing for what the files hold, nor where there are none.
    """
    place = Live(folder).said
    try:
        names = sorted(name for name in os.listdir(place) if name.endswith(_ENDING))
    except OSError:
        return [], []
    reader = _Reader()
    for name in names[:MAX_FILES]:
        reader.read(os.path.join(place, name))
    if len(names) > MAX_FILES:
        reader.is_over = True
    reader.statements.sort(key=lambda statement: statement.at)
    return reader.statements, list(reader.problems())


def paths_of(statement: Statement, key: str) -> Iterator[str]:
    """The paths in one of the lists of a `files` statement, absolute and normal; what is none is dropped."""
    cwd = statement.facts.get("cwd", "")
    for path in statement.facts.get(key, ()):
        if isinstance(path, str) and path:
            whole = path if path[0] == "/" or not cwd else f"{cwd}/{path}"
            if is_path(whole):
                yield os.path.normpath(whole) if "/." in whole or "//" in whole else whole


class _Reader:
    """What grows from file to file."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self.is_over = False
        self._damaged = 0
        self._room = MAX_IN_ALL

    def read(self, path: str) -> None:
        """Take the statements of one process."""
        pid = _pid_of(path)
        try:
            lines = self._lines(path)
        except OSError:
            self._damaged += 1
            return
        if len(lines) > MAX_STATEMENTS:
            self.is_over = True
        for line in lines[:MAX_STATEMENTS]:
            found = _decode(line)
            if found is None:
                self._damaged += 1
                continue
            reader = _KINDS.get(found["kind"])
            if reader is None:
                continue
            facts = {key: value for key, value in found.items() if key in reader and reader[key](value)}
            self.statements.append(Statement(found["kind"], _moment(found.get("at")), pid, facts))

    def _lines(self, path: str) -> list[bytes]:
        """The whole lines of a file; a last one without its newline was cut off by a kill."""
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            about = os.fstat(fd)
            if not stat.S_ISREG(about.st_mode):
                self._damaged += 1
                return []
            limit = min(MAX_FILE, self._room)
            data = file.read(limit)
        self._room -= len(data)
        if about.st_size > limit:
            self.is_over = True
        return [line for line in data.split(b"\n")[:-1] if line]

    def problems(self) -> Iterator[str]:
        """What the run's record has to say of all this."""
        if self._damaged:
            yield f"Of what the run's processes said, {self._damaged:,} lines cannot be read."
        if self.is_over:
            yield "The run's processes said more than is read: some of it is missing."


def _pid_of(path: str) -> int:
    digits = os.path.basename(path).partition("-")[0]
    return int(digits) if digits.isdecimal() and digits.isascii() and len(digits) < 11 else 0


def _decode(line: bytes) -> dict[str, Any] | None:
    if len(line) > MAX_LINE:
        return None
    try:
        found = _DECODER.decode(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("kind"), str) else None


def _whole_number(text: str) -> int:
    if len(text) > MAX_DIGITS:
        msg = "a whole number that no float can hold"
        raise ValueError(msg)
    return int(text)


_DECODER = json.JSONDecoder(parse_int=_whole_number)  # made once: `json.loads` would make one for each line


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _moment(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if math.isfinite(value) else 0.0


def _is_step(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(1 << 63) <= value < 1 << 63


def _is_pid(value: object) -> bool:
    return _is_step(value) and isinstance(value, int) and 0 <= value < _MAX_PID


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_map(value: object) -> bool:
    return isinstance(value, dict)


def is_path(value: object) -> bool:
    """Whether it is an absolute path that an operating system could know."""
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value or len(value) > _MAX_PATH:
        return False
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        return False
    return True


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


# What each kind may say, and of what type it must be.
_KINDS: Mapping[str, Mapping[str, Callable[[Any], bool]]] = {
    "process": {
        "pid": _is_pid,
        "ppid": _is_pid,
        "argv": _is_texts,
        "executable": is_path,
        "version": _is_text,
        "implementation": _is_text,
        "prefix": is_path,
        "base_prefix": is_path,
        "main": is_path,
        "module": _is_text,
        "cwd": is_path,
        "root": is_path,
    },
    "params": {
        "source": _is_text,
        "params": _is_map,
        "given": _is_texts,
        "hidden": _is_texts,
        "overrides": _is_texts,
        "complete": _is_flag,
        "job": _is_flag,
    },
    "files": {"cwd": is_path, "removed": _is_list, "read": _is_list, "written": _is_list, "folders": _is_list},
    "imported": {"modules": _is_texts, "places": _is_texts},
    "metadata": {"tags": _is_texts, "notes": _is_text, "group": _is_text, "title": _is_text},
    "summary": {"values": _is_map},
    "artifact": {"path": _is_text, "source": is_path, "type": _is_text, "key": _is_text, "step": _is_step},
    "problem": {"text": _is_text, "told": _is_flag},
}
