"""The code of several runs, by file, against that of the first: one git process, however many there are.

`git diff-tree --stdin` takes pairs of trees and writes a line with their ids before what differs between the two. Runs
that share a snapshot, which most of a sweep do, cost nothing more.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from gitxp.compared import FileState, Row
from gitxp.errors import FormatError
from gitxp.format import Oid
from gitxp.git.extent import Extent
from gitxp.model import Unread
from gitxp.query.compare import ALL_CODE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitxp.git.objects import Objects
    from gitxp.git.program import Git
    from gitxp.model import Run

    States = dict[str, FileState | None]

_PAIR = re.compile(rb"[0-9a-f]{40,64} ([0-9a-f]{40,64})\n")


def compare_code_of_many(
    objects: Objects, git: Git, runs: Sequence[Run], remarks: list[str], unread: list[Unread]
) -> Iterator[Row]:
    """A row for each file that differs between the first run and another; most lines first. Raises `GitFailed`.

    What is not known costs a sentence in `remarks`, what cannot be read an entry in `unread`.
    """
    trees: list[Oid | None] = []
    for run in runs:
        if run.record.get("snapshot") is False:
            remarks.append(f"{run.name} has no snapshot: of its code, only the commit that HEAD was at is known.")
        try:
            trees.append(objects.read_commit(run.commit).tree)
        except FormatError as error:
            trees.append(None)
            unread.append(Unread(run.name, "code", error.sentence))
    if trees[0] is None:
        return
    first = trees[0]
    extent = Extent(objects, ours=False)
    for number, tree in enumerate(trees):
        if tree is not None and extent.is_trap(first, tree):
            trees[number] = None
            remarks.append(f"The code of {runs[number].name} cannot be compared: it has too many files.")
    changes, before = _compare(git, first, {tree for tree in trees if tree and tree != first})
    size: dict[str, int] = {}
    for states in changes.values():
        for path, state in states.items():
            size[path] = max(size.get(path, 0), lines_of(state))
    for path in sorted(size, key=lambda path: (-size[path], path)):
        original = before.get(path)
        values = tuple(None if tree is None else changes.get(tree, {}).get(path, original) for tree in trees)
        yield Row("code", path, values, differs=True)


def lines_of(state: FileState | None) -> int:
    """How many lines came and went."""
    return 0 if state is None else (state.insertions or 0) + (state.deletions or 0)


def _compare(git: Git, first: Oid, others: set[Oid]) -> tuple[dict[Oid, States], dict[str, FileState]]:
    """By tree, what each file that differs is there; and what the files are in the first tree."""
    changes: dict[Oid, States] = {tree: {} for tree in others}
    before: dict[str, FileState] = {}
    if not others:
        return changes, before
    output = git.run(
        *("diff-tree", "--stdin", "-r", "-z", "--no-renames", "--raw", "--numstat", "--no-ext-diff", "--no-textconv"),
        *("--", *ALL_CODE),
        data="".join(f"{first} {tree}\n" for tree in sorted(others)).encode("ascii"),
    )
    # `tree tree LF`, then for each file `:mode mode oid oid M NUL path NUL`, then as many `added TAB deleted TAB path NUL`
    states: States = {}
    items = iter(output.split(b"\0")[:-1])
    for item in items:
        rest = item
        while match := _PAIR.match(rest):
            states = changes[Oid(match[1].decode("ascii"))]
            rest = rest[match.end() :]
        if rest.startswith(b":"):
            old_mode, new_mode, old, new, letter = rest.decode("ascii").removeprefix(":").split(" ")
            path = os.fsdecode(next(items))
            states[path] = None if letter[0] == "D" else FileState(new, mode=new_mode)
            if letter[0] != "A":
                before[path] = FileState(old, mode=old_mode)
            continue
        added, deleted, name = rest.split(b"\t", 2)
        state = states[os.fsdecode(name)]
        if state is not None:
            states[os.fsdecode(name)] = replace(state, insertions=_number(added), deletions=_number(deleted))
    return changes, before


def _number(text: bytes) -> int | None:
    return None if text == b"-" else int(text)
