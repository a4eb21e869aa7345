"""`metrics.json`: numbers in an object, nested or not; or an object a line, as Detectron2 writes them.

In a file of one object each number is a metric of one point, by its dotted name (`test.acc`; in a folder of dvclive's,
`test/acc`, as its own tables have it). In a file of lines the keys `step`, `iteration`, … give the step. A file that
is neither holds no metrics; that is no problem, since many things are called so.
"""

from __future__ import annotations

import json
import os

from gitxp.capture.metrics import from_json_file
from gitxp.capture.readers.found import MAX_METRICS, MAX_NAME, WholeFile
from gitxp.capture.readers.tables import STEPS
from gitxp.capture.readers.trainer_state import MAX_BYTES, to_number
from gitxp.errors import ConfigError
from gitxp.series import Series

_MAX_STEP = 2**53


class MetricsJson(WholeFile):
    """The reader of one such file (found.Reader), which is read as a whole whenever it was written."""

    def __init__(self, path: str, separator: str = ".") -> None:
        super().__init__(path)
        self._separator = separator

    def update(self) -> None:
        """Read it, if it was written since the last time. Raises `OSError`."""
        now = self._watch.look()
        if now is None:
            return
        self.series = {}
        path = self._watch.path
        try:
            numbers = from_json_file(path)
        except ConfigError:
            self._read_lines(path, now)
            return
        step = int(numbers.get("step", 0)) if abs(numbers.get("step", 0)) < _MAX_STEP else 0
        for name, value in numbers.items():
            if name not in STEPS and len(name) <= MAX_NAME:
                self.series[name.replace(".", self._separator)] = Series([(step, now, value)])

    def _read_lines(self, path: str, now: float) -> None:
        if os.path.getsize(path) > MAX_BYTES:
            return
        with open(path, "rb") as file:
            for line in file:
                try:
                    entry = json.loads(line) if line.startswith(b"{") and line.endswith(b"}\n") else None
                except (ValueError, RecursionError):
                    entry = None
                if not isinstance(entry, dict):
                    return
                step = next((to_number(entry[name]) for name in STEPS if name in entry), None)
                for name, thing in entry.items():
                    value = to_number(thing)
                    if value is None or name in STEPS or len(name) > MAX_NAME:
                        continue
                    if name in self.series or len(self.series) < MAX_METRICS:
                        series = self.series.setdefault(name, Series())
                        known = step is not None and abs(step) < _MAX_STEP
                        series.append(int(step or 0) if known else len(series), now, value)
