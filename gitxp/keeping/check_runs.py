"""Runs that cannot be read, refs that are no runs, names that meet, and runs whose end nobody saw."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from gitxp.format import RUNNING, parse_time
from gitxp.keeping.finding import ERROR, NOTE, WARNING, Finding, some
from gitxp.names import is_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitxp.keeping.finding import Patient

_FEW = 20  # broken runs that are told one by one
_HOUR = 3600.0
_LONG = 30 * 86_400  # seconds after which a run that runs elsewhere is worth a word
_LARGEST_STATE = 16 * 1024 * 1024


def check_runs(patient: Patient) -> Iterator[Finding]:
    """What is wrong with refs and records."""
    broken = [run for run in patient.runs if run.problem]
    for run in broken[:_FEW]:
        yield Finding(
            "broken-run",
            WARNING,
            f"{run.name} cannot be read. {run.problem}",
            f"Fetch it again, or gitxp rm {run.name}",
        )
    if len(broken) > _FEW:
        more = some([run.name for run in broken[_FEW:]])
        yield Finding(
            "broken-run", WARNING, f"{len(broken) - _FEW:,} more runs cannot be read: {more}.", "gitxp list names them."
        )
    if patient.strange:
        yield Finding(
            *("strange-ref", WARNING, f"Refs that stand where runs do and can be none: {some(patient.strange)}."),
            "Keep one under another name, or delete it: git update-ref -d REF",
        )
    by_name: dict[str, list[str]] = {}
    by_id: dict[str, list[str]] = {}
    for run in patient.runs:
        by_name.setdefault(run.name.lower(), []).append(run.name)
        if run.id:
            by_id.setdefault(run.id, []).append(run.name)
    for names in (names for names in by_name.values() if len(names) > 1):
        yield Finding(
            *(
                "case-collision",
                WARNING,
                f"{' and '.join(names)} differ by case alone: many file systems can keep only one.",
            ),
            f"Rename one: git update-ref refs/experiments/NEW refs/experiments/{names[0]}, then gitxp rm {names[0]}",
        )
    twins = [some(names, " = ") for names in by_id.values() if len(names) > 1]
    if twins:
        yield Finding(
            "twin-runs", NOTE, f"The same run under several names: {some(twins)}.", "gitxp rm takes one away."
        )


def check_live(patient: Patient) -> Iterator[Finding]:
    """Live folders that nobody looks after, those of other machines, and runs that have none and do not end."""
    for name, problem in patient.unrecovered:
        yield Finding(
            *("unrecovered-run", ERROR, f"{name} lost its recorder and cannot be finished: {problem}"),
            f"What it logged is in {_live(patient, name)}: mend the cause, then gitxp list. Do not delete it.",
        )
    unrecovered = {name for name, _ in patient.unrecovered}
    elsewhere = []
    live = set()
    for name in _folders(patient):
        live.add(name)
        host = _read_state(patient, name).get("host")
        if name not in unrecovered and isinstance(host, str) and host != patient.host:
            elsewhere.append(f"{name} on {host}")
    unlocked = [name for name in sorted(live - unrecovered) if not os.path.lexists(_live(patient, name, "lock"))]
    unlocked = [name for name in unlocked if _since(_live(patient, name), patient.now) > _HOUR]
    if unlocked:
        yield Finding(
            *("stale-live", WARNING, f"Live folders without a lock, whose run nobody can finish: {some(unlocked)}."),
            f"Look into {_live(patient, unlocked[0])}; what is not wanted of it, delete: gc takes its run for a running one.",
        )
    if elsewhere:
        yield Finding("live-elsewhere", NOTE, f"Running on other machines that use this repository: {some(elsewhere)}.")
    unfinished = [run for run in patient.runs if run.status == RUNNING and run.name not in live]
    here = [run.name for run in unfinished if run.record.get("host") == patient.host]
    if here:
        yield Finding(
            *(
                "unfinished-run",
                WARNING,
                f"Recorded as running on this machine, and nothing of it is left here: {some(here)}.",
            ),
            "It runs in another clone, or its live folder was deleted; then gitxp rm it.",
        )
    old = [run.name for run in unfinished if run.record.get("host") != patient.host and _age(run, patient) > _LONG]
    if old:
        yield Finding(
            *("long-running", NOTE, f"Running elsewhere for more than 30 days, or never pushed again: {some(old)}."),
            "gitxp pull brings the end of those that have one.",
        )


def _folders(patient: Patient) -> list[str]:
    try:
        return sorted(name for name in os.listdir(_live(patient)) if is_name(name))
    except OSError:
        return []


def _live(patient: Patient, *names: str) -> str:
    return os.path.join(patient.common_dir, "gitxp", "live", *names)


def _read_state(patient: Patient, name: str) -> dict[str, Any]:
    try:
        with open(_live(patient, name, "state.json"), "rb") as file:
            state = json.loads(file.read(_LARGEST_STATE))
    except (OSError, ValueError, RecursionError):
        return {}
    return state if isinstance(state, dict) else {}


def _since(path: str, now: float) -> float:
    """How many seconds ago something was made or taken away in a folder; 0 where it is gone."""
    try:
        return now - os.stat(path).st_mtime
    except OSError:
        return 0.0


def _age(run: Any, patient: Patient) -> float:
    return patient.now - parse_time(run.started_at) if run.started_at else 0.0
