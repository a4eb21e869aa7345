"""Small answers that cost time to find out, kept until what they hang on changes.

One file for each, below the repository's cache folder: NUL-separated texts, for `import json` would take longer than all
the rest. They are read on the way to the command's start; what is not there is found out while the command runs.
"""

from __future__ import annotations

import os

from gitxp.git.beside import write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_SEPARATOR = "\0"
_MAX_READ = 1 << 20


class MustAsk(Exception):
    """An answer is not kept, and whoever takes time to answer was not to be asked."""


def load_kept(folder: str | None, noun: str, key: str, same: str) -> list[str] | None:
    """The answer that was kept under this key while everything was the `same`; None where there is none."""
    if folder is None:
        return None
    try:
        with open(_path(folder, noun, key), encoding="utf-8", errors="surrogateescape") as file:
            fields = file.read(_MAX_READ).split(_SEPARATOR)
    except OSError:
        return None
    return fields[3:] if fields[:2] == [key, same] and fields[2:3] == [str(len(fields) - 3)] else None


def keep(folder: str | None, noun: str, key: str, same: str, answer: Sequence[str]) -> None:
    """Keep an answer for `load_kept`; one that cannot be kept will be asked for again."""
    fields = [key, same, str(len(answer)), *answer]
    text = _SEPARATOR.join(fields)
    if folder is None or text.count(_SEPARATOR) != len(fields) - 1 or len(text) > _MAX_READ // 4:
        return
    path = _path(folder, noun, key)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_whole(path, text.encode("utf-8", "surrogateescape"))
    except OSError:
        return  # a cache that cannot be written is no cache


def facts_of(path: str) -> tuple[int, int]:
    """When a file was changed, in nanoseconds, and its size; zeros where there is none."""
    try:
        about = os.stat(path)
    except OSError:
        return 0, 0
    return about.st_mtime_ns, about.st_size


def _path(folder: str, noun: str, key: str) -> str:
    return os.path.join(folder, noun, os.fsencode(key).hex()[-200:] or "_")  # the file says of what it is
