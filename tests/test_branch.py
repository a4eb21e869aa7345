from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from states import Lab, make, portrait

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with one commit, and a run `r` with an edit, a deletion, a link and a new file."""
    lab = make(str(tmp_path / "repo"))
    lab.write("train.py", "print('edited')\n", 0o755)
    os.unlink(lab.path("README.md"))
    os.symlink("conf", lab.path("settings"))
    lab.write("new.py", "new\n")
    assert lab.run("run", "--name", "r", "--", "true").status == 0
    return lab


def test_one_commit_on_the_base(lab: Lab) -> None:
    """The branch is one commit by the user on the run's base, with the snapshot's tree and nothing of gitxp's in it."""
    before = portrait(lab)
    done = lab.run("branch", "r", "tried", "--json")
    told = json.loads(done.stdout)
    assert told["ref"] == "refs/heads/tried"
    assert told["commit"] == lab.say("rev-parse", "tried")
    assert lab.parents("tried") == [lab.say("rev-parse", "HEAD")]
    assert lab.tree("tried") == lab.tree("refs/experiments/r")
    assert ".gitxp" not in lab.say("ls-tree", "--name-only", "tried").split()
    assert lab.say("log", "-1", "--format=%an <%ae>", "tried") == "Tester <tester@example.com>"
    message = lab.say("log", "-1", "--format=%B", "tried")
    assert message.startswith("Code of run r\n\nCommand: true\n")
    assert lab.record("r")["id"] in message
    after = portrait(lab)
    assert {path for path in after if before.get(path) != after[path]} == {
        os.path.realpath(lab.path(".git/refs/heads/tried")),
        os.path.realpath(lab.path(".git/logs/refs/heads/tried")),
    }


def test_a_run_without_changes_is_at_its_base(lab: Lab) -> None:
    """Where the snapshot is the base's tree, no empty commit is made: the branch is at the base."""
    lab.git("stash", "-u", "-q")
    lab.run("run", "--name", "clean", "--", "true")
    done = lab.run("branch", "clean", "same")
    assert b"it had no changes" in done.stdout
    assert lab.say("rev-parse", "same") == lab.say("rev-parse", "HEAD")


def test_a_run_without_a_base(tmp_path: Path) -> None:
    """Of a run on an unborn branch, it is a commit without a parent."""
    lab = Lab(str(tmp_path))
    lab.git("init", "-q", "-b", "main")
    lab.write("a", "a\n")
    lab.run("run", "--name", "r", "--", "true")
    done = lab.run("branch", "r", "first")
    assert done.status == 0, done.stderr
    assert lab.parents("first") == []
    assert lab.say("ls-tree", "--name-only", "first") == "a"
    refused = lab.run("branch", "r", "main")
    assert (refused.status, "already" in refused.stderr) == (1, True)
    assert lab.say("rev-parse", "-q", "--verify", "HEAD", check=False) == ""


def test_an_existing_branch_stays(lab: Lab) -> None:
    """A branch that is there is not moved."""
    lab.git("branch", "mine")
    before = portrait(lab)
    done = lab.run("branch", "r", "mine")
    assert (done.status, done.stdout) == (1, b"")
    assert "There is a branch 'mine' already" in done.stderr
    assert portrait(lab) == before


@pytest.mark.parametrize("name", ["", "-d", "a..b", "HEAD", "a b", "x.lock", "/a", "@{-1}", "\x1b[2J", "a/"])
def test_names_that_no_branch_can_have(lab: Lab, name: str) -> None:
    """What git allows no branch is a mistake of usage, and options are no names."""
    before = portrait(lab)
    done = lab.run("branch", "r", "--", name)
    assert (done.status, done.stdout) == (2, b""), done.stderr
    assert "\x1b" not in done.stderr
    assert portrait(lab) == before


def test_without_an_identity(lab: Lab, seal: Path) -> None:
    """Where git is told to guess no name, the commit is by whom the run is."""
    (seal / ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    assert lab.run("branch", "r", "b").status == 0
    lab.run("run", "--name", "s", "--", "true")
    who = ("log", "-1", "--format=%an <%ae> %cn <%ce>")
    assert lab.say(*who, "b") == lab.say(*who, "refs/experiments/s")


def test_a_base_that_a_record_invents(lab: Lab) -> None:
    """A base that is not in the run's history is not believed."""
    tree = lab.say("rev-parse", "HEAD^{tree}")
    other = lab.say("commit-tree", tree, "-m", "other")
    record = json.dumps({**lab.record("r"), "base": other}).encode()
    stream = b"commit refs/experiments/evil\ncommitter a <a@b> 1700000000 +0000\ndata 1\nx\n"
    stream += b"from refs/experiments/r^0\nM 100644 inline .gitxp/run.json\ndata %d\n%s\n" % (len(record), record)
    lab.git("fast-import", "--quiet", data=stream)
    assert lab.run("branch", "evil", "b").status == 0
    assert lab.parents("b") == []


def test_a_base_that_a_run_was_merged_into(lab: Lab) -> None:
    """What gitxp recorded of a run that was merged into the base stays: the branch's commit is about code alone."""
    lab.git("stash", "-u", "-q")
    lab.git("merge", "-q", "--no-ff", "-m", "merge", "refs/experiments/r")
    lab.write("train.py", "print('later')\n", 0o755)
    assert lab.run("run", "--name", "s", "--", "true").status == 0
    assert lab.run("branch", "s", "later").status == 0
    assert lab.say("diff", "--name-only", "HEAD", "later") == "train.py"


@pytest.mark.parametrize("name", ["work", "work/on", "work/on/it/all"])
def test_a_name_that_meets_another(lab: Lab, name: str) -> None:
    """A branch whose name is a folder of another's cannot be: the one that is there is named, and nothing is made."""
    lab.git("branch", "work/on/it")
    before = portrait(lab)
    done = lab.run("branch", "r", name)
    assert (done.status, "There is a branch 'work/on/it' already" in done.stderr) == (1, True)
    assert portrait(lab) == before


def test_large_untracked_files_are_told(lab: Lab) -> None:
    """Of a large untracked file the branch has a pointer: that is said, with what to do, since no attribute names git-lfs."""
    lab.write("gitxp.yaml", "snapshot:\n  max_file_size: 100 B\nlarge:\n  untracked: true\n")
    lab.write("weights", b"w" * 2000)
    assert lab.run("run", "--name", "s", "--", "true").status == 0
    done = lab.run("branch", "s", "large", "--json")
    assert json.loads(done.stdout)["large"] == ["weights"]
    assert "a git-lfs pointer there, and not its content: weights" in done.stderr
    assert "large" not in json.loads(lab.run("branch", "r", "small", "--json").stdout)
