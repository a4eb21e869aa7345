"""What a rerun would do, told before it is done: the command, where, on what data, in which environment, and whose it is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitxp.capture.secrets.redaction import REDACTED
from gitxp.errors import FormatError, UsageError
from gitxp.restoring.links import is_inside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.model import Run
    from gitxp.restoring.requirements import Recipe

_PYTHON = "python"


@dataclass(frozen=True, slots=True)
class Plan:
    """A rerun: the command, its folder from the top (`.` at the top), how the environment is rebuilt (None: it is not).

    `is_own` tells whether the run was made here by this user, who may also have said before that they trust it. `data`,
    `outputs` and `metrics_from` are what the run was asked to record, by paths from the top, or absolute, which of the runs
    of others are passed over: they could name anything that the user has. `params` are those that were given by option:
    NAME=VALUE. `own_folders` are folders of the snapshot, from the top, whose packages are imported in place of the installed.
    """

    run: Run
    command: tuple[str, ...]
    cwd: str
    is_own: bool
    recipe: Recipe | None = None
    data: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    metrics_from: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    own_folders: tuple[str, ...] = ()

    @property
    def program(self) -> str | None:
        """The path of the command's program from the top, where it is one inside of the working tree."""
        path = os.path.normpath(os.path.join(self.cwd, self.command[0]))
        return path if "/" in self.command[0] and is_inside(path) else None


def make_plan(run: Run, command: list[str], recipe: Recipe | None, own_folders: Sequence[str], *, is_own: bool) -> Plan:
    """The plan for a run. Raises `FormatError` where its record cannot be read, `UsageError` for a folder that is none."""
    cwd = os.path.normpath(run.record.get("cwd", "."))
    if run.problem:
        raise FormatError(f"{run.name} cannot be run again. {run.problem}")
    if cwd != "." and not is_inside(cwd):
        raise UsageError(
            f"{run.name} ran in {cwd!r}, which is outside of its repository.", hint="Restore it, and run it by hand."
        )
    if recipe is not None and "/" in command[0] and os.path.basename(command[0]).startswith(_PYTHON):
        command = [_PYTHON, *command[1:]]  # that of the environment, and not of the one that the run had
    asked = run.record.get("asked", {})
    found = [item["path"].rstrip("/") for item in run.record.get("outputs", ()) if "source" not in item]
    written = asked.get("outputs", found)
    named = [item["path"] for item in run.record.get("data", ()) if "source" not in item]
    return Plan(
        run=run,
        command=tuple(command),
        cwd=cwd,
        is_own=is_own,
        recipe=recipe,
        data=tuple(_allowed(asked.get("data", named), is_own=is_own)),
        outputs=tuple(_allowed(written, is_own=is_own)),
        metrics_from=tuple(_allowed(asked.get("metrics_from", ()), is_own=is_own)),
        params=tuple(_given(run)),
        own_folders=tuple(own_folders),
    )


def _allowed(paths: Sequence[str], *, is_own: bool) -> list[str]:
    return [path for path in paths if path == "." or is_inside(path) or (is_own and path.startswith("/"))]


def _given(run: Run) -> list[str]:
    sources = run.record.get("param_sources", {})
    texts = {name: _text(value) for name, value in run.params.items() if sources.get(name) == "option"}
    return [f"{name}={text}" for name, text in texts.items() if text is not None and REDACTED not in text]


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if isinstance(value, list) else str(value)
