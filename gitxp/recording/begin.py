"""Where a run begins: git is asked what stands in the working tree before Python imports what it will need next.

The order of what follows is in launch.py, which is imported while git works.
"""

from __future__ import annotations

import time

from gitxp.git.program import Git
from gitxp.git.worktree import Surveyor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NamedTuple

    from gitxp.format import Record
    from gitxp.recording.ending import Ending
else:
    from gitxp.light import NamedTuple


class Request(NamedTuple):
    """What the user asked for: the command, and what to say and keep of its run. Paths are as typed.

    `probe` and `system_metrics` are None where the user did not say: then gitxp.yaml does. `parent_run` is the id of the
    run that this one repeats; `besides` are paths from the top of the working tree that are no part of the snapshot,
    though git ignores them not.
    """

    command: Sequence[str]
    name: str | None = None
    note: str | None = None
    tags: Sequence[str] = ()
    group: str | None = None
    params: Sequence[str] = ()
    data: Sequence[str] = ()
    outputs: Sequence[str] = ()
    metrics_from: Sequence[str] = ()
    snapshot: bool = True
    probe: bool | None = None
    system_metrics: bool | None = None
    parent_run: str | None = None
    besides: Sequence[str] = ()


class Started(NamedTuple):
    """A run that is about to start, for whoever tells the user: the record so far, and warnings in sentences."""

    record: Record
    warnings: Sequence[str]


class Outcome(NamedTuple):
    """A run that was recorded: its name, and how it ended."""

    name: str
    ending: Ending


def run(request: Request, directory: str, version: str, on_start: Callable[[Started], None]) -> Outcome:
    """Record one run of the command in this directory, an absolute path, and say how it ended.

    Raises `GitxpError` where the run cannot begin; then the command was not started, and nothing is left behind.
    """
    started_ns = time.time_ns()
    surveyor = Surveyor(Git(directory))
    try:
        from gitxp.recording.launch import launch

        return launch(request, version, on_start, surveyor, started_ns)
    finally:
        surveyor.close()
