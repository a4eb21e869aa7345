"""What the processes of a run said, folded into its record: parameters, words of the user's, results, problems.

This is done when the last commit is made, by whoever makes it and from the live folder alone: so a run whose recorder
died keeps what was said until then. Files are another matter (files.py), as are the artifacts (staged.py).
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

from gitxp.capture.params.launchers import is_launcher
from gitxp.capture.params.said import ENV, PARSERS, Said, merge_params
from gitxp.capture.secrets.redaction import REDACTED, redact_params, redact_text, redact_value
from gitxp.format import metric_path
from gitxp.recording.journal import MAX_METRICS, MAX_NAME
from gitxp.recording.secret_words import given_secrets, hidden_names, hide_words
from gitxp.series import Series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from gitxp.format import Record
    from gitxp.recording.statements import Statement

MAX_TEXT = 2_000
MAX_NOTE = 64 * 1024
MAX_VALUES = 1_000
MAX_TAGS = 100
MAX_PROBLEMS = 20  # of the processes'
_TOO_DEEP = 100  # a process id that was given twice can make a circle
Scalar = str | int | float | bool


def fold(record: Record, series: dict[str, Series], statements: Sequence[Statement]) -> None:
    """Add to the record what was said, and to the series the numbers that a summary has.

    Raises nothing: what is amiss with one of these costs that one, and is a sentence of the record's `problems`.
    """
    parts: dict[str, Callable[[], Iterable[str]]] = {
        "parameters": lambda: _fold_params(record, statements),
        "secrets in the command": lambda: hide_words(record, given_secrets(statements)),
        "tags and notes": lambda: _fold_metadata(record, statements),
        "results": lambda: _fold_summary(record, series, statements),
        "problems": lambda: _problems(statements),
    }
    problems: list[str] = []
    for what, part in parts.items():
        try:
            problems += part()
        except Exception as error:  # noqa: BLE001  (whatever the processes said, the run must be recorded)
            problems.append(
                f"The {what} that the run's processes told could not be kept: {type(error).__name__}: {error}"
            )
    if problems:
        record["problems"] = [*record.get("problems", ()), *problems]


def told_problems(statements: Iterable[Statement]) -> frozenset[str]:
    """Those of the record's sentences about problems that the process which said them has told the user, too."""
    return frozenset(
        _problem(statement)
        for statement in statements
        if statement.kind == "problem" and statement.facts.get("told") and statement.facts.get("text")
    )


def depths(statements: Iterable[Statement]) -> dict[int, int]:
    """How many of the command's processes stand above each of them, by process id."""
    parents: dict[int, int] = {}
    for statement in statements:
        if statement.kind == "process" and "ppid" in statement.facts:
            parents.setdefault(statement.pid, statement.facts["ppid"])
    found = {}
    for pid, parent in parents.items():
        depth, above = 0, parent
        while above in parents and depth < _TOO_DEEP:
            depth, above = depth + 1, parents[above]
        found[pid] = depth
    return found


class _Processes:
    """Which of a run's processes are heard on parameters: the command's own, the user's programs, what launchers start.

    A worker of a library or a program that a program calls (`python -m json.tool`) has options of its own, too.
    """

    def __init__(self, statements: Iterable[Statement]) -> None:
        self._facts: dict[int, dict[str, Any]] = {}
        for statement in statements:
            if statement.kind == "process":  # what it says later, it says when it knows its main program
                self._facts[statement.pid] = {**self._facts.get(statement.pid, {}), **statement.facts}

    def is_heard(self, statement: Statement) -> bool:
        """Whether the parameters of this statement are the run's."""
        facts = self._facts.get(statement.pid, {})
        if statement.facts["source"] not in PARSERS | {ENV} or self._is_users(facts):
            return True
        above = self._facts.get(facts.get("ppid", 0))
        for _ in range(_TOO_DEEP):
            if above is None:
                return True
            names = {
                os.path.basename((above.get("argv") or [""])[0]),
                above.get("module", "").removesuffix(".__main__"),
            }
            if not any(map(is_launcher, names)):
                return False
            above = self._facts.get(above.get("ppid", 0))
        return False

    def _is_users(self, facts: dict[str, Any]) -> bool:
        main, root, prefix = (facts.get(key, "") for key in ("main", "root", "prefix"))
        if not root or not main.startswith(root.rstrip("/") + "/") or "/site-packages/" in main:
            return False
        return not main.startswith(prefix + "/") or root.startswith(prefix + "/")


