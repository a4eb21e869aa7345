"""The files of a project that say what it is to run on: locks, requirements, recipes of images.

They are in the snapshot, unless git ignores them. Their digests are told apart so that a comparison of two environments
names them: `uv.lock` differs.
"""

from __future__ import annotations

import os
import stat
import time

from gitxp.capture.environment.system_files import names_in
from gitxp.capture.kept import MustAsk, keep, load_kept

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_NAMES = frozenset(
    "uv.lock poetry.lock pdm.lock pylock.toml Pipfile Pipfile.lock conda-lock.yml pixi.lock pixi.toml environment.yml "
    "environment.yaml pyproject.toml setup.py setup.cfg Containerfile Makefile renv.lock Project.toml "
    "Manifest.toml".split()
)
_NOUN = "files"
_MAX_FILES = 100
_MAX_SIZE = 64 * 1024 * 1024


def project_files(toplevel: str, cwd: str, cache_path: str | None, timeout: float) -> dict[str, dict[str, Any]]:
    """`files` of environment.json: those at the top of the working tree and in `cwd`, by their paths from the top.

    With a `timeout` of 0, `MustAsk` is raised where one of them would have to be read.
    """
    found = list(_find(toplevel, cwd))[:_MAX_FILES]
    if not found:
        return {}
    same = repr([(name, *_facts(about)) for name, about in found])
    key = f"{cwd}//{toplevel}"
    kept = load_kept(cache_path, _NOUN, key, same)
    if kept is None or len(kept) != len(found):
        if not timeout:
            raise MustAsk(key)
        looked = time.time_ns()
        kept = [_digest(os.path.join(toplevel, name)) for name, _ in found]
        if all(_is_old(about, looked) for _, about in found):
            keep(cache_path, _NOUN, key, same, kept)
    return {
        name: {"size": about.st_size, "xxh3_128": digest}
        for (name, about), digest in zip(found, kept, strict=True)
        if digest
    }


def _find(toplevel: str, cwd: str) -> Iterator[tuple[str, os.stat_result]]:
    inside = os.path.relpath(cwd, toplevel)
    folders = ["."] if inside == ".." or inside.startswith("../") else sorted({".", inside})
    for folder in folders:
        for entry in names_in(os.path.join(toplevel, folder)):
            if entry in _NAMES or _is_variant(entry):
                name = os.path.normpath(os.path.join(folder, entry))
                try:
                    about = os.stat(os.path.join(toplevel, name))
                except OSError:
                    continue
                if stat.S_ISREG(about.st_mode) and about.st_size <= _MAX_SIZE:
                    yield name, about


def _is_variant(name: str) -> bool:
    """`requirements-dev.txt`, `requirements.in`, `Dockerfile.gpu`, `gpu.Dockerfile`."""
    if name.startswith("requirements"):
        return name.endswith((".txt", ".in"))
    return name.startswith("Dockerfile") or name.endswith(".Dockerfile")


def _digest(path: str) -> str:
    """In hexadecimal; empty for what cannot be read."""
    from gitxp.capture.data.hashing import hash_file, make_buffer

    try:
        return hash_file(os.fsencode(path), make_buffer(), follow=True).digest.hex()
    except OSError:
        return ""


def _facts(about: os.stat_result) -> tuple[int, ...]:
    return about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino


def _is_old(about: os.stat_result, looked: int) -> bool:
    from gitxp.capture.data.stat_cache import is_trusted

    return is_trusted((about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino), looked, time.time_ns())
