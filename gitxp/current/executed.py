"""The cells that a notebook's kernel executed, kept with the run that it began: see recording/kernel.py.

They are kept when the run begins, after each cell, and when it ends, so that a kernel which is killed leaves all but the
last. The file on the disk, as it was when the run began, is in the snapshot.
"""

from __future__ import annotations

from gitxp.recording.kernel import EXECUTED, count_executed, encode_executed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gitxp.current.active import ActiveRun

_EVENT = "post_run_cell"


class Executed:
    """Keeps the cells of `shell` with `run`, from now on until `close`."""

    def __init__(self, run: ActiveRun, shell: Any) -> None:
        self._run = run
        self._shell = shell
        self._first = count_executed(shell)
        self._kept: bytes | None = None
        self._keep()
        shell.events.register(_EVENT, self._keep)

    def close(self) -> None:
        """Keep them for the last time."""
        if self._keep in self._shell.events.callbacks[_EVENT]:  # somebody may have made a new shell
            self._shell.events.unregister(_EVENT, self._keep)
        self._keep()

    def _keep(self, _: object = None) -> None:
        data = encode_executed(self._shell, self._first)
        if data is not None and data != self._kept:
            self._run.keep_bytes(EXECUTED, data, "notebook")
            self._kept = data
