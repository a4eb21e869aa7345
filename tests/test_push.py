from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from run_factory import Factory
from states import portrait
from team import between, count_connections, hook, member, said

if TYPE_CHECKING:
    from team import Member

pytest_plugins = ("team_fixtures",)


def names(going: list[dict[str, str]]) -> list[str]:
    """The names of what went."""
    return [run["name"] for run in going]


def test_what_goes(hub: Member, ada: Member) -> None:
    """New runs go, known ones are moved forward, what is there stays; runs that are named go alone."""
    for name in "abc":
        ada.new(name)
    pushed = ada.push("origin", "a")
    assert names(pushed["created"]) == ["a"]
    assert hub.names() == ["a"]
    ada.run("tag", "a", "+good")
    pushed = ada.push()
    assert (names(pushed["created"]), names(pushed["updated"]), pushed["same"]) == (["b", "c"], ["a"], 0)
    assert hub.tips() == ada.tips()
    pushed = ada.push()
    assert (pushed["created"], pushed["updated"], pushed["same"]) == ([], [], 3)
    assert hub.say("for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags", "refs/gitxp") == "refs/heads/main"


def test_the_base_travels_along(ada: Member, bob: Member) -> None:
    """A commit that was never pushed comes with the run that stands on it; no branch moves."""
    ada.write("README.md", "not pushed\n")
    base = ada.commit("not pushed")
    ada.write("new.py", "x = 1\n")
    ada.new("r")
    ada.push()
    bob.pull()
    assert bob.listed()["r"]["base"] == base
    assert bob.blob("refs/experiments/r", "new.py") == b"x = 1\n"
    assert bob.say("log", "-1", "--format=%s", base) == "not pushed"


def test_a_dry_run_changes_nothing(hub: Member, ada: Member, bob: Member) -> None:
    """It says what would go, and sends, fetches and merges nothing."""
    ada.new("r")
    ada.push()
    bob.pull()
    ada.run("tag", "r", "+a")
    ada.push()
    bob.run("tag", "r", "+b")
    bob.new("other")
    there, here = hub.tips(), bob.tips()
    counted = count_connections(bob)
    pushed = bob.push("--dry-run")
    assert counted.take() == ["fetch"]
    assert (names(pushed["going"]), pushed["unrelated"], pushed["dry_run"]) == (["other"], ["r"], True)
    assert (hub.tips(), bob.tips()) == (there, here)
    assert "1 run would go to origin: other" in said(bob.run("push", "-n"))


def test_what_went_separate_ways_is_merged_first(hub: Member, ada: Member, bob: Member) -> None:
    """A push of a run that somebody else annotated there brings that in, merges it, and sends the merge, never by force."""
    hub.git("config", "receive.denyNonFastForwards", "true")
    ada.new("r")
    ada.push()
    bob.pull()
    ada.run("tag", "r", "+a")
    bob.run("tag", "r", "+b")
    ada.push()
    counted = count_connections(bob)
    pushed = bob.push()
    assert (pushed["merged"], names(pushed["updated"])) == (["r"], ["r"])
    assert counted.take() == ["fetch", "fetch", "push"]
    pushed = ada.push()
    assert (pushed["merged"], pushed["received"]) == ([], ["r"])  # what is new there came along
    assert ada.tips() == bob.tips() == hub.tips()
    assert sorted(ada.listed()["r"]["tags"]) == ["a", "b"]


def test_a_push_brings_no_runs_of_others(hub: Member, ada: Member, bob: Member) -> None:
    """Where the name is another's there, yours goes beside it; theirs does not come here by a push."""
    ada.new("same")
    ada.push()
    mine = bob.new("same")
    (sent,) = bob.push()["created"]
    assert bob.names() == ["same"]
    assert sent["there"].startswith("same-")
    assert hub.tips() == {"same": ada.tips()["same"], sent["there"]: mine}
    assert f"same would be {sent['there']} in" not in said(bob.run("push"))
    bob.run("tag", "same", "+more")
    assert bob.push()["updated"][0]["there"] == sent["there"]


