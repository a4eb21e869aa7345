"""Finding the program that a command names, before anything is recorded: a slip of the pen is not an experiment."""

from __future__ import annotations

import os

from gitxp.errors import CommandNotFound, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def find_executable(command: Sequence[str], cwd: str, environ: Mapping[str, str]) -> str:
    """The file to execute for a command in `cwd`, as a shell finds it. `UsageError` without one, `CommandNotFound`."""
    if not command or not command[0]:
        raise UsageError("There is no command to run.", hint="Say which: gitxp run python train.py")
    program = command[0]
    if "/" in program:
        candidates = [os.path.join(cwd, program)]
    else:
        folders = environ.get("PATH", os.defpath).split(os.pathsep)
        candidates = [os.path.join(cwd, folder, program) for folder in folders]
    there = [path for path in candidates if os.path.exists(path) and ("/" in program or not os.path.isdir(path))]
    for path in there:
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    if there:
        is_folder = os.path.isdir(there[0])
        raise CommandNotFound(
            f"{there[0]} {'is a folder' if is_folder else 'may not be executed'}; nothing was run or recorded.",
            hint="Name a program." if is_folder else f"Name a program, or make it one: chmod +x {there[0]}",
            executable=False,
        )
    hint = (
        f"For a file in this folder: gitxp run ./{program}"
        if os.path.isfile(os.path.join(cwd, program))
        else _near(program)
    )
    raise CommandNotFound(f"{program}: command not found; nothing was run and nothing was recorded.", hint=hint)


def _near(program: str) -> str:
    if program.endswith(".py"):
        return f"For a script: gitxp run python {program}"
    return "Is it spelt right, and is its environment active?"
