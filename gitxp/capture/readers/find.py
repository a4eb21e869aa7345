"""Which files may hold metrics of this run: among those that it is known to have written, and in the usual folders.

C++ writes event files, too, where no hook of Python's sees it, so the folders that loggers use by default are walked,
within bounds. A file there counts only if it was written since the run began; by its time of change, which no
`os.utime` and no `cp -p` sets back. TensorBoard writes the time of its creation into a file's name: one that is older
than the run was copied.
"""

from __future__ import annotations

import os
import re
import stat
import time
from typing import TYPE_CHECKING, NamedTuple

from gitxp.capture.logger_folders import is_logger_folder
from gitxp.capture.readers.dvclive import folder_of, table_name
from gitxp.capture.readers.tables import is_log
from gitxp.capture.readers.trainer_state import find_newest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

EVENTS, CSV, STATE, LIVE_TABLE, LIVE_NUMBERS, LIVE_PARAMS, LOG, NUMBERS = (
    "events",
    "metrics.csv",
    "trainer_state.json",
    "dvclive table",
    "dvclive metrics.json",
    "dvclive params.yaml",
    "log",
    "metrics.json",
)
# Two sources of one metric: the first in this order counts.
KINDS = (EVENTS, CSV, STATE, LIVE_TABLE, LIVE_NUMBERS, LOG, NUMBERS, LIVE_PARAMS)
_OF_DVCLIVE = {NUMBERS: LIVE_NUMBERS, "params.yaml": LIVE_PARAMS}
MAX_FILES = 2_000
_SKIPPED = frozenset({".git", "__pycache__", "node_modules", ".venv", "venv"})
_MAX_ENTRIES = 50_000
_MAX_DEPTH = 8
_MAX_SECONDS = 2.0
_MAX_LOGS = 200  # small tables whose first line has to be looked at
# How much earlier than a clock that was read before may the file system's be: it ticks 100 to 1000 times a second.
_TICK = 0.02
_CREATED = re.compile(r"\.tfevents\.(\d{9,11})\.")
_TABLES = (".csv", ".tsv", ".log", ".txt")


class MetricFile(NamedTuple):
    """A file to read metrics from; `path` is absolute, `kind` one of `KINDS`."""

    path: str
    kind: str


def find_metric_files(written: Sequence[str], root: str, since: float, cwd: str | None = None) -> list[MetricFile]:
    """The files that may hold metrics of a run that began at `since` (unix seconds), at most `MAX_FILES`.

    `written` are absolute paths that the run is known to have written; `root` is the top of the working tree, `cwd` the
    folder in which the command ran.
    """
    paths = dict.fromkeys(path for path in written if _kind_by_name(path) and os.path.isfile(path))
    for path in _walk(dict.fromkeys([cwd or root, root])):
        if path not in paths and _is_written_since(path, since):
            paths[path] = None
    logs = 0
    found: list[MetricFile] = []
    for path in paths:
        kind = _kind_by_name(path)
        if kind == LOG:
            logs += 1
            if logs > _MAX_LOGS or not _is_log(path):
                continue
        if kind:
            found.append(MetricFile(path, kind))
    newest = set(find_newest(file.path for file in found if file.kind == STATE))
    found = [file for file in found if file.kind != STATE or file.path in newest]
    return sorted(found, key=lambda file: (KINDS.index(file.kind), file.path))[:MAX_FILES]


def _kind_by_name(path: str) -> str:
    """The kind of file that this may be; empty where it is none of ours."""
    name = os.path.basename(path)
    if ".tfevents." in name:
        kind = EVENTS
    elif name.endswith(_TABLES) and name != CSV:
        kind = LIVE_TABLE if table_name(path) else LOG
    elif name in _OF_DVCLIVE and folder_of(path):
        kind = _OF_DVCLIVE[name]
    else:
        kind = name if name in {CSV, STATE, NUMBERS} else ""
    return kind


def _is_log(path: str) -> bool:
    try:
        return is_log(path)
    except OSError:
        return False


def _is_written_since(path: str, since: float) -> bool:
    try:
        facts = os.stat(path)
    except OSError:
        return False
    if not stat.S_ISREG(facts.st_mode):
        return False
    created = _CREATED.search(os.path.basename(path))
    if created is not None and int(created[1]) < int(since) - 1:
        return False
    changed = facts.st_ctime
    # some file systems count whole seconds, or two of them
    return changed >= since - _TICK or (changed == int(changed) and changed >= int(since) - 1)


def _walk(roots: Iterable[str]) -> Iterator[str]:
    """The files that may be ours by their names, at the top of these folders and below the usual ones."""
    deadline = time.monotonic() + _MAX_SECONDS
    stack = [(root, 0) for root in roots]
    seen = 0
    while stack:
        folder, depth = stack.pop()
        for entry in _entries(folder):
            seen += 1
            if seen > _MAX_ENTRIES or time.monotonic() > deadline:
                return
            # loggers' folders are links to a larger disk, sometimes; below them a link may lead anywhere
            if entry.is_dir(follow_symlinks=not depth):
                if depth < _MAX_DEPTH and _is_to_walk(entry.name, is_top=not depth):
                    stack.append((entry.path, depth + 1))
            elif _kind_by_name(entry.path):
                yield entry.path


def _is_to_walk(name: str, *, is_top: bool) -> bool:
    return is_logger_folder(name) if is_top else name not in _SKIPPED


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
