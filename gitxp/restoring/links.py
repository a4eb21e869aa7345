"""What a command needs and no snapshot has, brought to a restored folder: ignored data, what was left out, its program.

The data of a run lies in ignored folders of the user's working tree as often as not, and is named by relative paths. It
is not copied, for it may be large: there are symbolic links to it. So a rerun that writes into its data writes into the
user's; what the run is known to have written itself is copied instead.

The paths come from a record, which anybody may have written: nothing is made but below the folder, and never through a
link that is there.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.git.program import Git
    from gitxp.model import Run

_MOST = 10_000
_GIT = frozenset({".git", "git~1", ".gitxp"})


@dataclass(slots=True)
class Links:
    """What was brought to a folder, by paths from its top: links, copies, and sentences about what could not be."""

    links: list[str] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def link_data(git: Git, run: Run, place: str, program: str | None, empty: Sequence[str] = ()) -> Links:
    """Link the run's data, as far as they are inside of the repository and not there yet, to those where `git` is, the top.

    So is what the snapshot left out: large files, likely secrets, nested repositories. What is in the folders `empty`, those of
    submodules whose commit is not here, is not: what lies there in the working tree is of another commit.

    Of a folder that is there already, what git ignores or the snapshot left out is linked: what else is missing was made
    since.
    `program` is a path from the top, that of the command's program; of that, the whole folder that is missing is linked
    (a virtual environment).
    """
    maker = _Maker(git, place, _written(run), {item["path"] for item in run.record.get("skipped", ())})
    for path in _named(run):
        if not any(f"{path}/".startswith(f"{folder}/") for folder in empty):
            maker.bring(path)
    if program is not None:
        maker.bring_whole(program)
    return maker.found


def is_inside(path: str) -> bool:
    """Whether a path of a record leads to something inside of the working tree, and not of git's."""
    parts = path.split("/")
    return not any(part in {"", ".", ".."} or part.lower() in _GIT or "\0" in part for part in parts)


def _named(run: Run) -> list[str]:
    entries = [item["path"] for item in run.record.get("data", ()) if item.get("kind") != "missing"]
    asked = run.record.get("asked", {}).get("data", ())
    left_out = [item["path"] for item in run.record.get("skipped", ()) if "files" not in item]
    return sorted({path.rstrip("/") for path in (*entries, *asked, *left_out) if is_inside(path.rstrip("/"))})


def _written(run: Run) -> set[str]:
    outputs = [item["path"] for item in run.record.get("outputs", ())]
    return {path.rstrip("/") for path in (*outputs, *run.record.get("asked", {}).get("outputs", ()))}


class _Maker:
    def __init__(self, git: Git, place: str, written: set[str], skipped: set[str]) -> None:
        self._git = git
        self._place = place
        self._toplevel = git.directory
        self._written = written
        self._skipped = skipped
        self.found = Links()

    def bring(self, path: str) -> None:
        """Link or copy what is at a path, where it is missing."""
        source, target = os.path.join(self._toplevel, path), os.path.join(self._place, path)
        if os.path.lexists(target):
            if _is_folder(target) and os.path.isdir(source):
                for inner in self._left_out(path):
                    self.bring(inner)
            return
        if not os.path.exists(source):
            self.found.problems.append(f"not here any more: {path}")
            return
        if len(self.found.links) + len(self.found.copies) >= _MOST:
            self.found.problems.append(f"more than {_MOST:,} links: {path} is missing")
            return
        if not make_folder(self._place, os.path.dirname(path)):
            return
        if path in self._written and not os.path.isdir(source):
            shutil.copy2(source, target)
            self.found.copies.append(path)
        elif path in self._written or any(inner.startswith(f"{path}/") for inner in self._written):
            os.mkdir(target)
            for inner in _below(path, source):
                self.bring(inner)
        else:
            os.symlink(os.path.abspath(source), target)
            self.found.links.append(path)

    def bring_whole(self, path: str) -> None:
        """Link the topmost folder on the way to a path that is missing."""
        if not is_inside(path):
            return
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            part = "/".join(parts[:depth])
            target = os.path.join(self._place, part)
            if os.path.lexists(target):
                if not _is_folder(target):
                    return
            elif os.path.exists(os.path.join(self._toplevel, path)):
                os.symlink(os.path.join(self._toplevel, part), target)
                self.found.links.append(part)
                return

    def _left_out(self, path: str) -> list[str]:
        """Of what is in a folder, the folders, and what no snapshot has."""
        inner = _below(path, os.path.join(self._toplevel, path))
        asked = b"".join(os.fsencode(item) + b"\0" for item in inner)
        answer = self._git.ask("check-ignore", "-z", "--stdin", data=asked).stdout if asked else b""
        ignored = {os.fsdecode(item) for item in answer.split(b"\0")}
        return [
            item
            for item in inner
            if item in ignored or item in self._skipped or _is_folder(os.path.join(self._place, item))
        ]


def make_folder(place: str, path: str) -> bool:
    """Make the folder at a path below a place, and those on the way; False where a link or a file is in the way."""
    folder = place
    for part in path.split("/"):
        folder = os.path.join(folder, part)
        if not os.path.lexists(folder):
            os.mkdir(folder)
        elif not _is_folder(folder):
            return False
    return True


def _below(path: str, folder: str) -> list[str]:
    return [f"{path}/{name}" for name in sorted(os.listdir(folder)) if is_inside(name)]


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)
