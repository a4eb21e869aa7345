"""What the reading side speaks of: a run as it was found in a repository.

The record stays the dictionary that was decoded (docs/format.md), so that keys of a newer gitxp are kept; the
properties here give the usual ones with their types. Not imported on the way from `gitxp run` to the child's start.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.format import RUN_REFS, Oid, Record, RefName, decode_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gitxp.names import RunName


@dataclass(frozen=True, slots=True)
class Run:
    """One run, read at one commit.

    `ref` is its own, `refs/experiments/<name>`, or that of the archive that it is in. `problem` is None, or one sentence
    that says why the record could not be read; then `record` is empty but for what could be saved, and `status` is
    `unreadable`. What people said of the run later is in `tags`, `notes`, `starred`, `archived`, and in the record's
    `title` and `group`.
    """

    name: RunName
    ref: RefName
    commit: Oid
    record: Record
    problem: str | None = None
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    starred: bool = False
    archived: bool = False

    @property
    def id(self) -> str | None:
        """The global identity (UUIDv7), None where the record could not be read."""
        return self.record.get("id")

    @property
    def status(self) -> str:
        """One of `format.STATUSES`, or `unreadable`."""
        return "unreadable" if self.problem else str(self.record["status"])

    @property
    def is_folded(self) -> bool:
        """Whether it is in an archive: `ref` is that of the archive, and leads to other runs as well."""
        return self.ref != RUN_REFS + self.name

    @property
    def command(self) -> tuple[str, ...]:
        """The command and its arguments."""
        return tuple(self.record.get("command", ()))

    @property
    def params(self) -> Mapping[str, Any]:
        """Parameters by dotted name: scalars, or lists of them."""
        return self.record.get("params") or {}

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric. Made anew each time: `metric` is for one of thousands."""
        return {name: decode_number(summary["last"]) for name, summary in (self.record.get("metrics") or {}).items()}

    def metric(self, name: str) -> float | None:
        """The last value of one metric; None where the run has no such metric."""
        summary = (self.record.get("metrics") or {}).get(name)
        return None if summary is None else decode_number(summary["last"])

    @property
    def started_at(self) -> str | None:
        """When the command was started: RFC 3339, UTC."""
        return self.record.get("started_at")

    @property
    def duration(self) -> float | None:
        """Seconds from the command's start to its end; None while it runs and where nobody saw the end."""
        return self.record.get("duration")

    def to_json(self) -> dict[str, Any]:
        """The object that `gitxp list --json` prints: the record, plus where it was found and what people said of it.

        `notes` begins with the record's `note`, which is not there a second time.
        """
        about: dict[str, Any] = {
            "name": self.name,
            "ref": self.ref,
            "commit": self.commit,
            "tags": list(self.tags),
            "notes": list(self.notes),
        }
        about |= {key: True for key in ("starred", "archived") if getattr(self, key)}
        if self.is_folded:
            about["in_archive"] = True
        if self.problem:
            about |= {"status": self.status, "problem": self.problem}
        return {**{key: value for key, value in self.record.items() if key not in _SAID_HERE}, **about}


# Keys that the object for users has a meaning of its own for: a record cannot say them (docs/format.md).
_SAID_HERE = frozenset(
    "note notes ref in_archive commit problem environment series starred archived history passed_over".split(),
)


