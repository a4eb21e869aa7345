"""What a command leaves out is counted, with the command that shows it, in the words of `gitxp list`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from gitxp.cli.remarks import again
from run_factory import Factory, make_id

if TYPE_CHECKING:
    from conftest import Gitxp


@pytest.fixture(autouse=True)
def runs(repo: str, gitxp: Gitxp) -> None:
    """Four runs with curves, of which each but the first grew out of the first; the last two are archived."""
    factory = Factory(repo)
    for number, name in enumerate("abcd"):
        value = 1.0 + number
        summary = {"last": value, "min": 1.0, "max": value, "count": 2, "step": 1}
        series = f"0\t1700000000.0\t1.0\n1\t1700000001.0\t{value}\n"
        factory.make(
            name,
            params={"lr": value, "many": number < 3},
            metrics={"loss": summary},
            files={".gitxp/metrics/loss.tsv": series},
            parent_run=make_id(1) if number else None,
        )
    gitxp("archive", "c", "d")


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (("tree",), "gitxp tree --all"),
        (("tree", "a", "--metric=-loss"), "gitxp tree a --metric=-loss --all"),
        (("plot", "loss", "--where", "lr > 0"), "gitxp plot loss --where='lr > 0' --all"),
        (("plot", "loss", "--group-by", "many", "--log"), "gitxp plot loss --group-by=many --log --all"),
        (("plot", "loss", "--against", "lr"), "gitxp plot loss --against=lr --all"),
        (("compare", "--where", "lr > 0"), "gitxp compare --where='lr > 0' --archived"),
        (("compare", "--where", "lr > 0", "--csv"), "gitxp compare --where='lr > 0' --archived"),
        (("export", "--where", "lr > 0"), "gitxp export --where='lr > 0' --all"),
        (("list", "lr > 0"), "gitxp list 'lr > 0' --all"),
    ],
)
def test_archived_runs_are_counted(gitxp: Gitxp, words: tuple[str, ...], command: str) -> None:
    """Each command says how many archived runs it left out, and the command that it names leaves out none."""
    said = " ".join(gitxp(*words).stderr.split())
    assert said.endswith(f"… and 2 archived runs: {command}")
    assert "archived run" not in gitxp(*words, command.rsplit(" ", 1)[1]).stderr


def test_json_says_nothing_of_archived_runs(gitxp: Gitxp) -> None:
    """As in `gitxp list`: programs see what they asked for."""
    for words in (
        ("tree",),
        ("plot", "loss", "--where", "lr > 0"),
        ("plot", "loss", "--against", "lr"),
        ("compare", "--where", "lr > 0"),
        ("list",),
    ):
        answer = gitxp(*words, "--json")
        assert json.loads(answer.stdout)
        assert answer.stderr == ""
    assert gitxp("export", "--format", "json").stderr == ""


def test_named_runs_leave_out_none(gitxp: Gitxp) -> None:
    """Who names runs has no wish for others; of a tree only relatives are counted, and who is named is shown."""
    for words in (("plot", "loss", "a"), ("plot", "loss"), ("compare", "a", "b"), ("export", "a")):
        assert "archived" not in gitxp(*words).stderr
    assert "… and 2 archived runs: gitxp tree a --all" in gitxp("tree", "a").stderr
    assert "archived" not in gitxp("tree", "c").stderr


def test_what_is_counted_is_what_is_asked(gitxp: Gitxp) -> None:
    """Only archived runs that answer are counted; where no other does, that is said."""
    for words in (("tree", "--where"), ("compare", "--where"), ("plot", "loss", "--where"), ("list",)):
        assert "… and 1 archived run:" in gitxp(*words, "lr < 3.5").stderr
    said = "Only archived runs answer to that"
    assert f"{said}: gitxp tree --where='lr > 2' --all" in gitxp("tree", "--where", "lr > 2").stderr
    assert (
        f"{said}.\nHint: --all takes 2 archived runs" in gitxp("plot", "loss", "--where", "lr > 2", check=False).stderr
    )
    gitxp("archive", "a", "b")
    assert gitxp("tree").stderr == "All runs are archived: gitxp tree --all\n"


def test_more_runs_are_counted_as_well(gitxp: Gitxp) -> None:
    """What `-n` cuts comes first, with the question as it was asked."""
    for words in (("tree", "--where", "lr > 0"), ("plot", "loss", "--where", "lr > 0")):
        said = gitxp(*words, "-n", "1").stderr
        assert f"gitxp {' '.join(words[:-1])}='lr > 0' -n 0" in " ".join(said.split())
        assert said.index("… and 1 ") < said.index("… and 2 archived runs")


def test_the_command_again() -> None:
    """Words are quoted for a shell, and options that say nothing are left out."""
    assert again("tree", "a b", where="x < '1'", all=True, sort=None, log=False, group_by="lr", smooth=0.5) == (
        """gitxp tree 'a b' --where='x < '"'"'1'"'"'' --all --group-by=lr --smooth=0.5"""
    )
