"""A run that begins inside of a Python process and ends with it: `gitxp.init()` without `gitxp run`.

This process is front, recorder and command in one: it makes the snapshot and the first commit, holds the live folder's
lock, and makes the last commit when it is told how the program ends. Nobody watches it: when it is killed, the lock is
free, and the next gitxp command recovers the run, as `lost`. What it prints is not recorded; that takes `gitxp run`.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time

from gitxp.errors import NameTaken
from gitxp.format import RUN_REFS, format_time
from gitxp.git.program import Git
from gitxp.git.worktree import Surveyor
from gitxp.names import check_name
from gitxp.recording.begin import Request
from gitxp.recording.conclusion import conclude
from gitxp.recording.kernel import find_notebook, find_shell
from gitxp.recording.launch import Opening
from gitxp.store.archived_names import ARCHIVES, find_archived
from gitxp.store.own import note_own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from gitxp.format import Oid
    from gitxp.recording.ending import Ending

_TICK = 5.0  # seconds between two syncs of what was logged: what a power cut may cost
_TRIES = 20
_VARIABLES = ("GITXP_RUN", "GITXP_RUN_ID", "GITXP_RUN_DIR", "GITXP_ROOT")


class Session:
    """A run of this process: begun, and ended by `end`. `warnings` are sentences for the user."""

    def __init__(self, opening: Opening, tip: Oid) -> None:
        self._opening = opening
        self._tip = tip
        self._live = opening.live
        self._facts = opening.facts
        note_own(self._live.common_dir, tip)
        self._started = time.monotonic()
        self._stop = threading.Event()
        record = opening.record
        self.name: str = record["name"]
        self.id: str = record["id"]
        self.folder = self._live.path
        self.warnings = [*_omissions(record), *opening.warnings]
        self._before = {name: os.environ.get(name) for name in _VARIABLES}
        values = (self.name, self.id, self.folder, opening.location.toplevel or "")
        os.environ.update(zip(_VARIABLES, values, strict=True))
        self._facts.feed = None  # what this process prints passes nobody who could look for metrics in it
        self._facts.start(self._live)
        self._timer = threading.Thread(target=self._keep, daemon=True, name="gitxp-session")
        self._timer.start()

    def end(self, exit_code: int | None, signal: int | None) -> Ending:
        """Commit the run, which ended with an exit status or by a signal; how that went. Raises nothing of gitxp's."""
        _fill_streams()
        self._stop.set()
        self._timer.join()
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        how = {"signal": signal} if signal is not None else {"exit_code": exit_code or 0}
        ended: dict[str, Any] = {
            **how,
            "duration": round(time.monotonic() - self._started, 3),
            "finished_at": format_time(time.time_ns()),
        }
        ending = conclude(self._opening.recording_git(), self._live, self._tip, self._facts, ended, lambda: False)
        if ending.status is None:
            self._live.release()
        return ending

    def forget(self) -> None:
        """In a forked child: the run is its parent's; a copy of the lock would keep it alive beyond its end."""
        self._live.release()

    def _keep(self) -> None:
        measure_at = self._started + (self._facts.wanted.system_interval or math.inf)
        while not self._stop.wait(max(0.0, min(_TICK, measure_at - time.monotonic()))):
            if time.monotonic() >= measure_at:
                measure_at = math.inf
                self._facts.measure(self._live, os.getpid(), self._started)
            self._facts.sync()
            try:
                self._live.touch()
            except OSError:
                return  # somebody took the live folder away; there is nothing to look after


def begin(
    name: str | None,
    version: str,
    note: str | None,
    tags: Sequence[str],
    group: str | None,
    params: Sequence[str] = (),
) -> Session:
    """Begin a run of this process, in the repository of its current folder; `params` are NAME=VALUE, as of `--param`.

    Where another run has the name, a number is added to it. Raises `GitxpError` where the run cannot begin; then nothing
    is left behind.
    """
    directory = os.getcwd()
    _fill_streams()
    request = Request(how_started(), name, note, tags, group, params)
    for _ in range(_TRIES):
        started_ns = time.time_ns()
        surveyor = Surveyor(Git(directory))
        try:
            if name is not None:
                request = request._replace(name=_free(surveyor, name))
            opening = Opening(request, version, surveyor, started_ns)
            try:
                tip = opening.create()
            except BaseException:
                opening.undo()
                raise
            return Session(opening, tip)
        except NameTaken as error:  # between the look and the claim
            failure = error
        finally:
            surveyor.close()
    raise failure


def how_started() -> list[str]:
    """The command that started this process, as a shell would be given it; of a notebook's kernel, the notebook."""
    shell = find_shell()
    if shell is None:
        return list(sys.orig_argv)
    path = find_notebook(shell)
    if path is None:
        return ["ipython"]
    inside = os.path.relpath(path)
    return ["ipython", path if inside.startswith("..") else inside]


def _fill_streams() -> None:
    """Open the standard streams that were closed: a pipe of ours to git must not take their place."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free descriptor is this one


def _free(surveyor: Surveyor, name: str) -> str:
    """The name, or the first of `name-2`, `name-3`, … that no run has."""
    check_name(name)
    surveyor.location()
    patterns = (f"{RUN_REFS}{name}*", ARCHIVES)
    refs = surveyor.git.run("for-each-ref", "--ignore-case", "--format=%(refname)", *patterns)
    found = refs.decode("utf-8", "replace").split()
    names = {ref.removeprefix(RUN_REFS).lower() for ref in found}
    names |= {other.lower() for other in find_archived(surveyor.git, found, name)}
    candidate, number = name, 1
    while candidate.lower() in names:
        number += 1
        candidate = f"{name}-{number}"
    return candidate


def _omissions(record: dict[str, Any]) -> list[str]:
    skipped = record.get("skipped", ())
    count = sum(item.get("files", 1) for item in skipped)
    if not count:
        return []
    files = "1 file was" if count == 1 else f"{count:,} files were"
    return [f"{files} left out of the snapshot: gitxp show {record['name']}"]
