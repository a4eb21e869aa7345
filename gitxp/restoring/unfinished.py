"""Folders that a restore or a rerun left which was killed, and what of them is nowhere else.

A restore that was cut off left files of the snapshot, some of them not to their ends. A rerun left a worktree, in which
its command may have written. Either goes where it holds nothing but what the repository has; else it is the user's.
"""

from __future__ import annotations

import os
import shutil
from functools import partial
from typing import TYPE_CHECKING, Any

from gitxp.errors import GitxpError
from gitxp.format import FOLDER
from gitxp.git.contents import check_objects, read_objects
from gitxp.git.program import Git
from gitxp.git.scratch import PREFIX
from gitxp.restoring.leftovers import find_leftovers
from gitxp.restoring.links import Links
from gitxp.restoring.submodules import Filled
from gitxp.store.doing import Unfinished, list_left_notes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gitxp.pointer import Pointer

_GIT = ".git"
_PARTS = len(Filled._fields)


def list_unfinished(
    git: Git, common_dir: str, toplevel: str | None, stored: Callable[[str], Mapping[str, Pointer | None] | None]
) -> Iterator[Unfinished]:
    """What was left. `stored` gives the paths that a run has as artifacts; none of a missing one, None of one that goes on."""
    for note, facts in list_left_notes(common_dir):
        texts = {key: value for key, value in facts.items() if isinstance(value, str)}
        place = texts.get("place", "")
        known = stored(texts["name"]) if "name" in texts else {}
        if known is None:
            continue
        files: list[str] = []
        if os.path.isdir(place) and facts.get("is_complete") is True:
            files = _left_by_command(place, texts.get("commit", ""), facts, known, toplevel)
        elif os.path.isdir(place):
            files = _left_by_restore(git, place, texts.get("commit", ""))
        clear = partial(_clear, git, note, texts)
        yield Unfinished(texts.get("what", "restore"), texts.get("run", "a run"), place, tuple(files), clear)


def _left_by_command(
    place: str, commit: str, facts: dict[str, Any], stored: Mapping[str, Pointer | None], toplevel: str | None
) -> list[str]:
    links = Links(_texts(facts.get("links")), _texts(facts.get("copies")))
    try:
        submodules = [Filled(*texts) for item in _list(facts.get("submodules")) if len(texts := _texts(item)) == _PARTS]
        return find_leftovers(Git(place), commit, links, submodules, stored, toplevel)
    except GitxpError:
        return _files(place)  # it is no worktree any more


def _left_by_restore(git: Git, place: str, commit: str) -> list[str]:
    """The files that are not, to some length, those of the commit."""
    listed = git.ask("ls-tree", "-r", "-z", "--full-tree", commit) if commit else None
    entries = listed.stdout.split(b"\0") if listed is not None and not listed.status else []
    oids = {
        os.fsdecode(path): about.split()[2].decode("ascii")
        for about, _, path in (entry.partition(b"\t") for entry in entries if entry)
    }
    found = _files(place)
    ours = {path: oids[path] for path in found if path in oids}
    sizes = [(oid, size) for oid, _, size in check_objects(git, list(dict.fromkeys(ours.values())))]
    paths: dict[str, list[str]] = {}
    for path, oid in ours.items():
        paths.setdefault(oid, []).append(path)
    whole = {
        path
        for oid, data in read_objects(git, sizes)
        for path in paths[oid]
        if _is_beginning(os.path.join(place, path), data)
    }
    return [path for path in found if path not in whole]


def _is_beginning(path: str, data: bytes) -> bool:
    try:
        if os.path.islink(path):
            return os.fsencode(os.readlink(path)) == data
        with open(path, "rb") as file:
            return data.startswith(file.read(len(data) + 1))
    except OSError:
        return False


def _files(top: str) -> list[str]:
    """The paths below a folder, but for what makes it a worktree."""
    found = []
    for place, folders, names in os.walk(top):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        found += [os.path.relpath(os.path.join(place, name), top) for name in (*names, *links)]
    return sorted(path for path in found if path != _GIT and not path.startswith(f"{FOLDER}/"))


def _clear(git: Git, note: str, texts: dict[str, str]) -> None:
    place, made, scratch = (texts.get(key, "") for key in ("place", "made", "scratch"))
    if place:
        # of the folders that were made on the way, those go that nothing else is in
        shutil.rmtree(place, ignore_errors=True)
        top = made if made and f"{place}/".startswith(f"{made}/") else place
        folder = os.path.dirname(place)
        while f"{folder}/".startswith(f"{top}/") and os.path.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)
            folder = os.path.dirname(folder)
        git.ask("worktree", "remove", "--force", "--force", place)
        if not made:
            os.makedirs(place, exist_ok=True)  # it was there, and empty
    if os.path.basename(scratch).startswith(PREFIX):
        shutil.rmtree(scratch, ignore_errors=True)
    if os.path.exists(note):
        os.unlink(note)


def _texts(value: Any) -> list[str]:
    return [text for text in _list(value) if isinstance(text, str)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
