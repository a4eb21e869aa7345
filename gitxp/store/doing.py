"""Notes of what a command is about to leave on the disk for a while: what to take away, should it be killed.

`<git common dir>/gitxp/doing/<name>.json` is locked as long as the command is alive, and gone when it has ended. One that
nobody has locked is of a command that was killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

_NEW = 60.0  # seconds: a note has its lock and its content within microseconds


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A folder that was left at `place`: by `what` (restore, rerun) of which `run`; `files` in it are nowhere else, by path, or a commit is.

    `clear` takes it away, and the note of it; it is to be called only where there are no such files.
    """

    what: str
    run: str
    place: str
    files: tuple[str, ...]
    clear: Callable[[], None]


class Doing:
    """A note of ours, as long as it is entered; `facts` are what JSON can say.

    Where none can be written or locked (a repository that may only be read, a file system without locks) there is none.
    """

    def __init__(self, common_dir: str, **facts: Any) -> None:
        self._folder = _folder(common_dir)
        self._path = os.path.join(self._folder, f"{os.getpid()}-{os.urandom(4).hex()}.json")
        self._facts = facts
        self._fd = -1

    def __enter__(self) -> Self:
        try:
            os.makedirs(self._folder, exist_ok=True)
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            self.say()
        except OSError:
            self._forget()
        return self

    def say(self, **facts: Any) -> None:
        """Add facts, or change them. Only the first line counts: a kill in the middle leaves the old ones or the new."""
        self._facts |= facts
        if self._fd >= 0:
            os.pwrite(self._fd, json.dumps(self._facts, sort_keys=True).encode("ascii") + b"\n", 0)

    def __exit__(self, *_: object) -> None:
        self._forget()

    def _forget(self) -> None:
        if self._fd >= 0:
            os.unlink(self._path)
            os.close(self._fd)
            self._fd = -1


def list_left_notes(common_dir: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The notes of commands that were killed: path and facts, none where they cannot be read."""
    folder = _folder(common_dir)
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        path = os.path.join(folder, name)
        try:
            with open(path, "rb") as file:
                fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
                data = file.read()
                if data or time.time() - os.fstat(file.fileno()).st_mtime > _NEW:
                    yield path, _decode(data)
        except OSError:
            continue  # somebody is at work, or was done meanwhile


def _decode(data: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(data.partition(b"\n")[0])
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _folder(common_dir: str) -> str:
    return os.path.join(common_dir, "gitxp", "doing")
