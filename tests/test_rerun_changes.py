from __future__ import annotations

import pytest

from gitxp.errors import UsageError
from gitxp.format import Oid, RefName
from gitxp.model import Run
from gitxp.names import RunName
from gitxp.restoring.changes import changed_command


def run_of(command: str) -> Run:
    """A run with this command, a word at each space."""
    record = {"format": 1, "id": "1", "name": "r", "status": "completed", "command": command.split()}
    return Run(RunName("r"), RefName("refs/experiments/r"), Oid("0" * 40), record)


@pytest.mark.parametrize(
    ("command", "changes", "wanted"),
    [
        ("p t.py", "", "p t.py"),
        ("p t.py --lr 0.1", "--lr 0.2", "p t.py --lr 0.2"),
        ("p t.py --lr=0.1", "--lr 0.2", "p t.py --lr=0.2"),
        ("p t.py --lr 0.1", "--lr=0.2", "p t.py --lr 0.2"),
        ("p t.py --lr -1", "--lr -2e-3", "p t.py --lr -2e-3"),
        ("p t.py --lr 0.1 data.csv", "--lr 0.2", "p t.py --lr 0.2 data.csv"),
        ("p t.py -b 1", "-b 2", "p t.py -b 2"),
        ("p t.py", "--new 1 --flag", "p t.py --new 1 --flag"),
        ("p t.py", "--new=1", "p t.py --new=1"),
        ("p t.py --flag x", "--flag", "p t.py --flag x"),
        ("p t.py --flag", "--flag on", "p t.py --flag on"),
        ("p t.py --flag --lr 1", "--flag on", "p t.py --flag on --lr 1"),
        ("p t.py --layers 1 2 --lr 3", "--layers 4 5", "p t.py --layers 4 5 --lr 3"),
        ("p t.py opt.lr=1 x=2", "opt.lr=3", "p t.py opt.lr=3 x=2"),
        ("p t.py x=2", "y=3", "p t.py x=2 y=3"),
        ("p t.py +x=2", "+x=3", "p t.py +x=3"),
        ("p t.py lr", "lr=3", "p t.py lr lr=3"),
        ("p t.py --a=b=c", "--a=d=e", "p t.py --a=d=e"),
        ("p t.py --lr 1 -- --lr 2", "--x 1", "p t.py --lr 1 --x 1 -- --lr 2"),
        ("python t.py -- a b", "x=1", "python t.py x=1 -- a b"),
        ("uv run -- python t.py", "--x 1", "uv run -- python t.py --x 1"),
        ("uv run -- python t.py -- a", "--x 1", "uv run -- python t.py --x 1 -- a"),
        ("launch --all -- python t.py a", "--x 1", "launch --all -- python t.py a --x 1"),
        ("launch --all -- ./t.py a -- b", "--x 1", "launch --all -- ./t.py a --x 1 -- b"),
        ("p t.py --lr 1 a", "--lr=-1e-3", "p t.py --lr=-1e-3 a"),
        ("p t.py --flag --x 1", "--flag=-1", "p t.py --flag=-1 --x 1"),
        ("p t.py --flag", "--flag=-1", "p t.py --flag=-1"),
        ("--lr t.py --lr 1", "--lr 2", "--lr t.py --lr 2"),
        ("p --key <redacted>", "--key k", "p --key k"),
        ("p --key=<redacted>", "--key k", "p --key=k"),
        ("p KEY=<redacted>", "KEY=k", "p KEY=k"),
    ],
)
def test_changed(command: str, changes: str, wanted: str) -> None:
    """A change takes the place of the value that the command has, in the way in which it stands there, or is added."""
    assert changed_command(run_of(command), changes.split()) == wanted.split()


@pytest.mark.parametrize(
    ("command", "changes", "words"),
    [
        ("p t.py", "other.py", "changes no option"),
        ("p t.py", "--lr=1 other.py", "changes no option"),
        ("p t.py --t a --t b", "--t c", "stands 2 times"),
        ("p t.py --layers 1 2 3", "--layers 4 5", "has 3 values in the command, and 2"),
        ("p t.py --lr=1", "--lr 2 3", "has one value"),
        ("p t.py --lr=1", "--lr", "has one value"),
        ("sh -c exit", "--lr 2", "a line for a shell"),
        ("/bin/bash -ec exit", "--lr 2", "a line for a shell"),
        ("p --key <redacted>", "", "has a secret, which was not recorded: --key"),
        ("p --key=<redacted>", "--lr 1", "has a secret, which was not recorded: --key"),
        ("p https://u:<redacted>@h", "", "has a secret"),
        ("", "", "no command"),
    ],
)
def test_refused(command: str, changes: str, words: str) -> None:
    """What cannot be told from the command, and what no record has, is refused and said."""
    with pytest.raises(UsageError, match=words) as caught:
        changed_command(run_of(command), changes.split())
    assert caught.value.hint
