r"""Which data differ between two runs: by path, and of folders by the manifests that both have in their trees.

Data are the same where their digests are, whoever named them. A manifest is up to 100,000 lines, and a stranger's may
be anything: it is read up to a limit, lines that are in both are dropped before any is looked at, and a line that is
none is passed over.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.errors import FormatError
from gitxp.format import data_path
from gitxp.model import FolderChange, Unread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gitxp.git.objects import Objects
    from gitxp.model import Run

    Entries = dict[str, dict[str, Any]]
    Pairs = dict[str, tuple[Any, Any]]

_MOST_FOLDERS = 200
_MOST_BYTES = 64 * 1024 * 1024  # of one manifest: 100,000 paths of 600 bytes
_MOST_LINES = 100_000
# Who named it, and what else says nothing about the content.
_ASIDE = frozenset({"source", "manifest", "changed"})
_LINE = re.compile(rb"(\\?)([0-9a-f]{32}|\?{32}) ([ @])(.+)")
_EMPTY = b" 99aa06d3014798d86001c324468d497f"  # XXH3-128 of nothing
_UNREADABLE = b" " + b"?" * 32
_ESCAPE = re.compile(rb"\\([\\n])")


class DataChanges(NamedTuple):
    """`pairs` by path, `files` of folders by the folder's path, and the new path of what has `moved`, by the old one."""

    pairs: Pairs
    files: dict[str, FolderChange]
    moved: dict[str, str]


def compare_data(objects: Objects, a: Run, b: Run, unread: list[Unread]) -> DataChanges:
    """What differs between the data of two runs. A manifest that cannot be read costs the files of its folder, and is told in `unread`."""
    in_a, in_b = by_path(a, "data"), by_path(b, "data")
    pairs = _pairs(in_a, in_b)
    files: dict[str, FolderChange] = {}
    folders = (path for path, pair in pairs.items() if any(entry and entry.get("manifest") for entry in pair))
    for path, _ in zip(folders, range(_MOST_FOLDERS), strict=False):
        try:
            change = _compare_folder(objects, (a, b), path, (in_a, in_b), unread)
        except UnicodeEncodeError:  # a path of characters that no file's name can have
            continue
        if change:
            files[path] = change
    singles = {path for change in files.values() for path in change.singles}
    return DataChanges(pairs, files, _moved({path: pair for path, pair in pairs.items() if path not in singles}))


def compare_outputs(a: Run, b: Run) -> Pairs:
    """The outputs that differ, by path."""
    return _pairs(by_path(a, "outputs"), by_path(b, "outputs"))


def by_path(run: Run, key: str) -> Entries:
    """The fingerprints of a run's `data` or `outputs`, by path and without it."""
    return {
        entry["path"]: {name: value for name, value in entry.items() if name != "path"}
        for entry in run.record.get(key, ())
    }


def _pairs(a: Entries, b: Entries) -> Pairs:
    return {
        path: (a.get(path), b.get(path))
        for path in sorted(a.keys() | b.keys())
        if path not in a or path not in b or not is_same(a[path], b[path])
    }


def is_same(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether two fingerprints are of the same content, as far as they tell."""
    if a.get("kind") != b.get("kind") or ("xxh3_128" in a) != ("xxh3_128" in b):
        return False
    if "xxh3_128" in a:
        return bool(a["xxh3_128"] == b["xxh3_128"])
    return all(a.get(key) == b.get(key) for key in (a.keys() | b.keys()) - _ASIDE)


def _moved(pairs: Pairs) -> dict[str, str]:
    """What one run has at one path and the other, with the same content, at another. Empty files are all alike."""
    new: dict[tuple[Any, ...], list[str]] = {}
    for path, (a, b) in pairs.items():
        if a is None and _identity(b):
            new.setdefault(_identity(b), []).append(path)
    for paths in new.values():
        paths.reverse()
    return {
        path: new[_identity(a)].pop() for path, (a, b) in pairs.items() if b is None and a and new.get(_identity(a))
    }


def _identity(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    return (entry["kind"], entry["xxh3_128"]) if entry.get("size") and {"kind", "xxh3_128"} <= entry.keys() else ()


def _compare_folder(
    objects: Objects, runs: tuple[Run, Run], path: str, entries: tuple[Entries, Entries], unread: list[Unread]
) -> FolderChange | None:
    """The files of a folder that differ; None where one of the runs does not tell which it had.

    A run that opened only a few files of the folder has an entry for each of them, and none for the folder.
    """
    a, b = (
        _read_manifest(objects, run, path, unread) if path in has and has[path].get("manifest") else None
        for run, has in zip(runs, entries, strict=True)
    )
    if a is not None and b is not None:
        return _difference(_parse(a - b), _parse(b - a))
    if a is not None and path not in entries[1] and (singles := _singles(path, entries[1])):
        return _difference(_parse(a), dict(singles.values()), tuple(singles))
    if b is not None and path not in entries[0] and (singles := _singles(path, entries[0])):
        return _difference(dict(singles.values()), _parse(b), tuple(singles))
    return None


def _read_manifest(objects: Objects, run: Run, path: str, unread: list[Unread]) -> frozenset[bytes] | None:
    try:
        data = objects.read_file(run.commit, data_path(path), _MOST_BYTES)
    except FormatError as error:
        unread.append(Unread(run.name, "data", f"The list of the files in {path}: {error.sentence}"))
        return None
    if data is None or data.count(b"\n") > _MOST_LINES:
        return None
    return frozenset(data.split(b"\n"))


def _singles(folder: str, entries: Entries) -> dict[str, tuple[bytes, bytes]]:
    """The single files below a folder: path of the entry → path from the folder, and mark and digest as in a manifest."""
    start = "" if folder == "." else folder + "/"
    return {
        path: (os.fsencode(path[len(start) :]), b" " + os.fsencode(entry["xxh3_128"]))
        for path, entry in entries.items()
        if path.startswith(start) and not (folder == "." and path.startswith("/"))
        if entry.get("kind") == "file" and "xxh3_128" in entry
    }


def _parse(lines: Iterable[bytes]) -> dict[bytes, bytes]:
    """The files of these lines of a manifest: path → mark and digest."""
    files = {}
    for line in lines:
        if found := _LINE.fullmatch(line):
            escaped, digest, mark, path = found.groups()
            if escaped:
                path = _ESCAPE.sub(lambda part: b"\n" if part[1] == b"n" else b"\\", path)
            files[path] = mark + digest
    return files


def _difference(a: Mapping[bytes, bytes], b: Mapping[bytes, bytes], singles: tuple[str, ...] = ()) -> FolderChange:
    both = a.keys() & b.keys()
    moved = _moved_files({path: a[path] for path in a.keys() - both}, {path: b[path] for path in b.keys() - both})
    return FolderChange(
        added=_names(b.keys() - both - set(moved.values())),
        removed=_names(a.keys() - both - moved.keys()),
        changed=_names(path for path in both if a[path] != b[path]),
        singles=singles,
        moved=tuple((os.fsdecode(old), os.fsdecode(new)) for old, new in sorted(moved.items())),
    )


def _moved_files(removed: Mapping[bytes, bytes], added: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """The new paths, by the old ones, of files with the same content. Empty files and links are told by their paths."""
    new: dict[bytes, list[bytes]] = {}
    for path in sorted(added, reverse=True):
        if added[path].startswith(b" ") and added[path] not in {_EMPTY, _UNREADABLE}:
            new.setdefault(added[path], []).append(path)
    return {path: new[removed[path]].pop() for path in sorted(removed) if new.get(removed[path])}


def _names(paths: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(map(os.fsdecode, sorted(paths)))
