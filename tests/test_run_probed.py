"""Programs that nobody changed, with the probe in them: what it says is in the record. And how a command gets the probe."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import gitxp as package
from gitxp.capture.config import Config
from gitxp.recording.begin import Request
from gitxp.recording.launch import _is_probed, _probe

if TYPE_CHECKING:
    from conftest import Git, Gitxp

PROBE = os.path.join(os.path.dirname(os.path.abspath(package.__file__)), "capture", "probe")
needs_probe = pytest.mark.skipif(not os.path.isdir(PROBE), reason="there is no probe in this checkout")

PROGRAM = """
import argparse, json, os
parser = argparse.ArgumentParser()
parser.add_argument("-b", "--batch-size", type=int, default=8)
parser.add_argument("--rate", type=float, default=0.5)
options = parser.parse_args()
SEED = 3
with open("data/a.csv") as file:
    text = file.read()
with open("train.py") as file:
    file.read()
with open("out.json.tmp", "w") as file:
    json.dump({"size": len(text)}, file)
os.replace("out.json.tmp", "out.json")
"""


def record_of(git: Git) -> dict[str, Any]:
    """The record of the one run."""
    record: dict[str, Any] = json.loads(git("show", "experiments/r:.gitxp/run.json"))
    return record


@pytest.fixture
def program(repo: str, git: Git) -> str:
    """A repository with the program and with data that git ignores."""
    Path(repo, "train.py").write_text(PROGRAM)
    Path(repo, ".gitignore").write_text("data/\n")
    Path(repo, "data").mkdir()
    Path(repo, "data", "a.csv").write_text("1,2\n")
    git("add", "-A")
    git("commit", "-qm", "Program")
    return repo


@needs_probe
@pytest.mark.usefixtures("program")
def test_a_program_that_nobody_changed(gitxp: Gitxp, git: Git) -> None:
    """Parameters as its parser has them, its constants, what it read and wrote, and the Python that it ran on."""
    gitxp("run", "--name", "r", sys.executable, "train.py", "-b", "16")
    record = record_of(git)
    assert record["params"] == {"batch_size": 16, "rate": 0.5, "SEED": 3}
    assert record["param_sources"] == {"batch_size": "argv", "rate": "argparse", "SEED": "constant"}
    assert [(entry["path"], entry["source"]) for entry in record["data"]] == [("data/a.csv", "opened")]
    assert [(entry["path"], entry["source"], entry["stored"]) for entry in record["outputs"]] == [
        ("out.json", "opened", True)
    ]
    assert "problems" not in record
    assert json.loads(git("show", "experiments/r:.gitxp/artifacts/out.json")) == {"size": 4}


@needs_probe
@pytest.mark.parametrize("off", ["option", "variable", "gitxp.yaml"])
def test_ways_to_turn_it_off(program: str, gitxp: Gitxp, git: Git, off: str) -> None:
    """Each alone is enough: nothing but the command line is known then."""
    if off == "gitxp.yaml":
        Path(program, "gitxp.yaml").write_text("probe: false\n")
    env = {"GITXP_PROBE": "0"} if off == "variable" else {}
    options = ["--no-probe"] if off == "option" else []
    gitxp("run", "--name", "r", *options, sys.executable, "train.py", "-b", "16", env=env)
    record = record_of(git)
    assert record["params"] == {"b": 16}
    assert not {"data", "outputs", "problems"} & set(record)


@needs_probe
def test_the_option_is_above_the_configuration(program: str, gitxp: Gitxp, git: Git) -> None:
    """`--probe` asks a program where gitxp.yaml says not to."""
    Path(program, "gitxp.yaml").write_text("probe: false\n")
    gitxp("run", "--name", "r", "--probe", sys.executable, "train.py")
    assert record_of(git)["params"]["rate"] == 0.5


@pytest.mark.parametrize(
    ("asked", "configured", "environ", "wanted"),
    [
        (None, True, {}, True),
        (None, False, {}, False),
        (True, False, {}, True),
        (False, True, {}, False),
        (True, True, {"GITXP_PROBE": "0"}, False),
        (None, True, {"GITXP_PROBE": "1"}, True),
    ],
)
def test_whether_a_command_is_probed(
    asked: bool | None, configured: bool, environ: dict[str, str], wanted: bool
) -> None:
    """The option is above the configuration, and the variable above both: it can only turn it off."""
    assert _is_probed(Request(["x"], probe=asked), Config(probe=configured), environ) is wanted


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (None, ["PROBE"]),
        ("", ["PROBE"]),
        ("/a:/b", ["PROBE", "/a", "/b"]),
        ("/a::/b", ["PROBE", "/a", "", "/b"]),
        ("PROBE:/a", ["PROBE", "/a"]),
        ("PROBE", ["PROBE"]),
    ],
)
def test_the_path_of_the_probe(monkeypatch: pytest.MonkeyPatch, path: str | None, wanted: list[str]) -> None:
    """It comes first and once, the user's entries stay in their order, and no empty one is added."""
    monkeypatch.setattr("os.path.isdir", lambda _: True)
    environ = {} if path is None else {"PYTHONPATH": path.replace("PROBE", PROBE)}
    found = _probe(environ)["PYTHONPATH"].split(os.pathsep)
    assert found == [entry.replace("PROBE", PROBE) for entry in wanted]


def test_without_the_folder_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that cannot be put on a path, or has no probe, leaves PYTHONPATH as it is."""
    monkeypatch.setattr("os.path.isdir", lambda _: False)
    assert _probe({"PYTHONPATH": "/a"}) == {}
