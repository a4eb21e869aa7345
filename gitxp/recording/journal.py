"""Metrics while a run runs: one append-only file for each process that logs, one `write` for each value.

What `append` returned from is in the kernel and survives the death of every process; a timer brings it to the disk.
A process that dies in a `write` can leave a torn last line, which reading drops.

Reading takes a million lines in about a second and keeps 24 bytes of each: the lines of a few megabytes are sorted by
metric, and their numbers converted by `map`; only where that fails are lines looked at one by one.
"""

from __future__ import annotations

import os
import stat

from gitxp.format import METRICS_FOLDER, encode_point, metric_name, metric_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitxp.series import Series

_TAB = b"\t"
_CHUNK = 2 * 1024 * 1024
# A record has a summary of each metric, and readers refuse one of 16 MiB.
MAX_METRICS = 10_000
MAX_NAME = 2_000  # coded, as in the path of the series


class Journal:
    """The journal file of this process; made at the first value."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._fd: int | None = None
        self._coded: dict[str, bytes] = {}

    def append(self, metric: str, step: int, at: float, value: float) -> None:
        """Log one value: `step`, `at` in unix seconds. Raises `OSError` where it could not be written."""
        if self._fd is None:
            self._fd = _open(self.folder)
        coded = self._coded.get(metric)
        if coded is None:
            coded = self._coded[metric] = _code(metric) + _TAB
        os.write(self._fd, coded + encode_point(step, at, value))


def write_journal(folder: str, points: Mapping[str, Series]) -> None:
    """Log whole series at once, in a file of their own. Raises `OSError`."""
    with open(_open(folder), "wb") as file:
        for metric, series in points.items():
            file.writelines(series.encode(f"{_code(metric).decode('ascii')}\t"))


def read_journal(folder: str, problems: list[str] | None = None) -> dict[str, Series]:
    """Every metric's points, by time where several processes logged it; lines that are none are dropped.

    What is over `MAX_METRICS` metrics, or has a longer name than `MAX_NAME` bytes, is left out, and a sentence added to
    `problems`.
    """
    return JournalReader(folder).read(problems)


class JournalReader:
    """The journal of one run; `read` may be called again while it grows, and reads only what is new."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._files: dict[str, _File] = {}

    def read(self, problems: list[str] | None = None) -> dict[str, Series]:
        """All that was logged by now, as `read_journal` gives it. Who gets it must not change it."""
        try:
            names = sorted(os.listdir(self.folder))
        except FileNotFoundError:
            return {}
        for name in names:
            file = self._files.get(name)
            if file is None:
                file = self._files[name] = _File(os.path.join(self.folder, name))
            file.update()
        found = _join([self._files[name].series for name in names])
        is_over = len(found) > MAX_METRICS or any(self._files[name].is_over for name in names)
        if is_over and problems is not None:
            problems.append(f"Over {MAX_METRICS:,} metrics, and names over {MAX_NAME:,} bytes, are left out.")
        return dict(list(found.items())[:MAX_METRICS]) if len(found) > MAX_METRICS else found


def _join(files: list[dict[str, Series]]) -> dict[str, Series]:
    """The series of several files as one."""
    from gitxp.series import Series

    parts: dict[str, list[Series]] = {}
    for series in files:
        for metric, part in series.items():
            parts.setdefault(metric, []).append(part)
    found: dict[str, Series] = {}
    for metric, several in parts.items():
        found[metric] = several[0]
        if len(several) > 1:
            whole = found[metric] = Series()
            for part in several:
                whole.extend(part)
            whole.sort()
    return found


class _File:
    """One process's journal, read as far as it is there."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.series: dict[str, Series] = {}
        self.is_over = False
        self._offset = 0
        self._known: dict[bytes, Series] = {}

    def update(self) -> None:
        """Read the whole lines that are new; of what is no file there are none."""
        fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a named pipe would wait for a writer
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            return
        with open(fd, "rb") as file:
            file.seek(self._offset)
            rest = b""
            while piece := file.read(_CHUNK):
                whole, newline, rest = (rest + piece).rpartition(b"\n")
                self._offset += len(whole) + len(newline)
                self._take(whole)
                if len(rest) > _CHUNK:  # no line of ours
                    self._offset += len(rest)
                    rest = b""

    def _take(self, lines: bytes) -> None:
        groups: dict[bytes, list[bytes]] = {}
        for line in lines.split(b"\n"):
            coded, _, point = line.partition(_TAB)
            try:
                groups[coded].append(point)
            except KeyError:
                groups[coded] = [point]
        for coded, points in groups.items():
            series = self._find(coded)
            if series is not None:
                _add(series, points)
                if not series and coded in self._known:  # nothing but lines that are none
                    del self._known[coded]
                    self.series = {name: kept for name, kept in self.series.items() if kept is not series}

    def _find(self, coded: bytes) -> Series | None:
        """The series of a metric by its coded name; None for what is no name, or is one too many."""
        from gitxp.series import Series

        if coded not in self._known:
            name = metric_name(f"{METRICS_FOLDER}/{coded.decode('ascii', 'replace')}")
            if name is None:
                return None
            if len(coded) > MAX_NAME or (len(self.series) == MAX_METRICS and name not in self.series):
                self.is_over = True
                return None
            # another process may code a name in another way: it is the same metric
            self._known[coded] = self.series.setdefault(name, Series())
        return self._known[coded]


def _add(series: Series, points: list[bytes]) -> None:
    """Add the points of these lines, and drop the lines that are none."""
    from array import array

    if all([point.count(_TAB) == 2 for point in points]):  # noqa: C419  (a list is quicker)
        fields = _TAB.join(points).split(_TAB)
        try:
            steps = array("q", map(int, fields[::3]))
            times = array("d", map(float, fields[1::3]))
            values = array("d", map(float, fields[2::3]))
        except (ValueError, OverflowError):
            pass  # some line is none: see below
        else:
            series.steps.extend(steps)
            series.times.extend(times)
            series.values.extend(values)
            return
    for point in points:
        try:
            step, at, value = point.split(_TAB)
            series.append(int(step), float(at), float(value))
        except (ValueError, OverflowError):
            continue


def _open(folder: str) -> int:
    """A new journal file, for this process alone."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{os.getpid()}-{os.urandom(4).hex()}.tsv")
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o666)


def _code(metric: str) -> bytes:
    """A metric as its series' path has it: no tab, no newline, and the way back is there."""
    return metric_path(metric)[len(METRICS_FOLDER) + 1 :].encode("ascii")
