from __future__ import annotations

import io
import json
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from gitxp.cli.network import Listener
from run_factory import Factory
from team import hook, said
from terminal import Terminal

if TYPE_CHECKING:
    from team import Member

pytest_plugins = ("team_fixtures",)


def test_words_of_a_pull(hub: Member, made: Factory, ada: Member, bob: Member) -> None:
    """Each kind of thing is one line on stderr, many runs are counted, and stdout stays empty."""
    made.make_many(7)
    done = ada.run("pull")
    assert done.stdout == b""
    assert done.stderr == "7 runs new: run-0001, run-0002, run-0003, run-0004, run-0005 and 2 more\n"
    assert said(ada.run("pull")) == "Nothing new in origin.\n"
    bob.new("run-0007")
    bob.pull()
    bob.run("tag", "run-0001", "+b")
    bob.run("tag", "run-0002", "+b")
    bob.push()
    ada.run("tag", "run-0002", "+a")
    hub.git("update-ref", "-d", "refs/experiments/run-0003")
    lines = said(ada.run("pull")).splitlines()
    assert lines[0].startswith("1 run new: run-0007-")
    assert lines[1:] == [
        "1 run updated: run-0001",
        "1 run merged with yours: run-0002",
        "1 run that origin has no more; yours stay: run-0003",
    ]


def test_words_of_equal_names(ada: Member, bob: Member) -> None:
    """Both sides are told which run is called what where."""
    ada.new("same")
    bob.new("same")
    ada.push()
    sent = said(bob.run("push")).splitlines()
    assert sent[0] == "1 run new in origin: same"
    assert sent[1].startswith("same is same-")
    assert sent[1].endswith(" in origin: its name is another run's there")
    assert said(bob.run("pull")).startswith("same of origin is another run than yours of that name: it is same-")


def test_words_of_a_push(hub: Member, ada: Member) -> None:
    """New, updated, all there; with --dry-run what would go."""
    ada.new("a")
    assert said(ada.run("push", "--dry-run")) == "1 run would go to origin: a\n"
    assert said(ada.run("push")) == "1 run new in origin: a\n"
    ada.run("tag", "a", "+x")
    assert said(ada.run("push")) == "1 run updated in origin: a\n"
    assert said(ada.run("push")) == "origin has everything.\n"
    hub.git("update-ref", "-d", "refs/experiments/a")
    assert said(ada.run("push")) == (
        "1 run that somebody removed in origin stayed here: a (gitxp push origin RUN sends it all the same)\n"
    )


def test_quiet(hub: Member, made: Factory, ada: Member) -> None:
    """With --quiet only what needs attention: the words of the other side, what was left, refused or renamed."""
    made.make("a")
    hub.git("update-ref", "refs/experiments/bad", "main")
    assert said(ada.run("pull", "-q")) == "bad of origin was not taken in: Its commit has no .gitxp/run.json.\n"
    ada.new("b")
    assert said(ada.run("push", "--quiet")) == ""
    hook(hub, "update", "echo closed >&2; exit 1")
    ada.new("c")
    done = ada.run("push", "-q")
    assert done.status == 1
    assert done.stderr.splitlines() == [
        "remote: closed",
        "remote: error: hook declined to update refs/experiments/c",
        "c was refused by origin: [remote rejected] (hook declined)",
        "Hint: Runs need a host that lets you make and move refs/experiments/*; origin does not, or not these.",
    ]


def test_a_remote_with_many_refs_that_are_no_runs(hub: Member, ada: Member) -> None:
    """The first are told one by one, and of the others how many they are; --json has all."""
    lines = "".join(f"create refs/experiments/bad{number:03} main\n" for number in range(120))
    hub.git("update-ref", "--stdin", data=lines.encode())
    told = said(ada.run("pull")).splitlines()
    assert len(told) == 52
    assert told[49] == "bad049 of origin was not taken in: Its commit has no .gitxp/run.json."
    assert told[50:] == ["and 70 more of origin were not taken in (--json names them)", "Nothing new in origin."]
    assert len(ada.pull()["left"]) == 120


def test_json(hub: Member, ada: Member, bob: Member) -> None:
    """--json is one object on stdout with every key, whatever came or went."""
    tip = ada.new("a")
    pushed = ada.push()
    going = {"commit": tip, "name": "a", "there": "a"}
    kinds = ("broken", "gone", "going", "held", "merged", "newer", "others", "received", "refused", "unrelated")
    kinds += ("updated",)
    said = {"created": [going], "dry_run": False, "error": None, "large": None, "lacks_lfs": False, "same": 0}
    said |= {"to": "origin", "unsent": 0}
    assert pushed == {**{kind: [] for kind in kinds}, **said}
    kinds = ("archives", "created", "folded", "gone", "left", "merged", "passed", "renamed", "updated")
    assert bob.pull().keys() == set(kinds)
    assert bob.ask("remotes") == [{"name": "origin", "runs": 1, "unpushed": 0, "url": f"file://{hub.top}"}]
    assert ada.push("--dry-run")["dry_run"] is True


