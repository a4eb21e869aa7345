# ruff: noqa: ARG001  (a test may want what a fixture makes, and not its value)
"""The commands that annotate, as people type them: their words, mistakes, exit statuses, and what the list makes of it."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest

from run_factory import Factory

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Git, Gitxp


@pytest.fixture
def runs(repo: str) -> Factory:
    """A repository with the runs alpha (older, tagged base) and beta."""
    factory = Factory(repo)
    factory.make("alpha", tags=["base"])
    factory.make("beta")
    return factory


def about(gitxp: Gitxp, name: str) -> dict[str, Any]:
    """What `gitxp show --json` has of a run."""
    return dict(json.loads(gitxp("show", name, "--json").stdout))


def listed(gitxp: Gitxp, *words: str) -> list[str]:
    """The names that `gitxp list` has in its first column."""
    return [line.split()[0] for line in gitxp("list", *words).stdout.splitlines()[2:]]


def refused(gitxp: Gitxp, *words: str, status: int = 2, **options: Any) -> str:
    """What a command says that does nothing: an error and a hint, nothing on stdout, no traceback."""
    answer = gitxp(*words, check=False, **options)
    assert (answer.returncode, answer.stdout) == (status, ""), answer.stderr
    first, second = answer.stderr.splitlines()[:2]
    assert first.startswith("Error: "), answer.stderr
    assert second.startswith("Hint: "), answer.stderr
    return answer.stderr


@pytest.mark.parametrize(
    ("words", "said", "keys"),
    [
        (["tag", "alpha", "+good", "-base"], "+good -base", {"tags": ["good"]}),
        (["tag", "alpha", "-base"], "-base", {"tags": []}),
        (["tag", "-base", "alpha"], "-base", {"tags": []}),
        (["tag", "alpha", "--", "-base", "+b"], "+b -base", {"tags": ["b"]}),
        (["tag", "alpha", "+good", "+base"], "+good", {"tags": ["base", "good"]}),
        (["note", "alpha", "two words"], "note", {"notes": ["two words"]}),
        (["note", "alpha", "-m", "two words"], "note", {"notes": ["two words"]}),
        (["note", "alpha", "al"], "note", {"notes": ["al"]}),
        (["title", "alpha", "A title"], "title A title", {"title": "A title"}),
        (["group", "alpha", "ablation"], "group ablation", {"group": "ablation"}),
        (["star", "alpha"], "star", {"starred": True}),
        (["archive", "alpha"], "archive", {"archived": True}),
    ],
)
def test_what_a_command_says(runs: Factory, gitxp: Gitxp, words: list[str], said: str, keys: dict[str, Any]) -> None:
    """One line on stderr for each run, nothing on stdout; the run has it; the second time there is nothing new."""
    answer = gitxp(*words)
    assert (answer.stdout, answer.stderr) == ("", f"alpha: {said}\n")
    assert {key: about(gitxp, "alpha").get(key) for key in keys} == keys
    if words[0] != "note":
        assert gitxp(*words).stderr == "alpha: nothing new\n"


def test_several_runs(runs: Factory, gitxp: Gitxp) -> None:
    """Each run once, in the order of the words; only what is new to it is told of each."""
    answer = gitxp("tag", "beta", "alpha", "@", "+base", "+good")
    assert answer.stderr == "beta: +base +good\nalpha: +good\n"
    assert gitxp("note", "alpha", "beta", "-m", "both").stderr == "alpha: note\nbeta: note\n"
    assert gitxp("group", "alpha", "beta", "g").stderr == "alpha: group g\nbeta: group g\n"
    assert gitxp("star", "alpha", "beta").stderr == "alpha: star\nbeta: star\n"


def test_remove(runs: Factory, gitxp: Gitxp) -> None:
    """--remove takes away what the same command gave."""
    for words in (["title", "alpha", "t"], ["group", "alpha", "g"], ["star", "alpha"], ["archive", "alpha"]):
        gitxp(*words)
        taken = gitxp(words[0], "alpha", "--remove")
        assert taken.stderr == f"alpha: no {words[0]}\n"
        assert gitxp(words[0], "alpha", "--remove").stderr == "alpha: nothing new\n"
    assert not {"title", "group", "starred", "archived"} & about(gitxp, "alpha").keys()


def test_remove_notes(runs: Factory, gitxp: Gitxp) -> None:
    """Notes are numbered as `gitxp show` does it."""
    for text in ("one", "two", "three"):
        gitxp("note", "alpha", text)
    page = gitxp("show", "alpha").stdout
    assert [f"note {n}" in page for n in (2, 3, 4)] == [True, True, False]
    assert gitxp("note", "alpha", "--remove", "3", "--remove", "1").stderr == "alpha: 2 notes removed\n"
    assert about(gitxp, "alpha")["notes"] == ["two"]
    assert "has one note, and none has the number 2" in refused(gitxp, "note", "alpha", "--remove", "2")
    assert "Notes have their numbers in one run" in refused(gitxp, "note", "alpha", "beta", "--remove", "1")


@pytest.mark.parametrize(
    ("words", "says", "status"),
    [
        (["tag", "+good"], "There is no run to tag", 2),
        (["tag", "alpha", "+a", "-a"], "to be given and taken away", 2),
        (["tag", "alpha", "+"], "cannot be a tag", 2),
        (["tag", "alpha", "+a,b"], "cannot be a tag", 2),
        (["tag", "alpha", "+good", "--json"], "--json is for the list", 2),
        (["tag", "alpha", "--jsn"], "No such option", 2),
        (["tag", "alhpa", "+good"], "There is no run 'alhpa'", 4),
        (["tag", "alpha", "nothing", "+good"], "There is no run 'nothing'", 4),
        (["tag", "alpha", "good"], "To give a tag: gitxp tag alpha +good", 4),
        (["note", "alpha", ""], "The note is empty", 2),
        (["note", "alpha", "beta"], "'beta' is a run", 2),
        (["note", "alpha", "@~1"], "'@~1' is a run", 2),
        (["note", "alpha", "x", "-m", "y"], "There is no run 'x'", 4),
        (["note", "alpha", "--remove", "1", "-m", "y"], "exclude each other", 2),
        (["note"], "Missing argument", 2),
        (["title", "alpha"], "Give either a title or --remove", 2),
        (["title", "alpha", " "], "Give either a title or --remove", 2),
        (["title", "alpha", "t", "--remove"], "Give either a title or --remove", 2),
        (["title", "alpha", "a\nb"], "is not one line", 2),
        (["title", "alpha", "two", "words"], "unexpected extra argument", 2),
        (["group", "alpha"], "There is no group", 2),
        (["group", "alpha", "beta"], "'beta' is a run", 2),
        (["group", "alpha", " "], "The group has no name", 2),
        (["group", "--remove"], "There is no run", 2),
        (["star"], "Missing argument", 2),
        (["archive", "nothing"], "There is no run 'nothing'", 4),
    ],
)
def test_mistakes(runs: Factory, gitxp: Gitxp, git: Git, words: list[str], says: str, status: int) -> None:
    """A mistake is one sentence and a hint, with its status, and changes no run."""
    before = git("for-each-ref")
    assert says in refused(gitxp, *words, status=status)
    assert git("for-each-ref") == before


def test_minus_is_a_tag_and_help_is_help(runs: Factory, gitxp: Gitxp) -> None:
    """Words with one minus are tags to take away, also those that begin as an option does; -h is help."""
    gitxp("tag", "alpha", "+n", "+bad", "+3")
    gitxp("tag", "alpha", "-n", "-bad", "-3", "--color=never")
    assert about(gitxp, "alpha")["tags"] == ["base"]
    for word in ("-h", "--help"):
        answer = gitxp("tag", word)
        assert answer.stdout.startswith("Usage: gitxp tag [OPTIONS] [RUN…] [+TAG -TAG…]")


def test_secrets_are_told(runs: Factory, gitxp: Gitxp, git: Git) -> None:
    """Where less was stored than was said, it is said."""
    token = "ghp_" + "a1B2" * 9
    assert gitxp("note", "alpha", f"with {token}").stderr == "alpha: note (without what looks like a secret)\n"
    answer = gitxp("title", "alpha", f"with {token}")
    assert answer.stderr == "alpha: title with <redacted> (without what looks like a secret)\n"


def editor(tmp_path: Path, script: str) -> str:
    """An editor: a shell script that gets the file as its last word."""
    path = tmp_path / "an editor"
    path.write_text(f"#!/bin/sh\nfor file; do :; done\n{script}\n")
    path.chmod(0o755)
    return f"'{path}' --wait"


def test_note_in_the_editor(runs: Factory, gitxp: Gitxp, tmp_path: Path) -> None:
    """With runs alone git's editor opens on a template that names them; lines with # and empty ends are left out."""
    seen = tmp_path / "seen"
    script = f'cp "$file" "{seen}"; echo "$1" >>"{seen}"; printf "\\nFirst\\n\\n# no\\nlast #yes\\n\\n" >>"$file"'
    gitxp("note", "alpha", env={"GIT_EDITOR": editor(tmp_path, script)})
    assert about(gitxp, "alpha")["notes"] == ["First\n\nlast #yes"]
    template = seen.read_text()
    assert "# A note for alpha.\n" in template
    assert template.endswith("--wait\n")