@dataclass(frozen=True, slots=True)
class Page:
    """The newest runs, and how many there are in all; `strange` are refs beside them that no run can have.

    `hidden` is how many more there are that were archived.
    """

    runs: tuple[Run, ...]
    total: int
    strange: tuple[RefName, ...] = ()
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class CellChange:
    """One cell of a notebook that differs: `change` is `added`, `removed`, `changed` or `moved` (and perhaps changed).

    `kind` is `code`, `markdown` or `raw`; `index` and `source` are those in B, the `old_` ones those in A, from 0 on, None
    where it has none.
    """

    change: str
    kind: str
    id: str | None = None
    old_index: int | None = None
    index: int | None = None
    old_source: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class NotebookChange:
    """What differs between two notebooks: cells, and for how many of those in both the outputs do.

    `metadata` tells whether that of the notebook or of a cell differs. The numbers of executions do not count.
    """

    cells: tuple[CellChange, ...] = ()
    outputs: int = 0
    metadata: bool = False


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """What differs between two configuration files: pairs of the values in A and in B by dotted key, None where one has none.

    There are none where only comments, the layout or the order of keys differ. null is the text `null`.
    """

    keys: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file that differs between two snapshots; `insertions` and `deletions` are lines, None for binary files.

    `status` is git's letter: A added, D deleted, M modified, R renamed (from `old_path`), T of another type. `notebook` is
    there for a notebook that can be compared cell by cell, `document` for a YAML, JSON or TOML file that can be key by key.
    """

    path: str
    status: str
    insertions: int | None = None
    deletions: int | None = None
    old_path: str | None = None
    notebook: NotebookChange | None = None
    document: DocumentChange | None = None


@dataclass(frozen=True, slots=True)
class FolderChange:
    """The files of a data folder that differ between two runs: their paths from the folder, sorted by their bytes.

    `moved` are pairs of the old and the new path of files with the same content; they are neither added nor removed.
    `singles` are the entries of single files that stand for the folder in a run that has no entry of the folder itself.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    singles: tuple[str, ...] = ()
    moved: tuple[tuple[str, str], ...] = ()


# Each environment has one of these: where a run has neither, it has no environment.
_ALWAYS = ("os.system", "python.version")


class Unread(NamedTuple):
    """A part of a run that cannot be read, `record`, `environment`, `data`, `series` or `code`, and why, in sentences."""

    run: RunName
    part: str
    reason: str

    @property
    def words(self) -> str:
        """The same in sentences."""
        return f"The {self.part} of {self.run} cannot be read. {self.reason}"

    def concerns(self, sections: Iterable[str]) -> bool:
        """Whether one of these sections of a comparison lacks something for that."""
        return not _LACKING[self.part].isdisjoint(sections)

    def to_json(self) -> dict[str, str]:
        """What `problems` in JSON are."""
        return self._asdict()


_LACKING = {
    "record": frozenset({"about", "params", "metrics", "data", "outputs"}),
    "environment": frozenset({"environment", "packages"}),
    "data": frozenset({"data"}),
    "series": frozenset({"metrics"}),
    "code": frozenset({"code"}),
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two runs, and only that: each value is a pair (in A, in B), None where one has none.

    `metrics` compares last values; `data` and `outputs` are keyed by path, their values are fingerprints without the
    path; `environment` is keyed by dotted names, packages being `packages.<name>`. `data_files` has the files of data
    folders, where both runs tell of them, and `data_moved` the new path of the same data by the old one. `imported`
    are the packages that the program imported in either run. `command` has the words of the commands that are no
    parameters, where they differ. What is `unread` of one run is compared of neither.
    """

    a: Run
    b: Run
    code: tuple[FileChange, ...] = ()
    params: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    metrics: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    data: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    environment: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    outputs: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    data_files: Mapping[str, FolderChange] = field(default_factory=dict)
    data_moved: Mapping[str, str] = field(default_factory=dict)
    imported: frozenset[str] = frozenset()
    command: tuple[str, str] | None = None
    unread: tuple[Unread, ...] = ()

    @property
    def runs(self) -> tuple[Run, Run]:
        """Both of them."""
        return self.a, self.b

    @property
    def without_environment(self) -> Run | None:
        """The run of which no environment is recorded, where one is of the other."""
        for side, run in enumerate(self.runs):
            if any(key in self.environment for key in _ALWAYS) and all(
                pair[side] is None for pair in self.environment.values()
            ):
                return run
        return None
