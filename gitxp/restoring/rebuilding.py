"""A virtual environment from a recipe, made once and kept below git's common folder for the next rerun.

uv makes it, where it is on the PATH; else a Python of the version that is wanted, and its pip. Both are the user's own,
with their own settings for indexes. What they say goes to stderr. An environment that is complete has a mark in it, so
that one whose making was interrupted is made anew; two who want the same one make it one after the other.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from typing import TYPE_CHECKING

from gitxp.errors import GitxpError
from gitxp.git.program import LOCAL_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitxp.restoring.requirements import Recipe

_MARK = "gitxp-complete"
_OURS = f"{sys.version_info.major}.{sys.version_info.minor}"


def rebuild(recipe: Recipe, folder: str, top: str) -> str:
    """The environment of a recipe, an absolute path; made in `folder` where it is not there. `top` is the restored folder.

    Raises `GitxpError` where it cannot be made: no such Python, no network, a package that is no more.
    """
    os.makedirs(folder, exist_ok=True)
    place = os.path.join(folder, recipe.digest)
    with open(f"{place}.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(os.path.join(place, _MARK)):
            os.utime(place)  # gc spares what was used lately, and not every disk notes what was read
            return place
        shutil.rmtree(place, ignore_errors=True)
        try:
            _make(recipe, place, top)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        with open(os.path.join(place, _MARK), "wb"):
            return place


def activated(
    environ: Mapping[str, str], environment: str | None, own: Sequence[str], moved: tuple[str, str]
) -> dict[str, str]:
    """The variables with which `python` is the one of an environment, if there is one, and finds packages in `own` first.

    What `PYTHONPATH` has below the first folder of `moved` is taken from the second, where that has it: the snapshot and
    not the working tree. Variables that point git to the user's repository are gone.
    """
    changed = {key: value for key, value in environ.items() if key not in LOCAL_VARIABLES}
    if environment is not None:
        changed.pop("PYTHONHOME", None)
        changed["PATH"] = os.pathsep.join([os.path.join(environment, "bin"), environ.get("PATH", os.defpath)])
        changed["VIRTUAL_ENV"] = environment
    entries = [_moved(entry, *moved) for entry in filter(None, environ.get("PYTHONPATH", "").split(os.pathsep))]
    if own or entries:
        changed["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([*own, *entries]))
    return changed


def _moved(path: str, top: str, place: str) -> str:
    if not f"{path}/".startswith(f"{top}/"):
        return path
    there = os.path.join(place, path[len(top) :].lstrip("/")).rstrip("/")
    return there if os.path.isdir(there) else path


def _make(recipe: Recipe, place: str, top: str) -> None:
    uv = shutil.which("uv")
    lines = recipe.lines
    if recipe.kind == "uv.lock":
        if uv is None:
            raise GitxpError(
                "The environment of this run is told by uv.lock, which only uv reads.",
                hint="Install uv: https://docs.astral.sh/uv/",
            )
        project = os.path.join(top, os.path.dirname(recipe.path or ""))
        lines = tuple(_export([uv, "export", *_by_python(recipe.python)], project))
    elif recipe.kind == "requirements.txt":
        lines = ("-r " + os.path.join(top, recipe.path or ""),)
    if uv is not None:
        _run([uv, "venv", "--quiet", *_by_python(recipe.python), place])
        install = [uv, "pip", "install", "--python", os.path.join(place, "bin", "python")]
    else:
        _run([_find_python(recipe.python), "-m", "venv", place])
        install = [
            os.path.join(place, "bin", "python"),
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--quiet",
        ]
    if lines:
        listed = os.path.join(place, "gitxp-requirements.txt")
        with open(listed, "w", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))
        complete = () if recipe.kind == "requirements.txt" else ("--no-deps",)
        _run([*install, *complete, "-r", listed])


def _by_python(version: str | None) -> tuple[str, ...]:
    """The option for a Python of this version, for uv: that which runs gitxp where it is one, which uv need not look for."""
    if version is None:
        return ()
    return ("--python", sys.executable if version == _OURS else version)


def _export(command: list[str], project: str) -> list[str]:
    """What uv.lock says of everything but the project itself; `command` is `uv export`."""
    target = os.path.join(project, f".gitxp-{os.getpid()}.txt")
    try:
        what = ("--frozen", "--no-emit-project", "--quiet", "--project", project, "--output-file", target)
        _run([*command, *what])
        with open(target, encoding="utf-8") as file:
            return file.read().splitlines()
    finally:
        if os.path.exists(target):
            os.unlink(target)


def _find_python(version: str | None) -> str:
    if version is None or version == _OURS:
        return sys.executable
    found = shutil.which(f"python{version}")
    if found is None:
        raise GitxpError(
            f"The run had Python {version}, and there is no python{version} on the PATH.",
            hint="Install it, or uv, which gets it: https://docs.astral.sh/uv/",
        )
    return found


def _run(command: list[str]) -> None:
    """Run an installer to its end, its output on stderr. `GitxpError` where it fails."""
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code:
        name = os.path.basename(command[0])
        raise GitxpError(
            f"The environment could not be rebuilt: {name} ended with {code}.",
            hint="What it said is above. Without --env, the rerun uses what is installed here.",
        )
