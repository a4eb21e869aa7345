"""SIGKILL of all processes of a command at a random moment: the next one works, nothing is lost, and what was left can go."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from states import Lab, kill_group
from test_run_crash import _kill_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from team import Member

pytest_plugins = ("team_fixtures",)
pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="processes are found through /proc")
TRIES = 4
RUNS = ("one", "two", "three", "four")
PAST = -7200.0  # seconds: as if the kill had been two hours ago


@pytest.fixture
def full(ada: Member, bob: Member) -> Member:
    """A clone with four runs, which are nowhere else, and a remote with another one."""
    for number, name in enumerate(RUNS):
        ada.write("code/model.py", f"layers = {number}\n")
        ada.write(f"new-{number}.txt", f"{number}\n" * 200)
        ada.new(name)
    bob.new("theirs")
    bob.push()
    return ada


def held(lab: Lab) -> set[str]:
    """The objects of all runs, wherever a ref leads to them."""
    listed = lab.say("rev-list", "--objects", "--no-object-names", "--glob=refs/experiments", "--glob=refs/gitxp")
    return set(listed.split())


def kill_within(lab: Lab, seconds: float, *command: str) -> bool:
    """Start a command, and kill it and all that it started after this time; whether it was still going."""
    process = lab.start(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill_group(process)
        _kill_all(lab)
        process.wait()
        return True
    return False


def grow_old(lab: Lab) -> None:
    """Set what was left back in time, as far as gitxp goes by time."""
    for place, _, names in os.walk(lab.path(".git")):
        for name in names:
            path = os.path.join(place, name)
            if name.endswith(".lock") or name.startswith(("tmp_", ".tmp-")) or name == "packed-refs.new":
                at = os.stat(path).st_mtime + PAST
                os.utime(path, (at, at))


def mended(lab: Lab) -> None:
    """After `doctor --fix` there is nothing left of a kill that concerns gitxp, and git finds nothing wrong."""
    grow_old(lab)
    done = lab.run("doctor", "--fix", "--json")
    assert done.status in {0, 1}, done.stderr
    again = lab.run("doctor", "--json").stdout.decode()
    for kind in ("stale-lock", "young-lock", "temporary-objects", "left-outbox", "left-folder", "unrecovered-run"):
        assert f'"id": "{kind}"' not in again, again
    assert lab.say("for-each-ref", "refs/gitxp/outbox") == ""
    assert lab.fsck() == ""


def _tag(lab: Lab, number: int) -> None:
    lab.run("tag", "one", f"+{number}")


def _take_out(lab: Lab, _: int) -> None:
    lab.run("archive-refs", "--take-out", *RUNS)


def _undo(lab: Lab, _: int) -> None:
    lab.run("undo")


def _leave(lab: Lab, _: int) -> None:
    if os.path.exists(lab.path("../there")):
        shutil.rmtree(lab.path("../there"))
        lab.git("worktree", "prune")


def _nothing(_lab: Lab, _: int) -> None:
    """It can be done again as it is."""


# What is killed, {} for a number, and what makes it something to do once more.
COMMANDS: dict[str, tuple[tuple[str, ...], Callable[[Lab, int], None]]] = {
    "push": (("push",), _tag),
    "pull": (("pull",), _tag),
    "archive": (("archive-refs", *RUNS), _take_out),
    "gc": (("gc", "--yes"), _nothing),
    "rm": (("rm", *RUNS), _undo),
    "restore": (("restore", "one", "--to", "../there"), _leave),
    "restore-plain": (("restore", "one", "--plain", "--to", "../there"), _leave),
    "rerun": (("rerun", "one", "--name", "again-{}"), _nothing),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_kill_at_a_random_moment(name: str, full: Member) -> None:
    """Wherever it was killed: all objects of runs are held as before, all runs are known, and the command works again."""
    words, prepare = COMMANDS[name]
    chance = random.Random(name)  # noqa: S311  (for the moments, not for secrets)
    objects, longest, killed = held(full), 1.0, 0
    for number in range(TRIES):
        prepare(full, number)
        command = [word.format(number) for word in words]
        begun = time.monotonic()
        if kill_within(full, chance.uniform(0.05, longest), *command):
            killed += 1
        else:
            longest = time.monotonic() - begun
        assert held(full) >= objects
        mended(full)
        known = {run["name"] for run in full.ask("list", "--all")} | {entry["name"] for entry in full.ask("trash")}
        assert known >= set(RUNS)
        assert held(full) >= objects
    assert killed
    prepare(full, TRIES)
    done = full.run(*(word.format(TRIES) for word in words))
    assert done.status == 0, done.stderr
    mended(full)
    assert held(full) >= objects


def test_a_restore_onto_the_working_tree(full: Member) -> None:
    """Wherever `restore --here` was killed, undo brings the files back as they were, where any was touched."""
    chance = random.Random("here")  # noqa: S311
    full.write("code/model.py", "mine\n")
    full.write("only-here.txt", "mine\n")
    for _ in range(TRIES):
        before = {path: full.read(path) for path in ("code/model.py", "only-here.txt", "new-3.txt")}
        kept = full.say("for-each-ref", "refs/gitxp/undo")
        kill_within(full, chance.uniform(0.1, 0.8), "restore", "one", "--here")
        mended(full)
        if full.say("for-each-ref", "refs/gitxp/undo") != kept:
            done = full.run("undo")
            assert done.status == 0, done.stderr
        assert {path: full.read(path) for path in before} == before


def test_where_no_note_can_be_written(full: Member) -> None:
    """A restore works all the same."""
    full.write(".git/gitxp/doing", "in the way")
    assert full.run("restore", "one", "--plain", "--to", "../there").status == 0


def test_folders_of_a_moment(full: Member, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that nobody wrote to for a day are told, and taken away by gc; others' and younger ones stay."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    names = ("gitxp-scratch-old", "gitxp-scratch-new", "gitxp-old")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "index").write_bytes(b"")
        if name.endswith("old"):
            for path in (tmp_path / name / "index", tmp_path / name):
                os.utime(path, (time.time() - 100_000,) * 2)
    (found,) = [one for one in full.ask("doctor") if one["id"] == "left-scratch"]
    assert "gitxp-scratch-old" in found["what"]
    assert full.run("gc", "--yes").status == 0
    assert [(tmp_path / name).exists() for name in names] == [False, True, True]


def test_a_rerun_that_was_killed_keeps_what_it_wrote(full: Member) -> None:
    """The worktree of a killed rerun goes, unless its command left files there that no run has: those are told, and stay."""
    full.write("go.sh", "#!/bin/sh\ntest -e ../stop && { echo kept >mine.txt; touch ../on; sleep 60; }\ntrue\n", 0o755)
    full.new("goes", "./go.sh")
    full.write("../stop", "")
    process = full.start("rerun", "goes", "--name", "again", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while not os.path.exists(full.path("../on")):
        assert time.monotonic() < until, "the command did not start"
        time.sleep(0.01)
    place = Lab(full.top + "-again")
    kill_group(process)
    _kill_all(full)
    _kill_all(place)
    process.wait()
    found = {one["id"]: one for one in full.ask("doctor", "--fix", status=1)}
    assert "mine.txt" in found["left-folder"]["what"]
    assert place.read("mine.txt") == b"kept\n"
    assert f"Would delete {place.top}" not in full.run("gc", "--dry-run").stdout.decode()
    os.unlink(place.path("mine.txt"))
    assert (
        f"Would delete {place.top}, which a command that was killed left" in full.run("gc", "--dry-run").stdout.decode()
    )
    assert f"Deleted {place.top}, which a command that was killed left" in full.run("gc").stderr
    mended(full)
    assert not os.path.exists(place.top)
    assert full.record("again")["status"] == "lost"