def test_two_connections(ada: Member) -> None:
    """However many runs: one asks, one sends; where nothing is to go, one."""
    Factory(ada.top).make_many(300)
    counted = count_connections(ada)
    assert len(ada.push()["created"]) == 300
    assert counted.take() == ["fetch", "push"]
    ada.push()
    assert counted.take() == ["fetch"]


def test_removed_there_is_not_brought_back(hub: Member, ada: Member) -> None:
    """What somebody removed there does not go again, unless it is named."""
    ada.new("a")
    ada.new("b")
    ada.push()
    hub.git("update-ref", "-d", "refs/experiments/a")
    assert ada.push()["gone"] == ["a"]
    assert hub.names() == ["b"]
    assert names(ada.push("origin", "a")["created"]) == ["a"]
    hub.git("update-ref", "-d", "refs/experiments/a")
    assert ada.pull()["gone"] == ["a"]  # a pull does not forget it
    assert ada.push()["gone"] == ada.push()["gone"] == ["a"]
    assert names(ada.push("origin", "a")["created"]) == ["a"]
    assert ada.say("for-each-ref", "refs/gitxp/gone") == ""


def test_what_somebody_brought_back_is_as_any_other(hub: Member, ada: Member, bob: Member) -> None:
    """A run that is there again is no removed one any more."""
    ada.new("a")
    ada.push()
    bob.pull()
    hub.git("update-ref", "-d", "refs/experiments/a")
    ada.pull()
    bob.push("origin", "a")
    ada.pull()
    assert ada.say("for-each-ref", "refs/gitxp/gone") == ""
    ada.run("tag", "a", "+x")
    assert names(ada.push()["updated"]) == ["a"]


@pytest.mark.parametrize("name", ["update", "pre-receive"])
def test_a_host_that_refuses_some(name: str, hub: Member, ada: Member) -> None:
    """What a hook there refuses is told ref by ref with its words, exit status 1; with `update`, the others arrive."""
    if name == "update":
        hook(hub, name, 'case "$1" in *bad*) echo "bad names are not wanted" >&2; exit 1;; esac')
    else:
        hook(hub, name, 'while read old new ref; do case "$ref" in *bad*) exit 1;; esac; done')
    for run in ("bad-1", "bad-2", "good"):
        ada.new(run)
    pushed = ada.push(status=1)
    refused = {run["name"]: run["reason"] for run in pushed["refused"]}
    assert {"bad-1", "bad-2"} <= refused.keys()
    assert "hook declined" in refused["bad-1"]
    if name == "update":
        assert names(pushed["created"]) == hub.names() == ["good"]
        done = ada.run("push")
        assert done.status == 1
        assert "remote: bad names are not wanted" in done.stderr
        assert "bad-1 was refused by origin: [remote rejected] (hook declined)" in done.stderr
    else:
        assert refused.keys() == {"bad-1", "bad-2", "good"}
    hub.git("config", "core.hooksPath", "/dev/null")
    ada.push()
    assert hub.names() == ["bad-1", "bad-2", "good"]


def test_a_host_that_hides_runs(hub: Member, ada: Member) -> None:
    """With transfer.hideRefs there, each run is refused and said so."""
    hub.git("config", "transfer.hideRefs", "refs/experiments")
    ada.new("a")
    pushed = ada.push(status=1)
    assert names(pushed["refused"]) == ["a"]
    assert "hidden ref" in pushed["refused"][0]["reason"]


CONFIGS = {
    "mirror": {"remote.origin.mirror": "true", "remote.origin.fetch": "+refs/*:refs/*"},
    "tags": {"push.followTags": "true"},
    "default": {"push.default": "matching", "push.autoSetupRemote": "true"},
    "push": {"remote.origin.push": "+refs/*:refs/*"},
    "submodules": {"push.recurseSubmodules": "on-demand"},
}


