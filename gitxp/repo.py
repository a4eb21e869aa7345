"""What gitxp does, one method for each command; the command line and the Python API are the same thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitxp.recording.begin import Outcome, Started


class Repo:
    """A git repository whose runs are recorded and read."""

    def __init__(self, path: str = ".") -> None:
        self.path = path

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
        on_start: Callable[[Started], None] | None = None,
    ) -> Outcome:
        """Run the command in the current directory and record it; how it ended."""
        from gitxp import __version__
        from gitxp.recording.begin import Request, run

        request = Request(command, name, note, tags, group, params, data, outputs, metrics_from, snapshot)
        return run(request, __version__, on_start or (lambda _: None))
