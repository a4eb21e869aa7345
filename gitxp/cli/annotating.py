"""What the commands that annotate have in common: several runs at once, and one line for each that says what came of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from gitxp.cli.repository import open_repo
from gitxp.render.safe import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST = 200  # characters of a text of the user's that are said back


def annotate(texts: Sequence[str], said: str, **wish: Any) -> None:
    """Say something of these runs; `said` are the words that tell it of each."""
    with open_repo() as repo:
        tell(repo.annotate(repo.get_all(texts), **wish), said)


def tell(done: Sequence[Any], said: str) -> None:
    """One line for each run on stderr."""
    words = visible(said if len(said) <= _LONGEST else said[: _LONGEST - 1] + "…")
    for run in done:
        sys.stderr.write(f"{run.name}: {words}\n" if run.commit else f"{run.name}: nothing new\n")
