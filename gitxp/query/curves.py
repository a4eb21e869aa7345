"""Small curves: the series of many runs, each brought down to a few means.

A table has a curve beside each metric of each run, which may be thousands of series, and a series may have a million
points: so there is a limit on what is read in all, and what is beyond it has no curve.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.errors import FormatError
from gitxp.format import metric_path
from gitxp.git.objects import TooLarge
from gitxp.model import Unread
from gitxp.query.downsampling import means
from gitxp.series import decode_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitxp.format import Oid
    from gitxp.git.objects import Objects
    from gitxp.model import Run
    from gitxp.series import Series

    Curve = tuple[float, ...]

_MOST_BYTES, _MOST_IN_ALL = 4 << 20, 32 << 20  # of one series, of all: 100,000 and 800,000 points, a second


class Curves:
    """Reads the curves of runs until there is no room left. `live` are the points of runs that are still running, by commit.

    Of what cannot be read there is no curve; `unread` has it.
    """

    def __init__(self, objects: Objects, points: int, live: Mapping[Oid, Mapping[str, Series]]) -> None:
        self._objects = objects
        self._points = points
        self._live = live
        self._room = _MOST_IN_ALL
        self.unread: list[Unread] = []

    def of(self, metric: str, runs: Sequence[Run]) -> tuple[Curve, ...]:
        """The curve of this metric for each run, empty where there is none; nothing where none has one."""
        having = [run for run in runs if self._has(metric, run)] if self._points else []
        found: dict[Oid, Curve] = {}
        for run in having:
            live = self._live.get(run.commit, {}).get(metric)
            if live is not None:
                found[run.commit] = means(live.values, self._points)
        path = metric_path(metric)
        settled = [run for run in having if run.commit not in found]
        for run, (_, data) in zip(
            settled, self._objects.read_files([run.commit for run in settled], path, _MOST_BYTES), strict=True
        ):
            if data is None or isinstance(data, TooLarge):
                continue
            try:
                if isinstance(data, FormatError):
                    raise data
                self._room -= len(data)
                if self._room < 0:
                    break
                found[run.commit] = means(decode_values(data), self._points)
            except FormatError as error:
                self.unread.append(Unread(run.name, "series", f"{metric}: {error.sentence}"))
        curves = tuple(found.get(run.commit, ()) for run in runs)
        return curves if any(curves) else ()

    def _has(self, metric: str, run: Run) -> bool:
        """Whether a run has more than one point, as far as its record tells."""
        summary = (run.record.get("metrics") or {}).get(metric)
        return self._room > 0 and summary is not None and summary.get("count", 2) > 1
