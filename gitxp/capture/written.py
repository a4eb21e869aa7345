"""What a run wrote in its repository without `--out`: files that its processes opened for writing, and files that changed.

Small ones are kept as artifacts, the rest is listed with its fingerprint. What is not meant: caches, what the snapshot
has just so, what is gone again, what is named by `--out` and so kept already. Files that look like secrets, or hold one
that the run was given, are listed and never kept. The smallest come first: when there is no more room, it is the checkpoint that is left out and not the
results.
"""

from __future__ import annotations

import os
import stat
import time
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from gitxp.capture.file_names import FileNames
from gitxp.capture.folding_paths import fold_paths
from gitxp.capture.outputs import GONE, INTERRUPTED, Kept, Room, keep
from gitxp.capture.passed_over import PassedOver
from gitxp.capture.secrets.files import is_likely_secret
from gitxp.capture.secrets.known import holds_secret
from gitxp.capture.secrets.needles import Needles
from gitxp.errors import GitFailed
from gitxp.git.snapshot_files import find_blobs, find_unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gitxp.capture.config import Config, Written
    from gitxp.capture.inputs import Where
    from gitxp.capture.untracked import Limits

OPENED, SCAN = "opened", "scan"
_MAX_ENTRIES = 1_000


def keep_written(
    found: Mapping[str, str],
    where: Where,
    folder: str,
    config: Config,
    is_impatient: Callable[[], bool],
    *,
    is_watched: bool,
    secrets: Sequence[bytes] = (),
) -> Kept:
    """Fingerprint these files, absolute paths with `opened` or `scan`, and copy into `folder` those there is room for.

    Files that hold one of these `secrets` are listed and not kept.

    With `is_watched`, the run's processes said themselves what they wrote, and a file of the snapshot that changed
    besides was edited by somebody else. Without, nobody knows who wrote what a scan found, be it an editor or another
    program with its secrets: such files are listed and not kept. Raises `GitFailed`.
    """
    limits = config.written
    found = _by_one_name(found, where.toplevel)
    chosen = _choose(found, where, limits)
    chosen = _leave_snapshot(chosen, where, found, is_watched=is_watched)
    needles = Needles(secrets)
    paths = sorted(chosen, key=lambda path: (chosen[path], path))
    end = time.monotonic() + limits.max_seconds
    kept = keep(
        paths[:_MAX_ENTRIES],
        where.toplevel,
        folder,
        lambda: time.monotonic() > end or is_impatient(),
        Room(
            limits.max_file_size,
            limits.max_total_size,
            lambda name: (
                _objection(name, config.snapshot, found, where.toplevel, is_watched=is_watched)
                or _secret_in(os.path.join(where.toplevel, name), limits.max_file_size, needles)
            ),
        ),
    )
    there = [entry for entry in kept.entries if entry.get("reason") != GONE]
    entries = [_finished(entry, chosen, found, where.toplevel, limits) for entry in there]
    entries += _rest(paths[_MAX_ENTRIES:], chosen, where.toplevel)
    return Kept(sorted(entries, key=lambda entry: entry["path"]), kept.artifacts, [])


def _by_one_name(found: Mapping[str, str], toplevel: str) -> dict[str, str]:
    """The same, each file once; what a process said of one of its names goes for the file."""
    names = FileNames(toplevel)
    files: dict[str, str] = {}
    for path, source in found.items():
        full = names.find(path)
        if os.path.islink(full):
            full = os.path.realpath(full)  # it was written through the link
        if files.get(full) != OPENED:
            files[full] = source
    return files


def _choose(found: Mapping[str, str], where: Where, limits: Written) -> dict[str, int]:
    """The regular files among them that count, with their sizes."""
    top = where.toplevel.rstrip("/") + "/"
    named = tuple(path.rstrip("/") + "/" for path in where.named)
    passed_over = PassedOver(where.toplevel)
    chosen = {}
    for full in found:
        name = full.removeprefix(top)
        if not full.startswith(top) or f"{full}/".startswith(named) or passed_over.file(name):
            continue
        if any(fnmatchcase(name, glob) or fnmatchcase(os.path.basename(name), glob) for glob in limits.exclude):
            continue
        try:
            about = os.stat(full)
        except OSError:
            continue  # gone again
        if stat.S_ISREG(about.st_mode):
            chosen[full] = about.st_size
    return chosen


def _leave_snapshot(
    chosen: dict[str, int], where: Where, found: Mapping[str, str], *, is_watched: bool
) -> dict[str, int]:
    top = where.toplevel.rstrip("/") + "/"
    blobs = find_blobs(where.git, where.commit, [path.removeprefix(top) for path in chosen])
    if not blobs:
        return chosen
    edited = {name for name in blobs if is_watched and found.get(top + name) == SCAN}
    rest = {name: blob for name, blob in blobs.items() if name not in edited and os.access(top + name, os.R_OK)}
    try:
        same = find_unchanged(where.git, rest)
    except GitFailed:  # one of them went away just now
        same = set()
    return {path: size for path, size in chosen.items() if path.removeprefix(top) not in edited | same}


def _objection(name: str, limits: Limits, found: Mapping[str, str], toplevel: str, *, is_watched: bool) -> str:
    if is_likely_secret(name, limits.secrets, limits.allow):
        return "likely to hold secrets"
    if not is_watched and found.get(os.path.join(toplevel, name)) == SCAN:
        return "found by looking; --out keeps it"
    return ""


def _secret_in(path: str, most: int, secrets: Needles) -> str:
    """Why a file of at most so many bytes must not be kept for what it holds; empty if it may."""
    try:
        with open(path, "rb") as file:
            data = file.read(most + 1)
    except OSError:
        return ""  # it will be told when it is copied
    return "it holds a secret; --out keeps it" if len(data) <= most and holds_secret(data, secrets) else ""


def _finished(
    entry: dict[str, Any], sizes: Mapping[str, int], found: Mapping[str, str], toplevel: str, limits: Written
) -> dict[str, Any]:
    path = os.path.join(toplevel, entry["path"])
    entry["source"] = found.get(path, OPENED)
    if entry.get("reason") == INTERRUPTED:
        entry["size"] = sizes[path]
        entry["reason"] = f"there was no time for it within {limits.max_seconds:g} s"
    return entry


def _rest(paths: Sequence[str], sizes: Mapping[str, int], toplevel: str) -> Iterator[dict[str, Any]]:
    """Those beyond the number that is listed, summed up."""
    top = toplevel.rstrip("/")
    reason = f"more than {_MAX_ENTRIES:,} files"
    for thing in fold_paths(paths, top)[:_MAX_ENTRIES]:
        files = thing.files or (thing.path,)
        entry = {
            "path": thing.path.removeprefix(top + "/"),
            "size": sum(map(sizes.__getitem__, files)),
            "stored": False,
        }
        yield {**entry, "reason": reason, **({"files": len(files)} if thing.files else {})}