@pytest.mark.parametrize("config", CONFIGS)
def test_only_runs_go(config: str, hub: Member, ada: Member, made: Factory) -> None:
    """Whatever is configured, no branch and no tag goes, nothing is deleted there, and nothing of the user's changes here."""
    made.make("theirs")
    ada.write("README.md", "not pushed\n")
    ada.commit()
    ada.git("tag", "-a", "-m", "x", "v1")
    ada.git("branch", "local")
    ada.new("mine")
    for key, value in CONFIGS[config].items():
        ada.git("config", key, value)
    before, there = portrait(ada), hub.say("for-each-ref", "refs/heads", "refs/tags")
    assert names(ada.push()["created"]) == ["mine"]
    assert hub.names() == ["mine", "theirs"]
    assert hub.say("for-each-ref", "refs/heads", "refs/tags") == there
    assert portrait(ada) == before


@pytest.mark.parametrize("spec", ["+refs/*:refs/*", "+refs/experiments/*:refs/experiments/*"])
def test_a_fetch_refspec_writes_no_names(spec: str, ada: Member, made: Factory) -> None:
    """Where fetches of the remote write to refs/experiments/, runs keep the names that they have here, and each its tip."""
    made.make("same")
    ada.new("same")
    ada.new("other")
    ada.pull()
    ada.git("config", "remote.origin.fetch", spec)
    before = ada.tips()
    ada.push()
    assert ada.tips() == before


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("a=b", "mirror", "true"),
        ("A=b.c=D", "mirror", "true"),
        ("=", "fetch", "+refs/experiments/*:refs/experiments/*"),
        ("mirror=x.fetch", "fetch", "+refs/*:refs/*"),
    ],
)
def test_a_name_with_an_equals_sign(name: str, key: str, value: str, hub: Member, ada: Member, made: Factory) -> None:
    """Of a remote whose name has `=` in it, too, only runs go, and nothing that is configured for it changes runs here."""
    ada.new("same")
    ada.git("branch", "local")
    ada.git("remote", "rename", "origin", name)
    ada.git("config", f"remote.{name}.{key}", value)
    assert "remote" in {one["id"] for one in json.loads(ada.run("doctor", "--remote", name, "--json").stdout)}
    made.make("same")
    ada.new("other")
    before, there = ada.tips(), hub.say("for-each-ref", "refs/heads", "refs/tags")
    assert len(ada.push(name)["created"]) == 2
    assert (ada.tips(), len(hub.names())) == (before, 3)
    assert hub.say("for-each-ref", "refs/heads", "refs/tags") == there
    ada.pull(name)
    ada.git("branch", "-D", "local")
    assert ada.run("rm", "other", "--remote", name, "--yes").status == 0
    assert len(hub.names()) == 2
    assert hub.say("for-each-ref", "refs/heads", "refs/tags") == there


def test_the_users_hook(ada: Member, hub: Member) -> None:
    """pre-push runs, sees the runs, and may forbid the push; --no-verify passes over it."""
    ada.new("a")
    seen = ada.path("../seen")
    hook(ada, "pre-push", f"cat >{seen}; printf 'not \\033[31mtoday\\n' >&2; exit 1")
    done = ada.run("push", "-q")
    assert done.status == 10, done.stderr
    words, error, hint = done.stderr.splitlines()
    assert words == r"not \x1b[31mtoday"
    assert error == "Error: git push failed: the hook pre-push refused it."
    assert "--no-verify" in hint
    with open(seen, encoding="utf-8") as file:
        assert "refs/experiments/a" in file.read()
    assert hub.names() == []
    assert "1 run new in origin: a" in said(ada.run("push", "--no-verify"))
    hook(ada, "pre-push", "echo all is well")
    ada.new("b")
    assert said(ada.run("push")) == "all is well\n1 run new in origin: b\n"


@pytest.mark.parametrize("how", ["new", "moved", "same"])
def test_somebody_pushes_between_asking_and_sending(how: str, hub: Member, ada: Member, bob: Member) -> None:
    """A ref that another made or moved meanwhile is looked at again; both end up there, and git advises nobody to 'git pull'."""
    ada.new("r")
    if how == "new":
        bob.new("r", "false")
        arrives = bob.tips()["r"]
    else:
        ada.push()
        bob.pull()
        ada.run("tag", "r", "+a")
        bob.run("tag", "r", "+b")
        arrives = bob.tips()["r"] if how == "moved" else ada.tips()["r"]
    someone = bob if how != "same" else ada
    someone.git("push", "-q", hub.top, "refs/experiments/r:refs/heads/scratch")
    between(ada, push=f"git -C {hub.top} update-ref refs/experiments/r {arrives}")
    done = ada.run("push", "--json")
    between(ada)
    assert "hint:" not in done.stderr
    pushed = json.loads(done.stdout)
    assert pushed["refused"] == []
    assert len(hub.names()) == (2 if how == "new" else 1)
    if how == "moved":
        assert pushed["merged"] == ["r"]
        assert sorted(ada.listed()["r"]["tags"]) == ["a", "b"]
    bob.pull()
    assert how == "same" or set(ada.tips().values()) <= set(bob.tips().values())


