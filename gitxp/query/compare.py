"""What differs between two runs: code, parameters, metrics, data, environment, outputs; and only that.

The code is git's own diff of the two commits, without `.gitxp`. What is stored as JSON is compared by value: 1 and 1.0
are the same number, true is none, and nan equals nan.
"""

from __future__ import annotations

import math
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gitxp.errors import FormatError
from gitxp.format import ENVIRONMENT_PATH, FOLDER, SYSTEM_PREFIX
from gitxp.git.extent import Extent
from gitxp.model import Comparison, FileChange, Unread
from gitxp.query.compare_data import compare_data, compare_outputs
from gitxp.store.runs import decode_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gitxp.git.objects import Objects
    from gitxp.git.program import Git
    from gitxp.model import Run

Pairs = dict[str, tuple[Any, Any]]
_ALL, _NOT_OURS = ":(top)", f":(top,exclude){FOLDER}"
ALL_CODE = (_ALL, _NOT_OURS)  # pathspecs of the whole snapshot


def compare(
    objects: Objects, git: Git, a: Run, b: Run, paths: Sequence[str] = (), *, bare: Callable[[Run], str]
) -> Comparison:
    """What differs between two runs. `paths` are git's pathspecs and limit the code; `bare` gives a command without parameters.

    What one of them has that cannot be read is `unread`, and compared of neither. `GitFailed` where git refuses the paths.
    """
    unread = [Unread(run.name, "record", run.problem) for run in (a, b) if run.problem]
    both = Comparison(a, b, code=tuple(compare_code(objects, git, a, b, paths)))
    if not unread:
        data = compare_data(objects, a, b, unread)
        commands = bare(a), bare(b)
        both = replace(
            both,
            params=differences(a.params, b.params),
            metrics=differences(_results(a.metrics), _results(b.metrics)),
            data=data.pairs,
            outputs=compare_outputs(a, b),
            data_files=data.files,
            data_moved=data.moved,
            command=None if commands[0] == commands[1] else commands,
        )
    environments = [_read_environment(objects, run, unread) for run in (a, b)]
    known = [environment for environment in environments if environment is not None]
    imported = [_imported(environment) for environment in known]
    environment = differences(*(dict(flatten(one)) for one in known)) if len(known) == 2 else {}
    if len(set(imported)) == 1 and all(isinstance(pair, list) for pair in environment.get("imported", ())):
        environment.pop("imported", None)
    return replace(both, environment=environment, imported=frozenset[str]().union(*imported), unread=tuple(unread))


def _read_environment(objects: Objects, run: Run, unread: list[Unread]) -> dict[str, Any] | None:
    """The environment of a run, empty where none was recorded; None where it cannot be read."""
    try:
        data = objects.read_file(run.commit, ENVIRONMENT_PATH)
        return {} if data is None else decode_environment(data)
    except FormatError as error:
        unread.append(Unread(run.name, "environment", error.sentence))
        return None


def _results(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics without those of the machine, which are never twice the same."""
    return {name: value for name, value in metrics.items() if not name.startswith(SYSTEM_PREFIX)}


def diff_args(a: Run, b: Run, paths: Sequence[str] = ()) -> list[str]:
    """The end of the arguments of any `git diff…` between two runs: the commits, `--`, what to look at."""
    return [a.commit, b.commit, "--", *(paths or [_ALL]), _NOT_OURS]


def has_files(objects: Objects, git: Git, run: Run, paths: Sequence[str]) -> bool:
    """Whether a run has a file that these pathspecs match. Raises `GitFailed`."""
    Extent(objects, ours=False).check(None, run.commit)
    nothing = git.run("hash-object", "-t", "tree", "--stdin").decode("ascii").strip()  # the empty tree
    return bool(git.run("diff-tree", "-r", "--name-only", nothing, run.commit, "--", *paths, _NOT_OURS))


def compare_code(objects: Objects, git: Git, a: Run, b: Run, paths: Sequence[str] = ()) -> Iterator[FileChange]:
    """The files that differ, as `git diff --raw --numstat` of the two commits gives them, in its order."""
    Extent(objects, ours=False).check(a.commit, b.commit)
    output = git.run(
        *("diff-tree", "-r", "-z", "-M", "--raw", "--numstat", "--no-ext-diff", "--no-textconv"),
        *diff_args(a, b, paths),
    )
    # `:mode mode oid oid M NUL path NUL` for each file, R and C with two paths; then as many
    # `added TAB deleted TAB path NUL`, where two paths follow an empty one
    items = iter(output.split(b"\0")[:-1])
    statuses: dict[bytes, tuple[str, bytes | None]] = {}
    for item in items:
        if item.startswith(b":"):
            letter = item.rsplit(b" ", 1)[1][:1].decode("ascii")
            path = next(items)
            old = None
            if letter in "RC":
                old, path = path, next(items)
            statuses[path] = (letter, old)
            continue
        added, deleted, path = item.split(b"\t", 2)
        if not path:
            _, path = next(items), next(items)
        letter, old = statuses[path]
        yield FileChange(
            os.fsdecode(path), letter, _lines(added), _lines(deleted), None if old is None else os.fsdecode(old)
        )


def _lines(number: bytes) -> int | None:
    return None if number == b"-" else int(number)


def flatten(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested objects as dotted names and values: `{"python": {"version": "3.11"}}` is `python.version`, `3.11`."""
    for key, item in value.items():
        if isinstance(item, dict):
            yield from flatten(item, f"{prefix}{key}.")
        else:
            yield prefix + key, item


def _imported(environment: Mapping[str, Any]) -> frozenset[str]:
    names = environment.get("imported")
    return frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> Pairs:
    """The pairs of what differs, by name, None where one has none."""
    return {
        key: (a.get(key), b.get(key))
        for key in sorted(a.keys() | b.keys())
        if (key in a) != (key in b) or not is_equal(a[key], b[key])
    }


def is_equal(a: Any, b: Any) -> bool:
    """Whether two values of JSON are the same: 1 and 1.0 are, 1 and true are not, nan is nan."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(is_equal, a, b))
    return bool(a == b)
