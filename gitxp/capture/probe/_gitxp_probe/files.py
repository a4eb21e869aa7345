"""Which files a program opens for reading and for writing, told by Python's audit events (PEP 578).

The hook is called for each event there is, so what does not concern us costs a comparison, and a file that was seen
before a look into a set. What is new waits in a list. The first ones are said at once, so that a program that opens
three files and then trains for a week loses nothing to a kill; later ones are said many at a time, since saying one alone
costs as much as opening a file. Measured on 100,000 different files, most of the cost is the interpreter's for having a
hook at all.

As little as possible is decided here. What a path means, what is in the snapshot, a cache, the system's or gone again,
is for the recorder to find out when the command is over.
"""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock
from os import getcwd
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List

    from .said import Said

MAX_FILES = 200_000  # of one process
_AT_ONCE = 64  # files that are said one by one,
_AT_ONCE_SECONDS = 0.05  # for as long as that takes no longer: on a network's file system it might
_BATCH = 256
_WRITES = os.O_WRONLY | os.O_RDWR
_NEW = os.O_TRUNC | os.O_EXCL
_FOLDER = -1  # stands for the flags of a folder that is made
_GITXP = os.path.abspath(__file__ + "/../../../..")  # the package, whose own modules are no data of a notebook's run


class Watch:
    """The files of this process, in the order of the events: a path that was read, or (path, flags) of all else."""

    def __init__(self, said: Said) -> None:
        self._said = said
        self._lock = allocate_lock()
        self._pending: List[Any] = []
        self._most = [_BATCH]  # so many may wait
        self._is_ending = False
        self._read: set[Any] = set()
        self._wrote: set[Any] = set()
        self._full: List[bool] = []  # with anything in it, nothing more is taken
        self._cwd: str | None = None
        self._count = 0
        self._spent = 0.0
        prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, _GITXP, said.folder}
        self._dull = ("/proc/", "/sys/", "/dev/", *(prefix.rstrip("/") + "/" for prefix in prefixes if len(prefix) > 1))
        root = os.environ.get("GITXP_ROOT")
        self._root = root.rstrip("/") + "/" if root else "\0"

    def hook(  # noqa: C901  (one function: each call of another costs)
        self, others: Dict[str, Callable[[Any], None]]
    ) -> Callable[[str, Any], None]:
        """The audit hook, with the handlers of other events: closed over all it needs, for it outlives the module."""
        read, wrote, pending, most, full = self._read, self._wrote, self._pending, self._most, self._full
        flush, fail, find, writes = self.flush, self._said.problem, others.get, _WRITES

        def hook(event: str, args: Any) -> None:
            if event == "open":
                if full:
                    return
                try:
                    path, _, flags = args
                    if flags & writes:
                        if path in wrote:
                            return
                        wrote.add(path)
                        pending.append((path, flags))
                    elif path in read:
                        return
                    else:
                        pending.append(path)
                    if len(pending) >= most[0]:
                        flush()
                except Exception as error:
                    fail("A file", error)
                return
            handler = find(event)
            if handler is not None:
                try:
                    handler(args)
                except Exception as error:
                    fail("An event", error)

        return hook

    def on_begin(self) -> None:
        """The main program begins: from now on the first files are said at once."""
        self._most[0] = 1
        self.flush()

    def on_end(self) -> None:
        """Python takes everything away: what an object opens then is said at once, for nobody says it later."""
        self._is_ending = True
        self._most[0] = 1

    def on_chdir(self, _: Any) -> None:
        """Relative paths mean other files from now on."""
        self.flush()
        self._cwd = None
        for seen in (self._read, self._wrote):
            for path in [path for path in seen if not (isinstance(path, str) and path.startswith("/"))]:
                seen.discard(path)

    def on_rename(self, args: Any) -> None:
        """A file that is renamed into place is written."""
        if _is_from_here(args[1], args[3]):
            self._wrote.add(args[1])
            self._add(args[1], os.O_WRONLY)

    def on_mkdir(self, args: Any) -> None:
        """Where a folder is made, somebody may write without our seeing it."""
        if _is_from_here(args[0], args[2]):
            self._add(args[0], _FOLDER)

    def _add(self, path: Any, flags: int) -> None:
        if not self._full:
            self._pending.append((path, flags))
            if len(self._pending) >= self._most[0]:
                self.flush()

    def flush(self) -> None:
        """Say what waits. Of two threads, and of a signal handler meanwhile, one does it."""
        if not self._pending or not self._lock.acquire(False):
            return
        began = monotonic()
        try:
            count = len(self._pending)  # another thread may add to it meanwhile
            batch = list(dict.fromkeys(self._pending[:count]))
            del self._pending[:count]
            self._read.update(batch)
            if self._cwd is None:
                self._cwd = where()
            if self._most[0] != _BATCH:  # later, files of packages are few among all
                batch = [item for item in batch if not self._is_dull(item)]
            self._count += len(batch)
            self._say(batch)
        finally:
            self._lock.release()
        self._spent += monotonic() - began
        if not self._is_ending and (self._count >= _AT_ONCE or self._spent > _AT_ONCE_SECONDS):
            self._most[0] = _BATCH
        if self._count > MAX_FILES and not self._full:
            self._full.append(True)
            self._said.say("problem", text=f"A process opened more than {MAX_FILES:,} files; the rest is not listed.")
            for seen in (self._read, self._wrote):
                seen.clear()

    def _is_dull(self, item: Any) -> bool:
        path = item[0] if isinstance(item, tuple) else item
        if not isinstance(path, str):
            return isinstance(path, int)
        return path.endswith(".pyc") or (path.startswith(self._dull) and not path.startswith(self._root))

    def _say(self, batch: List[Any]) -> None:
        """Say the files of a batch, those of one kind together.

        What was read before it was written is said before. What is read by another name than it was written by is said
        after: then the recorder, who knows the one for the other, knows that it is none of the run's data.
        """
        before: List[Any] = batch
        after: List[Any] = []
        written: Dict[Any, None] = {}
        folders: List[Any] = []
        if not all(type(item) is str for item in batch):
            before = []
            for item in batch:
                path, flags = item if isinstance(item, tuple) else (item, os.O_RDONLY)
                if flags == _FOLDER:
                    folders.append(path)
                    continue
                if path not in written and not (flags & _WRITES and (flags & os.O_WRONLY or flags & _NEW)):
                    (after if written and not flags & _WRITES else before).append(path)
                if flags & _WRITES:
                    written[path] = None
            before += [path for path in after if path in written]
            after = [path for path in after if path not in written]
        for key, paths in (("read", before), ("written", [*written]), ("read", after), ("folders", folders)):
            self._said.say_paths(key, paths, self._cwd or "")

    def renew(self) -> None:
        """In a forked child: nobody else is in the middle of anything."""
        self._lock = allocate_lock()


def where() -> str:
    """The current folder; empty where it is gone: then only absolute paths mean anything."""
    try:
        return getcwd()
    except OSError:
        return ""


def _is_from_here(path: Any, folder: int) -> bool:
    """Whether a path is absolute or from the current folder, and not from another one (`dir_fd`); the event `open` says neither."""
    return folder == -1 or os.fsdecode(path).startswith("/")
