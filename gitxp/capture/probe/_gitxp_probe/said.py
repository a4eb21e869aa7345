"""Statements of this process: one JSON object a line, each one `write`, in a file of its own in the live folder.

The file is opened for each and closed again: so a program that closes all its files, becomes a daemon or counts its
descriptors has nothing to do with ours. JSON is written by hand, for `json` would cost the program's start an import. The
form is that of docs/format.md.

What we call of the system is bound here, before the program begins: tests put functions of their own in the place of
`os.open` or `time.time`, and count.
"""

from __future__ import annotations

import os
from os import close, getpid, mkdir, urandom
from os import open as open_file
from os import write as write_file
from time import time

try:
    from _signal import getsignal  # `signal` itself costs an import
except ImportError:
    from signal import getsignal

try:
    from resource import RLIM_INFINITY, RLIMIT_FSIZE, getrlimit
except ImportError:  # no such limits
    getrlimit = None  # type: ignore[assignment]

try:
    from _json import encode_basestring_ascii as quoted
except ImportError:  # another Python than CPython
    from json.encoder import encode_basestring_ascii as quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, List, Tuple

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
        self.late: Dict[str, List[Tuple[str, Dict[str, Any]]]] = {}  # what counts only if nothing like it comes later

    @property
    def has_begun(self) -> bool:
        """Whether this process said who it is: what is found before its main program is known can wait."""
        return bool(self._path)

    def begin(self) -> bool:
        """Say who this process is, as `introduce` tells, if it was not said before; whether it was not."""
        if self._path:
            return False
        self._path = os.path.join(self.place, f"{getpid()}-{urandom(4).hex()}.jsonl")
        self.say("process", **self.introduce())
        return True

    def say(self, kind: str, **facts: Any) -> None:
        """Make one statement, of whatever JSON can hold."""
        self._write(encode({"kind": kind, "at": round(time(), 3), **facts}) + "\n")

    def say_all(self, kind: str, lists: Dict[str, Iterable[str]]) -> None:
        """Make as many statements as these lists need, each key with a part of its own."""
        for key, items in lists.items():
            self._say_texts(f'{{"kind":"{kind}","at":{time():.3f},"{key}":[', map(quoted, items))

    def say_paths(self, key: str, paths: List[Any], cwd: str) -> None:
        """Make statements about files; paths are as the program gave them, and relative ones are from `cwd`."""
        if not paths:
            return
        start = f'{{"kind":"files","at":{time():.3f},"cwd":{quoted(cwd)},"{key}":['
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
        """Say that something could not be seen, once for each kind of trouble; a signal handler's exception is raised."""
        raise_if_from_handler(error)
        text = f"{what} could not be seen: {type(error).__name__}."
        if text not in self._problems and len(self._problems) < _MAX_PROBLEMS:
            self._problems.add(text)
            self.say("problem", text=text)

    def finish(self) -> None:
        """Say what waited for the end."""
        late, self.late = self.late, {}
        for statements in late.values():
            for kind, facts in statements:
                self.say(kind, **facts)

    def renew(self) -> None:
        """In a forked child: a file of its own, and nothing of the parent's to say."""
        self._path = ""
        self.late = {}

    def _write(self, line: str) -> None:
        if self.is_over or len(line) > MAX_LINE:
            return
        self.begin()
        self._count += 1
        if self._count > _MAX_STATEMENTS:
            line = '{"kind":"problem","text":"A process said more than is kept."}\n'
            self.is_over = True
        for _ in range(2):
            try:
                fd = open_file(self._path, _FLAGS, 0o600)  # what a program was given may be secret
            except FileNotFoundError:
                if self._make_folder():
                    continue
                return
            except OSError as error:
                raise_if_from_handler(error)
                return
            try:
                if _has_room(fd, len(line)):
                    write_file(fd, line.encode("ascii"))
            except OSError as error:  # a full disk
                raise_if_from_handler(error)
            finally:
                close(fd)
            return

    def _make_folder(self) -> bool:
        """Make the folder of statements; where the live folder is gone, there is nobody to tell any more."""
        try:
            mkdir(self.place)
        except FileExistsError:
            pass
        except OSError as error:
            raise_if_from_handler(error)
            self.is_over = True
        return not self.is_over


_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
_fstat = os.fstat


def _has_room(fd: int, size: int) -> bool:
    """Whether a file may grow by so many bytes: beyond the limit of the process a signal would end it."""
    limit = RLIM_INFINITY if getrlimit is None else getrlimit(RLIMIT_FSIZE)[0]
    return limit == RLIM_INFINITY or _fstat(fd).st_size + size <= limit


def raise_if_from_handler(error: BaseException) -> None:
    """Raise what a signal handler of the program's raised while we were at work: it was not meant for us."""
    codes = {code for number in range(1, 65) for code in _codes_of(number)}
    traceback = error.__traceback__
    while codes and traceback is not None:
        if traceback.tb_frame.f_code in codes:
            raise error
        traceback = traceback.tb_next


def _codes_of(number: int) -> Iterable[Any]:
    """The code of a signal's handler: of a function, a method, a partial one, or an object that can be called."""
    try:
        handler = getsignal(number)
    except ValueError:
        return ()
    if handler is None or isinstance(handler, int):
        return ()
    called = (handler, getattr(handler, "__func__", None), getattr(handler, "func", None), type(handler).__call__)
    return [code for code in (getattr(each, "__code__", None) for each in called) if code is not None]


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
