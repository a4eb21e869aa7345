from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from states import make, portrait
from team import NOTHING, Member, count_connections, member

if TYPE_CHECKING:
    from pathlib import Path

    from run_factory import Factory

pytest_plugins = ("team_fixtures",)


CONFIGS = {
    "prune": {"fetch.prune": "true", "fetch.pruneTags": "true", "remote.origin.prune": "true"},
    "mirror": {"remote.origin.mirror": "true", "remote.origin.fetch": "+refs/*:refs/*"},
    "tags": {"remote.origin.tagOpt": "--tags"},
    "dangerous": {"remote.origin.fetch": "+refs/experiments/*:refs/experiments/*", "fetch.prune": "true"},
    "submodules": {"fetch.recurseSubmodules": "true", "submodule.recurse": "true"},
}


@pytest.mark.parametrize("names", [(), ("theirs",)])
@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("remote", ["origin", "../hub.git"])
def test_nothing_of_the_users_changes(
    config: str, names: tuple[str, ...], remote: str, hub: Member, made: Factory, ada: Member
) -> None:
    """Whatever is configured, branches, tags, remote branches, FETCH_HEAD, configuration, index and files stay as they are."""
    ada.new("mine")
    ada.git("tag", "local")
    ada.git("branch", "local")
    ada.write("README.md", "changed\n")
    ada.git("add", "README.md")
    ada.write("untracked.txt")
    ada.git("fetch", "-q")
    hub.git("tag", "there", "main")
    hub.git("branch", "other", "main")
    made.make("theirs")
    for key, value in CONFIGS[config].items():
        ada.git("config", key, value)
    before, refs = portrait(ada), _refs(ada)
    assert ada.pull(remote, *names)["created"] == ["theirs"]
    assert ada.names() == ["mine", "theirs"]
    assert _refs(ada) == refs
    assert portrait(ada) == before


def _refs(lab: Member) -> list[str]:
    ours = ("refs/gitxp/", "refs/experiments/")
    lines = lab.say("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return [line for line in lines if not line.startswith(ours)]


def test_which_remote(hub: Member, made: Factory, ada: Member) -> None:
    """The branch's, else origin, else the only one; pushRemote is for pushing; without any, and with an unknown, a hint."""
    made.make("a")
    ada.git("remote", "rename", "origin", "team")
    assert ada.pull()["created"] == ["a"]
    ada.git("remote", "add", "fork", "../fork.git")
    ada.git("checkout", "-q", "--detach")
    done = ada.run("pull")
    assert (done.status, "There are: fork, team." in done.stderr) == (2, True)
    ada.git("checkout", "-q", "main")
    ada.git("config", "remote.pushDefault", "fork")
    assert ada.pull() == NOTHING  # main is team's
    assert ada.run("push").status == 10
    ada.git("remote", "remove", "team")
    ada.git("remote", "remove", "fork")
    done = ada.run("pull")
    assert done.status == 2
    assert "git remote add" in done.stderr
    assert ada.pull(f"file://{hub.top}") == NOTHING
    assert ada.run("pull", "../nothing.git").status == 10


def test_remotes_whose_names_contain_each_other(made: Factory, ada: Member, hub: Member) -> None:
    """What is known of remote `team/b` is not forgotten when `team` is pulled."""
    made.make("a")
    for name in ("team", "team/b"):
        ada.git("config", f"remote.{name}.url", hub.top)
        ada.pull(name)
    ada.pull("team")
    assert {remote["name"]: remote["runs"] for remote in ada.ask("remotes")} == {"origin": 0, "team": 1, "team/b": 1}


def test_a_partial_clone(hub: Member, made: Factory) -> None:
    """In a clone without blobs, runs come whole and in one connection; reading them asks nobody."""
    hub.git("config", "uploadpack.allowFilter", "true")
    lab = member(hub, hub.path("../partial"), "--filter=blob:none")
    made.make_many(20)
    counted = count_connections(lab)
    assert len(lab.pull()["created"]) == 20
    assert len(lab.listed()) == 20
    assert counted.take() == ["fetch"]
    assert lab.say("config", "remote.origin.partialclonefilter") == "blob:none"


@pytest.mark.parametrize("kind", ["bare", "worktree", "shallow", "detached", "single"])
def test_kinds_of_clones(kind: str, hub: Member, made: Factory, ada: Member) -> None:
    """A bare clone, a linked worktree, a shallow clone, a detached HEAD and a folder within take runs in alike."""
    made.make("a")
    if kind == "bare":
        lab = member(hub, hub.path("../copy"), "--bare")
        lab.git("config", "remote.origin.fetch", "+refs/heads/*:refs/heads/*")
    elif kind == "worktree":
        ada.git("worktree", "add", "-q", "--detach", "../linked")
        lab = Member(ada.path("../linked"))
    elif kind == "shallow":
        hub_work = member(hub, hub.path("../work"))
        hub_work.write("more.txt")
        hub_work.commit()
        hub_work.git("push", "-q")
        made.make("b")
        lab = member(hub, hub.path("../copy"), "--depth=1")
    elif kind == "detached":
        ada.git("checkout", "-q", "--detach")
        lab = ada
    else:
        lab = Member(ada.path("src"))
    assert "a" in lab.pull()["created"]
    assert lab.tips() == hub.tips()
    lab.run("tag", "a", "+seen")
    assert [run["name"] for run in lab.push()["updated"]] == ["a"]
    assert ada.pull()["left"] == []
    assert ada.listed()["a"]["tags"] == ["seen"]


def test_sha256(tmp_path: Path) -> None:
    """Repositories with SHA-256 share runs as others do."""
    first = make(f"{tmp_path}/first", "--object-format=sha256")
    first.git("clone", "-q", "--bare", first.top, "../hub.git")
    hub = Member(f"{tmp_path}/hub.git")
    ada, bob = member(hub, f"{tmp_path}/ada"), member(hub, f"{tmp_path}/bob")
    ada.new("same")
    bob.new("same")
    ada.push()
    assert len(bob.pull()["renamed"]) == 1
    bob.push()
    ada.pull()
    assert len(ada.names()) == len(hub.names()) == 2
    assert len(ada.tips()["same"]) == 64