def test_editors_that_give_nothing(runs: Factory, gitxp: Gitxp, git: Git, tmp_path: Path) -> None:
    """An empty note, a failing editor, none at all: no note, status 1, and the way without an editor."""
    before = git("for-each-ref")
    for command, says in (
        ("true", "The note is empty"),
        (editor(tmp_path, 'echo text >"$file"; exit 3'), "failed (3)"),
        ("/nowhere/at/all", "cannot be started"),
        ("'unclosed", "cannot be started"),
    ):
        said = refused(gitxp, "note", "alpha", status=1, env={"GIT_EDITOR": command})
        assert says in said
        assert "gitxp note RUN" in said
    said = refused(gitxp, "note", "alpha", status=1, env={"EDITOR": "", "VISUAL": "", "TERM": "dumb"})
    assert "no editor that works here" in said
    assert git("for-each-ref") == before


def test_the_editor_is_no_shell(runs: Factory, gitxp: Gitxp, tmp_path: Path) -> None:
    """The editor's command is split into words, and no part of it is run by a shell."""
    owned = tmp_path / "owned"
    gitxp("note", "alpha", check=False, env={"GIT_EDITOR": f"true; touch {owned}"})
    assert not owned.exists()


def test_list_of_tags(runs: Factory, gitxp: Gitxp) -> None:
    """Every tag with its runs, archived ones as well; of some runs; as JSON."""
    gitxp("tag", "beta", "alpha", "+good")
    gitxp("archive", "alpha")
    lines = gitxp("tag").stdout.splitlines()
    assert [line.split() for line in lines] == [["base", "1", "run", "alpha"], ["good", "2", "runs", "beta,", "alpha"]]
    assert gitxp("tag", "beta").stdout.split() == ["good", "1", "run", "beta"]
    assert json.loads(gitxp("tag", "--json").stdout) == {"base": ["alpha"], "good": ["beta", "alpha"]}
    gitxp("tag", "beta", "-good")
    assert (gitxp("tag", "beta").stdout, gitxp("tag", "beta", "--json").stdout) == ("", "{}\n")


