from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from screen import ask

if TYPE_CHECKING:
    from pathlib import Path

    from run_factory import Factory

pytest_plugins = ("run_fixtures",)

# Commands that read, with what they need, and what a repository without runs has for them on stdout.
READING = [
    ("list",),
    ("list", "loss < 1"),
    ("show",),
    ("show", "a-run"),
    ("logs",),
    ("diff", "@~1", "@"),
    ("tree",),
    ("goal",),
    ("tag",),
    ("cat", "@", "train.py"),
    ("artifacts", "@"),
    ("du",),
    ("du", "@"),
    ("trash",),
    ("remotes",),
    ("undo",),
    ("export",),
    ("gc", "--dry-run"),
    ("archive-refs", "--dry-run"),
]
# Commands that are asked about runs, and have nothing to answer.
ASKING = [
    ("compare", "--where", "lr > 0"),
    ("plot", "loss", "--where", "lr > 0"),
    ("plot", "loss", "--against", "lr"),
    ("plot", "loss", "--group-by", "lr"),
    ("why", "--metric", "acc"),
    ("why", "lr > 0", "--metric", "acc"),
]


@pytest.fixture(params=["none", "bare", "empty", "committed"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder without runs: no repository, a bare one, one without a commit, one with a commit."""
    folder = tmp_path / "place"
    folder.mkdir()
    if request.param != "none":
        subprocess.run(["git", "init", "-q", *(["--bare"] if request.param == "bare" else []), folder], check=True)
    monkeypatch.chdir(folder)
    if request.param == "committed":
        subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    return str(request.param)


@pytest.mark.parametrize("command", [*READING, *ASKING], ids=" ".join)
def test_reading_commands_say_what_to_do_where_there_are_no_runs(place: str, command: tuple[str, ...]) -> None:
    """Each says something of use, in a few lines that fit, and fails only where it was asked for a run."""
    answer = ask(*command, width=80)
    said = answer.out.decode() + answer.err
    assert said
    assert "Traceback" not in said
    assert "inside gitxp" not in said
    assert len(said.splitlines()) <= 4
    if place == "none":
        assert answer.status == 3
        assert "Hint: Go to your project's folder, or make a repository here: git init" in answer.err
    elif answer.status:
        assert answer.err.startswith("Error: ")
        assert "\nHint: " in answer.err


@pytest.mark.parametrize("command", ASKING, ids=" ".join)
def test_questions_about_no_runs_say_that_there_are_none(place: str, command: tuple[str, ...]) -> None:
    """And not that no run answers, or that a metric is unknown."""
    answer = ask(*command)
    if place != "none":
        assert (answer.status, answer.err.splitlines()[0]) == (4, "Error: There are no runs yet.")


def test_two_lines_for_the_first_run(place: str) -> None:
    """`gitxp`, `gitxp list` and `gitxp tree` say in two lines what to do next."""
    bare, beside = ask(width=200), [ask("list", width=200), ask("tree", width=200)]
    assert (bare.status, bare.out) == (2, b"")
    assert len(bare.err.splitlines()) == (2 if place != "bare" else 1)
    if place == "none":
        assert "git init" in bare.err
        return
    assert "gitxp push" in bare.err if place == "bare" else "gitxp run python train.py" in bare.err
    for answer in beside:
        assert (answer.status, answer.out, answer.err) == (0, b"", bare.err)


def test_the_second_line_is_the_next_step(repo: str) -> None:
    """Where others may have runs, they are the next step; else the run that was made is."""
    del repo
    assert ask("list", width=80).err.splitlines() == [
        "There are no runs yet. The first is made by: gitxp run python train.py",
        "Then look at it: gitxp show @",
    ]
    subprocess.run(["git", "remote", "add", "origin", "/nowhere"], check=True)
    assert ask("list", width=80).err.splitlines()[1] == "Those of others are brought here by: gitxp pull"


def test_archived_runs_are_runs(factory: Factory) -> None:
    """Where all runs are archived, nobody is told to make the first."""
    factory.make("a-run")
    ask("archive", "a-run")
    assert ask("tree").err == "All runs are archived: gitxp tree --all\n"
    assert "All runs are archived" in ask("list").err
    assert ask().err.startswith("Usage: ")


def test_without_a_name_the_newest_run_is_meant(factory: Factory) -> None:
    """`gitxp show` and `gitxp logs` are about the newest run."""
    factory.make("older")
    factory.make("newer", files={".gitxp/output.log": "loss: 1\n"})
    assert ask("show").out == ask("show", "newer").out
    assert ask("logs").out == b"loss: 1\n"


def test_no_tags_are_said_to_be_none(factory: Factory) -> None:
    """A list of tags that is empty says how to give one."""
    factory.make("a-run")
    assert ask("tag").err == "No run has a tag yet: gitxp tag @ +good\n"
    assert ask("tag", "a-run").err == "It has no tag yet: gitxp tag a-run +good\n"
    assert ask("tag", "--json").out == b"{}\n"
