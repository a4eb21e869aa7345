"""Where packages are from that are from no index: an address, a commit, an archive, a folder that is being worked on.

Installers say so in `direct_url.json` (PEP 610); before that there were `.egg-link` files. What is installed editable is
a folder of source that may be another one each day, so that git is asked for its commit and whether it has changes. Not
so where that folder is part of the run's own working tree: the snapshot has it, byte by byte.
"""

from __future__ import annotations

import os
import time

from gitxp.capture.environment.packages import linked_folder
from gitxp.capture.kept import MustAsk, facts_of, keep, load_kept
from gitxp.capture.secrets.redaction import redact_text
from gitxp.git.program import Git

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from gitxp.capture.environment.packages import Package

_NOUN = "sources-redacted"  # what an older gitxp kept may hold a secret
_TEXTS = ("url", "vcs", "commit", "revision", "hash", "subdirectory")
_MAX_READ = 65_536
_MAX_TEXT = 2_000
_LINK = ".egg-link"


def sources(
    packages: Mapping[str, Package], toplevel: str | None, cache_path: str | None, timeout: float
) -> dict[str, dict[str, Any]]:
    """`sources` of environment.json, by the names of these packages; `toplevel` is the run's own working tree.

    git has `timeout` seconds for all of them together; with 0, `MustAsk` is raised where anything has to be decoded or
    asked.
    """
    told = {name: file for name, package in packages.items() if (file := _file_of(package.path))}
    if not told:
        return {}
    same = repr([(file, *facts_of(file)) for file in told.values()])
    key = os.path.dirname(os.path.dirname(next(iter(told.values()))))
    rows = load_kept(cache_path, _NOUN, key, same)
    if rows is None or len(rows) % (2 + len(_TEXTS)):
        if not timeout:
            raise MustAsk(key)
        rows = [text for name, file in told.items() for text in _row(name, file)]
        keep(cache_path, _NOUN, key, same, rows)
    found: dict[str, dict[str, Any]] = {}
    until = time.monotonic() + timeout
    width = 2 + len(_TEXTS)
    for name, folder, *texts in (rows[i : i + width] for i in range(0, len(rows), width)):
        source: dict[str, Any] = {key: text for key, text in zip(_TEXTS, texts, strict=True) if text}
        if folder:
            source["editable"] = True
            if not _is_in_snapshot(folder, toplevel):
                if not timeout:
                    raise MustAsk(folder)
                source |= _ask_git(folder, until - time.monotonic())
        if source:
            found[name] = source
    return found


def _file_of(path: str) -> str | None:
    """What says where a package is from; None for one from an index."""
    if path.endswith(_LINK):
        return path
    file = os.path.join(path, "direct_url.json")
    return file if os.path.isfile(file) else None


def _row(name: str, file: str) -> list[str]:
    """A package's name, its folder where it is editable, and the texts; no more than the name where nothing is told."""
    folder = ""
    about: dict[str, str] = {}
    if file.endswith(_LINK):
        folder = linked_folder(file)
        about["url"] = f"file://{folder}"
    else:
        document = _decode(file)
        url = _text(document.get("url"))
        about["url"] = url
        about["subdirectory"] = _text(document.get("subdirectory"))
        vcs, archive, local = (_object(document.get(key)) for key in ("vcs_info", "archive_info", "dir_info"))
        about["vcs"], about["commit"] = _text(vcs.get("vcs")), _text(vcs.get("commit_id"))
        about["revision"] = _text(vcs.get("requested_revision"))
        about["hash"] = _text(archive.get("hash")) or _joined(_object(archive.get("hashes")).items())
        if local.get("editable") is True and url.startswith("file://"):
            from urllib.parse import unquote

            folder = unquote(url.removeprefix("file://").removeprefix("localhost"), errors="surrogateescape")
    return [name, folder, *(redact_text(about.get(key, ""))[:_MAX_TEXT].replace("\0", "") for key in _TEXTS)]


def _decode(path: str) -> Mapping[str, Any]:
    import json

    try:
        with open(path, "rb") as file:
            return _object(json.loads(file.read(_MAX_READ)))
    except (OSError, ValueError, RecursionError):
        return {}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _joined(hashes: Iterable[tuple[str, Any]]) -> str:
    return " ".join(f"{kind}={_text(value)}" for kind, value in sorted(hashes))


def _is_in_snapshot(folder: str, toplevel: str | None) -> bool:
    """Whether a folder lies in this working tree, and in no other repository inside of it."""
    if toplevel is None:
        return False
    folder, toplevel = os.path.realpath(folder), os.path.realpath(toplevel)
    if os.path.commonpath([folder, toplevel]) != toplevel:
        return False
    while folder != toplevel:
        if os.path.lexists(os.path.join(folder, ".git")):
            return False
        folder = os.path.dirname(folder)
    return True


def _ask_git(folder: str, timeout: float) -> dict[str, Any]:
    """The commit that a folder of source is at, and whether anything below it differs; nothing where git does not say."""
    if timeout <= 0 or not os.path.isdir(folder):
        return {}
    answer = Git(folder, own_group=True).ask_within(
        timeout, "status", "--porcelain=v2", "--branch", "--untracked-files=normal", "--", "."
    )
    if answer is None or answer.status:
        return {}
    lines = answer.stdout.decode("utf-8", "replace").splitlines()
    found: dict[str, Any] = {"dirty": any(not line.startswith("#") for line in lines)}
    commit = next((line[13:] for line in lines if line.startswith("# branch.oid ")), "")
    return found | ({"commit": commit} if commit.isalnum() else {})
