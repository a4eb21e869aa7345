"""Where a secret may have got to: all of a repository's git folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Git


def everything_in(git: Git, repo: str) -> bytes:
    """All objects of a repository, and whatever else lies in its git folder."""
    objects = git.raw("cat-file", "--batch-all-objects", "--batch", "--unordered", cwd=repo)
    rest = b""
    for folder, _, files in os.walk(os.path.join(repo, ".git")):
        if os.path.basename(os.path.dirname(folder)) != "objects":
            for name in files:
                with open(os.path.join(folder, name), "rb") as file:
                    rest += file.read()
    return objects + rest
