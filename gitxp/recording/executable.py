"""Finding the program that a command names, before anything is recorded: a slip of the pen is not an experiment."""

from __future__ import annotations

import os
import sys

from gitxp.errors import CommandNotFound, UsageError
from gitxp.format import command_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_SHELL = frozenset("|&;<>$`")  # what a shell makes something of
_NOTEBOOK = ".ipynb"
# By name: what executes notebooks is a program like the user's, and stands above this floor.
_EXECUTOR = "gitxp.integrations.notebook"


def find_program(command: Sequence[str], cwd: str, environ: Mapping[str, str]) -> tuple[str, Sequence[str]]:
    """The file to execute for a command in `cwd`, and the words to give it; a notebook is executed by gitxp's Python.

    Raises `UsageError` where there is no command or nothing that executes notebooks, `CommandNotFound`.
    """
    if not command or not command[0].endswith(_NOTEBOOK):
        return find_executable(command, cwd, environ), command
    path = os.path.join(cwd, command[0])
    if not os.path.isfile(path):
        raise CommandNotFound(
            f"There is no notebook {command[0]}; nothing was run and nothing was recorded.",
            hint="Is it spelt right, and are you in its folder?",
        )
    from importlib.util import find_spec

    if find_spec("nbclient") is None or find_spec("ipykernel") is None:
        raise UsageError(
            "Notebooks need nbclient and ipykernel, which are not installed beside gitxp.",
            hint="pip install 'gitxp[notebook]'",
        )
    return sys.executable, [sys.executable, "-P", "-m", _EXECUTOR, *command]


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
    raise CommandNotFound(
        f"{program}: command not found; nothing was run and nothing was recorded.", hint=_near(program, cwd)
    )


def _near(program: str, cwd: str) -> str:
    path = os.path.join(cwd, program)
    if os.path.isfile(path) and (os.access(path, os.X_OK) or not program.endswith(".py")):
        return f"For a file in this folder: gitxp run ./{program}"
    if not _SHELL.isdisjoint(program):
        return f"For a line of a shell: gitxp run sh -c {command_line([program])}"
    if " " in program:
        return f"Write the command without quotes around it: gitxp run {program}"
    if program.endswith(".py"):
        return f"For a script: gitxp run python {program}"
    return "Is it spelt right, and is its environment active?"