def test_a_race_while_the_other_side_receives(hub: Member, ada: Member, bob: Member) -> None:
    """A ref that moves there after it was advertised is refused once, and then merged and sent."""
    ada.new("r")
    ada.push()
    bob.pull()
    ada.run("tag", "r", "+a")
    bob.run("tag", "r", "+b")
    bob.git("push", "-q", hub.top, "refs/experiments/r:refs/heads/scratch")
    once = hub.path("../once")
    # a hook's own objects would be in quarantine: the ref is moved from outside of it
    hook(
        hub,
        "pre-receive",
        f"mkdir {once} 2>/dev/null && env -u GIT_QUARANTINE_PATH git update-ref refs/experiments/r refs/heads/scratch; exit 0",
    )
    pushed = ada.push()
    assert (pushed["refused"], pushed["merged"], names(pushed["updated"])) == ([], ["r"], ["r"])
    bob.pull()
    assert sorted(bob.listed()["r"]["tags"]) == ["a", "b"]


def test_two_at_once(hub: Member, ada: Member, bob: Member) -> None:
    """Two people who push at the same moment both succeed, equal names and all."""
    for someone in (ada, bob):
        for number in range(3):
            someone.new(f"r{number}")
    processes = [someone.start("push") for someone in (ada, bob)]
    for process in processes:
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stderr
    assert len(hub.names()) == 6
    assert {*ada.tips().values(), *bob.tips().values()} == set(hub.tips().values())


def test_an_interrupted_push_is_repeated(hub: Member, ada: Member) -> None:
    """Killed while the other side receives, before or after the refs moved there: the next push sends what lacks."""
    for number in range(3):
        ada.new(f"r{number}")
    for when in ("pre-receive", "post-receive"):
        marker = ada.path(f"../{when}")
        hook(hub, when, f"echo >{marker}; exec sleep 600")
        process = ada.start("push")
        while not os.path.exists(marker):
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
        os.unlink(os.path.join(hub.top, "hooks", when))
    ada.push()
    assert hub.tips() == ada.tips()
    assert ada.push()["same"] == 3


def test_a_killed_push_takes_git_along(hub: Member, ada: Member) -> None:
    """Whoever ends the group of processes, as CI does it, ends git in it and the other side of a local push, too."""
    ada.new("a")
    os.mkfifo(ada.path("../fifo"))
    hook(hub, "pre-receive", f"exec 3>{ada.path('../fifo')}; echo there >&3; sleep 60; echo ended >&3")
    process = ada.start("push")
    with open(ada.path("../fifo"), "rb") as file:
        assert file.readline() == b"there\n"
        os.killpg(process.pid, signal.SIGKILL)
        assert file.read() == b""  # nobody is left to write
    process.communicate(timeout=60)


def test_a_connection_that_breaks(hub: Member, ada: Member) -> None:
    """A side that goes away while it receives is an error of git's, status 10; what arrived is found by the next push."""
    ada.new("a")
    hook(hub, "pre-receive", "kill -9 $(ps -o ppid= -p $PPID) $PPID")
    done = ada.run("push")
    assert done.status in {1, 10}
    assert "Traceback" not in done.stderr
    hub.git("config", "core.hooksPath", "/dev/null")
    assert names(ada.push()["created"]) == ["a"]


