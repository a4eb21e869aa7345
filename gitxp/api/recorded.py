"""One run for Python: everything that is recorded of it, read when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from gitxp.format import decode_number

if TYPE_CHECKING:
    import os
    from array import array
    from collections.abc import Callable
    from datetime import datetime

    from gitxp.model import Run
    from gitxp.repo import Repo
    from gitxp.restoring.artifacts import Artifact
    from gitxp.series import Series


class RecordedMetric(float):
    """A metric of a run: it is the last value, and has the rest of its series.

    `min`, `max`, `count` and `step` (of the last value) come from the record, None where it does not tell. `values`
    (floats), `steps` (integers) and `times` (unix time, seconds) are arrays of one length, read from git at their first use; what was
    not logged as a series has empty ones.
    """

    def __new__(cls, name: str, summary: Mapping[str, Any], read: Callable[[str], Series]) -> Self:  # noqa: D102
        del name, read
        return super().__new__(cls, decode_number(summary["last"]))

    def __init__(self, name: str, summary: Mapping[str, Any], read: Callable[[str], Series]) -> None:
        self.name = name
        self.min = decode_number(summary["min"]) if "min" in summary else None
        self.max = decode_number(summary["max"]) if "max" in summary else None
        self.count: int | None = summary.get("count")
        self.step: int | None = summary.get("step")
        self._read = read
        self._series: Series | None = None

    @property
    def last(self) -> float:
        """The last value."""
        return float(self)

    @property
    def values(self) -> array[float]:
        """All values, in the order in which they were logged."""
        return self._points.values

    @property
    def steps(self) -> array[int]:
        """The steps of the values."""
        return self._points.steps

    @property
    def times(self) -> array[float]:
        """When the values were logged: unix time in seconds."""
        return self._points.times

    @property
    def _points(self) -> Series:
        if self._series is None:
            self._series = self._read(self.name)
        return self._series

    def __reduce__(self) -> tuple[type[float], tuple[float]]:
        return float, (float(self),)


class RecordedArtifact:
    """A file that a run produced; `path` and `size` (bytes, None where not known) as recorded, `stored` whether git has it."""

    def __init__(self, repo: Repo, run: Run, artifact: Artifact) -> None:
        self._repo = repo
        self._run = run
        self._artifact = artifact

    @property
    def path(self) -> str:
        """Where the run wrote it, from the root of the repository."""
        return self._artifact.path

    @property
    def size(self) -> int | None:
        """Bytes."""
        return self._artifact.size

    @property
    def stored(self) -> bool:
        """Whether its bytes are with the run, and not only its fingerprint."""
        return self._artifact.stored

    def chunks(self) -> Iterator[bytes]:
        """The bytes, in pieces. Raises `GitxpError` where they are not here."""
        return self._repo.read_artifact(self._run, self.path)

    def read_bytes(self) -> bytes:
        """The bytes. Nothing of them is loaded as anything: what a run pickled may do anything when it is unpickled."""
        return b"".join(self.chunks())

    def read_text(self, encoding: str = "utf-8") -> str:
        """The bytes as text."""
        return self.read_bytes().decode(encoding)

    def save(self, to: str | os.PathLike[str] | None = None, *, force: bool = False) -> str:
        """Write it to a file or into a folder (without `to`: this one): the path. What is there is replaced only with `force`."""
        path, _ = self._repo.get_artifact(self._run, self.path, to, force=force)
        return path

    def __repr__(self) -> str:
        return f"<artifact {self.path!r} of {self._run.name}>"


class Artifacts(Mapping[str, RecordedArtifact]):
    """The files that a run produced, by path; the end of a path is enough where only one has it: `artifacts["model.pkl"]`."""

    def __init__(self, repo: Repo, run: Run) -> None:
        self._repo = repo
        self._run = run
        self._found = {artifact.path: artifact for artifact in repo.artifacts(run)}

    def __getitem__(self, path: str) -> RecordedArtifact:
        ends = [one for one in self._found if one == path or one.endswith(f"/{path}")]
        exact = path if path in self._found else ends[0] if len(ends) == 1 else None
        if exact is None:
            raise KeyError(path)
        return RecordedArtifact(self._repo, self._run, self._found[exact])

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"<artifacts of {self._run.name}: {', '.join(self._found) or 'none'}>"


class RecordedRun:
    """A run, as its record tells; `record` is the whole of it (docs/format.md).

    Values that were not recorded are None. `params` are scalars and lists by dotted name; `metrics` are numbers that know
    their series; `artifacts` are the files that it produced.
    """

    def __init__(self, repo: Repo, run: Run) -> None:
        self._repo = repo
        self._run = run

    @property
    def run(self) -> Run:
        """The run as the methods of `Repo` take it."""
        return self._run

    @property
    def name(self) -> str:
        """The name."""
        return self._run.name

    @property
    def id(self) -> str | None:
        """The global identity (UUIDv7)."""
        return self._run.id

    @property
    def status(self) -> str:
        """running, completed, failed, interrupted, killed, lost, or unreadable."""
        return self._run.status

    @property
    def commit(self) -> str:
        """The commit that the run's ref leads to."""
        return self._run.commit

    @property
    def command(self) -> tuple[str, ...]:
        """The command and its arguments."""
        return self._run.command

    @property
    def record(self) -> Mapping[str, Any]:
        """The record."""
        return self._run.record

    @property
    def params(self) -> Mapping[str, Any]:
        """Parameters by dotted name."""
        return self._run.params

    @property
    def metrics(self) -> dict[str, RecordedMetric]:
        """Metrics by name: each is its last value, and has `values`, `steps`, `times`, `min`, `max`."""
        summaries = self._run.record.get("metrics") or {}
        return {name: RecordedMetric(name, summary, self._read_series) for name, summary in summaries.items()}

    @property
    def tags(self) -> tuple[str, ...]:
        """Tags, those of later annotations included."""
        return self._run.tags

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes, the oldest first."""
        return self._run.notes

    @property
    def started_at(self) -> datetime | None:
        """When the command started, in UTC."""
        return _moment(self._run.started_at)

    @property
    def finished_at(self) -> datetime | None:
        """When it ended, in UTC."""
        return _moment(self._run.record.get("finished_at"))

    @property
    def duration(self) -> float | None:
        """Seconds from start to end."""
        return self._run.duration

    @property
    def artifacts(self) -> Artifacts:
        """The files that it produced, by path."""
        return Artifacts(self._repo, self._run)

    @property
    def environment(self) -> Mapping[str, Any]:
        """environment.json: interpreter, packages, machine."""
        found: Mapping[str, Any] = self._repo.show(self._run).get("environment", {})
        return found

    def output(self) -> bytes:
        """What the command printed."""
        return b"".join(self._repo.logs(self._run))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordedRun) and self._run.commit == other.commit and self.name == other.name

    def __hash__(self) -> int:
        return hash((self.name, self.commit))

    def __repr__(self) -> str:
        return f"<run {self.name}: {self.status}>"

    def _read_series(self, metric: str) -> Series:
        from gitxp.errors import UsageError
        from gitxp.series import Series

        try:
            return Series(self._repo.series(self._run, metric))
        except UsageError:
            return Series()  # it was told by --metrics-from or a summary: one value, and no series


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    from gitxp.frames.frame import parse_datetime

    return parse_datetime(text)
