"""Configuration files of two runs, key by key: YAML, JSON and TOML in the snapshots.

A line diff of a nested file says `depth: 8` and not of what. What such a file says by dotted keys is what the program gets.
The files are untrusted. Who decodes them is handed in, since that belongs to capture/, and keeps to limits of size, depth
and number; what is none, or is beyond those, is left to git. What came or went as a whole is no change of keys.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gitxp.errors import FormatError
from gitxp.model import DocumentChange
from gitxp.query.changed_blobs import changed_blobs
from gitxp.query.compare import differences

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitxp.format import Oid
    from gitxp.git.objects import Objects
    from gitxp.git.program import Git
    from gitxp.model import FileChange, Run

    # The values of a file by dotted keys, from its path and bytes; None for what is no such document.
    Decode = Callable[[str, bytes], dict[str, Any] | None]

ENDINGS = (".yaml", ".yml", ".json", ".toml")
_MOST_FILES = 100
_MOST_BYTES, _MOST_IN_ALL = 1 << 20, 4 << 20  # PyYAML without libyaml reads a megabyte in some seconds


def find_documents(
    objects: Objects, git: Git, a: Run, b: Run, decode: Decode, paths: Sequence[str] = ()
) -> list[FileChange]:
    """The configuration files that both runs have, with other bytes, and that can be compared key by key, in git's order.

    At most a hundred of them, with 4 MiB in all. `paths` are git's pathspecs. Raises `GitFailed` where git refuses those.
    """
    found: list[FileChange] = []
    room = _MOST_IN_ALL
    for change, old, new in changed_blobs(objects, git, a, b, paths, ENDINGS):
        if old is None or new is None:
            continue
        sizes = [objects.get_size(oid) for oid in (old, new)]
        if max(sizes) > _MOST_BYTES or sum(sizes) > room:
            continue
        room -= sum(sizes)
        both = [
            _read(objects, oid, path, decode)
            for oid, path in ((old, change.old_path or change.path), (new, change.path))
        ]
        if both[0] is not None and both[1] is not None:
            found.append(replace(change, document=DocumentChange(differences(both[0], both[1]))))
        if len(found) == _MOST_FILES:
            break
    return found


def _read(objects: Objects, oid: Oid, path: str, decode: Decode) -> dict[str, Any] | None:
    try:
        return decode(path, objects.read_blob(oid, _MOST_BYTES))
    except FormatError:
        return None