def test_remotes(hub: Member, ada: Member) -> None:
    """A table of what each remote had and lacks; without any, how to add one."""
    ada.new("a")
    table = ada.run("remotes").stdout.decode().splitlines()
    assert table[0].split() == ["remote", "runs", "unpushed", "address"]
    assert table[-1].split() == ["origin", "0", "1", f"file://{hub.top}"]
    ada.push()
    assert ada.run("remotes").stdout.decode().splitlines()[-1].split()[1:3] == ["1", "0"]
    ada.git("remote", "remove", "origin")
    done = ada.run("remotes")
    assert (done.status, done.stdout) == (0, b"")
    assert "git remote add origin URL" in done.stderr


@pytest.mark.parametrize("command", ["push", "pull", "remotes"])
def test_no_repository(command: str, tmp_path: object) -> None:
    """Outside of a repository it is said so, status 3."""
    from states import Lab

    done = Lab(str(tmp_path)).run(command)
    assert done.status == 3
    assert done.stderr.startswith("Error: ")
    assert "Hint: " in done.stderr


def test_progress_on_a_terminal_only(ada: Member, bob: Member) -> None:
    """On a terminal git's progress is shown, each line over the one before; with --quiet, and elsewhere, it is not."""
    Factory(ada.top).make_many(50)
    with Terminal("push", cwd=ada.top) as shown:
        shown.expect(rb"Writing objects: 100%")
        assert shown.wait() == 0
        assert b"50 runs new in origin" in shown.seen
    with Terminal("pull", "--quiet", cwd=bob.top) as quiet:
        assert quiet.wait() == 0
        assert quiet.seen == b""
    ada.run("tag", "run-0001", "+x")
    assert said(ada.run("push")) == "1 run updated in origin: run-0001\n"


def test_what_gitxp_itself_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, what takes more than a second is told until something else is said; elsewhere and quietly, not.

    It is told at once or not at all: git may be asking for a password a moment later, in the same place.
    """

    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    now, threads = 100.0, threading.active_count()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    loud, quiet = Listener(), Listener(quiet=True)
    loud.tell("soon over")
    now += 1.5
    for listener in (loud, quiet):
        listener.tell("looking\x1b")
        listener.tell("looking still, less than 0.1 s later")
    assert screen.getvalue() == "\r\033[Klooking\\x1b …"
    assert threading.active_count() == threads
    with loud:
        loud(b"Writing objects: 50% (1/2)\rWriting objects: 100% (2/2)\r")
        loud.tell("ending")
        loud.say(["said"])
    wanted = [
        "",
        "looking\\x1b …",
        "",
        "Writing objects: 50% (1/2)",
        "Writing objects: 100% (2/2)\n",
        "ending …",
        "said\n",
    ]
    assert screen.getvalue().split("\r\033[K") == wanted
    monkeypatch.setattr(sys, "stderr", elsewhere := io.StringIO())
    with Listener() as listener:
        now += 1.5
        listener.tell("looking")
    assert elsewhere.getvalue() == ""


def test_an_answer_into_a_pipe_is_not_mixed_with_progress(ada: Member) -> None:
    """With stdout in a pipe, progress on the terminal's stderr leaves the JSON whole."""
    Factory(ada.top).make_many(50)
    with Terminal("push", "--json", cwd=ada.top, piped=("stdout",)) as shown:
        assert shown.wait() == 0
        assert shown.process.stdout is not None
        assert len(json.loads(shown.process.stdout.read())["created"]) == 50
        assert b"Writing objects" in shown.seen


def test_a_word_that_is_neither_remote_nor_run(ada: Member) -> None:
    """Who mistypes a remote is not told of runs alone; the second word can be nothing but a run."""
    ada.new("a")
    done = ada.run("push", "orign")
    assert done.status == 4
    assert "There is no run 'orign', and no remote of that name." in done.stderr
    assert "There is no run 'b'." in ada.run("push", "origin", "b").stderr
    ada.run("rm", "a")
    assert "The run 'a' is in the trash." in ada.run("push", "a").stderr
    assert "There is no run 'orign' in origin, and no remote of that name." in ada.run("pull", "orign").stderr
    assert "There is no run 'b' in origin." in ada.run("pull", "origin", "b").stderr
