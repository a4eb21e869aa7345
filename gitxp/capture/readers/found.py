"""What readers of metric files give: points by metric, files to keep, parameters, and sentences about what was wrong."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from gitxp.format import METRICS_FOLDER, metric_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitxp.series import Series

MAX_METRICS = 10_000
MAX_POINTS = 10_000_000
MAX_NAME = 500


class Artifact(NamedTuple):
    """A file of `size` bytes that was found inside of another one: `data`, or what begins at `start` of `source`.

    `path` is relative to the run's artifacts. `type` is `image`, `histogram`, `text` or `audio`; `key` is the tag that
    it was logged under, `step` its step, where it has one.
    """

    path: str
    type: str
    key: str
    step: int | None = None
    data: bytes | None = None
    source: str = ""
    start: int = 0
    size: int = 0

    def read(self) -> bytes:
        """The bytes. Raises `OSError`; fewer bytes where the file became shorter meanwhile."""
        if self.data is not None:
            return self.data
        with open(self.source, "rb") as file:
            file.seek(self.start)
            return file.read(self.size)


class Found(NamedTuple):
    """All that some files say.

    `params` are by source (`tensorboard`, `dvclive`) and name. `problems` are sentences, each of which names its file.
    """

    points: dict[str, Series]
    artifacts: list[Artifact]
    params: dict[str, dict[str, Any]]
    problems: list[str]


class Reader(Protocol):
    """The reader of one file, which goes on where it stopped: `update` takes in what is new.

    Names in `series` are as the file has them. `problems` are clauses: the file's name comes before them.
    """

    problems: list[str]

    @property
    def series(self) -> Mapping[str, Series]:
        """The points so far."""

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters that the file tells."""

    def update(self) -> None:
        """Read what was written since the last time. Raises `OSError`."""

    def artifacts(self, prefix: str) -> list[Artifact]:
        """The files inside of this file, as of now; `prefix` tells files apart, and is empty where there is only one."""


class Watch:
    """Whether a file that is read as a whole has changed since the last look."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None

    def look(self) -> float | None:
        """The unix time of the file's last change, in seconds; None where it is as it was. Raises `OSError`."""
        facts = os.stat(self.path)
        seen = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
        if seen == self._seen:
            return None
        self._seen = seen
        return facts.st_mtime


class WholeFile:
    """What readers have in common whose file is read as a whole whenever it was written, and has no files in it."""

    def __init__(self, path: str) -> None:
        self.problems: list[str] = []
        self.series: dict[str, Series] = {}
        self.params: Mapping[str, Any] = {}
        self._watch = Watch(path)

    def artifacts(self, prefix: str) -> list[Artifact]:
        """None."""
        del prefix
        return []


def artifact_path(prefix: str, tag: str, ending: str) -> str:
    """Where a file of this tag lies below a run's artifacts: legal on every file system, and inside of its folder."""
    name = f"{prefix}/{tag}" if prefix else tag
    return f"tensorboard/{metric_path(name)[len(METRICS_FOLDER) + 1 : -4]}{ending}"
