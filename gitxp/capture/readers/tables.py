"""Metrics in tables of text: Lightning's and Keras's CSVLogger, YOLO's results.csv, dvclive's TSV files.

One row a step, one column a metric, the names in the first line. A cell that is empty or no number is passed over:
Lightning writes a row for training and another for validation. The step is the column `step` (or one of its other
names), else `epoch`; neither is a metric. The rows have no times: each point has the time of the file's last change when
it was first seen, but for dvclive's `timestamp` column. A last line without its newline is torn, and waits.
"""

from __future__ import annotations

import csv
import os
import stat
from typing import TYPE_CHECKING, Any

from gitxp.capture.readers.found import MAX_METRICS, MAX_NAME
from gitxp.series import Series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitxp.capture.readers.found import Artifact

STEPS = ("step", "global_step", "iteration", "iter", "epoch")
_COUNTERS = frozenset({*STEPS, "timestamp", ""})
_SEPARATORS = ",;\t|"
_MAX_HEADER = 256 * 1024
_CHUNK = 4 * 1024 * 1024
_MAX_STEP = 2**53


def split_header(line: bytes) -> tuple[list[str], str] | None:
    """The names of the columns and the character between them; None where the line is no head of a table."""
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        return None
    separator = max(_SEPARATORS, key=text.count)
    if separator not in text:
        return None
    return [name.strip() for name in _split(text, separator)], separator


class Table:
    """The reader of one table (found.Reader). With `name`, there is one metric of that name, in the last column."""

    def __init__(self, path: str, name: str = "") -> None:
        self.path = path
        self.problems: list[str] = []
        self.params: Mapping[str, Any] = {}
        self._name = name
        self._reset()

    def _reset(self) -> None:
        self.series: dict[str, Series] = {}
        self.problems = []
        self._header = b""
        self._offset = 0
        self._inode = 0
        self._separator = ""
        self._step = -1
        self._time = -1
        self._columns: list[tuple[int, str]] = []

    def artifacts(self, prefix: str) -> list[Artifact]:
        """None: a table has no files in it."""
        del prefix
        return []

    def update(self) -> None:
        """Read the rows that were written since the last time. Raises `OSError`.

        A table that got shorter, or another first line (Lightning writes all anew when there is a new metric), is read anew.
        """
        fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            facts = os.fstat(fd)
            if not stat.S_ISREG(facts.st_mode):
                return
            first = file.readline(_MAX_HEADER)
            if first != self._header or facts.st_size < self._offset or facts.st_ino != self._inode:
                self._reset()
                if not first.endswith(b"\n"):
                    return
                self._take_header(first)
                self._inode, self._offset = facts.st_ino, len(first)
            file.seek(self._offset)
            rest = b""
            while self._columns and (piece := file.read(_CHUNK)):
                whole, newline, rest = (rest + piece).rpartition(b"\n")
                self._take(whole, facts.st_mtime)
                self._offset += len(whole) + len(newline)
                if len(rest) > _CHUNK:
                    self.problems.append("it has a line that is too long")
                    self._columns = []

    def _take_header(self, line: bytes) -> None:
        self._header = line
        found = split_header(line)
        if found is None:
            return
        names, self._separator = found
        low = [name.lower() for name in names]
        self._step = next((low.index(name) for name in STEPS if name in low), -1)
        self._time = low.index("timestamp") if "timestamp" in low else -1
        columns = [(at, name) for at, name in enumerate(names) if name.lower() not in _COUNTERS]
        self._columns = [(at, self._name) for at, _ in columns[-1:]] if self._name else columns
        kept = [(at, name) for at, name in self._columns if len(name) <= MAX_NAME][:MAX_METRICS]
        if len(kept) < len(self._columns):
            self.problems.append(f"columns left out: {len(self._columns) - len(kept):,}")
        self._columns = kept

    def _take(self, lines: bytes, now: float) -> None:
        separator, step_at, time_at = self._separator, self._step, self._time
        for line in lines.decode("utf-8", "replace").split("\n"):
            cells = _split(line, separator)
            step = self._count(cells, step_at)
            at = _milliseconds(cells[time_at], now) if 0 <= time_at < len(cells) else now
            for column, name in self._columns:
                cell = cells[column] if column < len(cells) else ""
                if not cell:
                    continue
                try:
                    value = float(cell)
                except ValueError:
                    continue
                series = self.series.get(name)
                if series is None:
                    series = self.series[name] = Series()
                series.append(len(series) if step is None else step, at, value)

    @staticmethod
    def _count(cells: list[str], column: int) -> int | None:
        if not 0 <= column < len(cells):
            return None
        try:
            number = float(cells[column])
            return int(number) if abs(number) < _MAX_STEP else None
        except ValueError:
            return None


def _split(line: str, separator: str) -> list[str]:
    if '"' in line:
        try:
            return next(csv.reader([line], delimiter=separator), [])
        except csv.Error:
            return []
    return line.rstrip("\r").split(separator)


def _milliseconds(cell: str, now: float) -> float:
    """The time of a row that dvclive wrote, in seconds."""
    try:
        return float(cell) / 1000
    except ValueError:
        return now
