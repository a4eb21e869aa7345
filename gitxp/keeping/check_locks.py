"""Lock files that a killed process left: git waits for them in vain, and says no."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from gitxp.keeping.finding import WARNING, Finding, some

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitxp.keeping.finding import Patient

# A lock is held for milliseconds; that of the index as long as somebody writes a commit's message.
_OLD = 3600.0
_OURS = ("refs/experiments", "refs/gitxp", "logs/refs/experiments", "logs/refs/gitxp", "gitxp")
_GITS = ("index.lock", "HEAD.lock", "config.lock", "shallow.lock", "packed-refs.lock")


def check_locks(patient: Patient) -> Iterator[Finding]:
    """Locks that are older than an hour; those of gitxp's own refs and files can be taken away."""
    ours = list(_find_ours(patient))
    if ours:
        yield Finding(
            *("stale-lock", WARNING, f"Locks of runs that are more than an hour old: {some(ours)}."),
            "Delete them, where no git and no gitxp is at work here.",
            fix=partial(_remove, patient, ours),
        )
    folders = dict.fromkeys((patient.git_dir, patient.common_dir))
    gits = [
        path for folder in folders for path in (os.path.join(folder, name) for name in _GITS) if _is_old(path, patient)
    ]
    if gits:
        yield Finding(
            *("stale-git-lock", WARNING, f"Locks of git's that are more than an hour old: {some(gits)}."),
            "If no git is at work here (nor an editor with a commit's message), delete them.",
        )


def _find_ours(patient: Patient) -> Iterator[str]:
    for folder in _OURS:
        top = os.path.join(patient.common_dir, folder)
        for place, folders, files in os.walk(top):
            folders[:] = [name for name in folders if not (folder == "gitxp" and name in {"live", "cache"})]
            for name in files:
                path = os.path.join(place, name)
                if name.endswith(".lock") and _is_old(path, patient):
                    yield path


def _is_old(path: str, patient: Patient) -> bool:
    try:
        return patient.now - os.lstat(path).st_mtime > _OLD
    except OSError:
        return False


def _remove(patient: Patient, paths: list[str]) -> None:
    for path in paths:
        if _is_old(path, patient):  # asked again: its owner may have come back
            os.unlink(path)
