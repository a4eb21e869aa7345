"""Which runs were made here: known by a list that no fetch can write, and not by what a record or a commit says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from gitxp.store.own import note_own, read_own
from run_factory import Factory, encode
from states import Lab, as_shell, kill_group, make

if TYPE_CHECKING:
    from pathlib import Path

    from team import Member

pytest_plugins = ("team_fixtures",)
LIST = f".git/gitxp/own/{os.geteuid()}"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with one commit."""
    return make(str(tmp_path / "repo"))


def is_own(lab: Lab, name: str = "r") -> bool:
    """Whether gitxp takes a run for one that was made here; `show` and `rerun` agree."""
    done = lab.run("show", name, "--json")
    assert done.status == 0, done.stderr
    own = bool(json.loads(done.stdout)["own"])
    planned = lab.run("rerun", name, "--dry-run")
    assert planned.status == 0, planned.stderr
    assert ("was not made here" in planned.stderr) != own
    assert ("(not made here)" in lab.run("show", name).stdout.decode()) != own
    return own


def begin(lab: Lab, *command: str) -> None:
    """Record a run `r`."""
    done = lab.run("run", "--name", "r", "--", *(command or ("true",)))
    assert done.status == 0, done.stderr


def put(lab: Lab, files: dict[str, str | bytes], name: str = "r") -> None:
    """Put a commit with these files on top of a run, as whoever can push to where one fetches from could."""
    ref = f"refs/experiments/{name}"
    tip, message = lab.say("rev-parse", ref), lab.say("show", "-s", "--format=%B", ref)
    Factory(lab.top).commit(ref, files, parent=ref, at=1_800_000_000)
    lab.git("update-ref", ref, lab.say("commit-tree", "-p", tip, "-m", message, f"{ref}^{{tree}}"))


def test_a_run_that_was_made_here(lab: Lab) -> None:
    """It is executed at a word, whatever has become of it since, in every worktree; so is what was made of it."""
    begin(lab)
    assert is_own(lab)
    assert lab.run("tag", "r", "+good").status == 0
    assert is_own(lab)
    lab.git("worktree", "add", "-q", "--detach", "../beside")
    assert is_own(Lab(lab.path("../beside")))
    assert lab.run("rm", "r").status == 0
    assert lab.run("undo").status == 0
    assert is_own(lab)
    assert lab.run("archive-refs", "r").status == 0
    assert lab.run("gc", "--yes").status == 0
    assert lab.names() != ["r"]
    assert is_own(lab)
    done = lab.run("rerun", "r", "--name", "s")
    assert done.status == 0, done.stderr
    assert is_own(lab, "s")
    os.rename(lab.top, lab.top + "-moved")
    assert is_own(Lab(lab.top + "-moved"))


def test_a_clone_does_not_bring_it(ada: Member, bob: Member) -> None:
    """What comes from a remote was made elsewhere, though e-mail, host and user are one's own."""
    ada.new("r")
    ada.push()
    bob.pull()
    assert bob.record("r")["host"] == os.uname().nodename
    assert is_own(ada)
    assert not is_own(bob)
    refused = bob.run("rerun", "r")
    assert refused.status == 2
    for words in ("command: true", "in the folder: .", f"commit {bob.tips()['r']}", "environment: as it is here"):
        assert words in refused.stderr
    bob.run("tag", "r", "+seen")
    bob.push()
    ada.pull()
    assert is_own(ada)


@pytest.mark.parametrize("path", ["train.py", ".gitxp/run.json", ".gitxp/environment.json", ".gitxp/artifacts/x"])
def test_what_somebody_put_on_top(lab: Lab, path: str) -> None:
    """A tip with another file, another command or other packages than the commit that was made here is not one's own."""
    begin(lab)
    content = encode({**lab.record("r"), "command": ["evil"]}) if path.endswith("run.json") else "{}\n"
    put(lab, {path: content})
    assert not is_own(lab)
    assert lab.run("rerun", "r").status == 2


