"""Submodules: a snapshot has their commits, and a rerun or a plain restore has their files."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from states import Lab, as_shell, make, portrait
from test_restore import but_worktrees, everything

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with a submodule `lib`, which has one of its own, `lib/deep`, and a run `r` that printed files of both."""
    deep, lib = make(str(tmp_path / "deep")), make(str(tmp_path / "lib"))
    deep.write("word", "one\n")
    deep.commit("a word")
    add(lib, deep)
    lib.write("word", "first\n")
    lib.write("run.sh", "cat word deep/word\n", 0o755)
    lib.commit("a word")
    lab = make(str(tmp_path / "repo"))
    add(lab, lib)
    lab.commit("a submodule")
    subprocess.run(
        ["git", "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "--recursive"],
        cwd=lab.top,
        check=True,
    )
    done = lab.run("run", "--name", "r", "--", *as_shell("cd lib && sh run.sh"))
    assert done.stdout == b"first\none\n", done.stderr
    return lab


def add(lab: Lab, other: Lab) -> None:
    """Make another repository a submodule, at its folder's name."""
    name = os.path.basename(other.top)
    words = ["git", "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other.top, name]
    subprocess.run(words, cwd=lab.top, check=True)


def move_on(lab: Lab) -> Lab:
    """Commit other files in the submodule of the working tree."""
    inner = Lab(lab.path("lib"))
    inner.write("word", "second\n")
    inner.commit("another word")
    return inner


def test_a_rerun_has_the_submodules_of_then(lab: Lab) -> None:
    """A rerun runs on the files of the commits that its submodules had, those of now left alone, and leaves no folder."""
    inner = move_on(lab)
    before, within = portrait(lab), portrait(inner)
    done = lab.run("rerun", "r", "--name", "s")
    assert (done.status, done.stdout) == (0, b"first\none\n"), done.stderr
    assert lab.tree("refs/experiments/s") == lab.tree("refs/experiments/r")
    assert not os.path.lexists(f"{lab.top}-s")
    assert (but_worktrees(portrait(lab)), portrait(inner)) == (but_worktrees(before), within)
    assert lab.say("fsck", "--strict") == ""


def test_what_a_rerun_writes_in_a_submodule_is_not_lost(lab: Lab) -> None:
    """Files that the command makes or changes in a submodule are told, and their folder stays."""
    code = "test -e once && { echo new >lib/new; echo other >lib/deep/word; }; touch once"
    lab.run("run", "--name", "w", "--", *as_shell(code))
    lab.run("run", "--name", "v", "--", *as_shell(code))
    for name in ("lib/new", "once"):
        os.unlink(lab.path(name))
    Lab(lab.path("lib/deep")).git("checkout", "--", "word")
    done = lab.run("rerun", "v", "--name", "s")
    assert "lib/deep/word, lib/new" in done.stderr
    assert Lab(f"{lab.top}-s").read("lib/new") == b"new\n"


def test_a_submodule_whose_commit_is_not_here_is_empty(lab: Lab) -> None:
    """Where no clone here has the commit, the folder is empty, that is said, and no file of another commit is in it."""
    lib = Lab(lab.path("lib"))
    move_on(lab)
    code = "import pathlib; print(pathlib.Path('lib/word').read_text())"
    lab.run("run", "--name", "p", "--", "python", "-c", code)
    lib.git("reset", "--quiet", "--hard", "HEAD~1")
    lib.git("reflog", "expire", "--expire=now", "--all")
    lib.git("gc", "--quiet", "--prune=now")
    done = lab.run("rerun", "p", "--name", "s")
    assert "a submodule, left empty, since its commit is not here: lib" in done.stderr
    assert (done.status, done.stdout) == (1, b"")


def test_a_plain_restore_has_their_files(lab: Lab) -> None:
    """Restore --plain writes all that ran, submodules too; a worktree leaves them to git, and says how."""
    want = {path: value for path, value in everything(lab.top).items() if os.path.basename(path) != ".git"}
    move_on(lab)
    assert lab.run("restore", "r", "--plain", "--to", "../plain").status == 0
    assert everything(f"{os.path.dirname(lab.top)}/plain") == want
    done = lab.run("restore", "r")
    assert "a submodule, left empty: lib (git submodule update --init, there)" in done.stderr
    assert os.listdir(f"{lab.top}-r/lib") == []


def test_changes_that_no_snapshot_has_are_told(lab: Lab) -> None:
    """A submodule that had changes of its own is told by restore and rerun."""
    Lab(lab.path("lib")).write("word", "changed\n")
    lab.run("run", "--name", "d", "--", *as_shell("cat lib/word"))
    done = lab.run("rerun", "d")
    assert "a submodule had changes of its own then, which no snapshot has: lib" in done.stderr
    assert done.stdout == b"first\n"
    assert "a submodule had changes of its own then, which no snapshot has: lib" in lab.run("restore", "d").stderr


def test_here_leaves_them_and_says_so(lab: Lab) -> None:
    """Restore --here does not touch a submodule, and tells which commit the run had it at."""
    commit = lab.say("rev-parse", "HEAD:lib")
    inner = move_on(lab)
    within = portrait(inner)
    done = lab.run("restore", "r", "--here")
    assert f"left as it is: the submodule lib, which the run had at {commit[:10]}" in done.stderr
    assert portrait(inner) == within


def test_a_clone_that_is_not_checked_out_will_do(lab: Lab) -> None:
    """A submodule that was taken out of the working tree is filled from git's folder of modules."""
    lab.git("submodule", "--quiet", "deinit", "--force", "lib")
    shutil.rmtree(lab.path("lib"))
    os.mkdir(lab.path("lib"))
    done = lab.run("rerun", "r")
    os.mkdir(lab.path("lib/deep"))  # without it, git cannot look at that one
    assert (done.status, done.stdout) == (0, b"first\none\n"), done.stderr


def test_a_submodule_of_a_submodule_that_is_not_here_is_told(lab: Lab) -> None:
    """What is left empty further down is told with its path from the top."""
    shutil.rmtree(lab.path(".git/modules/lib/modules/deep"))
    shutil.rmtree(lab.path("lib/deep"))
    os.mkdir(lab.path("lib/deep"))
    assert "left empty, since its commit is not here: lib/deep" in lab.run("rerun", "r").stderr
