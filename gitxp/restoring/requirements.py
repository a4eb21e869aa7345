"""What a rebuilt environment consists of: the packages that the run had, as lines that pip and uv read.

The list of what was installed is the truth, version by version. Where the record has none, a lock file of the snapshot
says what should have been: `uv.lock`, or else `requirements.txt`. All of it may come from anybody: names and versions are
believed only where they are of the form that such have, so that none is an option or a path.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from gitxp.format import FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_URL = re.compile(r"(https?|ssh|git)://[A-Za-z0-9@:/?&=%.,~+_#-]+")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_PYTHON = re.compile(r"(\d+\.\d+)[\d.a-z]*")
_INSTALLERS = frozenset({"pip", "uv"})
_FILES = ("uv.lock", "requirements.txt")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to rebuild an environment.

    `kind` is `packages` (all that were installed: `lines` are complete), or the name of a lock file, which is at `path` in
    the snapshot. `python` is `3.11`, where it is known. `notices` are sentences about what cannot be had again.
    """

    kind: str
    python: str | None
    lines: tuple[str, ...] = ()
    path: str | None = None
    content: bytes | None = None
    notices: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """What the environment is kept under: the same for the same recipe."""
        parts = [self.kind.encode(), (self.python or "").encode(), "\n".join(self.lines).encode()]
        parts.append(self.content or b"")
        return hashlib.sha256(b"\0".join(parts)).hexdigest()[:20]


def find_recipe(environment: Mapping[str, Any], cwd: str, read: Callable[[str], bytes | None]) -> Recipe | None:
    """How to rebuild this environment of a run; None where nothing says.

    `read` gives the file at a path of the snapshot, or None; `cwd` is the folder of the command, from the top.
    """
    python = _python(environment)
    packages = environment.get("packages")
    if isinstance(packages, dict) and packages:
        lines, notices = _lines(packages, environment.get("sources"))
        return Recipe("packages", python, tuple(lines), notices=tuple(notices))
    for name in _FILES:
        for folder in dict.fromkeys((cwd, ".")):
            path = name if folder == "." else f"{folder}/{name}"
            content = None if path.startswith(f"{FOLDER}/") else read(path)
            if content is not None:
                return Recipe(name, python, path=path, content=content)
    return None


def find_own_folders(environment: Mapping[str, Any], tops: Sequence[str]) -> list[str]:
    """The folders of the packages that were installed, editable, from one of the working trees at `tops`; from its top.

    An editable installation imports what lies there now: a rerun wants what the snapshot has of it.
    """
    sources = environment.get("sources")
    found = []
    for source in sources.values() if isinstance(sources, dict) else ():
        url = source.get("url") if isinstance(source, dict) and source.get("editable") is True else None
        if not isinstance(url, str) or not url.startswith("file://"):
            continue
        path = os.path.normpath(unquote(url.removeprefix("file://")))
        for top in tops:
            if f"{path}/".startswith(f"{top}/"):
                found.append(path[len(top) + 1 :] or ".")
                break
    return list(dict.fromkeys(found))


def find_own_packages(folders: Sequence[str], place: str) -> list[str]:
    """Where Python finds the packages of these folders (`find_own_folders`) below `place`."""
    found = []
    for folder in folders:
        path = os.path.normpath(os.path.join(place, folder))
        inner = os.path.join(path, "src")
        found.append(inner if os.path.isdir(inner) else path)
    return found


def _python(environment: Mapping[str, Any]) -> str | None:
    about = environment.get("python")
    version = about.get("version") if isinstance(about, dict) else None
    found = _PYTHON.fullmatch(version) if isinstance(version, str) else None
    return found[1] if found else None


def _lines(packages: Mapping[str, Any], sources: Any) -> tuple[list[str], list[str]]:
    lines, notices = [], []
    for name, version in sorted(packages.items()):
        if name in _INSTALLERS:
            continue
        source = sources.get(name) if isinstance(sources, dict) else None
        line = _line(name, version) if source is None else _line_from(name, source)
        if line is None:
            notices.append(f"not installed again: {name} {version}{_why(source)}")
        else:
            lines.append(line)
    return lines, notices


def _line(name: Any, version: Any) -> str | None:
    if not (isinstance(name, str) and isinstance(version, str)):
        return None
    return f"{name}=={version}" if _NAME.fullmatch(name) and _VERSION.fullmatch(version) else None


def _line_from(name: Any, source: Any) -> str | None:
    """A package that is from no index: from version control at its commit, or an archive."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or not isinstance(source, dict) or source.get("editable"):
        return None
    url, commit, subdirectory = source.get("url"), source.get("commit"), source.get("subdirectory")
    if not isinstance(url, str) or not _URL.fullmatch(url):
        return None
    end = (
        f"#subdirectory={subdirectory}"
        if isinstance(subdirectory, str) and _URL.fullmatch(f"git://{subdirectory}")
        else ""
    )
    if source.get("vcs") == "git" and isinstance(commit, str) and _COMMIT.fullmatch(commit):
        return f"{name} @ git+{url}@{commit}{end}"
    digest = source.get("hash")
    if "vcs" not in source and url.startswith("https://"):
        known = isinstance(digest, str) and re.fullmatch(r"sha256=[0-9a-f]{64}", digest)
        return f"{name} @ {url}#{digest}" if known and "#" not in url else f"{name} @ {url}"
    return None


def _why(source: Any) -> str:
    url = source.get("url") if isinstance(source, dict) else None
    return f", which was from {url}" if isinstance(url, str) else ""
