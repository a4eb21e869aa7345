"""How much there is of what, and how much room is left."""

from __future__ import annotations

import os
import shutil
from functools import partial
from typing import TYPE_CHECKING

from gitxp.format import RUN_REFS
from gitxp.keeping.finding import ERROR, NOTE, WARNING, Finding, bytes_words
from gitxp.store.trash import list_trash

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitxp.git.program import Git
    from gitxp.keeping.finding import Patient

_SCARCE, _NONE_LEFT = 1 << 30, 100 << 20  # bytes
_MANY_LOOSE = 2000  # refs that are files of their own: a hundred milliseconds for each listing


def check_space(patient: Patient) -> Iterator[Finding]:
    """Sizes of the repository and of what is gitxp's, loose refs, and a disk that is nearly full."""
    counted = count_objects(patient.git)
    own = os.path.join(patient.common_dir, "gitxp")
    parts = {name: folder_size(os.path.join(own, name)) for name in ("cache", "live")}
    lfs = folder_size(os.path.join(patient.common_dir, "lfs"))
    shares = [
        f"objects {bytes_words(counted)}",
        *(f"{name} {bytes_words(size)}" for name, size in parts.items() if size),
    ]
    shares += [f"large files {bytes_words(lfs)}"] if lfs else []
    trash = len(list_trash(patient.git))
    shares += [f"{trash:,} in the trash"] if trash else []
    yield Finding(
        "sizes",
        NOTE,
        f"{len(patient.runs):,} {'run' if len(patient.runs) == 1 else 'runs'}; {', '.join(shares)}.",
        "gitxp du says what takes the space.",
    )
    loose = sum(len(files) for _, _, files in os.walk(os.path.join(patient.common_dir, RUN_REFS)))
    if loose > _MANY_LOOSE:
        yield Finding(
            *("loose-refs", WARNING, f"{loose:,} refs of runs are files of their own, which makes every listing slow."),
            "git pack-refs --all",
            fix=partial(_pack, patient),
        )
    free = shutil.disk_usage(patient.common_dir).free
    if free < _SCARCE:
        yield Finding(
            *(
                "disk-full",
                ERROR if free < _NONE_LEFT else WARNING,
                f"Only {bytes_words(free)} are free on the disk of the repository.",
            ),
            "A run whose disk is full loses what it prints and logs. See: gitxp du, gitxp gc, git gc",
        )


def count_objects(git: Git) -> int:
    """The bytes of the object database, loose and packed."""
    words = dict(
        line.split(": ", 1)
        for line in git.run("count-objects", "-v").decode("ascii", "replace").splitlines()
        if ": " in line
    )
    return 1024 * sum(int(words[key]) for key in ("size", "size-pack", "size-garbage") if words.get(key, "").isdigit())


def folder_size(path: str) -> int:
    """The bytes of all files below a folder; 0 where there is none."""
    total = 0
    for place, _, files in os.walk(path):
        for name in files:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue  # it went away meanwhile
    return total


def _pack(patient: Patient) -> None:
    patient.git.run("pack-refs", "--all")
