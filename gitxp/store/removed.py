"""Which runs were removed here, so that a pull does not bring them back: `<common dir>/gitxp/removed.jsonl`.

One line a run, `{"at", "id", "name"}`. The file is replaced as a whole, as git replaces its own: written as `….lock`, which
only one process can make, and renamed.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import GitxpError
from gitxp.format import format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

# The lock is held for as long as it takes to write some lines.
_PATIENCE = 10.0
_ABANDONED = 60.0


class Line(NamedTuple):
    """A run that was removed here: its id, the name that it had, when (RFC 3339, UTC)."""

    id: str
    name: str
    at: str


def removed_path(common_dir: str) -> str:
    """Where the list is."""
    return os.path.join(common_dir, "gitxp", "removed.jsonl")


def read_removed(common_dir: str) -> list[Line]:
    """The runs that were removed here and not brought back; lines that say something else are passed over."""
    try:
        with open(removed_path(common_dir), encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            value = json.loads(line)
            found.append(Line(str(value["id"]), str(value["name"]), str(value["at"])))
        except (ValueError, TypeError, KeyError):
            continue
    return found


def removed_ids(common_dir: str) -> frozenset[str]:
    """The ids of the runs that were removed here and not brought back."""
    return frozenset(line.id for line in read_removed(common_dir))


def note_removed(common_dir: str, runs: Iterable[tuple[str, str]], now: float) -> None:
    """Add runs, each an id and a name, which were removed at `now` (unix time)."""
    at = format_time(int(now * 1e9))
    new = [Line(id_, name, at) for id_, name in runs]
    if new:
        _replace(common_dir, lambda lines: [*lines, *new])


def forget_removed(common_dir: str, ids: Container[str]) -> None:
    """Take out the runs with these ids: they are back."""
    if any(line.id in ids for line in read_removed(common_dir)):
        _replace(common_dir, lambda lines: [line for line in lines if line.id not in ids])


def _replace(common_dir: str, change: Callable[[list[Line]], list[Line]]) -> None:
    path = removed_path(common_dir)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    lock = f"{path}.lock"
    descriptor = _take(lock)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.writelines(
                json.dumps(line._asdict(), sort_keys=True) + "\n" for line in change(read_removed(common_dir))
            )
            file.flush()
            os.fsync(file.fileno())
        os.rename(lock, path)
    except BaseException:
        os.unlink(lock)
        raise


def _take(lock: str) -> int:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            try:
                if time.time() - os.stat(lock).st_mtime > _ABANDONED:
                    os.unlink(lock)
                    continue
            except FileNotFoundError:
                continue  # it was given back
        if time.monotonic() > until:
            raise GitxpError(
                f"{lock} is held by another gitxp.", hint="Where none is at work, it was left by a crash: delete it."
            )
        time.sleep(0.05)
