"""Metrics that a program leaves in files of other loggers: found, read, and read on while the run goes on.

    files = find_metric_files(written, root, since)
    found = read_metrics(files)

`Readers` does the same again and again and reads only what is new. Nothing in a file can fail a run: what cannot be
read is a sentence in `Found.problems`.

Names are those that the program gave. Where files of one kind lie in several folders (`train/` and `validation/` of
Keras, one of each version or fold), the folder comes before the name: `validation/epoch_loss`. Of a metric that two kinds
of files have, that of the kind that comes first in `KINDS` counts, so that no point is there twice.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from gitxp.capture.logger_files import (
    CSV,
    EVENTS,
    KINDS,
    LIVE_NUMBERS,
    LIVE_PARAMS,
    LIVE_TABLE,
    LOG,
    NUMBERS,
    STATE,
    MetricFile,
    live_folder_of,
    table_name,
    training_folder,
)
from gitxp.capture.readers.dvclive import Parameters
from gitxp.capture.readers.found import MAX_METRICS, MAX_POINTS, Artifact, Found, Reader
from gitxp.capture.readers.metrics_json import MetricsJson
from gitxp.capture.readers.tables import Table
from gitxp.capture.readers.tensorboard import EventFile
from gitxp.capture.readers.trainer_state import TrainerState
from gitxp.series import Series

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Artifact", "Found", "MetricFile", "Readers", "read_metrics"]

MAX_ARTIFACTS = 1_000
MAX_ARTIFACT = 10 * 1024 * 1024
MAX_ALL_ARTIFACTS = 100 * 1024 * 1024
_MAKERS: dict[str, Callable[[str], Reader]] = {
    EVENTS: EventFile,
    CSV: Table,
    STATE: TrainerState,
    LIVE_TABLE: lambda path: Table(path, table_name(path) or ""),
    LIVE_NUMBERS: lambda path: MetricsJson(path, "/"),
    LIVE_PARAMS: Parameters,
    LOG: Table,
    NUMBERS: MetricsJson,
}
# add_hparams of PyTorch makes a folder of its own, named after the second in which it was called.
_MOMENT = re.compile(r"\d{9,11}\.\d+")


def read_metrics(files: Sequence[MetricFile]) -> Found:
    """All that these files say."""
    return Readers().read(files)


class Readers:
    """The readers of a run's files. `read` may be called again, with files that have grown and with further ones."""

    def __init__(self) -> None:
        self._readers: dict[MetricFile, Reader] = {}

    def read(self, files: Sequence[MetricFile]) -> Found:
        """All that these files say by now."""
        found = Found({}, [], {}, [])
        total = 0
        for kind in KINDS:
            ours = [file for file in files if file.kind == kind]
            prefixes = _prefixes([_folder(file) for file in ours])
            points: dict[str, list[Series]] = {}
            for file, prefix in zip(ours, prefixes, strict=True):
                reader = self._update(file, found.problems)
                for name, series in reader.series.items():
                    points.setdefault(f"{prefix}/{name}" if prefix else name, []).append(series)
                if reader.params:
                    of_source = found.params.setdefault("tensorboard" if kind == EVENTS else "dvclive", {})
                    of_source.update(reader.params)
                found.artifacts.extend(reader.artifacts(prefix))
            total = _add(found, points, total)
        _limit_artifacts(found)
        return found

    def _update(self, file: MetricFile, problems: list[str]) -> Reader:
        reader = self._readers.get(file)
        if reader is None:
            reader = self._readers[file] = _MAKERS[file.kind](file.path)
        name = os.path.basename(file.path)
        try:
            reader.update()
        except OSError as error:
            problems.append(f"{name} could not be read: {error.strerror}.")
        except Exception as error:  # noqa: BLE001  (a stranger's file, and a run that must not suffer for it)
            problems.append(f"{name} could not be read: {type(error).__name__}: {error}.")
        problems.extend(f"{name}: {problem}." for problem in reader.problems)
        return reader


def _folder(file: MetricFile) -> str:
    """The folder that tells files of one kind apart."""
    if file.kind in {LIVE_TABLE, LIVE_NUMBERS}:
        return live_folder_of(file.path) or ""
    return training_folder(file.path) if file.kind == STATE else os.path.dirname(file.path)


def _prefixes(folders: list[str]) -> list[str]:
    """For each of these folders what is to stand before its metrics: its path from the folder that they all lie in."""
    if len(set(folders)) < 2:
        return [""] * len(folders)
    top = os.path.commonpath(folders)
    return [
        "/".join(part for part in _parts(os.path.relpath(folder, top)) if not _MOMENT.fullmatch(part))
        for folder in folders
    ]


def _parts(path: str) -> list[str]:
    return [] if path == "." else path.split(os.sep)


def _add(found: Found, points: dict[str, list[Series]], total: int) -> int:
    """Add metrics of one kind of files, unless they are known already; the number of points that there are by then."""
    left_out = 0
    for name, parts in points.items():
        if name in found.points:
            continue
        count = sum(map(len, parts))
        if len(found.points) == MAX_METRICS or total + count > MAX_POINTS:
            left_out += 1
            continue
        series = parts[0]
        if len(parts) > 1:
            series = Series()
            for part in parts:
                series.extend(part)
            series.sort()
        found.points[name] = series
        total += count
    if left_out:
        found.problems.append(
            f"Metrics left out: {left_out:,}. {MAX_METRICS:,} metrics and {MAX_POINTS:,} points are the most."
        )
    return total


def _limit_artifacts(found: Found) -> None:
    """Keep the latest steps of each tag, as many as there is room for."""
    room = MAX_ALL_ARTIFACTS
    kept: list[Artifact] = []
    for artifact in sorted(found.artifacts, key=lambda one: one.step or 0, reverse=True):
        if len(kept) < MAX_ARTIFACTS and artifact.size <= min(MAX_ARTIFACT, room):
            kept.append(artifact)
            room -= artifact.size
    if len(kept) < len(found.artifacts):
        found.problems.append(
            f"Images, histograms or texts of TensorBoard's left out: {len(found.artifacts) - len(kept):,}. "
            f"{MAX_ARTIFACTS:,} and {MAX_ALL_ARTIFACTS >> 20} MiB are the most."
        )
    found.artifacts[:] = sorted(kept, key=lambda one: one.path)
