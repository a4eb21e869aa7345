"""Statements of this process: one JSON object a line, each one `write`, in a file of its own in the live folder.

The file is opened for each and closed again: so a program that closes all its files, becomes a daemon or counts its
descriptors has nothing to do with ours. JSON is written by hand, for `json` would cost the program's start an import. The
form is that of docs/format.md.
"""

from __future__ import annotations

import os
import time

try:
    from _json import encode_basestring_ascii as quoted
except ImportError:  # another Python than CPython
    from json.encoder import encode_basestring_ascii as quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, List

MAX_LINE = 64 * 1024
_ROOM = MAX_LINE // 2  # for the items of one statement
_MAX_STATEMENTS = 10_000
_MAX_PROBLEMS = 20


class Said:
    """Where this process says things; nothing here raises for what a disk does."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.place = os.path.join(folder, "said")
        self.is_over = False  # the run has ended, or said enough
        self._path = ""
        self._count = 0
        self._problems: set[str] = set()
        self.introduce: Callable[[], Dict[str, Any]] = dict

    @property
    def has_begun(self) -> bool:
        """Whether this process said who it is: what is found before its main program is known can wait."""
        return bool(self._path)

    def begin(self) -> bool:
        """Say who this process is, as `introduce` tells, if it was not said before; whether it was not."""
        if self._path:
            return False
        self._path = os.path.join(self.place, f"{os.getpid()}-{os.urandom(4).hex()}.jsonl")
        self.say("process", **self.introduce())
        return True

    def say(self, kind: str, **facts: Any) -> None:
        """Make one statement, of whatever JSON can hold."""
        self._write(encode({"kind": kind, "at": round(time.time(), 3), **facts}) + "\n")

    def say_all(self, kind: str, lists: Dict[str, Iterable[str]]) -> None:
        """Make as many statements as these lists need, each key with a part of its own."""
        for key, items in lists.items():
            self._say_texts(f'{{"kind":"{kind}","at":{time.time():.3f},"{key}":[', map(quoted, items))

    def say_paths(self, key: str, paths: List[Any], cwd: str) -> None:
        """Make statements about files; paths are as the program gave them, and relative ones are from `cwd`."""
        if not paths:
            return
        start = f'{{"kind":"files","at":{time.time():.3f},"cwd":{quoted(cwd)},"{key}":['
        try:
            text = quoted("\0".join(paths))
        except TypeError:  # bytes, numbers, what stands for a path
            text = "\\\\"
        if "\\\\" not in text and len(text) < _ROOM:  # one call for all of them; no path has a NUL
            self._write(start + text.replace("\\u0000", '","') + "]}\n")
        else:
            self._say_texts(start, (quoted(os.fsdecode(path)) for path in paths if not isinstance(path, int)))

    def _say_texts(self, start: str, texts: Iterable[str]) -> None:
        """Make statements with this beginning and with as many of the texts as each has room for."""
        part: List[str] = []
        room = _ROOM
        for text in texts:
            if part and len(text) > room:
                self._write(f"{start}{','.join(part)}]}}\n")
                part, room = [], _ROOM
            part.append(text)
            room -= len(text) + 1
        if part:
            self._write(f"{start}{','.join(part)}]}}\n")

    def problem(self, what: str, error: BaseException) -> None:
        """Say that something could not be seen, once for each kind of trouble."""
        text = f"{what} could not be seen: {type(error).__name__}."
        if text not in self._problems and len(self._problems) < _MAX_PROBLEMS:
            self._problems.add(text)
            self.say("problem", text=text)

    def renew(self) -> None:
        """In a forked child: a file of its own."""
        self._path = ""

    def _write(self, line: str) -> None:
        if self.is_over or len(line) > MAX_LINE:
            return
        self.begin()
        self._count += 1
        if self._count > _MAX_STATEMENTS:
            line = '{"kind":"problem","text":"A process said more than is kept."}\n'
            self.is_over = True
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        for _ in range(2):
            try:
                fd = os.open(self._path, flags, 0o600)  # what a program was given may be secret
            except FileNotFoundError:
                if self._make_folder():
                    continue
                return
            except OSError:
                return
            try:
                os.write(fd, line.encode("ascii"))
            except OSError:  # a full disk
                pass
            finally:
                os.close(fd)
            return

    def _make_folder(self) -> bool:
        """Make the folder of statements; where the live folder is gone, there is nobody to tell any more."""
        try:
            os.mkdir(self.place)
        except FileExistsError:
            pass
        except OSError:
            self.is_over = True
        return not self.is_over


def encode(value: Any) -> str:  # noqa: PLR0911  (a line for each type)
    """JSON of texts, numbers, booleans, None, lists and dictionaries with texts as keys; what is infinite is a text."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        text = float.__repr__(value)
        return text if text[-1].isdigit() else f'"{text}"'
    if isinstance(value, dict):
        return "{" + ",".join(f"{quoted(key)}:{encode(item)}" for key, item in value.items()) + "}"
    return "[" + ",".join(map(encode, value)) + "]"
