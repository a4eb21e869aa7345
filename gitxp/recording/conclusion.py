"""The end of a run, once it is known how it ended: keep that first, then what can be known only now, then commit.

The same for a command that the recorder watched and for a run that began inside of a Python process.
"""

from __future__ import annotations

from gitxp.errors import GitxpError
from gitxp.recording.ending import Ending
from gitxp.recording.finish import finish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from gitxp.format import Oid
    from gitxp.git.program import Git, Process
    from gitxp.recording.facts import Facts
    from gitxp.recording.live import Live


def conclude(
    git: Git,
    live: Live,
    tip: Oid,
    facts: Facts,
    ended: dict[str, Any],
    is_impatient: Callable[[], bool],
    *,
    problems: Sequence[str | None] = (),
    ready: Process | None = None,
) -> Ending:
    """Commit a run that `ended` in this way, and clear its live folder away; never raises for what a disk or git does.

    Where the last commit could not be written, the live folder stays, and a later command tries again. `problems` are
    sentences about what was missed so far, and `ready` a prepared process for the commit.
    """
    from gitxp.store.own import note_finished

    status = commit = failure = None
    notices: list[str] = []
    try:
        live.write_ended(ended)
        facts.finish(live, is_impatient)
        notices = [notice for notice in (*problems, *facts.problems) if notice]
        if notices:
            live.write_ended({**ended, "problems": notices})
        record, commit, below, told = finish(git, live, tip, ready)
        note_finished(git, live.common_dir, tip, below, commit)
        status = record["status"]
        notices = [notice for notice in record.get("problems", ()) if notice not in told]
        live.remove()
    except (GitxpError, OSError) as error:
        failure = str(error)
    return Ending(
        status=status,
        exit_code=ended.get("exit_code"),
        signal=ended.get("signal"),
        duration=ended.get("duration"),
        commit=commit,
        problem=failure,
        notices=tuple(notices),
    )
