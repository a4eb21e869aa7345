from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

import states_of_files
import states_of_git
import states_of_history
from gitxp.repo import Repo
from states import STATES, Lab, Tree, make, portrait

if TYPE_CHECKING:
    from pathlib import Path

ROOMS = (states_of_files, states_of_git, states_of_history)  # importing them fills STATES


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with one commit."""
    return make(str(tmp_path / "repo"))


def on_disk(top: str, tree: Tree) -> dict[str, object]:
    """Of the files and links of a tree that are on disk: type, executable bit and content."""
    found: dict[str, object] = {}
    for path, (mode, _) in tree.items():
        full = os.path.join(top, path)
        if mode == "160000" or not os.path.lexists(full):
            continue
        about = os.lstat(full)
        if stat.S_ISLNK(about.st_mode):
            found[path] = os.readlink(full)
        elif stat.S_ISREG(about.st_mode):
            with open(full, "rb") as file:
                found[path] = bool(about.st_mode & 0o100), file.read()
    return found


def but_worktrees(seen: dict[str, object]) -> dict[str, object]:
    """A portrait without what git notes of its linked worktrees."""
    return {key: value for key, value in seen.items() if "/.git/worktrees/" not in key}


def everything(top: str) -> dict[str, object]:
    """All files, links, FIFOs below a folder, but git's own: type and mode, and content."""
    found: dict[str, object] = {}
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name != ".git"]
        for name in [*files, *(inner for inner in folders if os.path.islink(os.path.join(folder, inner)))]:
            full = os.path.join(folder, name)
            about, content = os.lstat(full), b""
            if stat.S_ISREG(about.st_mode):
                with open(full, "rb") as file:
                    content = file.read()
            found[os.path.relpath(full, top)] = (
                oct(about.st_mode),
                os.readlink(full) if stat.S_ISLNK(about.st_mode) else content,
            )
    return found


def git_side(seen: dict[str, object], lab: Lab) -> dict[str, object]:
    """Of a portrait, what is git's."""
    git_dir = os.path.realpath(lab.path(lab.say("rev-parse", "--absolute-git-dir")))
    return {path: value for path, value in seen.items() if path.startswith(git_dir + "/")}


# A file that no snapshot has is in the way; something is not checked out; a merge is going on.
REFUSED = {
    "removed_from_the_index_and_ignored",
    "tracked_file_that_became_a_fifo",
    "skip_worktree_and_deleted",
    "sparse_cone",
    "sparse_patterns",
    "sparse_index",
    "sparse_and_files_outside_all_the_same",
    "sparse_index_and_files_outside_all_the_same",
    "merge_in_conflict",
    "merge_in_conflict_half_resolved",
    "rebase_in_conflict",
    "cherry_pick_in_conflict",
}
# The file system of this one is said to have no links, after the run.
OF_ANOTHER_KIND = {"links_that_are_files"}
# git keeps neither a bit that it was told to ignore, nor which of two line ends a file had where it makes them all one.
NOT_KEPT = {
    "executable_bits_that_git_is_told_to_ignore",
    "staged_executable_bits",
    "line_ends",
    "attributes",
}


@pytest.mark.parametrize("name", STATES)
def test_a_restored_snapshot_is_what_ran(name: str, lab: Lab) -> None:
    """In every state of a working tree, restore gives the files back as they were on disk, and changes nothing else."""
    want = STATES[name](lab)
    lab.run("run", "--name", "r", "--", "true", cwd=want.cwd, env=want.env)
    tree = lab.tree("refs/experiments/r")
    ran, before = on_disk(lab.top, tree), portrait(lab)
    place = lab.top + "-restored"
    done = lab.run("restore", "r", "--to", place, cwd=want.cwd, env=want.env)
    assert (done.status, done.stdout) == (0, os.fsencode(place) + b"\n"), done.stderr
    assert but_worktrees(portrait(lab)) == but_worktrees(before)
    found = on_disk(place, tree)
    if name in NOT_KEPT:
        lab.git("worktree", "add", "--detach", lab.top + "-by-git", "refs/experiments/r")
        ran = on_disk(lab.top + "-by-git", tree)
    assert {path: found.get(path) for path in ran} == ran
    assert {path for path, (mode, _) in tree.items() if mode != "160000"} == set(found)
    there = Lab(place)
    assert there.tree(there.say("write-tree")) == tree
    assert there.say("diff-files", "--ignore-submodules") == ""
    assert there.say("ls-files", "-o") == ""
    head = lab.say("rev-parse", "--verify", "--quiet", "HEAD", check=False)
    assert there.say("rev-parse", "--verify", "--quiet", "HEAD", check=False) == head
    assert there.say("symbolic-ref", "--quiet", "HEAD", check=False) == ("" if head else "refs/heads/r")


@pytest.mark.parametrize("name", sorted(STATES.keys() - NOT_KEPT - OF_ANOTHER_KIND))
def test_restored_here_and_brought_back(name: str, lab: Lab) -> None:
    """In every state, restore --here writes another run's files, and what was there before comes back, or it refuses."""
    lab.run("run", "--name", "r", "--", "true")
    tree = lab.tree("refs/experiments/r")
    ran = on_disk(lab.top, tree)
    want = STATES[name](lab)
    before, files = portrait(lab), everything(lab.top)
    done = lab.run("restore", "r", "--here", cwd=want.cwd, env=want.env)
    if done.status:
        assert name in REFUSED
        assert done.stderr.startswith("Error: "), done.stderr
        assert portrait(lab) == before
        return
    assert name not in REFUSED
    assert on_disk(lab.top, tree) == ran
    assert git_side(portrait(lab), lab) == git_side(before, lab)
    (ref,) = lab.say("for-each-ref", "--format=%(refname)", "refs/gitxp/undo").splitlines()
    os.environ.update(want.env)
    with Repo(lab.top) as repo:
        again = repo.bring_back(ref)
    assert everything(lab.top) == files
    assert git_side(portrait(lab), lab) == git_side(before, lab)
    assert again in lab.say("for-each-ref", "--format=%(refname)", "refs/gitxp/undo").splitlines()
