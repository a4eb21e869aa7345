"""The columns that a table of runs can have, and which of them it has.

Without a wish, it shows what tells the runs apart: parameters that differ among them, those that were given before
defaults and constants, and the metrics that most of them have. `--columns` names keys, `--all-columns` takes whatever any of the runs has.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gitxp.direction import is_counter
from gitxp.format import SYSTEM_PREFIX, contradicts, decode_number
from gitxp.names import LONGEST_MADE
from gitxp.render.safe import visible
from gitxp.render.style import ink_of_status
from gitxp.render.table import Cell
from gitxp.render.words import (
    age_text,
    command_text,
    duration_text,
    ending_text,
    exact_text,
    find_time,
    is_number,
    number_texts,
    told_apart,
    value_text,
)
from gitxp.sources import DEFAULT, source_rank

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from gitxp.listed import KeyColumn
    from gitxp.model import Run

_ASIDE = {
    "age",
    "started_at",
    "finished_at",
    "ref",
    "cwd",
    "data",
    "outputs",
    "parent_run",
}  # of every column: not these
_LEAST_TEXT = 8  # columns below which a shortened text says nothing any more
_LONGEST = 1000  # characters of a value that are looked at: a cell is never as wide
_SHORT_OID = 10
_LATE = 1_000_000  # a rank behind all others
_PREFIXES = ("params.", "metrics.")
_KEPT = 1  # the rank of what is asked for without being named as a column


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, the exact value of a run, and the cells of all runs together.

    `shown` is what a table has in place of the value, for all runs or none. `rank` tells how soon the column gives way where there is no room (0 stays); `shortest` is the least width of its
    cells, None where a cell that was cut would lie (numbers).
    """

    title: str
    value: Callable[[Run], Any]
    rank: int
    shortest: int | None = None
    right: bool = False
    cells: Callable[[Sequence[Any]], list[Cell]] | None = None
    shown: Callable[[Run], Any] | None = None
    kind: str = "field"  # of its key
    measured: bool = False  # a parameter or a metric: its heading comes from a stranger, and its end says most

    def render(self, runs: Sequence[Run]) -> list[Cell]:
        """The cells of these runs, top to bottom."""
        values = [(self.shown or self.value)(run) for run in runs]
        return self.cells(values) if self.cells else [Cell(value_text(value, _LONGEST)) for value in values]

    def aligned_right(self, runs: Iterable[Run]) -> bool:
        """Whether it is a column of numbers."""
        return self.right or (self.measured and all(is_number(v) for run in runs if (v := self.value(run)) is not None))


def default_columns(runs: Sequence[Run], now: float) -> list[Column]:
    """What tells these runs apart, at this unix time."""
    known = _builtin(now)
    names = ["name", "status", "age", "duration", "command"]
    chosen = [known[name] for name in names]
    if any(map(_mark, runs)):
        chosen.insert(1, Column("", _mark, 0, 1, cells=_marks))
    changed, telling = _changed(runs)
    metrics = [name for name in _common(runs) if not name.startswith(SYSTEM_PREFIX)]
    return chosen + _both(changed, metrics, known, telling)


def all_columns(runs: Sequence[Run], now: float, *, exact: bool = False) -> list[Column]:
    """Whatever any of these runs has; `exact` leaves out what depends on the time of asking."""
    known = _builtin(now)
    first = ["name", "status", "started_at" if exact else "age", "duration", "command"]
    last = [name for name in known if name not in {*first, *_ASIDE}]
    used = [name for name in last if any(known[name].value(run) not in (None, "", [], ()) for run in runs)]
    measured = _both(_by_presence(runs, lambda run: run.params), _common(runs), known)
    return [*(known[name] for name in first), *measured, *(known[name] for name in used)]


def key_columns(keys: Sequence[KeyColumn], now: float) -> list[Column]:
    """The columns that were asked for by keys, headed as they were typed."""
    known = _builtin(now)
    return [_key_column(key, known) for key in keys]


def with_keys(columns: Sequence[Column], keys: Sequence[KeyColumn], now: float) -> list[Column]:
    """These columns, with those of the keys, which stay where there is little room: what runs are sorted or chosen by."""
    known = _builtin(now)
    result = list(columns)
    for key in keys:
        column = _key_column(key, known)
        titles = {key.name, f"{key.kind}.{key.name}"} if key.stat == "last" else set()
        if key.name == "started_at":
            titles.add("age")
        at = next((i for i, one in enumerate(result) if one.title in titles and one.kind == key.kind), None)
        if at is None:
            result.append(replace(column, rank=_KEPT))
        else:
            result[at] = replace(result[at], rank=min(result[at].rank, _KEPT))
    return result