@pytest.mark.parametrize("address", ["path", "url", "relative"])
def test_an_address_for_a_remote(address: str, hub: Member, ada: Member) -> None:
    """A path or URL takes the place of a remote's name, and what is known of it is kept."""
    ada.new("a")
    word = {"path": hub.top, "url": f"file://{hub.top}", "relative": "../hub.git"}[address]
    assert names(ada.push(word)["created"]) == ["a"]
    hub.git("update-ref", "-d", "refs/experiments/a")
    assert ada.push(word)["gone"] == ["a"]
    assert ada.say("for-each-ref", "refs/gitxp/remotes/origin") == ""


def test_other_places(hub: Member, ada: Member) -> None:
    """Several remotes each know their own; a shallow clone and a linked worktree push as well."""
    hub.git("clone", "-q", "--bare", hub.top, "../second.git")
    ada.git("remote", "add", "second", "../second.git")
    ada.new("a")
    ada.push("second")
    assert {remote["name"]: remote["unpushed"] for remote in ada.ask("remotes")} == {"origin": 1, "second": 0}
    ada.git("worktree", "add", "-q", "../linked")
    linked = type(ada)(ada.path("../linked"))
    linked.new("b")
    assert names(linked.push()["created"]) == ["a", "b"]
    shallow = member(hub, hub.path("../shallow"), "--depth=1")
    shallow.new("c")
    assert names(shallow.push()["created"]) == ["c"]
    assert hub.fsck() == ""


def test_a_shallow_clone_and_a_host_without_its_history(hub: Member, ada: Member) -> None:
    """Git refuses, and what helps is said: not that the host takes no runs."""
    ada.write("more.py", "1\n")
    ada.commit("two")
    ada.git("push", "--quiet", "origin", "main")
    shallow = member(hub, hub.path("../shallow"), "--depth=1")
    shallow.new("a")
    shallow.git("init", "--quiet", "--bare", hub.path("../other"))
    done = shallow.run("push", hub.path("../other"))
    assert done.status == 1
    assert "a was refused by" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Hint: This clone is shallow, and ")
    assert done.stderr.endswith("git fetch --unshallow\n")
    shallow.git("fetch", "--quiet", "--unshallow")
    assert shallow.run("push", hub.path("../other")).status == 0


def test_a_lock_that_was_left_in_the_host(hub: Member, ada: Member) -> None:
    """Its own words say what to do; that it takes no runs would be wrong."""
    ada.new("a")
    ada.new("b")
    os.makedirs(hub.path("refs/experiments"), exist_ok=True)
    with open(hub.path("refs/experiments/a.lock"), "xb"):
        pass
    done = ada.run("push")
    assert done.status == 1
    assert "1 run new in origin: b" in done.stderr
    assert "remote: remove the file manually to continue." in done.stderr
    assert "a was refused by origin: [remote rejected] (failed to update ref)" in done.stderr
    assert "Hint" not in done.stderr
    os.unlink(hub.path("refs/experiments/a.lock"))
    assert names(ada.push()["created"]) == ["a"]


def test_another_address_to_push_to(hub: Member, ada: Member) -> None:
    """Where remote.<name>.pushurl is another address, that one is asked what it has."""
    ada.new("a")
    hub.git("clone", "-q", "--bare", hub.top, "../second.git")
    second = type(hub)(hub.path("../second.git"))
    ada.git("config", "remote.origin.pushurl", second.top)
    assert names(ada.push()["created"]) == ["a"]
    assert (second.tips(), hub.tips()) == (ada.tips(), {})
    assert ada.push()["same"] == 1


def test_the_fork_of_somebody_else(hub: Member, ada: Member) -> None:
    """What an address to push to lacks and the one to fetch from has was not removed there: it goes, and is told as going there."""
    ada.new("a")
    ada.push()
    hub.git("init", "-q", "--bare", "../fork.git")
    fork = type(hub)(hub.path("../fork.git"))
    ada.git("config", "remote.origin.pushurl", fork.top)
    assert ada.ask("remotes")[0]["unpushed"] == 1
    done = ada.run("push")
    assert "1 run new in origin: a" in done.stderr
    assert f", to origin ({fork.top})" in done.stderr
    assert fork.tips() == ada.tips()
    assert ada.ask("remotes")[0]["unpushed"] == 0
    fork.git("update-ref", "-d", "refs/experiments/a")
    assert ada.push()["gone"] == ["a"]


