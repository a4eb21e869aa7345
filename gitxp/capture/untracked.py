"""Which untracked files a snapshot takes: gitxp's own policy, applied before a byte is hashed.

git takes every untracked file or none. A tracker that takes all fills the disk with data sets and checkpoints and
publishes `.env`; one that takes none loses the module that was written five minutes ago. So: all, but for limits of
size and number, and for names that say secret; each omission is named, to the user and in the record.
"""

from __future__ import annotations

import os
import stat

from gitxp.format import FOLDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, NamedTuple
else:
    from gitxp.light import NamedTuple

_LISTED = 100


class Limits(NamedTuple):
    """What an untracked file must keep to; sizes in bytes, globs as in `secrets.files.is_likely_secret`."""

    max_file_size: int = 50 * 1024 * 1024
    max_total_size: int = 500 * 1024 * 1024
    max_files: int = 20_000
    exclude: Sequence[str] = ()
    secrets: Sequence[str] = ()
    allow: Sequence[str] = ()


class Skipped(NamedTuple):
    """A path whose bytes on disk are not in the snapshot; `size` in bytes, where known; `files` for a whole folder."""

    path: str
    reason: str
    size: int | None = None
    files: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The entry of the record's `skipped`."""
        return {key: value for key, value in self._asdict().items() if value is not None}


def choose(
    toplevel: str, paths: Sequence[str], limits: Limits
) -> tuple[list[tuple[str, int]], list[Skipped], list[Skipped]]:
    """The untracked files to take, with their sizes in bytes; those to leave; those to leave for nothing but their size.

    `paths` are as `git ls-files -o` gives them, from `toplevel`; a nested repository has a slash at its end.
    """
    chosen: list[tuple[str, int]] = []
    skipped: list[Skipped] = []
    large: list[Skipped] = []
    for path in paths:
        if path.startswith(FOLDER + "/") or path == FOLDER:
            continue
        if path.endswith("/"):
            skipped.append(Skipped(path, "a repository of its own"))
            continue
        try:
            facts = os.lstat(os.path.join(toplevel, path))
        except OSError:
            continue  # gone since git saw it: it is not part of the tree that runs
        reason = _objection(toplevel, path, facts, limits)
        if reason:
            skipped.append(Skipped(path, reason, facts.st_size))
        elif facts.st_size > limits.max_file_size:
            large.append(Skipped(path, f"larger than {size_words(limits.max_file_size)}", facts.st_size))
        else:
            chosen.append((path, facts.st_size))
    if len(chosen) > limits.max_files or sum(size for _, size in chosen) > limits.max_total_size:
        chosen, over, too_many = _trim(chosen, limits)
        large += over
        skipped += too_many
    return chosen, skipped, large


def _objection(toplevel: str, path: str, facts: os.stat_result, limits: Limits) -> str | None:
    from gitxp.capture.secrets.files import is_likely_secret, matches  # not for a tree without untracked files

    if matches(path, limits.exclude):
        return "excluded in gitxp.yaml"
    if is_likely_secret(path, limits.secrets, limits.allow):
        return "likely to hold secrets"
    if stat.S_ISREG(facts.st_mode) and not os.access(os.path.join(toplevel, path), os.R_OK):
        return "not readable"
    return None


def _trim(chosen: list[tuple[str, int]], limits: Limits) -> tuple[list[tuple[str, int]], list[Skipped], list[Skipped]]:
    """Small files first: code is small, and what is left out should be what is least likely to be code."""
    kept: list[tuple[str, int]] = []
    over: list[Skipped] = []
    too_many: list[Skipped] = []
    total = 0
    for path, size in sorted(chosen, key=lambda item: (item[1], item[0])):
        if len(kept) >= limits.max_files:
            too_many.append(Skipped(path, f"more than {limits.max_files:,} untracked files", size))
        elif total + size > limits.max_total_size:
            over.append(Skipped(path, f"more than {size_words(limits.max_total_size)} of untracked files", size))
        else:
            kept.append((path, size))
            total += size
    return kept, over, too_many


def size_words(size: int) -> str:
    """A limit in words: `50 MiB`."""
    for unit, scale in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= scale:
            return f"{size / scale:.4g} {unit}"
    return f"{size} bytes"


def fold(skipped: Sequence[Skipped]) -> Iterable[Skipped]:
    """A few hundred entries at the most, so that the record stays small: many are summed up by folder and reason."""
    if len(skipped) <= _LISTED:
        return skipped
    sums: dict[tuple[str, str], list[Skipped]] = {}
    for item in skipped:
        folder, slash, _ = item.path.partition("/")
        sums.setdefault((folder + slash if slash else "./", item.reason), []).append(item)
    folded = [
        items[0] if len(items) == 1 else Skipped(folder, reason, sum(item.size or 0 for item in items), len(items))
        for (folder, reason), items in sorted(sums.items())
    ]
    rest = folded[_LISTED * 2 :]
    if rest:
        files = sum(item.files or 1 for item in rest)
        folded[_LISTED * 2 :] = [Skipped("./", "and others", sum(item.size or 0 for item in rest), files)]
    return folded
