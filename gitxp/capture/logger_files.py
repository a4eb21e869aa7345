"""Which files may hold metrics of this run: among those that it is known to have written, and in the usual folders.

C++ writes event files, too, where no hook of Python's sees it, so the folders that loggers use by default are walked,
within bounds. A file there counts only if it was written since the run began; by its time of change, which no
`os.utime` and no `cp -p` sets back. TensorBoard writes the time of its creation into a file's name: one that is older
than the run was copied.

Asked at the end of every run, before anything that reads such files is imported (16 ms): most runs wrote none.
"""

from __future__ import annotations

import os
import stat
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import NamedTuple
else:
    from gitxp.light import NamedTuple

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
MAX_FILES = 2_000
_SKIPPED = frozenset({".git", "__pycache__", "node_modules", ".venv", "venv"})
_MAX_ENTRIES = 50_000
_MAX_DEPTH = 8
_MAX_SECONDS = 2.0
_MAX_HEADER = 256 * 1024
_MAX_LOGS = 200  # small tables whose first line has to be looked at
# How much earlier than a clock that was read before may the file system's be: it ticks 100 to 1000 times a second.
_TICK = 0.02
_EVENTS = ".tfevents."
_TABLES = (".csv", ".tsv", ".log", ".txt")
_OF_DVCLIVE = {NUMBERS: LIVE_NUMBERS, "params.yaml": LIVE_PARAMS}
_PLOTS = "/plots/metrics/"  # of dvclive's folder
# Where other loggers write by default: TensorBoard, PyTorch, Lightning, Keras, Hugging Face, dvclive.
_FOLDERS = frozenset("runs lightning_logs tb_logs logs log tensorboard dvclive results mlruns".split())
_BEGINNINGS = ("output", "checkpoint")


class MetricFile(NamedTuple):
    """A file to read metrics from; `path` is absolute, `kind` one of `KINDS`."""

    path: str
    kind: str


def is_logger_file(name: str) -> bool:
    """Whether a file of this name, or path, could be one that metrics are read from."""
    return name.endswith((*_TABLES, NUMBERS, STATE, "params.yaml")) or _EVENTS in name


def is_metric_file(path: str) -> bool:
    """Whether a file has metrics by its name alone; `find_metric_files` looks into further ones."""
    return _kind_by_name(path) not in {"", LOG, LIVE_PARAMS}


def table_name(path: str) -> str | None:
    """The metric of which this path is dvclive's table; None where it is none."""
    _, found, name = path.rpartition(_PLOTS)
    return name.removesuffix(".tsv") if found and name.endswith(".tsv") else None


def live_folder_of(path: str) -> str | None:
    """The folder of dvclive's that a file belongs to, by its own path or by what lies beside it."""
    head, found, _ = path.rpartition(_PLOTS)
    if found:
        return head
    folder = os.path.dirname(path)
    is_one = os.path.basename(folder) == "dvclive" or os.path.isdir(os.path.join(folder, "plots", "metrics"))
    return folder if is_one else None


def training_folder(path: str) -> str:
    """The folder of the training that a trainer's state belongs to: that of the checkpoints, where it lies in one."""
    folder = os.path.dirname(path)
    name, _, number = os.path.basename(folder).partition("-")
    return os.path.dirname(folder) if name == "checkpoint" and number.isdecimal() else folder


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
    newest = set(_find_newest(file.path for file in found if file.kind == STATE))
    found = [file for file in found if file.kind != STATE or file.path in newest]
    return sorted(found, key=lambda file: (KINDS.index(file.kind), file.path))[:MAX_FILES]


def _find_newest(paths: Iterable[str]) -> list[str]:
    """Of each training's states the one that was written last: a checkpoint's has all of those before it."""
    newest: dict[str, tuple[int, str]] = {}
    for path in paths:
        try:
            written = (os.stat(path).st_mtime_ns, path)
        except OSError:
            continue
        folder = training_folder(path)
        newest[folder] = max(newest.get(folder, written), written)
    return [path for _, path in newest.values()]


def _kind_by_name(path: str) -> str:
    """The kind of file that this may be; empty where it is none of ours."""
    name = os.path.basename(path)
    if _EVENTS in name:
        kind = EVENTS
    elif name.endswith(_TABLES) and name != CSV:
        kind = LIVE_TABLE if table_name(path) else LOG
    elif name in _OF_DVCLIVE and live_folder_of(path):
        kind = _OF_DVCLIVE[name]
    else:
        kind = name if name in {CSV, STATE, NUMBERS} else ""
    return kind


def _is_log(path: str) -> bool:
    """Whether this file is a table whose first column is `epoch`, as Keras and YOLO write them."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        line = os.read(fd, _MAX_HEADER) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
    except OSError:
        return False
    finally:
        os.close(fd)
    first, newline, _ = line.partition(b"\n")
    if not newline or b"epoch" not in first[:64].lower():
        return False
    from gitxp.capture.readers.tables import split_header

    found = split_header(first)
    return found is not None and found[0][0].lower() == "epoch"


def _is_written_since(path: str, since: float) -> bool:
    try:
        facts = os.stat(path)
    except OSError:
        return False
    if not stat.S_ISREG(facts.st_mode):
        return False
    _, _, rest = os.path.basename(path).partition(_EVENTS)
    created, dot, _ = rest.partition(".")
    if dot and created.isdecimal() and len(created) in range(9, 12) and int(created) < int(since) - 1:
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
    if not is_top:
        return name not in _SKIPPED
    name = name.lower()
    return name in _FOLDERS or name.startswith(_BEGINNINGS)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
