"""What changed between two runs, in the order of how much it touches.

The order is fixed, so that it can be told and does not depend on what came out: parameters (given for the run, then from
files and libraries, then defaults, then constants of the code); the other words of the command; code (what it runs, then what it reads as
configuration, then the rest; the most lines first); data; packages that the program imported; the interpreter, the machine
and the other packages. Nothing is weighed against the metrics: of two runs, no one can tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.compared import Change, Why
from gitxp.direction import Direction, direction_by_name
from gitxp.query.reached import find_reached
from gitxp.sources import CONFIGURED, CONSTANT, DEFAULT, GIVEN, by_number, source_rank

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitxp.git.objects import Objects
    from gitxp.git.program import Git
    from gitxp.model import Comparison, FileChange, Run

_PIP = "packages."
_CONFIG = "config:"
_PARAMS = {
    GIVEN: "given for the run",
    CONFIGURED: "from a file or a library",
    DEFAULT: "a default",
    CONSTANT: "a constant of the code",
}
_RUNS, _READS, _ELSE = "the command runs it", "read as configuration", ""


def why(objects: Objects, git: Git, comparison: Comparison, said: Mapping[str, Direction] | None = None) -> Why:
    """What changed between the two runs of a comparison; `said` as for `compare_many`. Raises `GitFailed`."""
    changes = [
        *_params(comparison),
        *_command(comparison),
        *(_code(objects, git, comparison) if comparison.code else ()),
        *(
            Change("data", path, "", *pair)
            for path, pair in sorted(comparison.data.items())
            if not _is_single(comparison, path)
        ),
        *_environment(comparison),
    ]
    directions = {name: (said or {}).get(name) or direction_by_name(name) for name in comparison.metrics}
    return Why(comparison, tuple(changes), directions)


def _params(comparison: Comparison) -> Iterator[Change]:
    runs = (comparison.a, comparison.b)

    def rank(name: str) -> int:
        return min(source_rank((r.record.get("param_sources") or {}).get(name)) for r in runs if name in r.params)

    ranks = {name: rank(name) for name in comparison.params}
    for name in sorted(ranks, key=lambda name: (ranks[name], by_number(name))):
        yield Change("params", name, _PARAMS[ranks[name]], *comparison.params[name])


def _command(comparison: Comparison) -> Iterator[Change]:
    if comparison.command:
        yield Change("command", "command", "words that are no parameters", *comparison.command)


def _code(objects: Objects, git: Git, comparison: Comparison) -> list[Change]:
    runs = (comparison.a, comparison.b)
    reached = set[str]().union(*(find_reached(objects, git, run) for run in runs))
    read = set[str]().union(*map(_configurations, runs))
    changes = []
    for change in comparison.code:
        paths = {change.path, change.old_path}
        kind = _RUNS if paths & reached else _READS if paths & read else _ELSE
        changes.append(Change("code", change.path, kind, lines=_lines(change)))
    places = [_RUNS, _READS, _ELSE]
    return sorted(changes, key=lambda change: (places.index(change.why), -sum(change.lines or (0, 0)), change.name))


def _configurations(run: Run) -> set[str]:
    """The files that parameters were read from."""
    sources = (run.record.get("param_sources") or {}).values()
    return {source[len(_CONFIG) :] for source in sources if source.startswith(_CONFIG)}


def _lines(change: FileChange) -> tuple[int, int] | None:
    if change.insertions is None or change.deletions is None:
        return None
    return change.insertions, change.deletions


def _is_single(comparison: Comparison, path: str) -> bool:
    """Whether an entry of data stands for a part of a folder that is told of by itself."""
    return any(path in folder.singles for folder in comparison.data_files.values())


def _environment(comparison: Comparison) -> Iterator[Change]:
    """Packages that were imported, then the interpreter and the machine, then packages that are only there."""
    pairs = comparison.environment if comparison.without_environment is None else {}
    packages = {name[len(_PIP) :]: pair for name, pair in pairs.items() if name.startswith(_PIP)}
    for name in sorted(packages):
        if name in comparison.imported:
            yield Change("packages", name, "the program imported it", *packages[name])
    rest = [name for name in pairs if not name.startswith(_PIP)]
    for name in sorted(rest, key=lambda name: (not name.startswith("python."), name)):
        yield Change("environment", name, "", *pairs[name])
    for name in sorted(packages, key=lambda name: (None in packages[name], name)):  # other versions, then come and gone
        if name not in comparison.imported:
            yield Change("packages", name, "only installed" if comparison.imported else "", *packages[name])
