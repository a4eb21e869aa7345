"""The method of `Repo` that runs a command and records it, on the way to whose start nothing of the others is imported."""

from __future__ import annotations

import os

from gitxp.repo.base import Base, ignore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitxp.recording.begin import Outcome, Started


class Running(Base):
    """Runs a command."""

    def run(
        self,
        command: Sequence[str],
        *,
        name: str | None = None,
        note: str | None = None,
        tags: Sequence[str] = (),
        group: str | None = None,
        params: Sequence[str] = (),
        data: Sequence[str] = (),
        outputs: Sequence[str] = (),
        metrics_from: Sequence[str] = (),
        snapshot: bool = True,
        probe: bool | None = None,
        system_metrics: bool | None = None,
        on_start: Callable[[Started], None] | None = None,
    ) -> Outcome:
        """Run the command in the repository's folder and record it; how it ended.

        What the arguments mean is said by `gitxp run --help`. It takes the place of the command's shell: it wants the
        main thread, hands on signals, and gives the command this process's standard streams. `on_start` is told when the
        snapshot is made and the command is about to start. Raises `GitxpError` where the run cannot begin; then nothing
        was started.
        """
        from gitxp import __version__
        from gitxp.recording.begin import Request, run

        request = Request(
            *(command, name, note, tags, group, params, data, outputs, metrics_from, snapshot, probe, system_metrics)
        )
        return run(request, os.path.abspath(self.path), __version__, on_start or ignore)