def test_history(runs: Factory, gitxp: Gitxp) -> None:
    """What was said, by whom, in the order in which it counts; JSON has the keys that the edits have."""
    assert "History" not in gitxp("show", "alpha", "--history").stdout
    gitxp("tag", "alpha", "+good", "-base")
    gitxp("note", "alpha", "too high")
    gitxp("note", "alpha", "--remove", "1")
    gitxp("title", "alpha", "--remove")
    gitxp("star", "alpha", env={"GIT_AUTHOR_NAME": "Bob"})
    gitxp("star", "alpha", "--remove")
    page = gitxp("show", "alpha", "--history").stdout
    section = page.partition("History\n")[2].partition("\n\n")[0]
    ends = [line.split("ago)  ")[1].split(maxsplit=1) for line in section.splitlines()]
    assert ends == [
        ["Tester", "+good, -base"],
        ["Tester", "note too high"],
        ["Tester", "a note removed"],
        ["Bob", "star"],
        ["Tester", "no star"],
    ]
    assert all(len(line) <= 80 for line in page.splitlines())
    history = json.loads(gitxp("show", "alpha", "--history", "--json").stdout)["history"]
    said = [{key: value for key, value in edit.items() if key not in {"at", "by", "id"}} for edit in history]
    noted = history[1]["id"]
    assert said[0] == {"add_tags": ["good"], "remove_tags": ["base"]}
    assert said[1:] == [{"note": "too high"}, {"remove_notes": [noted]}, {"star": True}, {"star": False}]
    assert "history" not in about(gitxp, "alpha")


