from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from states import Lab, as_shell, clone, difference, make

if TYPE_CHECKING:
    from pathlib import Path

ALL = "refs/experiments/*"
BOTH = "refs/experiments/*:refs/experiments/*"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A clone of a bare repository that everybody shares."""
    first = make(str(tmp_path / "first"))
    first.git("clone", "-q", "--bare", first.top, "../shared.git")
    return clone(Lab(str(tmp_path / "shared.git")), str(tmp_path / "ada"))


@pytest.fixture
def other(lab: Lab) -> Lab:
    """Somebody else's clone."""
    return clone(Lab(lab.path("../shared.git")), lab.path("../bob"))


def _list(lab: Lab) -> dict[str, dict[str, object]]:
    done = lab.run("list", "--json")
    assert done.status == 0, done.stderr
    return {run["name"]: run for run in json.loads(done.stdout)}


def test_plain_push_and_fetch_move_runs(lab: Lab, other: Lab) -> None:
    """A pushed and fetched run is the same run, readable by gitxp and by plain git, with its unpushed base commits."""
    lab.write("README.md", "not pushed\n")
    base = lab.commit("not pushed")
    lab.write("new.py", "x = 1\n")
    lab.run("run", "--name", "r", "--", *as_shell("echo out"))
    lab.git("push", "-q", "origin", ALL)
    other.git("fetch", "-q", "origin", BOTH)
    assert other.names() == ["r"]
    assert other.say("rev-parse", "refs/experiments/r") == lab.say("rev-parse", "refs/experiments/r")
    assert _list(other)["r"]["base"] == base
    assert other.run("logs", "r").stdout == b"out\n"
    assert other.blob("refs/experiments/r", "new.py") == b"x = 1\n"
    assert difference(lab.tree("refs/experiments/r"), other.tree("refs/experiments/r")) == {}


