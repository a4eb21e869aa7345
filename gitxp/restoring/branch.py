"""The code of a run as an ordinary branch: one commit on the run's base, without `.gitxp`, ready for a pull request."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitxp.errors import GitxpError, UsageError
from gitxp.format import command_line
from gitxp.git.large_files import find_pointers
from gitxp.restoring.here import write_commit
from gitxp.restoring.large import list_large
from gitxp.restoring.trees import check_files, find_base, find_folder_entry, snapshot_tree

if TYPE_CHECKING:
    from gitxp.git.program import Git
    from gitxp.model import Run
    from gitxp.store.writer import Identity

_HEADS = "refs/heads/"
_WIDTH = 72


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch that was made: its full ref, and its commit; `is_new` is False where that is the run's base itself.

    `large` are paths of large untracked files of the run, of which the branch has git-lfs pointers.
    """

    ref: str
    commit: str
    base: str | None
    is_new: bool
    large: tuple[str, ...] = ()


def make_branch(git: Git, run: Run, name: str, identity: Identity) -> Branch:
    """A branch with the run's snapshot as one commit on its base; nothing is checked out.

    Where the snapshot has no changes, the branch is at the base. Raises `UsageError` where git allows no such name, and
    `GitxpError` where the branch is there already.
    """
    ref = _HEADS + name
    if name.startswith("-") or name == "HEAD" or git.ask("check-ref-format", ref).status:
        raise UsageError(f"{name!r} cannot name a branch.", hint="git check-ref-format --help has the rules.")
    head = os.fsdecode(git.ask("symbolic-ref", "--quiet", "HEAD").stdout).strip()
    taken = _find_taken(git, ref, head)
    if taken is not None:
        raise GitxpError(f"There is a branch {taken!r} already.", hint="Choose another name, or look: git branch")
    check_files(git, run)
    base = find_base(git, run)
    # a base has such a folder where somebody merged a run into it: the branch is not about that
    tree = snapshot_tree(git, run, keep=find_folder_entry(git, base) if base else b"")
    if base is not None and tree == git.run("rev-parse", "--verify", f"{base}^{{tree}}").decode("ascii").strip():
        commit = base
    else:
        commit = write_commit(git, tree, ("-p", base) if base else (), _message(run), identity)
    git.run("update-ref", "-m", f"gitxp branch: from run {run.name}", ref, commit, "0" * len(commit))
    large = list_large(run)
    large = large & find_pointers(git, commit).keys() if large else large
    return Branch(ref, commit, base, is_new=commit != base, large=tuple(sorted(large)))


def _find_taken(git: Git, ref: str, head: str) -> str | None:
    """The branch that is there already: of this name, or one whose name is a folder of it, or the other way round."""
    parts = ref.split("/")
    above = ["/".join(parts[:depth]) for depth in range(3, len(parts) + 1)]
    listed = git.run("for-each-ref", "--format=%(refname)", *above).decode("utf-8", "surrogateescape").split("\n")
    for there in [*filter(None, listed), head]:
        if there in above or there.startswith(f"{ref}/"):
            return there.removeprefix(_HEADS)
    return None


def _message(run: Run) -> str:
    command = command_line(run.command)
    subject = f"Code of run {run.name}"
    told = command if len(command) <= 500 else command[:499] + "…"
    lines = [subject[:_WIDTH], ""]
    if command:
        lines += [f"Command: {told}"]
    lines += [f"Status: {run.status}", "", f"Gitxp-Source: {command_line([run.id or run.commit])}"]
    return "\n".join(lines)
