"""Several runs side by side: parameters, metrics, data, packages, environment, and code by file against the first run.

It has to stay quick for hundreds of runs: environments come out of one reader, each distinct one decoded once, and all
snapshots are compared with the first by one `git diff-tree --stdin`. A run that cannot be read is a column with gaps, and a
sentence that says why; it hides no other.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import compress
from typing import TYPE_CHECKING, Any

from gitxp.compared import Compared, Row
from gitxp.direction import Direction, direction_by_name, is_counter
from gitxp.errors import FormatError
from gitxp.format import ENVIRONMENT_PATH, RUNNING, SYSTEM_PREFIX
from gitxp.model import Unread
from gitxp.query.code_of_many import compare_code_of_many
from gitxp.query.compare import flatten, is_equal
from gitxp.query.compare_data import by_path, is_same
from gitxp.query.curves import Curves
from gitxp.sources import CONSTANT, by_number, source_rank
from gitxp.store.runs import decode_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from gitxp.format import Oid
    from gitxp.git.objects import Objects
    from gitxp.git.program import Git
    from gitxp.model import Run
    from gitxp.series import Series

_ABOUT = ("status", "command", "started_at", "duration", "branch", "host", "user", "group", "title")
_APART, _PART = 1.0, 0.1  # seconds, and of the longest, by which durations have to differ
_PIP, _CONDA = "packages.", "conda.packages."
_ENVIRONMENT, _ENVIRONMENTS = 1 << 20, 16 << 20  # bytes of one, of all that are not the same: values take 20 times that


def compare_many(
    objects: Objects,
    git: Git,
    runs: Sequence[Run],
    *,
    said: Mapping[str, Direction] | None = None,
    points: int = 0,
    live: Mapping[Oid, Mapping[str, Series]] | None = None,
    bare: Callable[[Run], str],
) -> Compared:
    """The runs side by side.

    `said` tells of metrics by name which way is better, where their names do not decide. Curves have so many `points` at
    most (0: none are read), those of runs that are still running from `live`, by commit; `bare` gives a command without parameters. Raises
    `GitFailed`.
    """
    unread = [Unread(run.name, "record", run.problem) for run in runs if run.problem]
    remarks: list[str] = []
    environments = list(_read_environments(objects, runs, unread))
    imported = frozenset[str]().union(*(_imported(environment or {}) for environment in environments))
    metrics = _names(run.record.get("metrics") for run in runs)
    directions = {name: (said or {}).get(name) or direction_by_name(name) for name in metrics}
    curves = Curves(objects, points, live or {})
    environment_rows = list(_environment(environments, imported))
    if any(row.differs for row in environment_rows):
        remarks += [
            f"No environment is recorded of {run.name}{' yet: it is running' * (run.status == RUNNING)}."
            for run, environment in zip(runs, environments, strict=True)
            if environment is None
        ]
    rows = [
        *_about(runs, bare),
        *_params(runs),
        *(_metric(name, directions[name], runs, curves) for name in _by_use(directions)),
        *_data(runs),
        *environment_rows,
        *compare_code_of_many(objects, git, runs, remarks, unread),
    ]
    return Compared(tuple(runs), tuple(rows), tuple(remarks), imported, directions, (*unread, *curves.unread))


def _rows(
    part: str,
    names: Iterable[str],
    having: Sequence[Mapping[str, Any]],
    equal: Callable[[Any, Any], bool],
    known: Sequence[bool] | None = None,
) -> Iterator[Row]:
    """A row for each name that any of them has; what is not `known` of a run differs from nothing."""
    for name in names:
        values = tuple(one.get(name) for one in having)
        first, *others = values if known is None else compress(values, known)
        differs = any((value is None) != (first is None) or not equal(first, value) for value in others)
        if differs or first is not None:
            yield Row(part, name, values, differs)


def _about(runs: Sequence[Run], bare: Callable[[Run], str]) -> Iterator[Row]:
    """What the runs were. When they began is never twice the same, and how long they took is when it hardly differs."""
    for row in _rows("about", _ABOUT, [_said_of(run, bare) for run in runs], is_equal):
        if row.name == "started_at":
            yield replace(row, differs=False)
        elif row.name == "duration":
            known = [value for value in row.values if value is not None]
            apart = max(known) - min(known)
            yield replace(row, differs=apart >= max(_APART, _PART * max(known)))
        else:
            yield row


def _said_of(run: Run, bare: Callable[[Run], str]) -> dict[str, Any]:
    """The record, and of its command the words that are no parameters."""
    command = {} if run.problem else {"command": bare(run)}
    return {key: value for key, value in run.record.items() if key != "command"} | {"status": run.status} | command


def _names(mappings: Iterable[Mapping[str, Any] | None]) -> list[str]:
    return sorted({name for mapping in mappings for name in mapping or ()})


def _params(runs: Sequence[Run]) -> Iterator[Row]:
    """Parameters, those that were given for a run before what files say, before defaults, before constants."""
    ranks: dict[str, int] = {}
    for run in runs:
        sources = run.record.get("param_sources") or {}
        for name in run.params:
            ranks[name] = min(ranks.get(name, CONSTANT), source_rank(sources.get(name)))
    yield from _rows(
        "params", sorted(ranks, key=lambda name: (ranks[name], by_number(name))), [r.params for r in runs], is_equal
    )


def _by_use(names: Iterable[str]) -> list[str]:
    """Metrics by name; those that only count come behind, and those of the machine last."""
    return sorted(names, key=lambda name: (name.startswith(SYSTEM_PREFIX), is_counter(name), by_number(name)))


def _metric(name: str, direction: Direction, runs: Sequence[Run], curves: Curves) -> Row:
    (row,) = _rows("metrics", [name], [_last(run, name) for run in runs], is_equal)
    if name.startswith(SYSTEM_PREFIX) and not direction.is_said:
        return row
    best = frozenset() if direction.better is None else find_best(row.values, is_less=direction.is_less)
    return replace(
        row,
        best=best,
        better=direction.better,
        curves=curves.of(name, runs),
    )


def _last(run: Run, name: str) -> dict[str, float]:
    value = run.metric(name)
    return {} if value is None else {name: value}


def find_best(values: Sequence[Any], *, is_less: bool) -> frozenset[int]:
    """The positions of the best numbers; none where fewer than two are there, or all are the same."""
    numbers = {i: value for i, value in enumerate(values) if value is not None and not math.isnan(value)}
    if len(set(numbers.values())) < 2:
        return frozenset()
    best = (min if is_less else max)(numbers.values())
    return frozenset(i for i, value in numbers.items() if value == best)


def _data(runs: Sequence[Run]) -> Iterator[Row]:
    having = [by_path(run, "data") for run in runs]
    yield from _rows("data", _names(having), having, is_same)


def _read_environments(objects: Objects, runs: Sequence[Run], unread: list[Unread]) -> Iterator[dict[str, Any] | None]:
    """The environments by dotted names, empty where one cannot be read, None where there is none; runs share most of them."""
    known: dict[bytes, dict[str, Any]] = {}
    room = _ENVIRONMENTS
    files = objects.read_files([run.commit for run in runs], ENVIRONMENT_PATH, _ENVIRONMENT)
    for run, (_, data) in zip(runs, files, strict=True):
        try:
            if isinstance(data, FormatError):
                raise data
            if data is not None and data not in known:
                room -= len(data)
                known[data] = _decode(data, has_room=room >= 0)
        except FormatError as error:
            unread.append(Unread(run.name, "environment", error.sentence))
            yield {}
        else:
            yield known[data] if data is not None else None


def _decode(data: bytes, *, has_room: bool) -> dict[str, Any]:
    if not has_room:
        msg = f"those of the runs before it have {_ENVIRONMENTS >> 20} MiB already"
        raise FormatError(msg)
    return dict(flatten(decode_environment(data)))


def _imported(environment: Mapping[str, Any]) -> frozenset[str]:
    names = environment.get("imported")
    return frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()


def _environment(environments: Sequence[Mapping[str, Any] | None], imported: frozenset[str]) -> Iterator[Row]:
    """Packages, those that were imported first, of the others those that all runs have, and then all the rest.

    A run of which no environment is known has no values, and differs in nothing.
    """
    packages = [_packages(environment or {}) for environment in environments]
    known = [bool(environment) for environment in environments]
    having = list(compress(packages, known))
    everywhere = set(having[0]).intersection(*having[1:]) if having else set()
    names = sorted(_names(packages), key=lambda name: (name not in imported, name not in everywhere, name))
    yield from _rows("packages", names, packages, is_equal, known)
    rest = [
        {name: value for name, value in (environment or {}).items() if not name.startswith((_PIP, _CONDA))}
        for environment in environments
    ]
    yield from _rows("environment", _names(rest), rest, is_equal, known)


def _packages(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Versions by name; what pip knows counts before what conda does."""
    found: dict[str, Any] = {}
    for start in (_CONDA, _PIP):
        found |= {name[len(start) :]: value for name, value in environment.items() if name.startswith(start)}
    return found
