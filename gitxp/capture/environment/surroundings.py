"""environment.json: what a run stood on. The same machine and the same packages give the same bytes, and git one blob.

So there are no times in it, no process ids, no free memory. Packages are told by what their installers wrote, without
running or importing a line of the user's. Most of it takes no time and is found out before the command starts; what may
(running an interpreter, nvidia-smi or git, reading files) is kept where it can be, and else found out while the command
runs.
"""

from __future__ import annotations

from gitxp.capture.environment.gpus import gpus
from gitxp.capture.environment.interpreter import TIMEOUT, find_interpreter
from gitxp.capture.environment.machine import machine
from gitxp.capture.environment.packages import conda, find_packages
from gitxp.capture.environment.project_files import project_files
from gitxp.capture.environment.sources import sources
from gitxp.capture.environment.variables import variables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NamedTuple
else:
    from gitxp.light import NamedTuple

OF_PYTHON = frozenset({"python", "packages", "sources", "virtual_env"})


class Surroundings(NamedTuple):
    """Where a command is run: its folder, its variables, the top of the working tree, if there is one.

    `cache` is a folder for answers that cost time; None does without. `root` is where the files of the system are.
    """

    cwd: str
    environ: Mapping[str, str]
    toplevel: str | None = None
    cache: str | None = None
    root: str = "/"


def environment(command: Sequence[str], around: Surroundings, *, timeout: float = TIMEOUT) -> dict[str, Any]:
    """The content of environment.json for a command; its keys are in docs/format.md, each absent where nothing is known.

    `timeout` is in seconds, for each program that has to be asked; with 0 none is, nor is anything read that takes time,
    and `MustAsk` is raised where that would be needed.
    """
    found = machine(around.root, around.environ) | python_environment(command, around, timeout=timeout)
    found |= gpus(around.root, around.environ, around.cache, timeout)
    optional = {"conda": conda(around.environ), "variables": variables(around.environ)}
    if around.toplevel is not None:
        optional["files"] = project_files(around.toplevel, around.cwd, around.cache, timeout)
    return found | {key: thing for key, thing in optional.items() if thing}


def python_environment(command: Sequence[str], around: Surroundings, *, timeout: float = TIMEOUT) -> dict[str, Any]:
    """The part of `environment` that hangs on which Python it is: the keys `OF_PYTHON`, none where there is no Python."""
    interpreter = find_interpreter(command, around.cwd, around.environ, around.cache, timeout=timeout)
    if interpreter is None:
        return {}
    packages = find_packages(interpreter.site_packages)
    found: dict[str, Any] = {
        "python": interpreter.to_json(),
        "packages": {name: package.version for name, package in packages.items()},
    }
    origins = sources(packages, around.toplevel, around.cache, timeout)
    if origins:
        found["sources"] = origins
    if interpreter.is_virtual:
        found["virtual_env"] = interpreter.prefix
    return found
