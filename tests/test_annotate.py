"""Annotating writes one commit on a run's tip, which plain git reads, and which nobody's other commit is lost to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.annotations import Edit, edit_name, edit_path, encode_edit
from gitxp.errors import UnknownRun, UsageError
from gitxp.git.program import Git
from gitxp.repo import Repo
from gitxp.store import annotate as writer
from gitxp.store.writer import File, advance, find_identity
from run_factory import Factory, make_record, names

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from conftest import Gitxp
    from gitxp.model import Run

pytest_plugins = ("run_fixtures",)

FOLDER = ".gitxp/annotations"


def edits_of(git: Any, name: str = "r") -> list[dict[str, Any]]:
    """The files of a run's edits, by plain git, in their order."""
    paths = git("ls-tree", "-r", "--name-only", f"refs/experiments/{name}", f"{FOLDER}/").splitlines()
    return [json.loads(git("show", f"refs/experiments/{name}:{path}")) for path in sorted(paths)]


def test_an_edit_is_a_commit_on_the_tip(factory: Factory, here: Repo, git: Any) -> None:
    """One commit, child of the tip, with one file more and nothing else; the record says the same as before."""
    tip = factory.make("r")
    (done,) = here.annotate([here.get("r")], add_tags=["good"], title="It's (a) title")
    assert done.commit == git("rev-parse", "refs/experiments/r")
    assert git("rev-list", "--parents", "-1", done.commit) == f"{done.commit} {tip}"
    (line,) = git("diff", "--raw", "--no-abbrev", tip, done.commit).splitlines()
    old, mode, _, _, status, path = line.split()
    assert (old, mode, status) == (":000000", "100644", "A")
    assert path.startswith(f"{FOLDER}/0000000001-")
    assert edits_of(git)[0] | {"at": ""} == {
        "format": 1,
        "at": "",
        "by": "Tester <tester@example.com>",
        "add_tags": ["good"],
        "title": "It's (a) title",
    }
    run = here.get("r")
    assert (run.commit, run.tags, run.record["title"]) == (done.commit, ("good",), "It's (a) title")


def test_plain_git_reads_it(factory: Factory, here: Repo, git: Any) -> None:
    """`git log` says what was said; trailers name the run; the reflog has the move."""
    factory.make("r")
    here.annotate([here.get("r")], title="It's (a) title!", star=True)
    assert git("log", "-1", "--format=%s", "refs/experiments/r") == "r: title It's (a) title! star"
    assert git("log", "-1", "--format=%an <%ae>", "refs/experiments/r") == "Tester <tester@example.com>"
    trailers = git("log", "-1", "--format=%(trailers:only)", "refs/experiments/r").splitlines()
    assert trailers == ["Gitxp-Run: r", f"Gitxp-Id: {here.get('r').id}", "Gitxp-Status: completed"]
    assert "title It's" in git("show", "--stat", "refs/experiments/r")
    here.annotate([here.get("r")], note="line\n" * 300)
    assert len(git("log", "-1", "--format=%s", "refs/experiments/r")) <= 100


def test_nothing_of_the_users_is_touched(factory: Factory, here: Repo, untouched: Any) -> None:
    """HEAD, index, branches, working tree: as before."""
    factory.make("r")
    with open("staged.txt", "w", encoding="utf-8") as file:
        file.write("x\n")
    subprocess.run(["git", "add", "staged.txt"], check=True)
    with untouched():
        here.annotate([here.get("r")], add_tags=["good"], note="n", group="g", archive=True)


def test_the_clock_goes_on(factory: Factory, here: Repo, git: Any) -> None:
    """Each edit comes after all that its writer had seen, so that the last word is the last."""
    factory.make("r", tags=["base"])
    for wish in ({"title": "a"}, {"title": "b"}, {"remove_tags": ["base"]}, {"title": "c", "add_tags": ["base"]}):
        here.annotate([here.get("r")], **wish)
    paths = git("ls-tree", "-r", "--name-only", "refs/experiments/r", f"{FOLDER}/").splitlines()
    assert [int(os.path.basename(path)[:10]) for path in paths] == [1, 2, 3, 4]
    assert (here.get("r").record["title"], here.get("r").tags) == ("c", ("base",))


def test_the_last_word_is_no_strangers(factory: Factory, here: Repo) -> None:
    """Whoever pushed an edit that is to be the last of all is passed over, and what is said after it counts."""
    far = encode_edit(Edit("2026-01-02T03:04:05Z", "Eve <e@x>", title="for ever"))
    factory.make("r", files={edit_path(edit_name(10**10 - 1, b"\xff" * 8)): far.decode()})
    assert "title" not in here.get("r").record
    (done,) = here.annotate([here.get("r")], title="mine")
    assert done.edit is not None
    assert here.get("r").record["title"] == "mine"
    assert here.runs()[0].record["title"] == "mine"