def test_archived_runs_are_hidden(runs: Factory, gitxp: Gitxp) -> None:
    """The list passes them over, tells how many, and has them with --all; every other command finds them by name."""
    gitxp("archive", "beta")
    answer = gitxp("list")
    assert "beta" not in answer.stdout
    assert answer.stderr == "… and 1 archived run: gitxp list --all\n"
    assert listed(gitxp, "-a") == listed(gitxp, "--all") == ["beta", "alpha"]
    for words, read in (
        (["--json"], lambda text: [run["name"] for run in json.loads(text)]),
        (["--csv"], lambda text: [row["name"] for row in csv.DictReader(text.splitlines())]),
        (["--md"], lambda text: [line.split()[1] for line in text.splitlines()[2:]]),
    ):
        assert read(gitxp("list", *words).stdout) == ["alpha"]
        assert read(gitxp("list", "--all", *words).stdout) == ["beta", "alpha"]
    assert about(gitxp, "beta")["archived"] is True
    assert about(gitxp, "@")["name"] == "alpha"
    assert gitxp("logs", "beta").returncode == 0
    refused(gitxp, "show", "@~1", status=4)
    gitxp("archive", "beta", "--remove")
    assert listed(gitxp) == ["beta", "alpha"]
    assert about(gitxp, "@")["name"] == "beta"


def test_when_all_runs_are_archived(runs: Factory, gitxp: Gitxp) -> None:
    """The list and `@` say where they are; the JSON is an empty array."""
    gitxp("archive", "alpha", "beta")
    answer = gitxp("list")
    assert (answer.stdout, answer.stderr) == ("", "All runs are archived: gitxp list --all\n")
    assert json.loads(gitxp("list", "--json").stdout) == []
    assert "All runs are archived" in refused(gitxp, "show", "@", status=4)


def test_columns_and_star(runs: Factory, gitxp: Gitxp) -> None:
    """A star is seen in the list; title, starred and archived are columns; -n counts runs that are shown."""
    gitxp("star", "alpha")
    gitxp("title", "alpha", "A title")
    gitxp("archive", "beta")
    assert "★" in gitxp("list").stdout
    answer = gitxp("list", "-a", "--columns", "name,title,starred,archived", "--csv")
    rows = list(csv.DictReader(answer.stdout.splitlines()))
    assert [(row["title"], row["starred"], row["archived"]) for row in rows] == [
        ("", "", "true"),
        ("A title", "true", ""),
    ]
    assert listed(gitxp, "-n", "1") == ["alpha"]
    starred = {run["name"]: run.get("starred") for run in json.loads(gitxp("list", "-a", "--json").stdout)}
    assert starred == {"alpha": True, "beta": None}


def test_outside_of_a_repository(tmp_path: Path, gitxp: Gitxp) -> None:
    """Each of the commands says that there is no repository."""
    for words in (
        ["tag"],
        ["note", "r", "t"],
        ["title", "r", "t"],
        ["group", "r", "g"],
        ["star", "r"],
        ["archive", "r"],
    ):
        assert "repository" in refused(gitxp, *words, status=3, cwd=tmp_path)
