"""What a git that was killed left: lock files, for which others wait in vain, and files that never became objects.

The rule by which they may be taken away: no git of this machine is at work in the repository, and they were not changed
for a minute; or, where that cannot be told (or another machine's git may be at work on a shared file system), for an hour,
and for a day in the case of objects, which take long to come. Only locks of refs, of lists of objects and of gitxp's own:
that of the index is held as long as somebody writes the message of a commit.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from gitxp.git.at_work import is_git_at_work
from gitxp.keeping.finding import WARNING, Finding, bytes_words, some

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gitxp.git.program import Git
    from gitxp.keeping.finding import Patient

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
_FOLDERS = ("refs", "worktrees", "objects/info", "objects/pack")
_FILES = ("packed-refs.lock", "packed-refs.new", "gitxp/removed.jsonl.lock")
_GITS = ("index.lock", "HEAD.lock", "config.lock", "shallow.lock")
_TEMPORARY = ("tmp_", ".tmp-")


class Left(NamedTuple):
    """A file that was left, its size and how many seconds ago it was changed; `is_lock`, or else no object yet."""

    path: str
    size: int
    age: float
    is_lock: bool


def check_locks(patient: Patient) -> Iterator[Finding]:
    """Locks and temporary files that were left; those that may be taken away can be."""
    found, at_work = _look(patient.git, patient.common_dir, patient.now)
    due = [file for file in found if _is_due(file, at_work=at_work)]
    locks = [file.path for file in due if file.is_lock]
    fix = partial(_clear, patient)
    if locks:
        yield Finding(
            *("stale-lock", WARNING, f"Locks that a git left which was killed: {some(locks)}."),
            "Delete them, where no git and no gitxp is at work here.",
            fix=fix,
        )
    young = [file.path for file in found if file.is_lock and file.age < _MINUTE and at_work is False]
    if young:
        yield Finding(
            *("young-lock", WARNING, f"Locks of less than a minute ago, and no git is at work here: {some(young)}."),
            "gitxp doctor --fix, in a minute, if they are there still.",
        )
    objects = [file for file in due if not file.is_lock]
    if objects:
        size = bytes_words(sum(file.size for file in objects))
        yield Finding(
            *(
                "temporary-objects",
                WARNING,
                f"{len(objects):,} files ({size}) that never became objects, left by a kill.",
            ),
            "gitxp gc takes them away.",
            fix=fix,
        )
    folders = dict.fromkeys((patient.git_dir, patient.common_dir))
    paths = (os.path.join(folder, name) for folder in folders for name in _GITS)
    gits = [file.path for path in paths if (file := _facts(path, patient.now)) and file.age > _HOUR]
    if gits:
        yield Finding(
            *("stale-git-lock", WARNING, f"Locks of git's that are more than an hour old: {some(gits)}."),
            "If no git is at work here (nor an editor with a commit's message), delete them.",
        )


def clear_locks(git: Git, common_dir: str, now: float) -> int:
    """Delete locks and temporary files that were left, by the rule above; the bytes that they had."""
    found, at_work = _look(git, common_dir, now)
    freed = 0
    for file in found:
        if _is_due(file, at_work=at_work):
            try:
                os.unlink(file.path)
            except FileNotFoundError:
                continue  # whoever had it is done with it
            freed += file.size
    return freed


def _clear(patient: Patient) -> None:
    clear_locks(patient.git, patient.common_dir, patient.now)


def _look(git: Git, common_dir: str, now: float) -> tuple[list[Left], bool | None]:
    """What there is, and whether a git is at work; asked in this order, so that who came since has no lock that we saw."""
    found = [file for path in _candidates(common_dir) if (file := _facts(path, now)) is not None]
    return found, is_git_at_work([common_dir, *_worktrees(git)]) if found else None


def _is_due(file: Left, *, at_work: bool | None) -> bool:
    if at_work is False and file.age >= _MINUTE:
        return True
    return file.age > (_HOUR if file.is_lock else _DAY)


def _candidates(common_dir: str) -> Iterator[str]:
    yield from (os.path.join(common_dir, name) for name in _FILES)
    for folder in _FOLDERS:
        for place, _, names in os.walk(os.path.join(common_dir, folder)):
            yield from (os.path.join(place, name) for name in names if _is_left(folder, name))
    objects = os.path.join(common_dir, "objects")
    for folder in (name for name in _listed(objects) if len(name) == 2):
        place = os.path.join(objects, folder)
        yield from (os.path.join(place, name) for name in _listed(place) if name.startswith(_TEMPORARY))


def _is_left(folder: str, name: str) -> bool:
    if folder == "worktrees":
        return name.endswith(".lock") and name not in {"index.lock", "locked"}
    return name.endswith(".lock") or (folder.startswith("objects/") and name.startswith(_TEMPORARY))


def _facts(path: str, now: float) -> Left | None:
    try:
        about = os.lstat(path)
    except OSError:
        return None
    name = os.path.basename(path)
    return Left(path, about.st_size, now - about.st_mtime, is_lock=not name.startswith(_TEMPORARY))


def _listed(folder: str) -> Iterable[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return ()


def _worktrees(git: Git) -> list[str]:
    listed = git.ask("worktree", "list", "--porcelain").stdout.decode("utf-8", "surrogateescape")
    return [line.removeprefix("worktree ") for line in listed.split("\n") if line.startswith("worktree ")]