def test_several_addresses_to_push_to(hub: Member, ada: Member) -> None:
    """Each is asked what it lacks, also where the first has all; one that cannot be reached keeps nothing from the others."""
    second, third = (type(hub)(hub.path(f"../{name}.git")) for name in ("second", "third"))
    hub.git("init", "-q", "--bare", second.top)
    for address in (hub.top, third.top, second.top):
        ada.git("config", "--add", "remote.origin.pushurl", address)
    ada.new("a")
    pushed = ada.push(status=10)
    assert [part["to"] for part in (pushed, *pushed["others"])] == [hub.top, third.top, second.top]
    assert [names(part["created"]) for part in (pushed, *pushed["others"])] == [["a"], [], ["a"]]
    assert "does not appear to be a git repository" in pushed["others"][0]["error"]
    hub.git("init", "-q", "--bare", third.top)
    assert ada.ask("remotes")[0]["unpushed"] == 1
    done = ada.run("push")
    assert f"{hub.top} has everything.\n" in done.stderr
    assert f"1 run new in {third.top}: a\n" in done.stderr
    assert third.tips() == second.tips() == hub.tips() == ada.tips()
    assert ada.ask("remotes")[0]["unpushed"] == 0
    assert ada.run("rm", "a", "--remote", "origin", "--yes").status == 0
    assert third.tips() == second.tips() == hub.tips() == ada.tips() == {}


@pytest.mark.parametrize("key", ["branch.main.pushRemote", "remote.pushDefault"])
def test_where_git_is_told_to_push(key: str, hub: Member, ada: Member) -> None:
    """An address in git's configuration counts as for git, and a name that is none is not passed over for origin."""
    hub.git("clone", "-q", "--bare", hub.top, "../second.git")
    second = type(hub)(hub.path("../second.git"))
    ada.new("a")
    ada.git("config", key, "nowhere")
    done = ada.run("push")
    assert (done.status, hub.tips()) == (2, {})
    assert f"{key} is 'nowhere', and there is no such remote" in done.stderr
    ada.git("config", key, second.top)
    assert names(ada.push()["created"]) == ["a"]
    assert (second.tips(), hub.tips()) == (ada.tips(), {})


@pytest.mark.damaged
def test_one_damaged_run_keeps_no_other(hub: Member, ada: Member) -> None:
    """A run whose commit is missing, and a ref to no commit, are told; the others go, exit status 1."""
    tip = ada.new("a")
    ada.new("b")
    os.unlink(ada.path(f".git/objects/{tip[:2]}/{tip[2:]}"))
    blob = ada.say("hash-object", "-w", "README.md")
    ada.write(".git/refs/experiments/c", f"{blob}\n")
    pushed = ada.push(status=1)
    assert names(pushed["created"]) == ["b"]
    assert [one["name"] for one in pushed["broken"]] == ["a", "c"]
    assert hub.names() == ["b"]
    done = ada.run("push")
    assert done.status == 1
    assert f"a cannot be sent: object {tip[:12]} is not in the repository. (gitxp doctor)" in done.stderr
    assert "gitxp doctor" in ada.run("pull").stderr


def test_unknown_runs_and_remotes(ada: Member) -> None:
    """A word that is neither is said to be no run; nothing was sent."""
    done = ada.run("push", "nothing")
    assert done.status == 4
    assert "There is no run 'nothing'" in done.stderr
    assert ada.run("push", "origin", "nothing").status == 4
    assert said(ada.run("push")) == "There are no runs to push.\n"


def test_a_forged_history_is_told(hub: Member, ada: Member, made: Factory) -> None:
    """Where the remote's run of this id has another history, nothing is overwritten on either side, exit status 1."""
    tip = ada.new("r")
    record = ada.record("r")
    forged = made.make("r", id=record["id"])
    pushed = ada.push(status=1)
    assert pushed["unrelated"] == ["r"]
    assert ada.tips() == {"r": tip}
    assert hub.tips() == {"r": forged}
    assert "r in origin has another history than yours, and nothing was sent for it (r begins" in ada.run("push").stderr