def test_what_was_trusted_is_not_asked_again(lab: Lab) -> None:
    """A run that the user trusted once is executed at a word from then on; what comes on top of it is asked about again."""
    Factory(lab.top).make("r", host=os.uname().nodename, command=["true"])
    assert not is_own(lab)
    assert lab.run("rerun", "r", "--dry-run", "--trust").status == 0
    assert not is_own(lab)
    assert lab.run("rerun", "r", "--trust").status == 0
    assert is_own(lab)
    assert lab.run("rerun", "r").status == 0
    put(lab, {".gitxp/run.json": encode({**lab.record("r"), "command": ["evil"]})})
    assert not is_own(lab)


def _running(lab: Lab) -> subprocess.Popen[bytes]:
    process = lab.start("run", "--name", "r", "--", *as_shell("echo on; sleep 60"), stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    assert process.stdout.readline() == b"on\n"
    return process


def _end(process: subprocess.Popen[bytes], number: int) -> None:
    kill_group(process, number)
    process.communicate(timeout=60)


def _until_noted(lab: Lab) -> None:
    deadline = time.monotonic() + 30
    while not os.path.exists(lab.path(LIST)) or not os.path.getsize(lab.path(LIST)):
        assert time.monotonic() < deadline, "nothing was noted"
        time.sleep(0.005)


def test_a_run_that_is_running(lab: Lab) -> None:
    """It is one's own from its start on, and, where all of gitxp was killed, once it was recovered."""
    process = _running(lab)
    _until_noted(lab)
    assert is_own(lab)
    _end(process, signal.SIGKILL)
    assert lab.run("list").status == 0
    assert lab.record("r")["status"] == "lost"
    assert is_own(lab)


@pytest.mark.parametrize("is_killed", [True, False])
def test_a_ref_that_was_moved_while_it_ran(lab: Lab, *, is_killed: bool) -> None:
    """Where somebody put other files under a running run, its last commit is not taken for one that was made here."""
    process = _running(lab)
    _until_noted(lab)
    put(lab, {"train.py": "evil\n"})
    _end(process, signal.SIGKILL if is_killed else signal.SIGINT)
    assert lab.run("list").status == 0
    assert lab.record("r")["status"] == ("lost" if is_killed else "interrupted")
    assert lab.blob("refs/experiments/r", "train.py") == b"evil\n"
    assert not is_own(lab)


def test_a_run_of_a_python_program(lab: Lab) -> None:
    """A run that a program began itself is one's own."""
    lab.write("prog.py", "import gitxp\ngitxp.init(name='r')\n")
    subprocess.run([sys.executable, "prog.py"], cwd=lab.top, check=True, capture_output=True)
    assert is_own(lab)


def test_the_list_of_another_user(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each user has a list of their own; one that another user wrote, or that is a link, counts for nothing."""
    begin(lab)
    common = lab.path(".git")
    ours = read_own(common)
    assert len(ours) == 2
    with monkeypatch.context() as other:
        other.setattr(os, "geteuid", lambda: 54321)
        assert read_own(common) == frozenset()
        note_own(common, next(iter(ours)))  # the file is of this test's user, not of 54321
        assert os.path.exists(lab.path(".git/gitxp/own/54321"))
        assert read_own(common) == frozenset()
    assert os.stat(lab.path(LIST)).st_mode & 0o777 == 0o600
    os.rename(lab.path(LIST), lab.path(".git/list"))
    os.symlink("../../list", lab.path(LIST))
    assert not is_own(lab)


def test_a_list_that_cannot_be_written(lab: Lab) -> None:
    """It costs a question, and nothing of the run; so does a line that was cut off."""
    lab.write(".git/gitxp/own", "in the way")
    begin(lab)
    assert lab.record("r")["status"] == "completed"
    assert not is_own(lab)
    os.unlink(lab.path(".git/gitxp/own"))
    lab.write(LIST, f"made {lab.say('rev-parse', 'refs/experiments/r')[:20]}\nmade\n\xff\n")
    assert not is_own(lab)