def _key_column(key: KeyColumn, known: Mapping[str, Column]) -> Column:
    if key.values is not None:
        values = key.values
        return Column(key.title, lambda run: values.get(run.name), 3, cells=_values, measured=True)
    if key.kind == "field":
        return replace(known[key.name], title=key.title)
    lookup = _lookup(key.kind, key.name, key.stat)
    return Column(key.title, lookup, 3, cells=_values, measured=True, kind=key.kind)


def _builtin(now: float) -> dict[str, Column]:
    """The columns of gitxp's own, by name, in the order of `--all-columns`."""

    def lasted(run: Run) -> float | None:
        if run.duration is not None or run.status != "running":
            return run.duration
        started = find_time(run.started_at)
        return None if started is None else max(0.0, now - started)

    def ages(values: Sequence[Any]) -> list[Cell]:
        times = [find_time(value) for value in values]
        return [Cell("" if at is None else age_text(now - at)) for at in times]

    def of(key: str) -> Callable[[Run], Any]:
        return lambda run: run.record.get(key)

    columns = [
        Column("name", lambda run: run.name, 0, LONGEST_MADE),
        Column("status", lambda run: run.status, 1, 11, cells=_statuses, shown=_status),
        Column("age", of("started_at"), 5, right=True, cells=ages),
        Column("started_at", of("started_at"), 20),
        Column("finished_at", of("finished_at"), 50),
        Column("duration", lasted, 9, right=True, cells=_durations),
        Column("command", _command_or_problem, 4, 16, cells=_commands),
        Column("exit_code", of("exit_code"), 50, right=True),
        Column("signal", of("signal"), 50, right=True),
        Column("branch", of("branch"), 50, _LEAST_TEXT),
        Column("base", of("base"), 50, cells=_short_oids),
        Column("dirty", of("dirty"), 50),
        Column("title", of("title"), 50, _LEAST_TEXT),
        Column("group", of("group"), 50, _LEAST_TEXT),
        Column("tags", lambda run: list(run.tags) or None, 50, _LEAST_TEXT, cells=_joined),
        Column("notes", lambda run: list(run.notes) or None, 50, _LEAST_TEXT, cells=_joined),
        Column("starred", lambda run: run.starred or None, 50),
        Column("archived", lambda run: run.archived or None, 50),
        Column("host", of("host"), 50, _LEAST_TEXT),
        Column("user", of("user"), 50, _LEAST_TEXT),
        Column("cwd", of("cwd"), 50, _LEAST_TEXT),
        Column("data", _paths("data"), 50, _LEAST_TEXT, cells=_joined),
        Column("outputs", _paths("outputs"), 50, _LEAST_TEXT, cells=_joined),
        Column("parent_run", of("parent_run"), 50),
        Column("ref", lambda run: run.ref, 50, _LEAST_TEXT),
        Column("commit", lambda run: run.commit, 50, cells=_short_oids),
        Column("id", lambda run: run.id, 50),
    ]
    return {column.title: column for column in columns}


def _measured(kind: str, names: Sequence[str], taken: Collection[str] = (), late: int | None = None) -> list[Column]:
    """Columns of parameters or metrics (`kind`); a name that is `taken` by another column, or looks like that of one, says what it is.

    Those from the number `late` on give way before all others.
    """
    first, step = (3, 6) if kind == "params" else (2, 5)
    late = len(names) if late is None else late
    return [
        Column(
            f"{kind}.{name}" if name in taken or name.startswith(_PREFIXES) else name,
            _lookup(kind, name),
            _LATE + i if i >= late else step + 2 * i if i else first,
            cells=_values,
            measured=True,
            kind=kind,
        )
        for i, name in enumerate(names)
    ]


def _lookup(kind: str, name: str, stat: str = "last") -> Callable[[Run], Any]:
    if kind == "params":
        return lambda run: run.params.get(name)
    return (lambda run: run.metric(name)) if stat == "last" else (lambda run: _stat(run, name, stat))


