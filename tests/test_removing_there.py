from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.errors import GitFailed, GitxpError
from run_factory import make_record
from terminal import Terminal
from test_removing import refs, rm

if TYPE_CHECKING:
    from pathlib import Path

    from gitxp.repo import Repo
    from run_factory import Factory

pytest_plugins = ("run_fixtures",)


@pytest.fixture
def shared(repo: str, tmp_path: Path, git: Any) -> str:
    """A bare repository that is the remote `origin`."""
    path = str(tmp_path / "shared.git")
    git("init", "--quiet", "--bare", path)
    git("remote", "add", "origin", path, cwd=repo)
    return path


def push(git: Any, *names: str) -> None:
    """Push runs, and remember the remote's refs as `gitxp push` does."""
    for name in names:
        git("push", "--quiet", "origin", f"refs/experiments/{name}")
        git("update-ref", f"refs/gitxp/remotes/origin/{name}", f"refs/experiments/{name}")


def write_hook(path: str, script: str) -> None:
    """Make a hook of git's."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\n{script}\n")
    os.chmod(path, 0o700)


def there(git: Any, shared: str) -> set[str]:
    """The runs that the remote has."""
    return {line.rpartition("/")[2] for line in git("for-each-ref", "--format=%(refname)", cwd=shared).splitlines()}


def test_here_and_there(factory: Factory, here: Repo, git: Any, shared: str) -> None:
    """With a remote, runs are deleted there and are in the trash here, and nobody remembers that the remote had them."""
    for name in ("one", "two", "three"):
        factory.make(name)
    push(git, "one", "two", "three")
    done = rm(here, "one", "two", remote="origin")
    assert (set(done.gone), done.refused) == ({"one", "two"}, ())
    assert there(git, shared) == set(refs(git)) == set(refs(git, "refs/gitxp/remotes/origin/")) == {"three"}
    assert {entry.name for entry in here.trash()} == {"one", "two"}


def test_keep_removes_only_there(factory: Factory, here: Repo, git: Any, shared: str) -> None:
    """With `keep`, the runs stay here and are not remembered as removed."""
    factory.make("one")
    push(git, "one")
    rm(here, "one", remote="origin", keep=True)
    assert (there(git, shared), set(refs(git)), here.trash()) == (set(), {"one"}, [])


@pytest.mark.parametrize("spec", ["+refs/*:refs/*", "+refs/experiments/*:refs/experiments/*"])
def test_a_fetch_refspec_deletes_nothing_here(factory: Factory, here: Repo, git: Any, shared: str, spec: str) -> None:
    """Where fetches of the remote write to refs/experiments/, what is deleted there stays here all the same."""
    factory.make("one")
    push(git, "one")
    git("config", "remote.origin.fetch", spec)
    rm(here, "one", remote="origin", keep=True)
    assert (there(git, shared), set(refs(git))) == (set(), {"one"})


def test_pushed_by_plain_git(factory: Factory, here: Repo, git: Any, shared: str) -> None:
    """A run that plain git pushed is deleted there as well, if it is still what it is here."""
    factory.make("one")
    git("push", "--quiet", "origin", "refs/experiments/one")
    rm(here, "one", remote="origin")
    assert there(git, shared) == set()


def test_an_edit_that_arrived_meanwhile_is_not_lost(factory: Factory, here: Repo, git: Any, shared: str) -> None:
    """What somebody pushed since is kept there and here, and the others go all the same."""
    factory.make("one")
    factory.make("two")
    push(git, "one", "two")
    old = git("rev-parse", "refs/experiments/one")
    new = factory.advance("one", make_record("one", 1, note="of somebody else"))
    git("push", "--quiet", "origin", "refs/experiments/one")
    git("update-ref", "refs/experiments/one", old)
    done = rm(here, "one", "two", remote="origin")
    assert [one.name for one in done.refused] == ["one"]
    assert "changed since" in done.refused[0].reason
    assert done.gone == ("two",)
    assert git("rev-parse", "refs/experiments/one", cwd=shared) == new
    assert refs(git) == {"one": old}


def test_more_there_than_here_is_known(factory: Factory, here: Repo, git: Any, shared: str) -> None:
    """Where the remote is known to have edits that are not here, nothing is even tried."""
    old = factory.make("one")
    factory.advance("one", make_record("one", 1, note="there"))
    push(git, "one")
    git("update-ref", "refs/experiments/one", old)
    with pytest.raises(GitxpError, match="origin has more"):
        here.plan_removal(["one"], remote="origin")
    assert there(git, shared) == {"one"}


def test_a_whole_name_is_no_beginning(factory: Factory, here: Repo, git: Any, shared: str) -> None:
    """A run that is in the trash, or at the remote alone, is meant by its name, and not one here that begins with it."""
    for name in ("one", "two", "one-more", "two-more"):
        factory.make(name)
    push(git, "one", "two", "one-more", "two-more")
    rm(here, "one")
    git("update-ref", "-d", "refs/experiments/two")
    done = rm(here, "one", "two", remote="origin")
    assert set(done.gone) == {"one", "two"}
    assert there(git, shared) == set(refs(git)) == {"one-more", "two-more"}


def test_a_run_in_the_trash_can_be_removed_there(factory: Factory, here: Repo, git: Any, shared: str) -> None:
    """Removed here first, named again for the remote; the trash keeps its one entry."""
    factory.make("one")
    push(git, "one")
    rm(here, "one")
    done = rm(here, "one", remote="origin")
    assert (done.gone, done.runs, there(git, shared)) == (("one",), (), set())
    assert [entry.name for entry in here.trash()] == ["one"]


@pytest.mark.parametrize("keep", [False, True])
def test_a_run_that_only_the_remote_has_comes_to_the_trash(
    keep: bool, factory: Factory, here: Repo, git: Any, shared: str
) -> None:
    """Nothing that only the memory of the remote leads to is lost with it."""
    tip = factory.make("one")
    push(git, "one")
    git("update-ref", "-d", "refs/experiments/one")
    rm(here, "one", remote="origin", keep=keep)
    assert there(git, shared) == set(refs(git, "refs/gitxp/remotes/")) == set()
    assert [entry.commit for entry in here.trash()] == [tip]


def test_a_run_that_has_another_name_here(factory: Factory, here: Repo, git: Any, shared: str) -> None:
    """A run that was fetched under another name is deleted under the one that it has there; its namesake stays."""
    theirs = factory.make("one")
    push(git, "one")
    git("update-ref", "refs/experiments/one-theirs", theirs)
    git("update-ref", "-d", "refs/experiments/one")
    mine = factory.make("one")
    rm(here, "one-theirs", remote="origin")
    assert there(git, shared) == set()
    assert refs(git) == {"one": mine}


def test_a_namesake_there_is_not_touched(factory: Factory, here: Repo, git: Any, shared: str) -> None:
    """Another run that has the name at the remote stays there."""
    factory.make("one")
    push(git, "one")
    git("update-ref", "-d", "refs/gitxp/remotes/origin/one")
    git("update-ref", "-d", "refs/experiments/one")
    factory.make("one")
    done = rm(here, "one", remote="origin")
    assert [one.name for one in done.refused] == ["one"]
    assert there(git, shared) == set(refs(git)) == {"one"}


def test_a_host_that_forbids_it(factory: Factory, here: Repo, git: Any, shared: str, gitxp: Any) -> None:
    """A refusal of the host is told by ref with its reason, and the run stays here; the status is 1."""
    write_hook(f"{shared}/hooks/update", "case $3 in *[!0]*) exit 0;; esac; exit 1")
    factory.make("one")
    push(git, "one")
    answer = gitxp("rm", "one", "--remote", "origin", "--yes", "--json", check=False)
    assert answer.returncode == 1
    assert "one: hook declined" in answer.stderr
    assert "Hint: You need the right to delete refs/experiments/* in origin." in answer.stderr
    said = json.loads(answer.stdout)
    assert (said["gone"], said["removed"], said["refused"]) == ([], [], [{"name": "one", "reason": "hook declined"}])
    assert set(refs(git)) == there(git, shared) == {"one"}
    assert here.trash() == []


def test_the_users_hooks_run(factory: Factory, here: Repo, git: Any, shared: str, repo: str) -> None:
    """pre-push sees the deletion, and may forbid it: then nothing is removed."""
    write_hook(f"{repo}/.git/hooks/pre-push", "cat >pushed; exit 1")
    factory.make("one")
    git("push", "--quiet", "--no-verify", "origin", "refs/experiments/one")
    with pytest.raises(GitFailed):
        rm(here, "one", remote="origin")
    with open(f"{repo}/pushed", encoding="utf-8") as file:
        assert "(delete)" in file.read()
    assert there(git, shared) == set(refs(git)) == {"one"}


def test_a_remote_that_cannot_be_reached(factory: Factory, here: Repo, git: Any, repo: str) -> None:
    """Nothing is removed here either."""
    git("remote", "add", "origin", f"{repo}/../nowhere")
    factory.make("one")
    with pytest.raises(GitFailed):
        rm(here, "one", remote="origin")
    assert set(refs(git)) == {"one"}


def test_it_asks(factory: Factory, git: Any, shared: str, repo: str, gitxp: Any) -> None:
    """On a terminal the answer no leaves everything, yes does it; without one it is refused with status 2."""
    factory.make("one")
    push(git, "one")
    assert gitxp("rm", "one", "--remote", "origin", check=False).returncode == 2
    for key, left in ((b"n\r", {"one"}), (b"y\r", set())):
        with Terminal("rm", "one", "--remote", "origin", cwd=repo) as terminal:
            terminal.expect(rb"Other clones may hold copies")
            terminal.type(key)
            assert terminal.wait() == (1 if left else 0)
        assert there(git, shared) == set(refs(git)) == left


def test_many_in_one_connection(factory: Factory, here: Repo, git: Any, shared: str, tmp_path: Path) -> None:
    """However many runs there are, the remote is asked once."""
    factory.make_many(300)
    git("push", "--quiet", "origin", "refs/experiments/*")
    calls = tmp_path / "calls"
    script = tmp_path / "receive"
    script.write_text(f'#!/bin/sh\necho x >>"{calls}"\nexec git-receive-pack "$@"\n')
    script.chmod(0o755)
    git("config", "remote.origin.receivepack", str(script))
    rm(here, *(run.name for run in here.runs()), remote="origin")
    assert there(git, shared) == set()
    assert calls.read_text() == "x\n"


def test_a_pull_does_not_bring_removed_runs_back(factory: Factory, git: Any, shared: str, gitxp: Any) -> None:
    """What was removed here and is at the remote still stays away, until it is brought back here."""
    tip = factory.make("one")
    gitxp("push", "origin")
    gitxp("rm", "one")
    gitxp("pull", "origin")
    assert refs(git) == {}
    gitxp("undo")
    gitxp("pull", "origin")
    assert refs(git) == {"one": tip}
    assert there(git, shared) == {"one"}


def test_a_removed_run_is_not_pushed(factory: Factory, git: Any, shared: str, gitxp: Any) -> None:
    """The trash stays here, whether gitxp pushes or git does so by the pattern of runs."""
    factory.make("one")
    factory.make("two")
    gitxp("rm", "one")
    gitxp("push", "origin")
    git("push", "--quiet", "origin", "refs/experiments/*")
    assert there(git, shared) == {"two"}
