"""With what `git diff` colours: what tells git's own escape sequences from those in the contents of files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitxp.git.program import Git

# Those of git itself, for moved lines included (git's color.h and diff.c).
_OWN = frozenset(
    f"\x1b[{codes}m"
    for codes in ("", "1", "2", "2;3", "7", "31", "32", "33", "36", "41", "1;33", "1;34", "1;35", "1;36")
)


def diff_colors(git: Git) -> frozenset[str]:
    """The escape sequences in a coloured `git diff`, the user's own choice (`color.diff.*`) included."""
    names = os.fsdecode(git.ask("config", "--name-only", "-z", "--get-regexp", r"^color\.diff\.").stdout)
    chosen = {os.fsdecode(git.ask("config", "--get-color", name).stdout) for name in names.split("\0") if name}
    return _OWN | chosen
