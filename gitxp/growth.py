"""How runs grew out of one another, and how near they came to a goal: the facts that `tree` and `goal` tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.direction import better_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitxp.direction import Better, Direction
    from gitxp.model import Run
    from gitxp.names import RunName


class FileLines(NamedTuple):
    """A file that differs between two snapshots: lines that came and went, None for a binary file."""

    path: str
    insertions: int | None
    deletions: int | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a run has otherwise than the one that it grew out of: each value is a pair (there, here), None where one has none.

    `program` is the command without its parameters. `files` are the first of those that differ, `more_files` counts the
    others; `data` are paths.
    """

    params: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    program: tuple[str, str] | None = None
    files: tuple[FileLines, ...] = ()
    more_files: int = 0
    data: tuple[str, ...] = ()
    packages: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Only what differs."""
        found: dict[str, Any] = {
            "params": {name: list(pair) for name, pair in self.params.items()},
            "program": self.program and list(self.program),
            "files": [file._asdict() for file in self.files],
            "more_files": self.more_files,
            "data": list(self.data),
            "packages": {name: list(pair) for name, pair in self.packages.items()},
        }
        return {key: value for key, value in found.items() if value}


@dataclass(frozen=True, slots=True)
class Descendant:
    """A run, what it grew out of, and what came of that.

    `why` tells what says so: `recorded` (its `parent_run`), `snapshot`, `base` or `history`; None for the first of a line.
    `missing` is the id of a recorded parent that is not here. `value` is the metric's, and `gain` how much more it is than
    that of the nearest ancestor that has one; `is_improved` whether that is the way to go, None where
    it is no change, or nobody knows the way.
    """

    run: Run
    parent: RunName | None = None
    why: str | None = None
    missing: str | None = None
    changes: Changes = Changes()
    value: float | None = None
    gain: float | None = None
    is_improved: bool | None = None
    is_best: bool = False

    def to_json(self) -> dict[str, Any]:
        """The object that `gitxp tree --json` prints; keys that say nothing are left out, but `parent`."""
        found = {
            "why": self.why,
            "missing_parent": self.missing,
            "value": self.value,
            "gain": self.gain,
            "improved": self.is_improved,
            "best": self.is_best or None,
            "starred": self.run.starred or None,
            "tags": list(self.run.tags) or None,
            "started_at": self.run.started_at,
        }
        first = {"name": self.run.name, "parent": self.parent, "status": self.run.status}
        return first | {"changes": self.changes.to_json()} | {key: v for key, v in found.items() if v is not None}


class Lineage(NamedTuple):
    """Runs as they grew out of one another, oldest first; how many there are in all, and `hidden` more that were archived.

    `metric` is what gains are told of, None where no run has any, and `chosen` tells who chose it: `said`, `goal` or
    `most` (it is what most runs have).
    """

    runs: tuple[Descendant, ...]
    total: int
    metric: Direction | None
    chosen: str | None = None
    hidden: int = 0


class Step(NamedTuple):
    """An improvement: the run, when (unix seconds), the best value before and since, and the parameters that differ.

    They differ from those of the run that was the best before; `before` is None for the first.
    """

    name: RunName
    at: float
    before: float | None
    after: float
    params: Mapping[str, tuple[Any, Any]]


class Plan(NamedTuple):
    """A goal as gitxp.yaml has it, understood: seconds, runs, unix times; None where nothing is said.

    `operator` is `>=`, `>`, `<=` or `<`; `until` is the end of the last day.
    """

    reach: str
    metric: str
    operator: str
    target: float
    where: str | None = None
    budget: float | None = None
    runs: int | None = None
    since: float | None = None
    until: float | None = None

    @property
    def better(self) -> Better:
        """What is better of the metric: `less` or `more`."""
        return better_of(is_less=self.is_less)

    @property
    def is_less(self) -> bool:
        """Whether less is better."""
        return self.operator.startswith("<")

    def is_reached(self, value: float) -> bool:
        """Whether a value is what is wanted."""
        match self.operator:
            case ">=":
                return value >= self.target
            case ">":
                return value > self.target
            case "<=":
                return value <= self.target
            case _:
                return value < self.target


@dataclass(frozen=True, slots=True)
class Progress:
    """How near the runs that count came to a goal.

    `gap` is how much is missing, 0 where the goal is reached; `seconds` what the runs took, so far for those that run;
    `measured` how many have the metric; `days` the best so far at the end of each day (ISO) that had an improvement.
    """

    plan: Plan
    now: float
    best: Step | None
    gap: float | None
    reached: Step | None
    runs: int
    measured: int
    running: int
    seconds: float
    days: tuple[tuple[str, float], ...]
    steps: tuple[Step, ...]

    @property
    def days_left(self) -> float | None:
        """Days until the end of the last day, negative once it is over; None where there is none."""
        return None if self.plan.until is None else (self.plan.until - self.now) / 86_400

    def to_json(self) -> dict[str, Any]:
        """The object that `gitxp goal --json` prints; what nothing is known of is null."""
        plan = self.plan
        return {
            "goal": plan.reach,
            "metric": plan.metric,
            "operator": plan.operator,
            "target": plan.target,
            "better": plan.better,
            "where": plan.where,
            "reached": self.reached is not None,
            "reached_by": self.reached and _step(self.reached),
            "best": self.best and _step(self.best),
            "gap": self.gap,
            "runs": {"spent": self.runs, "measured": self.measured, "running": self.running, "budget": plan.runs},
            "seconds": {"spent": self.seconds, "budget": plan.budget},
            "days_left": self.days_left,
            "days": [{"day": day, "best": value} for day, value in self.days],
            "improvements": [_step(step) for step in self.steps],
        }


def _step(step: Step) -> dict[str, Any]:
    from gitxp.format import format_moment

    return {
        "name": step.name,
        "at": format_moment(step.at),
        "from": step.before,
        "to": step.after,
        "params": {name: list(pair) for name, pair in step.params.items()},
    }
