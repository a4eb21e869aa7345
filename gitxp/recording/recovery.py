"""Runs whose recorder and front died: what they left is committed by the next command that looks.

The lock of a live folder is free exactly when nobody looks after its run any more. Two who find the same folder make one
commit: the second does not get the lock.
"""

from __future__ import annotations

import os

from gitxp.errors import GitxpError
from gitxp.recording.finish import find_open_tip, finish
from gitxp.recording.live import find_abandoned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    from gitxp.git.program import Git
else:
    from gitxp.light import NamedTuple


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
                record, _ = finish(git, live, tip)
                done.append(Recovered(name, record["status"]))
            live.remove()
        except (GitxpError, OSError) as error:
            live.release()
            done.append(Recovered(name, None, str(error)))
    return done
