"""Programs nobody here wrote: the examples, documentation and tests that other projects ship in their sdists.

`python tests/sdists.py FOLDER` is what `scripts/test --integration` calls to have them: it downloads the sdists with
pip and unpacks them. Nothing of them is copied into this repository.

pip asks the build backend of an sdist for its metadata even where it is only to download it, and some backends build
the whole package for an answer (scikit-learn: half an hour). So pip finds backends here that read what they are asked
for from the PKG-INFO that each sdist has.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

import pytest

# With the version that is installed, so that the programs suit it; click ships no examples since.
SDISTS = {"click": "8.1.7", "scikit-learn": None, "tensorboardX": None, "typer": None}

BACKEND = """\
import email.parser, os, shutil, sys

def get_requires_for_build_wheel(config_settings=None):
    return []

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    with open("PKG-INFO", encoding="utf-8") as file:
        known = email.parser.HeaderParser().parse(file)
    name = "{}-{}.dist-info".format(known["Name"].replace("-", "_"), known["Version"])
    os.mkdir(os.path.join(metadata_directory, name))
    shutil.copy("PKG-INFO", os.path.join(metadata_directory, name, "METADATA"))
    return name

__legacy__ = sys.modules[__name__]
"""
BACKENDS = ("flit_core/buildapi", "hatchling/build", "mesonpy", "pdm/backend", "setuptools/build_meta")


def sdist(name: str, path: str) -> Path:
    """A file or folder of an unpacked sdist; the test is skipped where there is none."""
    found = Path(sys.prefix, "sdists", name, path)
    if not found.exists():
        pytest.skip(f"the sdist of {name} has no {path}")
    return found


def fetch(folder: Path) -> None:
    """Download and unpack all of them into a folder that is not there yet."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        for backend in BACKENDS:
            path = Path(place, "backends", f"{backend}.py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(BACKEND)
            for parent in path.relative_to(place).parents[:-2]:
                Path(place, parent, "__init__.py").touch()
        for name, version in SDISTS.items():
            wanted = f"{name}=={version or importlib.metadata.version(name)}"
            _download(wanted, Path(place, name), os.path.join(place, "backends"))
            (archive,) = Path(place, name).iterdir()
            _unpack(archive, Path(place, "sdists", name))
        Path(place, "sdists").rename(folder)


def _download(wanted: str, folder: Path, backends: str) -> None:
    options = ["--no-deps", "--no-binary=:all:", "--no-build-isolation", "--use-pep517", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, f"--dest={folder}", wanted]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": backends}, stdin=subprocess.DEVNULL)


def _unpack(archive: Path, folder: Path) -> None:
    """Write its files, and nothing but files below this folder."""
    with tarfile.open(archive) as members:
        for member in members:
            parts = PurePosixPath(member.name).parts[1:]
            content = members.extractfile(member) if member.isfile() else None
            if content and parts and ".." not in parts:
                path = folder.joinpath(*parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())


if __name__ == "__main__":
    fetch(Path(sys.argv[1]).absolute())
