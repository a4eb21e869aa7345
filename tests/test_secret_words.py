from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.recording.secret_words import given_secrets, hide_words
from gitxp.recording.statements import Statement

if TYPE_CHECKING:
    from conftest import Git, Gitxp

HIDDEN = "<redacted>"
ARGPARSE = """
import argparse, os, sys
parser = argparse.ArgumentParser()
parser.add_argument("-p", dest="password", default="")
parser.add_argument("-b", type=int, default=8)
options = parser.parse_args()
os.mkdir("out")
open("out/a", "w").write(options.password)
"""
CLICK = """
import os
import click
@click.command()
@click.option("-x", "--pin-of-card", hide_input=True, prompt=True)
@click.option("-b", default=8)
def main(pin_of_card, b):
    os.mkdir("out")
    open("out/a", "w").write(pin_of_card)
main()
"""


def said(params: dict[str, Any], *given: str, hidden: tuple[str, ...] = ()) -> Statement:
    """What a parser told."""
    facts = {"source": "argparse", "params": params, "given": list(given), "hidden": list(hidden)}
    return Statement("params", 0.0, 1, facts)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["-p", "c1nary"], ["-p", HIDDEN]),
        (["-pc1nary"], ["-p" + HIDDEN]),
        (["-p=c1nary", "--pw=c1nary"], ["-p=" + HIDDEN, "--pw=" + HIDDEN]),
        (["-c", "train -p 'c1nary' -b 3"], ["-c", f"train -p '{HIDDEN}' -b 3"]),
        (["c1naryx", "a/c1nary", "--xc1nary", "train xc1nary"], ["c1naryx", "a/c1nary", "--xc1nary", "train xc1nary"]),
    ],
)
def test_words(words: list[str], shown: list[str]) -> None:
    """What a parser took for a password is taken out of the command where it stands as a word, and the rest stays."""
    record: dict[str, Any] = {"command": ["c1nary", *words]}
    problems = hide_words(record, given_secrets([said({"password": "c1nary", "lr": "x"}, "password", "lr")]))
    assert record["command"] == ["c1nary", *shown]
    assert len(problems) == (shown != words)


def test_what_is_no_secret_of_the_command() -> None:
    """A default, another's name, and what is redacted already are no words to take out."""
    assert given_secrets([said({"password": "default", "model": "resnet"}, "model")]) == {}
    assert given_secrets([said({"password": HIDDEN}, "password", hidden=("password",))]) == {}
    assert given_secrets([said({"pin": [12, "ab"]}, "pin", hidden=("pin",))]) == {"12": "pin", "ab": "pin"}


@pytest.mark.parametrize(("program", "option", "name"), [(ARGPARSE, "-p", "password"), (CLICK, "-x", "pin_of_card")])
def test_a_short_option(repo: str, git: Git, gitxp: Gitxp, program: str, option: str, name: str) -> None:
    """The word behind an option that the parser has as a password is in no object of the last commit, which says so.

    The first commit was made before anybody could know, and has it.
    """
    Path(f"{repo}/.gitignore").write_text("out/\n")
    Path(f"{repo}/train.py").write_text(program)
    done = gitxp("run", "--name", "r", "--", sys.executable, "train.py", option, "c1nary", "-b", "3", cwd=repo)
    assert "first commit" in done.stderr
    record = json.loads(git("show", "experiments/r:.gitxp/run.json", cwd=repo))
    assert record["command"][1:] == ["train.py", option, HIDDEN, "-b", "3"]
    assert record["params"] == {name: HIDDEN, "b": 3}
    assert [problem for problem in record["problems"] if name in problem and "first commit" in problem]
    assert [entry["stored"] for entry in record["outputs"]] == [False]
    tree = git("rev-parse", "experiments/r^{tree}", cwd=repo)
    last = git.raw("cat-file", "commit", "experiments/r", cwd=repo) + git.raw("archive", tree, cwd=repo)
    assert b"c1nary" not in last
    assert b"first commit" in last
    first = git.raw("show", "experiments/r~1:.gitxp/run.json", cwd=repo)
    assert b"c1nary" in first
    assert b"c1nary" in git.raw("cat-file", "commit", "experiments/r~1", cwd=repo)
