"""The live folder of a run: what is known of it while it runs, and what is left when nobody saw its end.

`<git common dir>/gitxp/live/<name>/` is made complete under a temporary name and renamed into place, so that whoever
sees it sees it locked and with a state. The lock, not a process id, tells that somebody still looks after the run.
"""

from __future__ import annotations

import os
import time

from gitxp.errors import READ_ONLY_HINT, FormatError, GitxpError
from gitxp.format import MAX_RECORD, decode_json, encode_json
from gitxp.git.beside import write_whole
from gitxp.names import is_name
from gitxp.recording.posix import NO_LOCKS, sync, try_lock, wait_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from gitxp.names import RunName

_STATE = "state.json"
_ENDED = "ended.json"
_LOCK = "lock"
# Room on the disk for the run's end: a full disk is a likely reason for one, and must not make us forget it.
_RESERVE = "reserve"
_RESERVED = 4096
# A lock on a file system that does not carry locks between machines says nothing about another machine's runs: those
# are left alone until the recorder, who touches the lock every few seconds, has not done so for this long.
_STALE_AFTER = 120.0
# A new folder has its lock within microseconds; one that has none after this many seconds was left by a crash.
_UNLOCKED_FOR = 60.0


class Live:
    """One live folder. `lock` is the descriptor that holds its lock, None where somebody else does."""

    def __init__(self, path: str, lock: int | None = None) -> None:
        self.path = path
        self.lock = lock
        self._written: dict[str, Any] = {}  # saves reading, and `import json`, in the process that wrote it

    @property
    def name(self) -> str:
        """The name of the run."""
        return os.path.basename(self.path)

    @property
    def common_dir(self) -> str:
        """Git's common folder of the repository that it is in."""
        return os.path.dirname(os.path.dirname(os.path.dirname(self.path)))

    @property
    def output(self) -> str:
        """What the command printed so far."""
        return os.path.join(self.path, "output.log")

    @property
    def journal(self) -> str:
        """The folder of metrics that were logged so far."""
        return os.path.join(self.path, "journal")

    @property
    def said(self) -> str:
        """The folder of statements that the processes of the run made; there is none as long as nobody did."""
        return os.path.join(self.path, "said")

    @property
    def index(self) -> str:
        """The private index of the snapshot."""
        return os.path.join(self.path, "index")

    @property
    def artifacts(self) -> str:
        """The folder with copies of the files that the run produced."""
        return os.path.join(self.path, "artifacts")

    @property
    def manifests(self) -> str:
        """The folder with the manifests of the data that the command read."""
        return os.path.join(self.path, "manifests")

    def write_state(self, state: dict[str, Any]) -> None:
        """Write the state of a run that is about to be, before `rename`: under its temporary name nobody reads the folder."""
        self._written[_STATE] = state
        with open(os.path.join(self.path, _STATE), "wb") as file:
            file.write(encode_json(state))
            file.flush()
            sync(file.fileno())
        _sync_folder(self.path)

    def read_state(self) -> dict[str, Any]:
        """The state. `FormatError` where it is missing or damaged."""
        return self._written.get(_STATE) or _read(os.path.join(self.path, _STATE))

    def write_ended(self, ended: dict[str, Any]) -> None:
        """Keep how the command ended: from here on whoever recovers the run knows its true status."""
        try:
            self._write(_ENDED, ended)
        except OSError:
            data = encode_json(ended)
            target = os.path.join(self.path, _ENDED)
            reserve = os.path.join(self.path, _RESERVE)
            if not os.path.exists(target) and os.path.exists(reserve):
                os.rename(reserve, target)
            if len(data) > _RESERVED or not os.path.exists(target) or os.path.getsize(target) != _RESERVED:
                raise
            with open(target, "r+b") as file:
                file.write(data.ljust(_RESERVED))

    def read_ended(self) -> dict[str, Any]:
        """How the command ended; empty where nobody saw it."""
        try:
            return self._written.get(_ENDED) or _read(os.path.join(self.path, _ENDED))
        except FormatError:
            return {}

    def write_fact(self, name: str, value: object) -> None:
        """Keep a fact for the finish, or for whoever recovers the run."""
        self._write(f"{name}.json", value)

    def read_fact(self, name: str) -> Any:
        """A fact that was kept; None where none was."""
        file_name = f"{name}.json"
        if file_name in self._written:
            return self._written[file_name]
        try:
            with open(os.path.join(self.path, file_name), "rb") as file:
                return decode_json(file.read())
        except (OSError, FormatError):
            return None

    def touch(self) -> None:
        """Show other machines that somebody looks after the run."""
        os.utime(os.path.join(self.path, _LOCK))

    def rename(self, name: RunName) -> bool:
        """Take another name; whether it was free."""
        target = os.path.join(os.path.dirname(self.path), name)
        try:
            os.rename(self.path, target)
        except OSError:
            if not os.path.isdir(target):
                raise
            return False
        self.path = target
        _sync_folder(os.path.dirname(target))
        return True

    def remove(self) -> None:
        """Take it away, the lock last, so that nobody finds a half of it unlocked."""
        gone = os.path.join(os.path.dirname(self.path), f".gone-{os.getpid()}-{time.time_ns()}")
        os.rename(self.path, gone)
        _remove_tree(gone)
        self.release()

    def release(self) -> None:
        """Let others have the lock; the folder stays."""
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None

    def _write(self, name: str, value: object) -> None:
        """Replace a file whole: the death of any process leaves the old or the new."""
        self._written[name] = value
        write_whole(os.path.join(self.path, name), encode_json(value))


