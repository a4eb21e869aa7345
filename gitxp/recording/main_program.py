"""The constants of a run's main program, as a statement beside those that its processes made.

The main program is the first one in the snapshot, from the command on: under `torchrun train.py` that is train.py, since
torchrun's own file is in no snapshot. Its text is read from there, for the file may have changed since.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gitxp.capture.params.constants import MAX_SOURCE, find_constants
from gitxp.git.contents import read_objects
from gitxp.git.snapshot_files import find_blobs
from gitxp.recording.folding import depths
from gitxp.recording.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitxp.git.program import Git

CONSTANT = "constant"
_MAX_PROGRAMS = 100


def state_constants(git: Git, commit: str, statements: Sequence[Statement]) -> list[Statement]:
    """What the main program's constants would say, or nothing. `commit` has the snapshot. Raises `GitFailed`."""
    programs = list(dict.fromkeys(_programs(statements)))[:_MAX_PROGRAMS]
    blobs = find_blobs(git, commit, [path for path, _ in programs])
    for path, pid in programs:
        blob = blobs.get(path)
        if blob is not None and blob.size <= MAX_SOURCE:
            constants = find_constants(dict(read_objects(git, [blob])).get(blob.oid, b""))
            return [Statement("params", 0.0, pid, {"source": CONSTANT, "params": constants})] if constants else []
    return []


def _programs(statements: Sequence[Statement]) -> Iterator[tuple[str, int]]:
    """The main programs below the top of the working tree, by their paths from there, with their processes; nearest first."""
    depth_of = depths(statements)
    said = [one for one in statements if one.kind == "process" and {"main", "root"} <= one.facts.keys()]
    for statement in sorted(said, key=lambda one: depth_of.get(one.pid, len(depth_of))):
        root, main = statement.facts["root"].rstrip("/") + "/", statement.facts["main"]
        for path in (main, os.path.realpath(main)):
            if path.startswith(root):
                yield path.removeprefix(root), statement.pid
