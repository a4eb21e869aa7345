"""Runs whose recorder and front died: what they left is committed by the next command that looks.

The lock of a live folder is free exactly when nobody looks after its run any more. Two who find the same folder make one
commit: the second does not get the lock.
"""

from __future__ import annotations

import os
import time

from gitxp.errors import GitxpError
from gitxp.format import RUN_REFS
from gitxp.recording.finish import find_open_tip, finish
from gitxp.recording.live import find_abandoned
from gitxp.store.own import note_finished

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    from gitxp.git.program import Git
else:
    from gitxp.light import NamedTuple


# A ref's lock is held for milliseconds. One of a run that nobody looks after, this many seconds old, was left by a git
# that was killed together with the recorder; whoever has the live folder's lock may take it away.
_LOCK_IS_STALE = 2.0


class Recovered(NamedTuple):
    """A run that was recovered with this status, or could not be, for this reason."""

    name: str
    status: str | None
    problem: str | None = None


def recover(git: Git, common_dir: str) -> list[Recovered]:
    """Finish every abandoned run of this repository; what was done."""
    done = []
    for live in find_abandoned(common_dir, os.uname().nodename):
        name = live.name
        try:
            tip = find_open_tip(git, live)
            if tip is not None:
                _clear_ref_lock(common_dir, name)
                finished = finish(git, live, tip)
                note_finished(git, common_dir, None, finished.below, finished.commit)
                done.append(Recovered(name, finished.record["status"]))
            live.remove()
        except (GitxpError, OSError) as error:
            live.release()
            done.append(Recovered(name, None, str(error)))
    return done


def _clear_ref_lock(common_dir: str, name: str) -> None:
    path = os.path.join(common_dir, RUN_REFS, f"{name}.lock")
    try:
        age = time.time() - os.stat(path).st_mtime
        while 0 <= age < _LOCK_IS_STALE:
            time.sleep(0.05)
            age = time.time() - os.stat(path).st_mtime
        os.unlink(path)
    except FileNotFoundError:
        return  # there is none, as almost always, or it was somebody's and is done with
