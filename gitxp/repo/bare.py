"""The command of a run without its parameters: whoever compares runs tells these words beside them.

Comparing knows nothing of how a command is read, and is given this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.capture.params.command import words_besides
from gitxp.format import command_line

if TYPE_CHECKING:
    from gitxp.model import Run


def bare_command(run: Run) -> str:
    """What is left of a command as a line: `python -m pkg.train fold-1`."""
    return command_line(words_besides(run.command, run.params.values()))