def test_many_runs_at_once(factory: Factory, here: Repo) -> None:
    """More runs than go into one batch of loose objects: each has its own edit."""
    factory.make_many(45)
    done = here.annotate(here.runs(), add_tags=["paper"])
    assert [run.name for run in done] == names(here.runs())
    assert all(run.tags == ("paper",) for run in here.runs())
    assert len({run.commit for run in done}) == 45


def test_what_is_so_already_makes_no_commit(factory: Factory, here: Repo, git: Any) -> None:
    """Nothing new, no commit; of several wishes only the news are stored."""
    tip = factory.make("r", tags=["a"], group="g", title="t")
    wish: dict[str, Any] = {"add_tags": ["a"], "remove_tags": ["z"], "group": "g", "title": " t ", "star": False}
    (done,) = here.annotate([here.get("r")], **wish, archive=False)
    assert (done.commit, done.edit, git("rev-parse", "refs/experiments/r")) == (None, None, tip)
    here.annotate([here.get("r")], add_tags=["a", "b", "b"], group="g")
    assert [(edit["add_tags"], "group" in edit) for edit in edits_of(git)] == [(["b"], False)]


def test_what_the_run_was_started_with_can_be_taken_away(factory: Factory, here: Repo) -> None:
    """Tags, note, title and group of the record are what the edits begin with."""
    factory.make("r", tags=["a", "b"], note="first", title="t", group="g")
    here.annotate([here.get("r")], note="second")
    here.annotate([here.get("r")], remove_tags=["a"], remove_notes=[1], title="", group="")
    run = here.get("r")
    assert (run.tags, run.notes) == (("b",), ("second",))
    assert not {"title", "group"} & run.to_json().keys()
    assert [run.tags for run in here.runs()] == [("b",)]


def test_secrets_are_redacted(factory: Factory, here: Repo, git: Any) -> None:
    """What looks like a secret reaches neither the edit nor the message, in any of the texts."""
    token = "ghp_" + "a1B2" * 9
    factory.make("r")
    here.annotate([here.get("r")], add_tags=[token], note=f"used {token}", title=token, group=f"password={token}")
    told = git("log", "-p", "refs/experiments/r")
    assert token not in told
    assert told.count("<redacted>") >= 4


def test_without_an_identity(factory: Factory, repo: str, git: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configured name is no reason to fail: user@host."""
    factory.make("r")
    git("config", "--global", "--unset", "user.name")
    git("config", "--global", "--unset", "user.email")
    git("config", "--global", "user.useConfigOnly", "true")
    monkeypatch.setenv("EMAIL", "")
    with Repo(repo) as here:
        here.annotate([here.get("r")], star=True)
    assert git("log", "-1", "--format=%an <%ae>", "refs/experiments/r") == f"tester <tester@{os.uname().nodename}>"
    assert edits_of(git)[0]["by"].startswith("tester <tester@")


@pytest.mark.parametrize("place", ["bare", "linked", "folder"])
def test_wherever_the_repository_is(factory: Factory, repo: str, git: Any, tmp_path: Path, place: str) -> None:
    """A bare repository, a linked worktree, a folder of the working tree."""
    factory.make("r")
    path = tmp_path / place
    if place == "bare":
        git("clone", "-q", "--mirror", repo, path)
    elif place == "linked":
        git("worktree", "add", "-q", path)
    else:
        path = tmp_path / "repo" / "folder"
        path.mkdir()
    with Repo(path) as here:
        here.annotate([here.get("r")], add_tags=["good"])
        assert here.get("r").tags == ("good",)
    assert git("rev-list", "--count", "refs/experiments/r", cwd=path) == "3"


def test_in_a_sha256_repository(tmp_path: Path, git: Any) -> None:
    """Object ids of 64 digits are written as well."""
    path = str(tmp_path / "sha256")
    git("init", "-q", "--object-format=sha256", path)
    factory = Factory(path)
    factory.commit("refs/heads/main", {"f": "0\n"}, parent=None)
    factory.make("r", base="main")
    with Repo(path) as here:
        (done,) = here.annotate([here.get("r")], note="n")
        assert (len(done.commit or ""), here.get("r").notes) == (64, ("n",))


def test_runs_that_cannot_be_read(factory: Factory, here: Repo, git: Any) -> None:
    """Nothing is written on a run that this gitxp does not understand, nor on any other of the same command."""
    factory.make("r")
    factory.make("newer", raw=b'{"format": 99}')
    factory.make("broken", raw=b"{")
    before = git("for-each-ref")
    for bad in ("newer", "broken"):
        with pytest.raises(UsageError, match=f"{bad} cannot be annotated"):
            here.annotate([here.get("r"), here.get(bad)], star=True)
    assert git("for-each-ref") == before


def test_a_run_that_is_gone(factory: Factory, here: Repo, git: Any) -> None:
    """It was there when it was looked up: the others are not written either."""
    factory.make("r")
    factory.make("gone")
    runs = here.runs()
    git("update-ref", "-d", "refs/experiments/gone")
    before = git("for-each-ref")
    with pytest.raises(UnknownRun, match="gone"):
        here.annotate(runs, star=True)
    assert git("for-each-ref") == before


@pytest.mark.parametrize("wish", [{"title": "a\nb"}, {"add_tags": ["a,b"]}, {"note": ""}, {"remove_notes": [2]}, {}])
def test_what_cannot_be_said_is_written_nowhere(factory: Factory, here: Repo, git: Any, wish: dict[str, Any]) -> None:
    """All or nothing, and one sentence with a hint."""
    factory.make("a", note="n")
    factory.make("b")
    before = git("for-each-ref")
    with pytest.raises(UsageError) as caught:
        here.annotate([here.get("a"), here.get("b")], **wish)
    assert caught.value.hint
    assert git("for-each-ref") == before


def annotate_after(here: Repo, between: Any, runs: Sequence[Run], **wish: Any) -> None:
    """Annotate, with something else happening after the tips were read and before the refs move."""
    write, calls = writer.write_commits, list[int]()

    def late(git: Git, commits: Any) -> Any:
        calls.append(len(commits))
        if len(calls) == 1:
            between()
        return write(git, commits)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "write_commits", late)
        here.annotate(runs, **wish)
    assert len(calls) > 1


def test_a_finish_that_comes_between(factory: Factory, here: Repo, repo: str, git: Any) -> None:
    """The run ends while somebody annotates it: both are there, one on the other; other runs are written once."""
    record = make_record("r", 1, status="running", exit_code=None, finished_at=None, duration=None)
    factory.make("r", raw=json.dumps(record).encode())
    factory.make("other")
    done = make_record("r", 1)

    def finish() -> None:
        tip = git("rev-parse", "refs/experiments/r")
        ours = Git(repo)
        advance(ours, find_identity(ours, os.environ), done, [File(".gitxp/output.log", b"the end\n")], tip)

    annotate_after(here, finish, here.runs(), add_tags=["good"])
    run = here.get("r")
    assert (run.status, run.tags, b"".join(here.logs(run))) == ("completed", ("good",), b"the end\n")
    assert git("rev-list", "--count", "refs/experiments/r") == "4"
    assert git("rev-list", "--count", "refs/experiments/other") == "3"
    assert not [name for name in os.listdir(".git") if name.startswith("fast_import_crash")]


def test_another_edit_that_comes_between(factory: Factory, here: Repo, git: Any) -> None:
    """Two people at one repository: both edits are kept, and the one that was written later counts."""
    factory.make("r")
    runs = here.runs()

    def other() -> None:
        with Repo(".") as theirs:
            theirs.annotate(theirs.runs(), title="theirs", add_tags=["a"])

    annotate_after(here, other, runs, title="ours", add_tags=["b"])
    assert (here.get("r").record["title"], here.get("r").tags) == ("ours", ("a", "b"))
    assert git("rev-list", "--count", "--merges", "refs/experiments/r") == "0"


def test_processes_at_once(factory: Factory, here: Repo, gitxp: Gitxp, git: Any) -> None:
    """Several commands that annotate the same runs at the same time lose nothing."""
    for name in ("a", "b"):
        factory.make(name)
    started = [gitxp.start("tag", "a", "b", f"+tag-{number}") for number in range(6)]
    for process in started:
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stderr
    for name in ("a", "b"):
        assert sorted(here.get(name).tags) == [f"tag-{number}" for number in range(6)]
        assert len(edits_of(git, name)) == 6


def test_a_run_that_is_running(repo: str, gitxp: Gitxp, here: Repo, git: Any) -> None:
    """A run can be annotated while it runs, and its end does not take that away."""
    del repo
    program = "import sys; print('on', flush=True); sys.stdin.readline(); print('off')"
    process = gitxp.start("run", "--name", "r", "--tag", "base", sys.executable, "-c", program, stdin=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    gitxp("tag", "r", "+good", "-base")
    gitxp("note", "r", "still going")
    assert (here.get("r").status, here.get("r").tags) == ("running", ("good",))
    process.communicate(b"\n", timeout=60)
    run = here.get("r")
    assert (run.status, run.tags, run.notes) == ("completed", ("good",), ("still going",))
    assert b"".join(here.logs(run)) == b"on\noff\n"
    assert git("log", "--format=%s", "refs/experiments/r").splitlines()[1:3] == ["r: note", "r: +good -base"]


def test_a_run_whose_recorder_was_killed(repo: str, gitxp: Gitxp, here: Repo) -> None:
    """What was said while it ran is there after the recovery."""
    del repo
    program = "import sys; print('on', flush=True); sys.stdin.readline()"
    process = gitxp.start("run", "--name", "r", sys.executable, "-c", program, stdin=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    here.annotate([here.get("r")], add_tags=["good"])
    process.kill()
    process.communicate(timeout=60)
    run = Repo(".").runs()[0]
    assert run.tags == ("good",)
    assert Repo(".").get("r").tags == ("good",)
