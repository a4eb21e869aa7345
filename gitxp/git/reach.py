"""What some commits reach that others do not: how much it is, which files they changed. By git, the program, in streams.

Commits go to git's stdin, since a hundred thousand of them fit on no command line. Objects that are missing here are
passed over: in a partial clone they are at the remote already, and in a damaged repository the push itself will say so.
Nothing that git quotes or cuts is read: paths come from `diff-tree -z`, not from `rev-list --objects`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import FormatError
from gitxp.format import Oid
from gitxp.git.objects import SUBMODULE_MODE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from gitxp.git.program import Git

_COMMITS_OF_USER = ("--not", "--branches", "--tags", "--remotes")
_GROUP = 400  # commits that one diff-tree is told of: its stdin is a pipe, and holds 64 KiB
_DIFF_TREE = ("diff-tree", "--stdin", "-r", "-z", "--root", "--no-renames", "--no-relative")
_OBJECTS = ("rev-list", "--objects", "--missing=allow-any", "--ignore-missing")


class Change(NamedTuple):
    """One file that a commit has otherwise than its first parent: git's status (A, M, D, T), and the object before and after."""

    commit: Oid
    status: str
    path: str
    before: Oid
    after: Oid


def measure(git: Git, tips: Sequence[Oid], there: Collection[Oid]) -> tuple[int, int]:
    """How many objects the tips reach that those `there` do not, and their bytes on disk."""
    if not tips:
        return 0, 0
    commits = _as_lines(tips, there)
    # "-<oid>" and "?<oid>" would be no objects that are sent
    count = sum(line[:1].isalnum() for line in _lines(git, [*_OBJECTS, "--no-object-names", "--stdin"], commits))
    size = list(_lines(git, [*_OBJECTS, "--disk-usage", "--stdin"], commits))
    return count, int(size[-1])


def count_commits(git: Git, tips: Sequence[Oid], there: Collection[Oid]) -> int:
    """How many commits the tips reach that those `there` do not, the user's as well."""
    args = ["rev-list", "--count", "--ignore-missing", "--stdin"]
    return int(next(_lines(git, args, _as_lines(tips, there)))) if tips else 0


def list_own_commits(git: Git, tips: Sequence[Oid], there: Collection[Oid]) -> Iterator[tuple[Oid, list[Oid]]]:
    """The commits that neither the user's branches and tags nor those `there` reach, children first, with their parents."""
    args = ["rev-list", "--topo-order", "--parents", "--ignore-missing", "--stdin", *_COMMITS_OF_USER]
    for line in _lines(git, args, _as_lines(tips, there)) if tips else ():
        commit, *parents = line.decode("ascii").split()
        yield Oid(commit), [Oid(parent) for parent in parents]


def find_own_objects(git: Git, tips: Sequence[Oid], there: Collection[Oid], wanted: Collection[Oid]) -> set[Oid]:
    """Of the `wanted` objects those that neither the user's branches and tags nor the commits `there` have in their trees."""
    args = [*_OBJECTS, "--objects-edge-aggressive", "--no-object-names", "--stdin", *_COMMITS_OF_USER]
    lines = _lines(git, args, _as_lines(tips, there)) if tips and wanted else ()
    return {oid for line in lines if (oid := Oid(line.decode("ascii"))) in wanted}


def list_changes(git: Git, commits: Iterable[tuple[Oid, list[Oid]]], paths: Sequence[str] = ()) -> Iterator[Change]:
    """The files that each commit has otherwise than its first parent; of one without parents, all. No submodules.

    What is given for a parent need not be one; `paths` are pathspecs.
    """
    for group in _grouped(commits):
        yield from _changes_of(git, group, paths)


def count_lines(
    git: Git, commits: Iterable[tuple[Oid, list[Oid]]], paths: Sequence[str] = ()
) -> Iterator[tuple[Oid, str, int | None, int | None]]:
    """The files as `list_changes` has them: commit, path, lines that came and went, None for those of a binary file."""
    args = [*_DIFF_TREE, "--numstat", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all", "--", *paths]
    for group in _grouped(commits):
        commit = Oid("")
        for item in _split(_stream(git, args, "".join(group).encode("ascii")), b"\0"):
            added, tab, rest = item.partition(b"\t")
            if not tab:
                commit = Oid(item.decode("ascii", "replace"))
                continue
            deleted, _, path = rest.partition(b"\t")
            yield commit, os.fsdecode(path), _number(added), _number(deleted)


def _number(text: bytes) -> int | None:
    return None if text == b"-" else int(text)


def _grouped(commits: Iterable[tuple[Oid, list[Oid]]]) -> Iterator[list[str]]:
    group: list[str] = []
    for commit, parents in commits:
        group.append(" ".join([commit, *parents[:1]]) + "\n")
        if len(group) == _GROUP:
            yield group
            group = []
    if group:
        yield group


def _changes_of(git: Git, commits: Sequence[str], paths: Sequence[str] = ()) -> Iterator[Change]:
    """Parse `diff-tree -z --raw`: a commit, then for each file `:mode mode object object status` and its path."""
    args = [*_DIFF_TREE, "--raw", "--no-abbrev", "--", *paths]
    commit = Oid("")
    header: list[str] | None = None
    for item in _split(_stream(git, args, "".join(commits).encode("ascii")), b"\0"):
        if header is not None:
            if header[1] != SUBMODULE_MODE:
                yield Change(commit, header[4][:1], os.fsdecode(item), Oid(header[2]), Oid(header[3]))
            header = None
        elif item.startswith(b":"):
            header = item[1:].decode("ascii", "replace").split(" ")
            if len(header) != 5:
                raise FormatError("git diff-tree said something that cannot be read")
        else:
            commit = Oid(item.decode("ascii", "replace"))


def _as_lines(tips: Iterable[Oid], there: Iterable[Oid]) -> bytes:
    return "".join([*(f"{oid}\n" for oid in tips), *(f"^{oid}\n" for oid in there)]).encode("ascii")


def _lines(git: Git, args: Sequence[str], data: bytes) -> Iterator[bytes]:
    return _split(_stream(git, args, data), b"\n")


def _split(chunks: Iterable[bytes], end: bytes) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *items, rest = (rest + chunk).split(end)
        yield from items


def _stream(git: Git, args: Sequence[str], data: bytes) -> Iterator[bytes]:
    """What git prints, in pieces. All of `data` is written first: it fits into a pipe, or git reads it before it prints."""
    process = git.start("--no-replace-objects", *args, stdin=True)
    try:
        process.send(data)
    except BrokenPipeError:
        pass  # it stopped early, and its exit status says why
    except BaseException:
        process.close()
        raise
    yield from process.stream()
