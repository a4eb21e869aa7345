from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from run_factory import make_id, make_record
from states import as_shell, kill_group
from team import NOTHING, between, count_connections, member, said

if TYPE_CHECKING:
    from run_factory import Factory
    from team import Member

pytest_plugins = ("team_fixtures",)


def test_new_moved_and_nothing(hub: Member, made: Factory, ada: Member) -> None:
    """New runs are made, those that went on there are moved forward, and a pull of nothing changes nothing."""
    made.make("a")
    made.make("b")
    assert ada.pull() == {**NOTHING, "created": ["a", "b"]}
    assert ada.tips() == hub.tips()
    made.advance("a", {**hub.record("a"), "exit_code": 1, "status": "failed"})
    assert ada.pull() == {**NOTHING, "updated": ["a"]}
    assert ada.tips() == hub.tips()
    assert ada.pull() == NOTHING
    assert "gitxp pull" in ada.say("reflog", "show", "refs/experiments/a")


def test_a_run_that_still_runs_there_is_overtaken(ada: Member, bob: Member) -> None:
    """Half a run that was pushed becomes the whole by the next push and pull."""
    process = ada.start("run", "--name", "r", "--", *as_shell("echo on; read x; exit 3"), stdin=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    ada.push()
    bob.pull()
    assert bob.listed()["r"]["status"] == "running"
    process.communicate(b"go\n", timeout=60)
    assert [run["name"] for run in ada.push()["updated"]] == ["r"]
    assert bob.pull()["updated"] == ["r"]
    assert bob.listed()["r"]["exit_code"] == 3


def test_annotations_of_both_are_merged(ada: Member, bob: Member) -> None:
    """What two people said of one run offline is one state in both clones after pull and push, whoever is first."""
    ada.new("r")
    ada.push()
    bob.pull()
    ada.run("tag", "r", "+good")
    bob.run("tag", "r", "+fast")
    ada.push()
    assert bob.pull()["merged"] == ["r"]
    bob.push()
    assert ada.pull()["updated"] == ["r"]
    assert ada.tips() == bob.tips()
    assert sorted(ada.listed()["r"]["tags"]) == sorted(bob.listed()["r"]["tags"]) == ["fast", "good"]


def test_equal_names_of_two(hub: Member, ada: Member, bob: Member, eve: Member) -> None:
    """Two runs of one name are both kept: yours as it is, the other with the beginning of its id; no exchange adds more."""
    ada.new("same")
    bob.new("same", "false")
    ada.push()
    pulled = bob.pull()
    (renamed,) = pulled["renamed"]
    theirs = renamed["name"]
    assert renamed["there"] == "same"
    assert bob.record("same")["status"] == "failed"
    assert bob.record(theirs)["status"] == "completed"
    assert theirs.startswith("same-")
    assert bob.record(theirs)["id"].replace("-", "").startswith(theirs.removeprefix("same-"))
    (sent,) = bob.push()["created"]
    assert sent["name"] == "same"
    ada.pull()
    eve.pull()
    for _ in range(2):
        for someone in (ada, bob, eve):
            assert someone.pull() == NOTHING
            pushed = someone.push()
            assert (pushed["created"], pushed["updated"], pushed["same"]) == ([], [], 2)
    assert eve.tips() == ada.tips() == hub.tips()
    assert sorted(bob.tips().values()) == sorted(hub.tips().values())


def test_equal_names_of_three(hub: Member, ada: Member, bob: Member, eve: Member) -> None:
    """Three runs of one name are three runs everywhere, whatever the order, and each goes on as itself."""
    people = (ada, bob, eve)
    for someone in people:
        someone.new("same")
    for someone in people:
        someone.push()
    for someone in people:
        someone.pull()
    assert len(hub.names()) == 3
    for someone in people:
        assert someone.names_by_id().keys() == hub.names_by_id().keys()
        assert len(someone.names()) == 3
    run = bob.record("same")["id"]
    for someone in people:  # everybody says something of bob's run
        someone.run("tag", someone.names_by_id()[run], f"+{os.path.basename(someone.top)}")
    for someone in (*people, *people):
        someone.pull()
        someone.push()
    for someone in people:
        someone.pull()
        assert set(someone.listed()[someone.names_by_id()[run]]["tags"]) == {"ada", "bob", "eve"}
    assert len(hub.names()) == 3
    assert len({frozenset(someone.tips().values()) for someone in (*people, hub)}) == 1


def test_one_run_under_two_names_there(hub: Member, made: Factory, ada: Member, bob: Member) -> None:
    """It is one run here, under the name that its record has; both tips are in it."""
    made.make("zeta")
    hub.git("update-ref", "refs/experiments/alpha", "refs/experiments/zeta")
    made.advance("alpha", {**hub.record("zeta"), "exit_code": 2, "status": "failed"})
    assert ada.pull()["created"] == ["zeta"]
    assert ada.tips() == {"zeta": hub.tips()["alpha"]}
    assert ada.pull() == NOTHING
    hub.git("symbolic-ref", "refs/experiments/beta", "refs/experiments/alpha")
    assert bob.pull()["created"] == ["zeta"]
    assert bob.names() == ["zeta"]


def test_a_ref_with_a_slash_that_was_there_once(hub: Member, ada: Member, bob: Member) -> None:
    """It is no run, and when it is gone it stands in no run's way: neither to pull one by name, nor to push one."""
    for folder in ("a", "größe", "c"):
        hub.git("update-ref", f"refs/experiments/{folder}/deep/er", "main")
    assert (ada.pull(), bob.pull()) == (NOTHING, NOTHING)
    assert bob.say("for-each-ref", "refs/gitxp/remotes") == ""
    for folder in ("a", "größe", "c"):
        hub.git("update-ref", "-d", f"refs/experiments/{folder}/deep/er")
    ada.new("a")
    bob.new("c")
    assert [run["name"] for run in ada.push()["created"]] == ["a"]
    assert bob.pull("origin", "a")["created"] == ["a"]
    assert [run["name"] for run in bob.push()["created"]] == ["c"]


def test_one_run_that_each_calls_otherwise(hub: Member, ada: Member, bob: Member) -> None:
    """Both bring the same two tips together at the same time: it is one commit, whatever they call the run, and that is all."""
    ada.new("same")
    bob.git("fetch", "--quiet", ada.top, "refs/experiments/same:refs/experiments/twin")
    ada.run("tag", "same", "+ada")
    bob.run("tag", "twin", "+bob")
    ada.git("push", "--quiet", "origin", "refs/experiments/*")
    bob.git("push", "--quiet", "origin", "refs/experiments/*")
    assert (ada.pull()["merged"], bob.pull()["merged"]) == (["same"], ["twin"])
    assert ada.tips()["same"] == bob.tips()["twin"]
    ada.push()
    bob.push()
    assert (ada.pull(), bob.pull()) == (NOTHING, NOTHING)
    assert hub.tips() == {**ada.tips(), **bob.tips()}


def test_one_run_under_two_names_here(hub: Member, ada: Member, bob: Member) -> None:
    """What is said of it under either name is said of both, and goes; nobody else gets a second name for it."""
    ada.new("same")
    ada.push()
    bob.new("same")
    bob.pull()
    run = ada.record("same")["id"]
    beside = bob.names_by_id()[run]
    ada.run("tag", "same", "+ada")
    ada.push()
    bob.git("fetch", "--quiet", "--no-prune", "origin", "refs/experiments/same:refs/experiments/twin")
    bob.run("tag", beside, "+one")
    bob.run("tag", "twin", "+other")
    bob.push()
    assert bob.tips()[beside] == bob.tips()["twin"]
    ada.pull()
    assert set(ada.listed()["same"]["tags"]) == {"ada", "one", "other"}
    bob.run("tag", "twin", "+later")
    assert bob.pull()["left"] == []
    assert bob.tips()[beside] == bob.tips()["twin"]
    bob.push()
    assert len(hub.names()) == 2


def test_a_name_of_ours_for_another_run(ada: Member, made: Factory, hub: Member) -> None:
    """Two refs whose records have one id, and other code or no common start, are left as they are."""
    ada.new("mine")
    ada.push()
    forged = made.make("forged", id=ada.record("mine")["id"], files={"other.py": "evil"})
    ada.git("fetch", "--quiet", hub.top, "+refs/experiments/forged:refs/experiments/forged")
    mine = ada.tips()["mine"]
    ada.pull()
    ada.push()
    assert (ada.tips()["mine"], ada.tips()["forged"]) == (mine, forged)


def test_a_long_name_that_was_cut(hub: Member, made: Factory, ada: Member, bob: Member) -> None:
    """A run whose name was cut to make room for its id goes back under the name that it has there, and no other."""
    name = "n" * 95
    made.make(name)
    ada.new(name)
    ada.pull()
    (beside,) = set(ada.names()) - {name}
    assert len(beside) == 100
    ada.run("tag", beside, "+seen")
    assert [run["there"] for run in ada.push()["updated"]] == [name]
    assert sorted(map(len, hub.names())) == [95, 100]
    assert len(bob.pull()["created"]) == 2


def test_names_that_differ_by_case(hub: Member, made: Factory, ada: Member) -> None:
    """No two names here differ by case alone; and none is pushed that would differ so there."""
    mine = ada.new("Tuned")
    made.make("tuned")
    (renamed,) = ada.pull()["renamed"]
    assert renamed["name"] == f"tuned-{make_id(1)[:8]}"
    (sent,) = ada.push()["created"]
    assert sent["there"] != "Tuned"
    assert hub.tips()[sent["there"]] == mine
    assert len({name.lower() for name in hub.names()}) == len(hub.names()) == 2


def test_ids_that_begin_alike_or_are_none(hub: Member, made: Factory, ada: Member, bob: Member) -> None:
    """Ids that share their first characters, have no hexadecimal digits or are empty still give every run a name."""
    ids = ("01900000-0000-7000-8000-00000000000a", "01900000-0000-7000-8000-00000000000b", "zz", "", "zz\x1b[2J")
    ada.new("same")
    for number, id_ in enumerate(ids):
        made.make("same" if not number else f"other{number}", id=id_)
    others = [f"remote{number}" for number in range(1, len(ids))]
    for number, remote in enumerate(others, 1):
        bare = member(hub, hub.path(f"../{remote}.git"), "--bare")
        bare.git("fetch", "-q", hub.top, f"+refs/experiments/other{number}:refs/experiments/same")
        ada.git("remote", "add", remote, bare.top)
    for remote in (*others, "origin"):
        pulled = ada.pull(remote)
        assert (pulled["left"], len(pulled["renamed"])) == ([], 1)
    assert len(ada.names()) == 1 + len(ids)
    assert set(hub.tips().values()) < set(ada.tips().values())
    assert bob.pull()["left"] == []


def test_a_newer_format_comes_along(hub: Member, made: Factory, ada: Member) -> None:
    """A run that this gitxp cannot read is taken in and moved forward all the same; it is still one."""
    made.make("r", format=99, id=None)
    assert ada.pull()["created"] == ["r"]
    made.advance("r", {**make_record("r"), "format": 99, "more": 1})
    assert ada.pull() == {**NOTHING, "updated": ["r"]}
    assert ada.tips() == hub.tips()
    ada.git("update-ref", "refs/experiments/r", ada.say("rev-parse", "refs/experiments/r"))
    hub.git("update-ref", "refs/experiments/r", "refs/experiments/r~1")
    assert ada.pull() == NOTHING


def test_refs_that_are_no_runs(hub: Member, made: Factory, ada: Member) -> None:
    """Commits without a record, blobs and names that no run may have do not come here, and keep no run from coming."""
    made.make("good")
    blob = hub.say("hash-object", "-w", "--stdin", data=b"x")
    for name, target in {
        "commit": "main",
        "blob": blob,
        "a/b": "main",
        "100%": "main",
        "größe": "main",
        "@later": "main",
        "x" * 101: "main",
        "-x": "main",
    }.items():
        hub.git("update-ref", f"refs/experiments/{name}", target)
    pulled = ada.pull()
    assert pulled["created"] == ["good"]
    assert sorted(left["name"] for left in pulled["left"]) == ["blob", "commit"]
    assert ada.names() == ["good"]
    assert "no .gitxp/run.json" in said(ada.run("pull"))


def test_what_was_removed_there_stays_here(hub: Member, made: Factory, ada: Member, bob: Member) -> None:
    """A run that the remote has no more stays; it is said once. One that is not here either is not spoken of."""
    made.make("a")
    made.make("b")
    ada.pull()
    ada.git("update-ref", "-d", "refs/experiments/b")
    for name in ("a", "b"):
        hub.git("update-ref", "-d", f"refs/experiments/{name}")
    assert ada.pull() == {**NOTHING, "gone": ["a"]}
    assert ada.pull() == NOTHING
    assert ada.names() == ["a"]
    assert bob.pull() == NOTHING


def test_what_was_removed_here_stays_away(hub: Member, made: Factory, ada: Member) -> None:
    """A removed run comes back if it is named, or with --removed; then it is no removed one any more."""
    made.make("a")
    made.make("b")
    ada.pull()
    lines = [
        json.dumps({"at": "2026-01-01T00:00:00.000Z", "id": make_id(n), "name": x}) for n, x in ((1, "a"), (2, "b"))
    ]
    ada.write(".git/gitxp/removed.jsonl", "".join(f"{line}\n" for line in lines))
    for name in ("a", "b"):
        ada.git("update-ref", "-d", f"refs/experiments/{name}")
    assert ada.pull() == {**NOTHING, "passed": ["a", "b"]}
    assert ada.pull("origin", "a")["created"] == ["a"]
    assert make_id(1) not in ada.read(".git/gitxp/removed.jsonl").decode()
    assert ada.pull() == {**NOTHING, "passed": ["b"]}
    assert ada.pull("--removed")["created"] == ["b"]
    assert ada.read(".git/gitxp/removed.jsonl") == b""
    assert hub.tips() == ada.tips()


def test_single_runs(made: Factory, ada: Member, hub: Member) -> None:
    """Named runs come alone, as gitxp or as git calls them; what is not there, or no name, is said so."""
    for name in "abcd":
        made.make(name)
    assert ada.pull("origin", "a", "experiments/b")["created"] == ["a", "b"]
    assert ada.pull("refs/experiments/c")["created"] == ["c"]
    missing = ada.run("pull", "nothing")
    assert missing.status == 4
    assert missing.stderr.startswith("Error: There is no run 'nothing' in origin, and no remote of that name.\n")
    for bad in ("ä", "x y", "x\n+refs/heads/*:refs/heads/*", "-x"):
        done = ada.run("pull", "--", "origin", bad)
        assert done.status == 7, done.stderr
    assert ada.names() == ["a", "b", "c"]
    assert hub.names() == ["a", "b", "c", "d"]


@pytest.mark.parametrize("names", [(), ("a", "b")])
def test_one_connection(names: tuple[str, ...], made: Factory, ada: Member) -> None:
    """However many runs there are, a pull connects once."""
    made.make("a")
    made.make("b")
    made.make_many(300)
    counted = count_connections(ada)
    assert len(ada.pull("origin", *names)["created"]) == (len(names) or 302)
    assert counted.take() == ["fetch"]
    ada.pull()
    assert counted.take() == ["fetch"]


def test_a_pull_that_was_killed_is_repeated(made: Factory, hub: Member, ada: Member) -> None:
    """Killed after the fetch and before its refs moved, or in the midst of the fetch: the next pull brings all."""
    made.make_many(5)
    ada.git("fetch", "-q", "origin", "+refs/experiments/*:refs/gitxp/remotes/origin/*")
    assert len(ada.pull()["created"]) == 5
    made.make("late")
    marker = ada.path("../reached")
    between(ada, fetch=f"echo >{marker}; mkfifo {marker}.fifo; read x <{marker}.fifo")
    process = ada.start("pull")
    while not os.path.exists(f"{marker}.fifo"):
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    with open(os.open(f"{marker}.fifo", os.O_RDWR), "w", encoding="ascii") as file:  # the other side may go on
        file.write("\n")
    between(ada)
    assert ada.pull()["created"] == ["late"]
    assert ada.tips() == hub.tips()


@pytest.mark.parametrize("everybody", [True, False])
def test_interrupted_while_the_other_side_is_silent(everybody: bool, made: Factory, ada: Member) -> None:
    """Ctrl-C ends a pull at once, and leaves no lock behind; a signal for gitxp alone does so, too."""
    made.make("a")
    marker = ada.path("../reached")
    between(ada, fetch=f"echo >{marker}; exec sleep 600")
    process = ada.start("pull")
    while not os.path.exists(marker):
        assert process.poll() is None
    (os.killpg if everybody else os.kill)(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) in {130, -signal.SIGINT}
    kill_group(process)
    _, stderr = process.communicate(timeout=60)
    assert b"Traceback" not in stderr
    between(ada)
    assert ada.pull()["created"] == ["a"]


def test_a_ref_that_cannot_be_made_keeps_no_other(made: Factory, ada: Member) -> None:
    """Where a folder of refs of the user's has the name, that run is left, and it is said why."""
    for name in "abcde":
        made.make(name)
    ada.git("update-ref", "refs/experiments/c/mine", "HEAD")
    pulled = ada.pull()
    assert pulled["created"] == ["a", "b", "d", "e"]
    assert [left["name"] for left in pulled["left"]] == ["c"]
    assert "refs/experiments/c/mine" in pulled["left"][0]["reason"]
