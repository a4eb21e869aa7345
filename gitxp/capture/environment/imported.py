"""Which installed packages a program's modules came from: `sklearn` is scikit-learn, `yaml` PyYAML.

A distribution says what it brings in `top_level.txt`, where it has one, and else in `RECORD`, the list of its files (PEP
376). Of the packages of an environment most were not imported, so these are asked last: one that is named like a module
is taken at its word, and only what is left over needs a look into the others.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gitxp.names import normal_package

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_MAX_READ = 256 * 1024  # of a RECORD; the first lines of each folder are enough
_MAX_MODULES = 10_000


def imported_packages(modules: Iterable[str], folders: Sequence[str]) -> list[str]:
    """The normalised names of the distributions in these site-packages folders that brought one of these top-level modules.

    Sorted. Modules of the user's own, and of Python's, are in none of them.
    """
    wanted = {module for module in list(modules)[:_MAX_MODULES] if module and "/" not in module}
    found: set[str] = set()
    for folder in folders:
        infos = list(_infos(folder))
        by_name = {name.replace("-", "_"): name for name, _ in infos}
        there = {module for module in wanted if _is_there(folder, module)}
        named = {module for module in there if module.lower() in by_name}
        found.update(by_name[module.lower()] for module in named)
        wanted -= named
        left = there - named
        for name, info in infos:
            if left and not left.isdisjoint(brought := set(_modules(os.path.join(folder, info)))):
                found.add(name)
                wanted -= brought
    return sorted(found)


def _infos(folder: str) -> Iterator[tuple[str, str]]:
    try:
        entries = sorted(os.listdir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.endswith((".dist-info", ".egg-info")) and not entry.startswith("~"):
            yield normal_package(entry.rpartition(".")[0].partition("-")[0]), entry


def _is_there(folder: str, module: str) -> bool:
    path = os.path.join(folder, module)
    if os.path.isdir(path) or os.path.isfile(path + ".py"):
        return True
    prefix = module + "."
    try:
        with os.scandir(folder) as entries:
            return any(entry.name.startswith(prefix) and entry.name.endswith((".so", ".pyd")) for entry in entries)
    except OSError:
        return False


def _modules(info: str) -> Iterator[str]:
    """The top-level modules that a distribution brings."""
    text = _read(os.path.join(info, "top_level.txt"))
    if text.strip():
        yield from text.split()
        return
    for line in _read(os.path.join(info, "RECORD")).splitlines():
        path = line.partition(",")[0].strip('"')
        head, slash, _ = path.partition("/")
        if slash and not head.startswith(".") and not head.endswith((".dist-info", ".data")):
            yield head
        elif not slash and head.endswith((".py", ".so", ".pyd")):
            yield head.partition(".")[0]


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(_MAX_READ).decode("utf-8", "replace")
    except OSError:
        return ""