def test_a_run_that_was_pushed_while_it_ran_pushes_again_without_force(lab: Lab, other: Lab) -> None:
    """A run's ref only moves forward: half a run that others have is overtaken by the whole."""
    process = lab.start("run", "--name", "r", "--", *as_shell("echo on; read x; exit 3"), stdin=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    lab.git("push", "-q", "origin", ALL)
    other.git("fetch", "-q", "origin", BOTH)
    assert _list(other)["r"]["status"] == "running"
    process.communicate(b"go\n", timeout=60)
    lab.git("push", "-q", "origin", ALL)
    other.git("fetch", "-q", "origin", BOTH)
    assert _list(other)["r"]["status"] == "failed"
    assert other.record("r")["exit_code"] == 3


def test_a_fetched_run_that_runs_elsewhere_is_not_recovered_here(lab: Lab, other: Lab) -> None:
    """Only the repository with its live folder knows of a run's end: a clone leaves it alone."""
    process = lab.start("run", "--name", "r", "--", *as_shell("echo on; read x"), stdin=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    lab.git("push", "-q", "origin", ALL)
    other.git("fetch", "-q", "origin", BOTH)
    tip = other.say("rev-parse", "refs/experiments/r")
    _list(other)
    other.run("run", "--name", "mine", "--", "true")
    assert other.say("rev-parse", "refs/experiments/r") == tip
    process.communicate(b"go\n", timeout=60)


def test_runs_of_two_people_stand_side_by_side(lab: Lab, other: Lab) -> None:
    """Each pushes, each fetches, and both have both; the name of a fetched run is taken."""
    lab.run("run", "--name", "adas", "--", "true")
    other.run("run", "--name", "bobs", "--", "true")
    for someone in (lab, other):
        someone.git("push", "-q", "origin", ALL)
    for someone in (lab, other):
        someone.git("fetch", "-q", "origin", BOTH)
        assert _list(someone).keys() == {"adas", "bobs"}
    assert lab.run("run", "--name", "bobs", "--", "true").status == 125
    lab.git("push", "-q", "origin", ALL)


def test_equal_names_of_two_people_do_not_overwrite_each_other(lab: Lab, other: Lab) -> None:
    """Git itself refuses to push a different run of the same name without force."""
    lab.run("run", "--name", "same", "--", "true")
    other.run("run", "--name", "same", "--", "false")
    lab.git("push", "-q", "origin", ALL)
    refused = subprocess.run(["git", "push", "-q", "origin", ALL], cwd=other.top, capture_output=True, check=False)
    assert refused.returncode != 0
    assert other.record("same")["status"] == "failed"
    assert Lab(lab.path("../shared.git")).record("same")["status"] == "completed"


def test_gc_loses_nothing(lab: Lab) -> None:
    """`git gc --prune=now`, also while a run runs, keeps every snapshot, log and record; the next run is as good."""
    lab.write("new.py", "x = 1\n")
    lab.run("run", "--name", "a", "--", *as_shell("echo a"))
    process = lab.start("run", "--name", "b", "--", *as_shell("echo b; read x"), stdin=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    lab.git("reflog", "expire", "--expire=now", "--all")
    lab.git("gc", "-q", "--prune=now")
    process.communicate(b"go\n", timeout=60)
    lab.git("gc", "-q", "--prune=now")
    lab.run("run", "--name", "c", "--", *as_shell("echo c"))
    for name in "abc":
        assert lab.output(name) == f"{name}\n".encode()
        assert lab.blob(f"refs/experiments/{name}", "new.py") == b"x = 1\n"
        assert lab.record(name)["status"] == "completed"
    assert lab.fsck() == ""


def test_a_run_after_others_were_removed_and_collected(lab: Lab) -> None:
    """What a cache of gitxp's remembers may be gone from the repository: then it is written anew."""
    lab.write("big.bin", b"\0" * (9 << 20))  # so much that gitxp keeps an index of its own
    lab.write("small.bin", "x\n")
    for number in range(2):
        lab.run("run", "--name", f"r{number}", "--", "true")
    for number in range(2):
        lab.git("update-ref", "-d", f"refs/experiments/r{number}")
    lab.git("reflog", "expire", "--expire=now", "--all")
    lab.git("gc", "-q", "--prune=now")
    assert lab.run("run", "--name", "again", "--", "true").status == 0
    assert len(lab.blob("refs/experiments/again", "big.bin")) == 9 << 20
    assert lab.blob("refs/experiments/again", "small.bin") == b"x\n"
    assert lab.fsck() == ""


def test_the_base_may_be_rewritten(lab: Lab) -> None:
    """Amend, rebase or delete the branch: runs stand on the commits that they had."""
    lab.write("README.md", "first try\n")
    base = lab.commit("first try")
    lab.run("run", "--name", "r", "--", "true")
    lab.git("commit", "-q", "--amend", "-m", "second try")
    lab.git("reflog", "expire", "--expire=now", "--all")
    lab.git("gc", "-q", "--prune=now")
    assert lab.say("log", "-1", "--format=%s", base) == "first try"
    assert _list(lab)["r"]["base"] == base


def test_plain_git_reads_runs(lab: Lab) -> None:
    """log, show, diff and checkout of single files work on `experiments/<name>` as on a branch."""
    lab.write("src/model.py", "layers = 8\n")
    lab.run("run", "--name", "a", "--", "true")
    lab.write("src/model.py", "layers = 9\n")
    lab.run("run", "--name", "b", "--", "false", "--lr", "0.1")
    assert lab.say("log", "-1", "--format=%s", "experiments/b") == "b: false --lr 0.1"
    body = lab.say("log", "-1", "--format=%B", "experiments/b")
    assert "Gitxp-Run: b" in body
    assert f"Gitxp-Id: {lab.record('b')['id']}" in body
    assert body.splitlines()[-1] == "Gitxp-Status: failed"
    assert lab.git("show", "experiments/b:src/model.py") == b"layers = 9\n"
    code = lab.say("diff", "experiments/a", "experiments/b", "--", ":!.gitxp")
    assert "-layers = 8" in code
    assert "+layers = 9" in code
    assert lab.say("diff", "--name-only", "main", "experiments/a", "--", ":!.gitxp") == "src/model.py"
    assert lab.say("diff", "--stat", "experiments/a", "experiments/b")
    lab.git("checkout", "experiments/a", "--", "src/model.py")
    assert lab.read("src/model.py").decode() == "layers = 8\n"


def test_runs_do_not_show_where_git_users_do_not_look_for_them(lab: Lab) -> None:
    """Neither branches nor tags nor status nor a plain push speak of runs."""
    before = lab.say("branch", "--all"), lab.say("tag"), lab.say("status", "--porcelain"), lab.say("stash", "list")
    lab.run("run", "--name", "r", "--", "true")
    assert (
        lab.say("branch", "--all"),
        lab.say("tag"),
        lab.say("status", "--porcelain"),
        lab.say("stash", "list"),
    ) == before
    lab.git("push", "-q", "origin", "main")
    assert Lab(lab.path("../shared.git")).names() == []


def test_a_bare_repository_can_be_read(lab: Lab) -> None:
    """On a server without a working tree, list, show, logs and diff work."""
    lab.run("run", "--name", "a", "--", *as_shell("echo a"))
    lab.run("run", "--name", "b", "--", *as_shell("echo b"))
    lab.git("push", "-q", "origin", ALL)
    bare = Lab(lab.path("../shared.git"))
    assert _list(bare).keys() == {"a", "b"}
    assert bare.run("logs", "b").stdout == b"b\n"
    assert bare.run("show", "a", "--json").status == 0
    assert bare.run("diff", "a", "b", "--json").status == 0


def test_a_mirror_has_all(lab: Lab, tmp_path: Path) -> None:
    """`git clone --mirror` is a backup."""
    lab.run("run", "--name", "r", "--", "true")
    lab.git("clone", "-q", "--mirror", lab.top, "../mirror.git")
    assert Lab(str(tmp_path / "mirror.git")).record("r") == lab.record("r")


def test_bundles(lab: Lab, other: Lab) -> None:
    """`git bundle` carries runs on a stick."""
    lab.run("run", "--name", "r", "--", "true")
    lab.git("bundle", "create", "-q", "../runs.bundle", "--glob=refs/experiments/*", "--not", "--remotes")
    other.git("fetch", "-q", "../runs.bundle", BOTH)
    assert _list(other).keys() == {"r"}


def test_strict_receivers_take_runs(lab: Lab) -> None:
    """A server that checks objects (`receive.fsckObjects`) and refuses non-fast-forwards and deletions takes them."""
    shared = Lab(lab.path("../shared.git"))
    for key in ("receive.fsckObjects", "transfer.fsckObjects", "receive.denyNonFastForwards", "receive.denyDeletes"):
        shared.git("config", key, "true")
    lab.write("odd\nname \u202e.py", "x = 1\n")
    for number in range(2):
        lab.run("run", "--name", f"r{number}", "--", "true")
        lab.git("push", "-q", "origin", ALL)
    assert shared.names() == ["r0", "r1"]
