"""The command line: one file per command; parse, one call of `Repo`, one rendering.

`gitxp run` is on the way to the start of the user's command, where the import of click alone would take as long as a
whole `git add -A`: what its own small parser understands does not go through click. What it does not (an unknown
option, `--help`) goes there to be explained.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the arguments (without the program's name) say; the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["run"]:
        from gitxp.cli.start import parse, start

        request = parse(words[1:])
        if request is not None:
            status = start(request)
            if argv is None:
                _leave(status)
            return status
    from gitxp.cli.app import main as click_main

    return click_main(words)


def _leave(status: int) -> NoReturn:
    """End the process now: taking the interpreter apart would take 3 ms, and there is nothing left to take care of."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            try:
                stream.flush()
            except OSError:
                continue  # nobody reads it
    os._exit(status)