def create(common_dir: str) -> Live:
    """A new, locked folder under a temporary name; `write_state` and then `rename` make it a run's.

    `rename` is what makes names unique: it fails where another run has the folder of that name.
    """
    folder = live_folder(common_dir)
    path = os.path.join(folder, f".new-{os.getpid()}-{time.time_ns()}")
    try:
        os.makedirs(folder, exist_ok=True)
        os.mkdir(path)
        unlocked = os.path.join(path, f"{_LOCK}.new")
        lock = os.open(unlocked, os.O_RDWR | os.O_CREAT, 0o666)
        try_lock(lock)
        os.rename(unlocked, os.path.join(path, _LOCK))  # whoever finds a lock file finds it locked
        with open(os.path.join(path, _RESERVE), "wb") as file:
            file.write(b" " * _RESERVED)
    except OSError as error:
        if error.errno in NO_LOCKS:
            _remove_tree(path)
            raise GitxpError(
                f"gitxp cannot lock a file in {folder}: {error.strerror}.",
                hint="Work in a clone on a file system with locks, or have this one mounted with them (Lustre: -o flock).",
            ) from error
        raise GitxpError(
            f"gitxp cannot write to {folder}: {error.strerror}.",
            hint=READ_ONLY_HINT,
        ) from error
    return Live(path, lock)


class NameLock:
    """Held while a name that the user gave is claimed: nobody else claims it, or one that differs by case alone.

    On a file system that knows no case the two would be one ref. A made name needs none: it has no capitals.
    """

    def __init__(self, common_dir: str, name: RunName) -> None:
        self.path = os.path.join(live_folder(common_dir), f".name-{name.lower()}")

    def __enter__(self) -> None:
        while True:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            wait_lock(self._fd)
            if _is_same(self._fd, self.path):
                return
            os.close(self._fd)  # whoever had it before us took the file away

    def __exit__(self, *_: object) -> None:
        os.unlink(self.path)
        os.close(self._fd)


def live_folder(common_dir: str) -> str:
    """Where the live folders are."""
    return os.path.join(common_dir, "gitxp", "live")


def names(common_dir: str) -> list[str]:
    """The names of the runs that have a live folder."""
    try:
        return [entry for entry in os.listdir(live_folder(common_dir)) if is_name(entry)]
    except OSError:
        return []


def find_abandoned(common_dir: str, host: str) -> Iterator[Live]:
    """The live folders that nobody looks after, each locked by us; whoever takes one from here recovers or leaves it.

    Folders that never got a name, or were half removed, are cleared away.
    """
    folder = live_folder(common_dir)
    try:
        entries = os.listdir(folder)
    except OSError:
        return
    for entry in entries:
        path = os.path.join(folder, entry)
        try:
            lock = os.open(os.path.join(path, _LOCK), os.O_RDWR)
        except OSError:
            if entry.startswith(".gone-") or (entry.startswith(".new-") and _is_old(path)):
                _remove_tree(path)
            continue
        if not is_free(lock) or not _is_same(lock, os.path.join(path, _LOCK)):
            os.close(lock)
            continue
        live = Live(path, lock)
        if entry.startswith("."):
            live.remove()
        elif _is_left(live, host):
            yield live
        else:
            os.close(lock)


def is_free(lock: int) -> bool:
    """Take the lock, if nobody has it; where this machine knows no locks it cannot tell, and leaves the run alone."""
    try:
        return try_lock(lock)
    except OSError as error:
        if error.errno in NO_LOCKS:
            return False
        raise


def _is_left(live: Live, host: str) -> bool:
    """Whether a folder whose lock is free is truly abandoned: another machine's lock may not be visible here."""
    try:
        state = live.read_state()
        touched = os.stat(os.path.join(live.path, _LOCK)).st_mtime
    except (FormatError, OSError):
        return True
    return state.get("host") == host or time.time() - touched > _STALE_AFTER


def _is_old(path: str) -> bool:
    try:
        return time.time() - os.stat(path).st_mtime > _UNLOCKED_FOR
    except OSError:
        return False


def _is_same(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except OSError:
        return False


def _read(path: str) -> dict[str, Any]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a named pipe would wait for a writer
        with open(fd, "rb") as file:
            value = decode_json(file.read(MAX_RECORD + 1))
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise FormatError(msg) from error
    if not isinstance(value, dict):
        msg = f"{path} is not a JSON object"
        raise FormatError(msg)
    return value


def _sync_folder(path: str) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        sync(fd)
    finally:
        os.close(fd)


def _remove_tree(path: str) -> None:
    for folder, folders, files in os.walk(path, topdown=False):
        for file in files:
            _forget(os.unlink, os.path.join(folder, file))
        for inner in folders:
            _forget(os.rmdir, os.path.join(folder, inner))
    _forget(os.rmdir, path)


def _forget(remove: Callable[[str], None], path: str) -> None:
    try:
        remove(path)
    except FileNotFoundError:
        return  # two were clearing it away
