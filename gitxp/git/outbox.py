"""Refs of a moment: what a push sends, and commits that nothing leads to yet, wait below `refs/gitxp/outbox/`.

Whoever has refs there holds a shared lock, which the git that sends them inherits. So those that a kill left are told
from those that somebody still needs: who gets the lock alone may delete all of them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from gitxp.errors import READ_ONLY_HINT, GitxpError
from gitxp.format import Oid, RefName

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from gitxp.git.program import Git

OUTBOX_REFS = "refs/gitxp/outbox/"
# They can be had again, and are not worth a sync each, nor a reflog.
_PASSING = ("-c", "core.fsync=none", "-c", "core.logAllRefUpdates=false")


class Outbox:
    """A folder of such refs, `folder`, as long as it is entered."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._lock = -1
        self._names: list[str] = []
        self.folder = f"{OUTBOX_REFS}{os.getpid()}-{os.urandom(4).hex()}/"

    def __enter__(self) -> Self:
        self._lock = _open_lock(find_common_dir(self._git))
        with contextlib.suppress(OSError):  # a file system without locks: there nobody gets it alone either
            fcntl.flock(self._lock, fcntl.LOCK_SH)
        os.set_inheritable(self._lock, True)  # a git that outlives us goes on sending
        return self

    def put(self, commits: Mapping[str, Oid]) -> None:
        """Make refs of these names below the folder."""
        self._names += commits
        _write(self._git, [f"update {self.folder}{name}\0{commit}\0\0" for name, commit in commits.items()])

    def will_have(self, name: str) -> RefName:
        """The ref of this name, which somebody else makes; it goes with the others."""
        self._names.append(name)
        return RefName(self.folder + name)

    def __exit__(self, *_: object) -> None:
        try:
            _write(self._git, [f"delete {self.folder}{name}\0\0" for name in self._names])
        finally:
            os.close(self._lock)


def list_left(git: Git) -> list[RefName]:
    """The refs that were left by who was killed; none while somebody is at work with refs of their own."""
    refs = _list(git)
    if not refs:
        return []
    lock = _lock_alone(find_common_dir(git))
    if lock is None:
        return []
    try:
        return _list(git)
    finally:
        os.close(lock)


def clear_left(git: Git) -> int:
    """Delete the refs that were left; how many they were. None go while somebody is at work with refs of their own."""
    if not _list(git):
        return 0
    lock = _lock_alone(find_common_dir(git))
    if lock is None:
        return 0
    try:
        refs = _list(git)
        _write(git, [f"delete {ref}\0\0" for ref in refs])
        return len(refs)
    finally:
        os.close(lock)


def find_common_dir(git: Git) -> str:
    """Git's common folder, an absolute path."""
    said = os.fsdecode(git.run("rev-parse", "--git-common-dir")).removesuffix("\n")
    return os.path.abspath(os.path.join(git.directory, said))


def _list(git: Git) -> list[RefName]:
    listed = git.run("for-each-ref", "--format=%(refname)", OUTBOX_REFS).decode("utf-8", "surrogateescape")
    return [RefName(ref) for ref in listed.split("\n") if ref]


def _write(git: Git, lines: list[str]) -> None:
    if lines:
        data = "".join(lines).encode("utf-8", "surrogateescape")
        git.run(*_PASSING, "update-ref", "--stdin", "-z", data=data)


def _open_lock(common_dir: str) -> int:
    folder = os.path.join(common_dir, "gitxp")
    try:
        os.makedirs(folder, exist_ok=True)
        return os.open(os.path.join(folder, "outbox.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise GitxpError(f"gitxp cannot write to {folder}: {error.strerror}.", hint=READ_ONLY_HINT) from error


def _lock_alone(common_dir: str) -> int | None:
    lock = _open_lock(common_dir)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock
