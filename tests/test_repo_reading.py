from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.errors import FormatError, NotARepository, UsageError
from gitxp.git.program import Git
from gitxp.recording import live
from gitxp.repo import Repo
from run_factory import Factory, encode, make_record, names

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ("run_fixtures",)


def output(repo: Repo, name: str) -> bytes:
    """What the run printed."""
    return b"".join(repo.logs(repo.get(name)))


def test_runs_and_page(factory: Factory, here: Repo) -> None:
    """Runs come newest first, as many as asked for; a page knows how many there are."""
    for name in ("one", "two", "three"):
        factory.make(name)
    assert names(here.runs()) == ["three", "two", "one"]
    assert names(here.runs(2)) == ["three", "two"]
    page = here.page(1)
    assert (names(page.runs), page.total, page.strange) == (["three"], 3, ())


def test_show(factory: Factory, here: Repo) -> None:
    """All of a run in one object: the record, where it is, what people said, its environment and series."""
    commit = factory.make(
        "one",
        tags=["good"],
        note="why",
        files={".gitxp/environment.json": encode({"python": {}}), ".gitxp/metrics/a/b.tsv": "0\t1.0\t2.0\n"},
    )
    assert here.show(here.get("one")) == {
        **make_record("one", 1, tags=["good"]),
        "ref": "refs/experiments/one",
        "commit": commit,
        "own": False,
        "notes": ["why"],
        "environment": {"python": {}},
        "series": ["a/b"],
    }


def test_show_of_what_cannot_be_read(factory: Factory, here: Repo, git: Any) -> None:
    """An unreadable record is an error that says why; a damaged environment is a problem beside the rest."""
    factory.make("bad", raw=b"{")
    git("update-ref", "refs/experiments/blob", git("hash-object", "-w", "train.py"))
    for name, words in (("bad", "not JSON"), ("blob", "a commit is needed")):
        with pytest.raises(FormatError, match=words):
            here.show(here.get(name))
    factory.make("half", files={".gitxp/environment.json": "{"})
    shown = here.show(here.get("half"))
    assert (shown["status"], "environment" in shown) == ("completed", False)
    assert shown["problem"]


def test_series(factory: Factory, here: Repo) -> None:
    """A metric's points come in their order; a metric that is not there is the user's mistake."""
    factory.make("one", files={".gitxp/metrics/loss.tsv": "0\t1.5\t2.0\n1\t2.5\t1.0\n"})
    assert here.series(here.get("one"), "loss") == [(0, 1.5, 2.0), (1, 2.5, 1.0)]
    with pytest.raises(UsageError):
        here.series(here.get("one"), "accuracy")


def test_logs_of_a_run_that_ended(factory: Factory, here: Repo) -> None:
    """The committed output, byte by byte; nothing for a run without."""
    data = os.urandom(200_000)
    factory.make("one", files={".gitxp/output.log": data})
    factory.make("two")
    assert output(here, "one") == data
    assert output(here, "two") == b""


def make_live(repo: str, name: str, content: bytes) -> live.Live:
    """The live folder of a run that is running, held by this process."""
    folder = live.create(f"{repo}/.git")
    folder.write_state({})
    with open(folder.output, "wb") as file:
        file.write(content)
    assert folder.rename(name)  # type: ignore[arg-type]
    return folder


def test_logs_of_a_run_that_is_running(factory: Factory, here: Repo, repo: str) -> None:
    """What it printed so far is there while it runs, without waiting."""
    factory.make("one", status="running")
    folder = make_live(repo, "one", b"so far\n")
    assert output(here, "one") == b"so far\n"
    folder.remove()


def test_follow_until_the_end(factory: Factory, here: Repo, repo: str) -> None:
    """Following gives what comes later, too, all of it, and ends with the run."""
    factory.make("one", status="running")
    folder = make_live(repo, "one", b"first\n")
    pieces = here.logs(here.get("one"), follow=True)
    assert next(pieces) == b"first\n"

    def go_on() -> None:
        with open(folder.output, "ab") as file:
            file.write(b"second\n")
            file.flush()
            file.write(b"last\n" * 50_000)
        folder.remove()

    thread = threading.Thread(target=go_on)
    thread.start()
    rest = b"".join(pieces)
    thread.join()
    assert rest == b"second\n" + b"last\n" * 50_000


def test_follow_ends_when_nobody_looks_after_the_run(
    factory: Factory, here: Repo, repo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recorder that was killed leaves its folder; following it does not go on for ever."""
    monkeypatch.setattr("gitxp.repo.reading._LOOK_EVERY", 0.001)
    factory.make("one", status="running")
    folder = make_live(repo, "one", b"all there is\n")
    folder.release()
    assert b"".join(here.logs(here.get("one"), follow=True)) == b"all there is\n"


def test_follow_of_a_run_that_ended_ends_at_once(factory: Factory, here: Repo) -> None:
    """A run that ended since it was looked up shows its committed output; one that runs elsewhere shows nothing."""
    factory.make("one", status="running")
    before = here.get("one")
    assert list(here.logs(before, follow=True)) == []
    factory.advance("one", make_record("one", 1), {".gitxp/output.log": "done\n"})
    assert b"".join(here.logs(before, follow=True)) == b"done\n"


def reads(repo: Repo) -> tuple[object, ...]:
    """The answer of each reading method."""
    a, b = repo.get("@"), repo.get("first")
    comparison = repo.diff(a, b)
    return (
        names(repo.runs()),
        repo.show(a),
        list(repo.logs(b)),
        comparison.code,
        comparison.params,
        repo.get(a.commit[:8]),
    )


def test_from_anywhere_in_the_repository(factory: Factory, here: Repo, repo: str, git: Any, tmp_path: Path) -> None:
    """A subdirectory, a linked worktree, the .git folder and a bare clone that fetched the runs give the same answers."""
    factory.make("first", params={"x": 1}, files={"f": "1\n", ".gitxp/output.log": "hello\n"})
    factory.make("second", params={"x": 2}, files={"f": "2\n"})
    expected = reads(here)
    os.mkdir(f"{repo}/sub")
    git("worktree", "add", "-q", tmp_path / "linked")
    git("clone", "-q", "--bare", repo, tmp_path / "bare.git")
    git("-C", tmp_path / "bare.git", "fetch", "-q", repo, "refs/experiments/*:refs/experiments/*")
    for place in (f"{repo}/sub", tmp_path / "linked", f"{repo}/.git", tmp_path / "bare.git"):
        with Repo(place) as other:
            assert reads(other) == expected
    assert not (tmp_path / "linked" / "gitxp").exists()
    assert os.path.exists(tmp_path / "bare.git" / "gitxp" / "index.sqlite")


def test_in_a_sha256_repository(tmp_path: Path, git: Any) -> None:
    """Everything that is read can be read where libgit2 cannot, and with more runs than libgit2 would be asked for."""
    path = str(tmp_path / "sha256")
    git("init", "-q", "--object-format=sha256", path)
    factory = Factory(path)
    factory.commit("refs/heads/main", {"f": "0\n"}, parent=None)
    factory.make_many(600)
    factory.make("first", base="main", params={"x": 1}, files={"f": "1\n", ".gitxp/output.log": "hello\n"})
    factory.make("second", base="main", params={"x": 2}, files={"f": "2\n"})
    with Repo(path) as repo:
        found = reads(repo)
        assert repo.page(1).total == 602
    assert found[2] == [b"hello\n"]
    assert found[4] == {"x": (2, 1)}


def test_reading_changes_nothing(factory: Factory, here: Repo, untouched: Any) -> None:
    """Nothing of the user's is touched by any reading method."""
    factory.make("first", params={"x": 1}, files={"f": "1\n"})
    factory.make("second", params={"x": 2}, files={"f": "2\n"})
    with untouched():
        reads(here)


def test_where_there_is_no_repository(tmp_path: Path) -> None:
    """No repository, no folder: one sentence and what to do, from every method."""
    for path in (tmp_path, tmp_path / "nowhere"):
        for ask in (Repo(path).runs, Repo(path).page, lambda path=path: Repo(path).get("x")):
            with pytest.raises(NotARepository) as info:
                ask()
            assert info.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository to somebody else")
def test_the_repository_of_another_user(factory: Factory, repo: str) -> None:
    """The refusal of git is honoured, though libgit2 would read it, and the hint says what to do if one trusts it."""
    factory.make("one")
    for folder in (repo, f"{repo}/.git"):
        os.chown(folder, 12345, 12345)
    try:
        if Git(repo).ask("rev-parse", "--git-dir").status == 0:
            pytest.skip("this git, older than 2.34.3, refuses nobody's repository")
        with pytest.raises(NotARepository, match="another user") as info:
            Repo(repo).runs()
        assert "safe.directory" in str(info.value.hint)
    finally:
        for folder in (repo, f"{repo}/.git"):
            os.chown(folder, 0, 0)


ENDS = """
import os
from gitxp.repo import Repo
for end in (Repo.close, lambda _: None):
    opened = Repo()
    opened.show(opened.get("one"))
    end(opened)
    del opened
    try:
        print(os.waitpid(-1, os.WNOHANG))
    except ChildProcessError:
        print("none is left")
"""


def test_helper_processes_end(factory: Factory, repo: str) -> None:
    """After `close`, or when the Repo is gone, no process of ours is left."""
    factory.make("one")
    answer = subprocess.run([sys.executable, "-c", ENDS], cwd=repo, check=True, capture_output=True, text=True)
    assert answer.stdout == "none is left\n" * 2


def test_importing_repo_is_light() -> None:
    """`gitxp run` passes through gitxp.repo: it must not bring in what only reading needs."""
    code = "import sys; bare = set(sys.modules); import gitxp.repo; print(*sorted(set(sys.modules) - bare))"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"dataclasses", "pygit2", "sqlite3", "json", "hashlib", "gitxp.model", "gitxp.query.index"}
