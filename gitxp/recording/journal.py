"""Metrics while a run runs: one append-only file for each process that logs, one `write` for each value.

What `append` returned from is in the kernel and survives the death of every process; a timer brings it to the disk.
A process that dies in a `write` can leave a torn last line, which reading drops.
"""

from __future__ import annotations

import os

from gitxp.format import METRICS_FOLDER, Point, encode_point, metric_name, metric_path

_TAB = b"\t"


class Journal:
    """The journal file of this process; made at the first value."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._fd: int | None = None
        self._coded: dict[str, bytes] = {}

    def append(self, metric: str, step: int, at: float, value: float) -> None:
        """Log one value: `step`, `at` in unix seconds. Raises `OSError` where it could not be written."""
        if self._fd is None:
            os.makedirs(self.folder, exist_ok=True)
            path = os.path.join(self.folder, f"{os.getpid()}-{os.urandom(4).hex()}.tsv")
            self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o666)
        coded = self._coded.get(metric)
        if coded is None:
            # the metric as the series' path has it: no tab, no newline, and the way back is there
            coded = self._coded[metric] = metric_path(metric)[len(METRICS_FOLDER) + 1 :].encode("ascii") + _TAB
        os.write(self._fd, coded + encode_point(step, at, value))

    def sync(self) -> None:
        """Bring what was logged to the disk."""
        if self._fd is not None:
            os.fsync(self._fd)


def read_journal(folder: str) -> dict[str, list[Point]]:
    """Every metric's points, by time within each file; lines that are none are dropped."""
    series: dict[str, list[Point]] = {}
    try:
        files = sorted(os.listdir(folder))
    except FileNotFoundError:
        return {}
    for file in files:
        with open(os.path.join(folder, file), "rb") as stream:
            for line in stream:
                fields = line.split(_TAB)
                if len(fields) != 4 or not line.endswith(b"\n"):
                    continue
                metric = metric_name(f"{METRICS_FOLDER}/{fields[0].decode('ascii', 'replace')}")
                try:
                    point = (int(fields[1]), float(fields[2]), float(fields[3]))
                except ValueError:
                    continue
                if metric is not None:
                    series.setdefault(metric, []).append(point)
    if len(files) > 1:
        for points in series.values():
            points.sort(key=lambda point: point[1])
    return series
