"""The packages that an interpreter finds, told by the names of their `.dist-info` folders: not a line of them is run."""

from __future__ import annotations

import os

from gitxp.capture.environment.system_files import names_in, read_start
from gitxp.names import normal_package

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NamedTuple
else:
    from gitxp.light import NamedTuple


class Package(NamedTuple):
    """A package that is installed: its version, and what says so: a `.dist-info` or `.egg-info`, or an `.egg-link`."""

    version: str
    path: str


def find_packages(folders: Sequence[str]) -> dict[str, Package]:
    """The packages in these site-packages folders by normalised name; of two the first, as Python's path has it."""
    packages: dict[str, Package] = {}
    for folder in folders:
        here: dict[str, Package] = {}
        for entry in names_in(folder):
            stem, dot, kind = entry.rpartition(".")
            path = os.path.join(folder, entry)
            if not dot or stem.startswith("~"):  # pip renames what it could not remove to ~ame
                continue
            if kind in {"dist-info", "egg-info"}:
                name, _, version = stem.partition("-")
                if kind == "egg-info":  # name-1.0-py3.11.egg-info
                    version = version.partition("-py")[0]
                if name:
                    here[normal_package(name)] = Package(version, path)
            elif kind == "egg-link":  # setup.py develop, as it was done before PEP 660
                here.setdefault(normal_package(stem), Package(_linked_version(path, stem), path))
        packages = here | packages
    return dict(sorted(packages.items()))


def linked_folder(path: str) -> str:
    """The folder that an `.egg-link` leads to; empty where it leads nowhere."""
    return read_start("/", path, 4096).partition("\n")[0].strip()


def conda(environ: Mapping[str, str]) -> dict[str, Any]:
    """`conda` of environment.json: the active environment, told by the names of the files in its `conda-meta`.

    A build's name tells a package for CUDA from one for the processor. Its channel stands inside of those files alone,
    which are megabytes.
    """
    prefix = environ.get("CONDA_PREFIX")
    if not prefix:
        return {}
    found: dict[str, Any] = {"prefix": prefix}
    if environ.get("CONDA_DEFAULT_ENV"):
        found["name"] = environ["CONDA_DEFAULT_ENV"]
    packages, builds = {}, {}
    for entry in names_in(os.path.join(prefix, "conda-meta")):
        parts = entry.removesuffix(".json").rsplit("-", 2)  # numpy-1.26.4-py311h64a7726_0.json
        if entry.endswith(".json") and len(parts) == 3:
            packages[parts[0]], builds[parts[0]] = parts[1:]
    return found | ({"packages": packages, "builds": builds} if packages else {})


def _linked_version(path: str, name: str) -> str:
    folder = linked_folder(path)
    about = read_start(folder, f"{name.replace('-', '_')}.egg-info/PKG-INFO", 4096) if folder else ""
    versions = (line[8:].strip() for line in about.splitlines() if line.startswith("Version:"))
    return next(versions, "")
