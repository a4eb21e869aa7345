"""What a run has logged: its journal, and beside it what it wrote by the loggers of others.

Points of the journal come first: a metric that the program gives to gitxp as well as to TensorBoard is taken from the
journal alone, so that none is there twice. While the run goes on, whoever asks reads those files (`Logged`); when the
command has ended, `take_metrics` brings them into the live folder, from which the run is finished.
"""

from __future__ import annotations

import os

from gitxp.capture.logger_files import find_metric_files, is_logger_file
from gitxp.format import parse_time
from gitxp.git.beside import write_whole
from gitxp.recording.journal import JournalReader, read_journal, write_journal
from gitxp.recording.live import Live

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gitxp.capture.readers import Found, Readers
    from gitxp.format import Record
    from gitxp.series import Series

_MAX_LINE = 32 * 1024  # of a statement, which is at most 64 KiB; a parameter's text is cut for it


def take_metrics(folder: str, record: Record, toplevel: str, since: float) -> list[str]:
    """Bring what other loggers wrote in a run into its live folder; sentences about what could not be read.

    `folder` is the live folder; the run began at `since`, in seconds since 1970. Metrics go to a journal of their own, images and the like to `artifacts/`, and these and
    the parameters are said in `said/`. Nothing is imported where there is nothing to read. Raises `OSError` where the
    live folder cannot be written to.
    """
    cwd = os.path.normpath(os.path.join(toplevel, record["cwd"]))
    files = find_metric_files(_written(folder), toplevel, since, cwd)
    if not files:
        return []
    from gitxp.capture.readers import read_metrics

    found = read_metrics(files)
    journal = os.path.join(folder, "journal")
    if found.points:
        known = read_journal(journal)
        write_journal(journal, {name: series for name, series in found.points.items() if name not in known})
    statements = [*_keep_artifacts(folder, found), *_say_params(found)]
    if statements:
        _say(folder, statements)
    return found.problems


class Logged:
    """What a run that is still running has logged so far; each `read` reads only what is new."""

    def __init__(self, folder: str, record: Record, toplevel: str | None) -> None:
        self.folder = folder
        self._record = record
        self._toplevel = toplevel
        self._journal = JournalReader(os.path.join(folder, "journal"))
        self._readers: Readers | None = None

    @property
    def id(self) -> str:
        """The id of the run."""
        return str(self._record["id"])

    def size(self) -> int:
        """The bytes that the journal has by now: what the first `read` costs."""
        try:
            with os.scandir(self._journal.folder) as entries:
                return sum(entry.stat().st_size for entry in entries)
        except OSError:
            return 0

    def read(self) -> dict[str, Series]:
        """Every metric's points. Who gets them must not change them. Raises `OSError`."""
        points = self._journal.read()
        for name, series in self._read_files().items():
            points.setdefault(name, series)
        return points

    def _read_files(self) -> dict[str, Series]:
        if self._toplevel is None:
            return {}
        cwd = os.path.normpath(os.path.join(self._toplevel, self._record.get("cwd", ".")))
        since = parse_time(self._record["started_at"])
        files = find_metric_files(_written(self.folder), self._toplevel, since, cwd)
        if self._readers is None:
            if not files:
                return {}
            from gitxp.capture.readers import Readers

            self._readers = Readers()
        return self._readers.read(files).points


def _written(folder: str) -> list[str]:
    """The files that the run's processes said they wrote, of those that may hold metrics."""
    if not os.path.isdir(Live(folder).said):
        return []
    from gitxp.recording.statements import paths_of, read_statements

    said = (statement for statement in read_statements(folder)[0] if statement.kind == "files")
    paths = dict.fromkeys(path for statement in said for path in paths_of(statement, "written"))
    return [path for path in paths if is_logger_file(path)]


def _keep_artifacts(folder: str, found: Found) -> list[dict[str, Any]]:
    """Write the files to the live folder; what is to be said of them."""
    statements = []
    for artifact in found.artifacts:
        target = os.path.join(folder, "artifacts", artifact.path)
        try:
            data = artifact.read()
        except OSError as error:
            found.problems.append(f"{artifact.path} could not be kept: {error.strerror}.")
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        write_whole(target, data)
        about: dict[str, Any] = {"path": artifact.path, "source": target, "type": artifact.type, "key": artifact.key}
        if artifact.step is not None:
            about["step"] = artifact.step
        statements.append({"kind": "artifact", **about})
    return statements


def _say_params(found: Found) -> list[dict[str, Any]]:
    return [
        {"kind": "params", "source": source, "params": {name: value}, "given": []}
        for source, params in found.params.items()
        for name, value in params.items()
        if len(str(value)) < _MAX_LINE
    ]


def _say(folder: str, statements: list[dict[str, Any]]) -> None:
    """Add statements to the live folder, in a file of their own, as the command's own processes do."""
    import json
    import time

    now = time.time()
    place = Live(folder).said
    os.makedirs(place, exist_ok=True)
    path = os.path.join(place, f"{os.getpid()}-{os.urandom(4).hex()}.jsonl")
    with open(path, "x", encoding="ascii") as file:
        file.writelines(json.dumps({"at": now, **statement}) + "\n" for statement in statements)