def _stat(run: Run, name: str, stat: str) -> float | None:
    value = (run.record.get("metrics") or {}).get(name, {}).get(stat)
    return decode_number(value) if isinstance(value, str) else value


def _both(
    params: Sequence[str], metrics: Sequence[str], builtin: Collection[str], late: int | None = None
) -> list[Column]:
    return _measured("params", params, {*builtin, *metrics}, late) + _measured("metrics", metrics, {*builtin, *params})


def _changed(runs: Sequence[Run]) -> tuple[list[str], int]:
    """Parameters whose values differ among the readable runs, and how many of them tell much: the others come last.

    That a run has none is a difference, too; but of a default or a constant it only says that another program ran.
    """
    readable = [run for run in runs if not run.problem]
    telling: list[tuple[int, int, str]] = []
    late: list[tuple[int, int, str]] = []
    for name in _by_presence(readable, lambda run: run.params):
        having = [run for run in readable if name in run.params]
        values = {_comparable(run.params[name]) for run in having}
        if len(values) > 1 or len(having) < len(readable):
            ranks = [source_rank(run.record.get("param_sources", {}).get(name)) for run in having]
            rank = min(ranks)
            # what was given to most runs is what is being tried
            place = (rank, -ranks.count(rank), name)
            (telling if len(values) > 1 or rank < DEFAULT else late).append(place)
    names = [name for group in (telling, late) for _, _, name in sorted(group, key=lambda item: item[:2])]
    return names, len(telling)


def _comparable(value: Any) -> Any:
    """Equal for values that are the same parameter: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, list):
        return tuple(map(_comparable, value))
    return (value, isinstance(value, bool)) if isinstance(value, (int, float, str)) else exact_text(value)


def _common(runs: Sequence[Run]) -> list[str]:
    """Metrics, those of most runs first, and mere counters last."""
    return sorted(_by_presence(runs, lambda run: run.metrics), key=is_counter)


def _by_presence(runs: Sequence[Run], of: Callable[[Run], Mapping[str, Any]]) -> list[str]:
    """The names in these mappings, those that most runs have first, then by name."""
    counts: dict[str, int] = {}
    for run in runs:
        for name in of(run):
            counts[name] = counts.get(name, 0) + 1
    return sorted(counts, key=lambda name: (-counts[name], name))


def _command_or_problem(run: Run) -> Any:
    """A run that cannot be read has no command to show, but a sentence that says why."""
    return run.problem or run.command


def _commands(values: Sequence[Any]) -> list[Cell]:
    return [
        Cell(value_text(v, _LONGEST), "bad") if isinstance(v, str) else Cell(command_text(v, _LONGEST)) for v in values
    ]


def _status(run: Run) -> str:
    """The status as it was recorded; where the run's end contradicts it, with that: `completed (exit 1)`."""
    return f"{run.status} ({ending_text(run.record)})" if contradicts(run.record) else run.status


def _statuses(values: Sequence[Any]) -> list[Cell]:
    return [Cell(visible(value), ink_of_status(value) or "odd") for value in values]


def _durations(values: Sequence[Any]) -> list[Cell]:
    return [Cell("" if value is None else duration_text(value)) for value in values]


def _marks(values: Sequence[Any]) -> list[Cell]:
    return [Cell(value, "odd") for value in values]


def _mark(run: Run) -> str:
    """`*` for a run with changes that were not committed, `?` for one without a snapshot, `★` for one with a star."""
    changes = "?" if run.record.get("snapshot") is False else "*" if run.record.get("dirty") else ""
    return f"{changes}★" if run.starred else changes


def _paths(key: str) -> Callable[[Run], Any]:
    return lambda run: [entry["path"] for entry in run.record.get(key) or ()] or None


def _short_oids(values: Sequence[Any]) -> list[Cell]:
    return [Cell(value_text(value)[:_SHORT_OID]) for value in values]


def _joined(values: Sequence[Any]) -> list[Cell]:
    return [Cell(value_text(", ".join(value or ()), _LONGEST)) for value in values]


def _values(values: Sequence[Any]) -> list[Cell]:
    """Cells of a parameter or a metric: numbers rounded together where all are, a text in quotes where it would look like another value."""
    if all(value is None or is_number(value) for value in values):
        return [Cell(text) for text in number_texts(values)]
    return list(map(Cell, told_apart(values, [value_text(value, _LONGEST) for value in values], _LONGEST)))
