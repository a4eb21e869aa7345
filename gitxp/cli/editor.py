"""A text from the user's editor: the one that git would open for a commit's message."""

from __future__ import annotations

import os
import shlex
import tempfile
from typing import TYPE_CHECKING

from gitxp.errors import GitxpError

if TYPE_CHECKING:
    from gitxp.git.program import Git


def edit_text(template: str, git: Git) -> str:
    """What the user made of the template, without lines that begin with `#`. `GitxpError` where the editor failed.

    The editor's command is split into words as a shell would split it, and no shell runs it.
    """
    answer = git.ask("var", "GIT_EDITOR")
    command = answer.stdout.decode("utf-8", "surrogateescape").strip()
    if answer.status or not command:
        raise GitxpError("git knows of no editor that works here.", hint="Give the text itself: gitxp note RUN TEXT")
    with tempfile.TemporaryDirectory(prefix="gitxp-") as folder:
        path = os.path.join(folder, "NOTE.md")
        with open(path, "w", encoding="utf-8") as file:
            file.write(template)
        try:
            words = shlex.split(command)
            pid = os.posix_spawnp(words[0], [*words, path], os.environ)
        except (OSError, ValueError, IndexError) as error:
            raise GitxpError(
                f"The editor {command!r} cannot be started: {error}.", hint="Give the text itself: gitxp note RUN TEXT"
            ) from error
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if status:
            raise GitxpError(
                f"The editor {command!r} failed ({status}), so nothing was written.",
                hint="Give the text itself: gitxp note RUN TEXT",
            )
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line for line in file.read().splitlines() if not line.startswith("#")]
    return "\n".join(lines).strip()
