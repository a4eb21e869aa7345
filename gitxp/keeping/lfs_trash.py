"""Objects of git-lfs that were taken out of its store: `<common dir>/gitxp/trash/lfs/<removal>/<sha256>`.

git-lfs has no refs, so that there is nothing else to keep them by. The name of a removal's folder is a UUIDv7, which says when
it was.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from typing import TYPE_CHECKING, NamedTuple

from gitxp.format import time_of_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitxp.git.lfs import Store

_REMOVAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class TakenOut(NamedTuple):
    """The objects that one command took out: the removal's id, when (unix time in seconds), their sha256."""

    removal: str
    at: float
    objects: tuple[str, ...]


def lfs_trash_folder(common_dir: str) -> str:
    """Where they are."""
    return os.path.join(common_dir, "gitxp", "trash", "lfs")


def take_out(common_dir: str, store: Store, objects: Iterable[str], removal: str) -> int:
    """Move objects from git-lfs's store to the trash; their bytes."""
    target = os.path.join(lfs_trash_folder(common_dir), removal)
    total = 0
    for sha256 in objects:
        path = store.path(sha256)
        try:
            size = os.stat(path).st_size
            os.makedirs(target, exist_ok=True)
            _move(path, os.path.join(target, sha256))
        except FileNotFoundError:
            continue  # another gc has it
        total += size
    return total


def list_taken_out(common_dir: str) -> list[TakenOut]:
    """What was taken out, newest first."""
    top = lfs_trash_folder(common_dir)
    try:
        removals = sorted((name for name in os.listdir(top) if _REMOVAL.fullmatch(name)), reverse=True)
    except OSError:
        return []
    return [
        TakenOut(
            *(removal, time_of_id(removal)),
            tuple(sorted(name for name in os.listdir(os.path.join(top, removal)) if _SHA256.fullmatch(name))),
        )
        for removal in removals
    ]


def put_back(common_dir: str, store: Store, taken: TakenOut) -> None:
    """Move the objects of a removal back; what is there again already stays as it is."""
    source = os.path.join(lfs_trash_folder(common_dir), taken.removal)
    for sha256 in taken.objects:
        if not os.path.exists(store.path(sha256)):
            with contextlib.suppress(FileNotFoundError):  # another undo had it first
                _move(os.path.join(source, sha256), store.make_place(sha256))
    _remove_folder(source)


def delete(common_dir: str, taken: TakenOut) -> int:
    """Delete the objects of a removal for good; their bytes."""
    folder = os.path.join(lfs_trash_folder(common_dir), taken.removal)
    total = 0
    for name in taken.objects:
        with contextlib.suppress(FileNotFoundError):
            total += os.stat(os.path.join(folder, name)).st_size
    _remove_folder(folder)
    return total


def _remove_folder(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):  # whoever does the same goes on with it
        shutil.rmtree(path)


def _move(source: str, target: str) -> None:
    """Rename; where the other place is on another disk, copy and then delete, so that it is whole in one place always."""
    try:
        os.rename(source, target)
    except OSError:
        part = f"{target}.part"
        shutil.copy2(source, part)
        os.rename(part, target)
        os.unlink(source)
