"""What a run produced: all files that its record lists or its tree holds, and the bytes of those that are stored.

The tree is the truth of what is stored; the record tells size and origin, and is believed of nothing else. A file is
written where the user says and nowhere that a path of the run's would lead: it is their name for it, and never
followed through a link that is there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gitxp.capture.data.pointers import LFS_SIZE, lfs_oid
from gitxp.errors import GitxpError, UsageError
from gitxp.format import ARTIFACTS_FOLDER
from gitxp.restoring.large import read_large

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gitxp.format import Oid
    from gitxp.git.objects import Objects
    from gitxp.model import Run
    from gitxp.restoring.large import LargeFiles

_LINK = "120000"
_OUTSIDE = "@"
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a run produced: `path` is that of the record, or, where that has none for it, its path in the artifacts.

    `stored` tells whether the run's tree has it, at `place`, with `mode` and the object `oid`; `link` is where a symbolic
    link leads. `size` is in bytes, None where it is not known. `about` is the entry of the record's outputs.
    """

    path: str
    stored: bool
    size: int | None = None
    link: str | None = None
    place: str | None = None
    mode: str | None = None
    oid: Oid | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The object of `gitxp artifacts --json`: the record's entry, and what is stored."""
        found = {"path": self.path, "size": self.size, "link": self.link, "place": self.place, "stored": self.stored}
        return {**self.about, **{key: value for key, value in found.items() if value is not None}}


def list_artifacts(objects: Objects, run: Run) -> list[Artifact]:
    """What a run produced, sorted by path: stored or merely listed. `FormatError` where its tree is damaged."""
    entries = {
        entry.path[len(ARTIFACTS_FOLDER) + 1 :]: entry for entry in objects.list_files(run.commit, ARTIFACTS_FOLDER)
    }
    found: list[Artifact] = []
    for about in run.record.get("outputs", ()):
        path = about["path"]
        inside = about.get("artifact") or (_OUTSIDE + path if path.startswith("/") else path)
        entry = entries.pop(inside, None)
        if entry is None:
            found.append(Artifact(path, stored=False, size=about.get("size"), link=about.get("link"), about=about))
            continue
        size, link = _facts(objects, entry.mode, entry.oid, about.get("size"))
        found.append(Artifact(path, True, size, link, entry.path, entry.mode, entry.oid, about))
    for inside, entry in entries.items():
        size, link = _facts(objects, entry.mode, entry.oid, None)
        found.append(Artifact(inside, True, size, link, entry.path, entry.mode, entry.oid))
    return sorted(found, key=lambda artifact: artifact.path)


def find_artifact(artifacts: Iterable[Artifact], path: str, run: Run) -> Artifact:
    """The one at a path, as it is listed, or the only one that ends so. `UsageError` where there is none, or several."""
    every = list(artifacts)
    exact = [item for item in every if path in {item.path, item.place}]
    found = exact or [item for item in every if item.path.endswith(f"/{path}")]
    if not found:
        names = ", ".join(item.path for item in every[:_SHOWN]) or "none"
        raise UsageError(f"{run.name} has no artifact {path!r}.", hint=f"It has: {names}")
    if len(found) > 1:
        raise UsageError(
            f"{path!r} could be any of {len(found)} artifacts.", hint=", ".join(item.path for item in found[:_SHOWN])
        )
    return found[0]


def read_artifact(objects: Objects, artifact: Artifact, large_files: LargeFiles | None = None) -> Iterator[bytes]:
    """The bytes of an artifact, in pieces. `large_files` finds those of which the tree has but a git-lfs pointer.

    Raises `GitxpError` where the bytes are not here, and `UsageError` where it is a symbolic link: that is not followed.
    """
    if artifact.oid is None:
        reason = artifact.about.get("reason")
        why = f": {reason}" if reason else ""
        raise GitxpError(
            f"{artifact.path} is listed and not stored{why}.", hint="Of it, the run has size and fingerprint only."
        )
    if artifact.mode == _LINK:
        raise UsageError(
            f"{artifact.path} is a symbolic link to {artifact.link!r}, which is not followed.",
            hint="Get the file that it leads to, if that is an artifact itself.",
        )
    if objects.get_size(artifact.oid) <= LFS_SIZE:
        data = objects.read_blob(artifact.oid)
        if lfs_oid(data) is None or artifact.about.get("size") == len(data):  # a run may produce pointers
            return iter((data,))
        return read_large(data, artifact.path, large_files or (lambda _: None))
    return objects.stream_blob(artifact.oid)


def _facts(objects: Objects, mode: str, oid: Oid, told: int | None) -> tuple[int | None, str | None]:
    """Size and target of what is stored; of a large file of which the tree has a pointer, the size that was told."""
    if mode == _LINK:
        return None, os.fsdecode(objects.read_blob(oid))
    size = objects.get_size(oid)
    if told is not None and told != size and size <= LFS_SIZE and lfs_oid(objects.read_blob(oid)):
        return told, None
    return size, None