def _fold_params(record: Record, statements: Sequence[Statement]) -> list[str]:
    depth_of = depths(statements)
    processes = _Processes(statements)
    said = [
        Said(
            statement.facts["source"],
            statement.facts["params"],
            frozenset([*statement.facts.get("given", ()), *map(_override, statement.facts.get("overrides", ()))]),
            depth_of.get(statement.pid, _TOO_DEEP),
            statement.facts.get("complete", False),
            statement.facts.get("job", False),
        )
        for statement in statements
        if statement.kind == "params"
        and {"source", "params"} <= statement.facts.keys()
        and processes.is_heard(statement)
    ]
    if not said:
        return []
    params, sources, problems = merge_params(record.get("params", {}), record.get("param_sources", {}), said)
    if params:
        params |= dict.fromkeys(hidden_names(statements) & params.keys(), REDACTED)
        record["params"], record["param_sources"] = redact_params(params), sources
    return problems


def _override(word: str) -> str:
    """The name in one of Hydra's overrides: `+db.user=me`, `++lr=0.1`."""
    return word.partition("=")[0].lstrip("+")


def _fold_metadata(record: Record, statements: Iterable[Statement]) -> tuple[()]:
    """Tags add up; of notes, group and title the last one counts; what the user told `gitxp run` stays."""
    told: dict[str, str] = {}
    tags: dict[str, None] = dict.fromkeys(record.get("tags", ()))
    for statement in statements:
        if statement.kind == "metadata":
            facts = statement.facts
            for tag in facts.get("tags", ()):
                if tag and len(tag) <= MAX_TEXT and len(tags) < MAX_TAGS:
                    tags.setdefault(redact_text(tag))
            told |= {key: redact_text(facts[key][:MAX_NOTE]) for key in ("notes", "group", "title") if facts.get(key)}
    if tags:
        record["tags"] = list(tags)
    if "notes" in told and told["notes"] != record.get("note"):
        record["note"] = "\n\n".join(filter(None, (record.get("note"), told["notes"])))
    if "group" in told:
        record.setdefault("group", told["group"][:MAX_TEXT])
    if "title" in told:
        record["title"] = told["title"][:MAX_TEXT]
    return ()


def _fold_summary(record: Record, series: dict[str, Series], statements: Iterable[Statement]) -> tuple[()]:
    """Numbers become the last points of metrics, all else is kept beside them."""
    values: dict[str, tuple[float, Scalar]] = {}
    for statement in statements:
        if statement.kind == "summary":
            for name, value in statement.facts.get("values", {}).items():
                if _is_result(name, value) and (name in values or len(values) < MAX_VALUES):
                    values[name] = (statement.at, value)
    words: dict[str, Scalar] = {}
    for name, (at, value) in values.items():
        if isinstance(value, str | bool):
            words[name] = redact_value(name, value)
        elif name in series or len(series) < MAX_METRICS:
            points = series.setdefault(name, Series())
            if not points or not _is_equal(points.values[-1], value):
                points.append(points.steps[-1] if points else 0, at, float(value))
    if words:
        record["summary"] = words
    return ()


def _is_result(name: str, value: object) -> bool:
    try:
        if not name or len(metric_path(name)) > MAX_NAME:
            return False
    except UnicodeEncodeError:  # half of a pair of surrogates: no text, and no file name
        return False
    return len(value) <= MAX_TEXT if isinstance(value, str) else isinstance(value, int | float)


def _is_equal(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


def _problems(statements: Iterable[Statement]) -> Iterator[str]:
    texts: dict[str, Any] = {}
    for statement in statements:
        if statement.kind == "problem" and statement.facts.get("text"):
            texts.setdefault(_problem(statement))
    for number, text in enumerate(texts):
        if number == MAX_PROBLEMS:
            yield f"The run's processes told of {len(texts) - MAX_PROBLEMS:,} more problems."
            return
        yield text


def _problem(statement: Statement) -> str:
    return redact_text(statement.facts["text"][:MAX_TEXT])
