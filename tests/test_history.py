"""How two commits stand to each other is what git says, and costs no process where they are near."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitxp.format import Oid
from gitxp.git.history import ask_contains, contains, merge_bases
from gitxp.git.opening import open_objects
from gitxp.git.program import Git

if TYPE_CHECKING:
    from pathlib import Path

    from gitxp.git.program import Answer
    from run_factory import Factory
    from team import Member

pytest_plugins = ("team_fixtures",)


class Asked(Git):
    """git that keeps what it was asked for."""

    def __init__(self, directory: str) -> None:
        super().__init__(directory)
        self.asked: list[tuple[str, ...]] = []

    def ask(self, *args: str, data: bytes = b"", index: str | None = None) -> Answer:
        """As git, after a note of it."""
        self.asked.append(args)
        return super().ask(*args, data=data, index=index)


def commits_of(path: str, shape: list[list[int]]) -> list[Oid]:
    """Commits with these parents, by their numbers."""
    subprocess.run(["git", "init", "--quiet", path], check=True)
    stream = []
    for number, parents in enumerate(shape):
        stream += [f"commit refs/heads/c{number}", f"mark :{number + 1}", "committer T <t@e> 1700000000 +0000"]
        stream += [f"data {len(str(number))}", str(number)]
        stream += [f"{'merge' if place else 'from'} :{parent + 1}" for place, parent in enumerate(parents)]
        if not parents:
            stream.append("deleteall")
    stream += [f"get-mark :{number + 1}" for number in range(len(shape))]
    answer = subprocess.run(
        ["git", "-C", path, "fast-import", "--quiet"],
        input="\n".join(stream) + "\n",
        text=True,
        capture_output=True,
        check=True,
    )
    return [Oid(line) for line in answer.stdout.split()]


def line(count: int) -> list[list[int]]:
    """A history without merges."""
    return [[number - 1] if number else [] for number in range(count)]


@st.composite
def shapes(draw: st.DrawFn) -> list[list[int]]:
    """Histories with merges, several roots, and criss-cross."""
    count = draw(st.integers(2, 14))
    return [
        draw(st.lists(st.integers(max(0, number - 4), number - 1), max_size=3, unique=True)) if number else []
        for number in range(count)
    ]


@settings(max_examples=30, deadline=None)
@given(shapes(), st.data())
def test_as_git_says(shape: list[list[int]], data: st.DataObject) -> None:
    """Of any two commits in any history, the last ones that both have, and which contains which."""
    with tempfile.TemporaryDirectory() as path:
        commits = commits_of(path, shape)
        git = Git(path)
        objects = open_objects(git, os.path.join(path, ".git"))
        for _ in range(6):
            a, b = (commits[data.draw(st.integers(0, len(shape) - 1))] for _ in range(2))
            found = merge_bases(git, objects, a, b)
            assert sorted(found) == sorted(git.ask("merge-base", "--all", a, b).stdout.decode().split())
            is_part = git.ask("merge-base", "--is-ancestor", b, a).status == 0
            assert (contains(git, objects, a, b), ask_contains(git, a, b)) == (is_part, is_part)
        objects.close()


@pytest.mark.parametrize(
    ("shape", "a", "b", "is_asked"),
    [
        pytest.param(line(40), 39, 20, False, id="some steps"),
        pytest.param(line(200), 199, 20, True, id="a long way"),
        pytest.param([*line(100), [99], [100], [100]], 101, 102, False, id="above a long history"),
        pytest.param([[], [], [0, 1], [0, 1]], 2, 3, True, id="they met twice"),
        pytest.param([[], []], 0, 1, False, id="never"),
        pytest.param([*([] for _ in range(80)), [*range(80)], [80]], 81, 79, True, id="many parents"),
    ],
)
def test_when_git_is_asked(tmp_path: Path, shape: list[list[int]], a: int, b: int, *, is_asked: bool) -> None:
    """Near commits are compared without a process; git is asked where that would take long or cannot tell."""
    commits = commits_of(str(tmp_path), shape)
    git = Asked(str(tmp_path))
    objects = open_objects(git, str(tmp_path / ".git"))
    found = merge_bases(git, objects, commits[a], commits[b])
    assert bool(git.asked) is is_asked
    assert sorted(found) == sorted(Git.ask(git, "merge-base", "--all", commits[a], commits[b]).stdout.decode().split())
    objects.close()


def test_what_is_missing(tmp_path: Path) -> None:
    """Of a commit that is not here, nothing is in a history, and it has nothing in common."""
    commits = commits_of(str(tmp_path), line(2))
    git = Git(str(tmp_path))
    objects = open_objects(git, str(tmp_path / ".git"))
    nothing = Oid("1" * 40)
    assert not contains(git, objects, commits[1], nothing)
    assert not contains(git, objects, nothing, commits[1])
    assert not ask_contains(git, commits[1], nothing)
    assert merge_bases(git, objects, commits[1], nothing) == []
    objects.close()


def count_processes(lab: Member, *args: str) -> int:
    """How many git processes a command starts, those of the other side among them."""
    log = lab.path("../processes")
    done = lab.run(*args, env={"GIT_TRACE2_EVENT": log})
    assert done.status == 0, done.stderr
    with open(log, encoding="utf-8") as file:
        count = sum(json.loads(event)["event"] == "start" for event in file)
    os.unlink(log)
    return int(count)


@pytest.mark.parametrize("command", ["pull", "push"])
def test_as_many_processes_for_many_runs_as_for_some(
    hub: Member, made: Factory, ada: Member, bob: Member, command: str
) -> None:
    """Runs that moved there, and runs that both annotated, cost no process each."""
    made.make_many(60)
    for lab in (ada, bob):
        lab.run("pull")
    names = sorted(hub.names())
    counts = []
    for some in (names[:8], names):
        ada.run("tag", *some, "+fast")
        ada.run("push")
        bob.run("tag", *some[::2], "+good")
        counts.append(count_processes(bob, command))
        bob.run("push")
        ada.run("pull")
    assert counts[1] <= counts[0] + 5  # from 100 objects on git keeps a pack, by other processes
    assert ada.tips() == bob.tips() == hub.tips()
