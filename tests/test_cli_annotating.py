"""The commands that say something of runs: their words, their hints, and what they refuse."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from run_factory import Factory
from team import script

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Git, Gitxp


@pytest.fixture
def three(repo: str) -> str:
    """A repository with the runs a, b and c, the newest last."""
    factory = Factory(repo)
    for name in ("a", "b", "c"):
        factory.make(name)
    return repo


def refused(gitxp: Gitxp, *words: str, status: int = 2) -> str:
    """What a command says that is refused; nothing of the runs may have changed."""
    before = gitxp("list", "--json").stdout
    answer = gitxp(*words, check=False)
    assert answer.returncode == status, answer.stderr
    assert gitxp("list", "--json").stdout == before
    return answer.stderr


def record(gitxp: Gitxp, name: str) -> dict[str, Any]:
    """What `gitxp show --json` has of a run."""
    shown: dict[str, Any] = json.loads(gitxp("show", name, "--json").stdout)
    return shown


@pytest.mark.usefixtures("three")
def test_tags(gitxp: Gitxp) -> None:
    """+ gives and - takes away, also where the tag looks like an option; several runs at once; -h is still help."""
    assert gitxp("tag", "a", "b", "+good", "-bad", "+hard").stderr == "a: +good +hard\nb: +good +hard\n"
    assert gitxp("tag", "a", "-hard", "-good", "+good2").stderr == "a: +good2 -hard -good\n"
    assert gitxp("tag", "a", "+good2").stderr == "a: nothing new\n"
    assert gitxp("tag").stdout == "good   1 run  b\ngood2  1 run  a\nhard   1 run  b\n"
    assert json.loads(gitxp("tag", "--json").stdout) == {"good": ["b"], "good2": ["a"], "hard": ["b"]}
    assert gitxp("tag", "b").stdout == "good  1 run  b\nhard  1 run  b\n"
    assert gitxp("tag", "c").stdout == ""
    assert gitxp("tag", "-h").stdout.startswith("Usage: gitxp tag")


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["tag", "+good"], 2, "There is no run to tag."),
        (["tag", "a", "+x", "-x"], 2, "is to be given and taken away"),
        (["tag", "a", "nothing", "+x"], 4, "There is no run 'nothing'."),
        (["tag", "a", "+x,y"], 2, "cannot be a tag"),
        (["tag", "a", "+x", "--json"], 2, "--json is for the list of tags."),
        (["title", "a"], 2, "Give either a title or --remove"),
        (["title", "a", "x", "--remove"], 2, "Give either a title or --remove"),
        (["title", "a", "two\nlines"], 2, "is not one line"),
        (["group", "a"], 2, "There is no group."),
        (["group", "--remove"], 2, "There is no run."),
        (["star"], 2, "Missing argument"),
        (["archive", "nothing"], 4, "There is no run 'nothing'."),
        (["note", "a", "b"], 2, "'b' is a run, and the last word is the text"),
        (["note", "a", "  "], 2, "The note is empty."),
        (["note", "a", "--remove", "1"], 2, "a has no notes"),
        (["note", "a", "-m", "x", "--remove", "1"], 2, "exclude each other"),
        (["note", "a", "b", "--remove", "1"], 2, "Notes have their numbers in one run."),
    ],
)
def test_what_is_refused(gitxp: Gitxp, words: list[str], status: int, said: str) -> None:
    """A slip is told in a sentence with a hint, and nothing is said of any run."""
    answer = refused(gitxp, *words, status=status)
    assert said in answer
    assert "Hint: " in answer


@pytest.mark.usefixtures("three")
def test_title_group_star(gitxp: Gitxp) -> None:
    """Each is shown on the page and in the list, and taken away by --remove."""
    gitxp("title", "a", "Long schedule")
    gitxp("group", "a", "b", "sweep")
    gitxp("star", "a")
    assert (record(gitxp, "a")["title"], record(gitxp, "b")["group"], record(gitxp, "a")["starred"]) == (
        "Long schedule",
        "sweep",
        True,
    )
    page = gitxp("show", "a").stdout
    assert "Long schedule" in page
    assert "sweep" in page
    row = next(line for line in gitxp("list").stdout.splitlines() if line.startswith("a "))
    assert "★" in row
    for command in ("title", "group", "star"):
        gitxp(command, "a", "--remove")
    assert {"title", "group", "starred"} & record(gitxp, "a").keys() == set()
    assert gitxp("star", "a", "--remove").stderr == "a: nothing new\n"


@pytest.mark.usefixtures("three")
def test_archive(gitxp: Gitxp) -> None:
    """Archived runs are in no list but with --all, `@` passes them over, and their names find them."""
    gitxp("archive", "c", "a")
    listed = gitxp("list")
    assert "… and 2 archived runs: gitxp list --all" in listed.stderr
    assert [run["name"] for run in json.loads(gitxp("list", "--json").stdout)] == ["b"]
    assert [run["name"] for run in json.loads(gitxp("list", "--json", "-a").stdout)] == ["c", "b", "a"]
    assert gitxp("list", "--csv", "--columns", "name").stdout.split() == ["name", "b"]
    assert gitxp("list", "--md", "--all", "--columns", "name,archived").stdout.count("true") == 2
    assert record(gitxp, "@")["name"] == "b"
    assert record(gitxp, "c")["archived"] is True
    gitxp("archive", "b")
    assert "All runs are archived" in gitxp("list").stderr
    assert "All runs are archived" in gitxp("show", "@", check=False).stderr
    gitxp("archive", "c", "--remove")
    assert record(gitxp, "@")["name"] == "c"


def test_notes(three: str, gitxp: Gitxp, tmp_path: Path) -> None:
    """Given on the command line, with -m for several runs, or written in git's editor; numbers take them away."""
    gitxp("note", "a", "first")
    gitxp("note", "a", "b", "-m", "both")
    editor = script(str(tmp_path / "my editor"), 'printf "from the editor\\n# a comment\\n" >"$1"')
    gitxp("note", "a", env={"GIT_EDITOR": f"'{editor}'"})
    assert record(gitxp, "a")["notes"] == ["first", "both", "from the editor"]
    gitxp("note", "a", "--remove", "2", "--remove", "1")
    assert record(gitxp, "a")["notes"] == ["from the editor"]
    assert record(gitxp, "b")["notes"] == ["both"]
    assert "none has the number 2" in refused(gitxp, "note", "a", "--remove", "2")
    del three


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("editor", "said"), [("true", "The note is empty"), ("false", "failed"), ("/no/ed", "started")]
)
def test_an_editor_that_gives_nothing(gitxp: Gitxp, monkeypatch: pytest.MonkeyPatch, editor: str, said: str) -> None:
    """A text that was not written, an editor that failed or is not there: no note, and exit status 1."""
    monkeypatch.setenv("GIT_EDITOR", editor)
    assert said in refused(gitxp, "note", "a", status=1)


@pytest.mark.usefixtures("three")
def test_history(gitxp: Gitxp, git: Git) -> None:
    """Who said what, oldest first; for programs with the keys that are stored."""
    gitxp("tag", "a", "+x")
    gitxp("note", "a", "why")
    gitxp("star", "a", env={"GIT_AUTHOR_NAME": "Bob", "GIT_AUTHOR_EMAIL": "bob@example.com"})
    section = gitxp("show", "a", "--history").stdout.partition("History\n")[2]
    rows = [re.split(r" {2,}", line)[-2:] for line in section.splitlines()[:3]]
    assert [row[0] for row in rows] == ["Tester", "Tester", "Bob"]
    assert rows[0][1] == "+x"
    history = json.loads(gitxp("show", "a", "--history", "--json").stdout)["history"]
    assert [edit.keys() - {"id", "at", "by"} for edit in history] == [{"add_tags"}, {"note"}, {"star"}]
    assert "history" not in record(gitxp, "a")
    assert git("log", "--format=%s", "-3", "experiments/a").splitlines() == ["a: star", "a: note", "a: +x"]
