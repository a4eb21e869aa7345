"""Programs that nobody changed, with the probe in them: what it says is in the record. And how a command gets the probe."""

from __future__ import annotations

import json
import os
import sys
import textwrap
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
def test_files_from_another_folder(program: str, gitxp: Gitxp, git: Git) -> None:
    """What `os.open` opens by a folder's descriptor is not listed under the current folder, where there is no such file."""
    Path(program, "data", "b.csv").write_text("3,4\n")
    Path(program, "train.py").write_text(
        "import os\nfd = os.open('data', os.O_RDONLY)\nos.open('b.csv', os.O_RDONLY, dir_fd=fd)\n"
        "os.open('c.csv', os.O_WRONLY | os.O_CREAT, dir_fd=fd)\n"
    )
    gitxp("run", "--name", "r", sys.executable, "train.py")
    record = record_of(git)
    assert "data" not in record
    assert [entry["path"] for entry in record.get("outputs", ())] in ([], ["data/c.csv"])
    assert "problems" not in record


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
        (None, ["PROBE/"]),
        ("", ["PROBE/"]),
        ("/a:/b", ["PROBE", "/a", "/b"]),
        ("/a::/b", ["PROBE", "/a", "", "/b"]),
        ("PROBE:/a", ["PROBE", "/a"]),
        ("PROBE", ["PROBE/"]),
        ("PROBE/", ["PROBE/"]),
        ("/a:PROBE/", ["PROBE", "/a"]),
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


@needs_probe
@pytest.mark.usefixtures("program")
def test_a_variable_that_click_reads(gitxp: Gitxp, git: Git, repo: str) -> None:
    """An option's value from a variable has the source `env`, also where a file that the command names has another."""
    Path(repo, "base.yaml").write_text("lr: 5\n")
    Path(repo, "clicked.py").write_text(
        textwrap.dedent(
            """
            import click
            @click.command()
            @click.option("--lr", envvar="LR", default=0.1)
            @click.option("--depth", envvar="DEPTH", default=3)
            @click.option("--api-key", envvar="MY_KEY")
            @click.option("--config")
            def main(**options): pass
            main()
            """
        )
    )
    words = ["clicked.py", "--config", "base.yaml"]
    gitxp("run", "--name", "r", sys.executable, *words, env={"LR": "0.3", "MY_KEY": "c1nary"})
    record = record_of(git)
    assert record["params"] == {"lr": 0.3, "depth": 3, "api_key": "<redacted>", "config": "base.yaml"}
    assert record["param_sources"] == {"lr": "env", "depth": "click", "api_key": "env", "config": "argv"}
    assert b"c1nary" not in git.raw("cat-file", "--batch-all-objects", "--batch", cwd=repo)
    shown = gitxp("show", "r").stdout
    assert [line.split() for line in shown.splitlines() if line.split()[:1] == ["lr"]] == [["lr", "0.3", "env"]]


@pytest.mark.usefixtures("program")
def test_no_canary_by_way_of_a_parser(gitxp: Gitxp, git: Git, repo: str) -> None:
    """What a parser makes of a secret, given or by default, is redacted as the command is, and so is a nested one."""
    Path(repo, "secretive.py").write_text(
        textwrap.dedent(
            """
            import argparse, json, os
            parser = argparse.ArgumentParser()
            parser.add_argument("--api-key")
            parser.add_argument("--hub-token", default=os.environ["MY_TOKEN"])
            parser.add_argument("--db", type=json.loads)
            parser.add_argument("--url")
            parser.add_argument("--max-tokens", type=int, default=512)
            open("saved.json", "w").write(repr(vars(parser.parse_args())))
            """
        )
    )
    words = ["--api-key", "1-canary", '--db={"password": "2-canary", "port": 1}', "--url", "https://u:3-canary@host/x"]
    gitxp("run", "--name", "r", sys.executable, "secretive.py", *words, env={"MY_TOKEN": "4-canary"})
    params = record_of(git)["params"]
    assert params == {
        "api_key": "<redacted>",
        "hub_token": "<redacted>",
        "db.password": "<redacted>",
        "db.port": 1,
        "url": "https://<redacted>@host/x",
        "max_tokens": 512,
    }
    everything = git.raw("cat-file", "--batch-all-objects", "--batch", cwd=repo)
    assert b"512" in everything
    assert b"-canary" not in everything


@pytest.mark.parametrize("words", [["sub/train.py"], ["-m", "sub.train"], ["-m", "runpy", "sub/train.py"]])
def test_main_programs(program: str, gitxp: Gitxp, git: Git, words: list[str]) -> None:
    """The constants are those of the main program, wherever it is and however it is named."""
    Path(program, "sub").mkdir()
    Path(program, "sub", "train.py").write_text("from sub import other\nLR = 0.5\n" if "-m" in words else "LR = 0.5\n")
    Path(program, "sub", "other.py").write_text("OTHER = 1\n")
    gitxp("run", "--name", "r", sys.executable, *words, check=words[1:2] != ["runpy"])
    assert record_of(git).get("params", {}) == ({"LR": 0.5} if "runpy" not in words else {})


def test_a_run_from_a_subfolder(program: str, gitxp: Gitxp, git: Git) -> None:
    """Paths are from the top of the working tree, wherever the command runs."""
    Path(program, "sub").mkdir()
    Path(program, "sub", "train.py").write_text("LR = 1\nopen('../data/a.csv').close()\nopen('out.txt', 'w').close()\n")
    gitxp("run", "--name", "r", sys.executable, "train.py", cwd=os.path.join(program, "sub"))
    record = record_of(git)
    assert record["params"] == {"LR": 1}
    assert [entry["path"] for entry in record["data"]] == ["data/a.csv"]
    assert [entry["path"] for entry in record["outputs"]] == ["sub/out.txt"]


def test_workers_of_a_program(program: str, gitxp: Gitxp, git: Git) -> None:
    """What workers read is the run's data, and what they parse is below what the program itself did."""
    for number in range(4):
        Path(program, "data", f"part{number}.csv").write_text(str(number))
    Path(program, "train.py").write_text(
        textwrap.dedent(
            """
            import argparse, multiprocessing
            parser = argparse.ArgumentParser()
            parser.add_argument("--lr", type=float, default=0.1)

            def work(number):
                parser.parse_args(["--lr", "9"])
                return open(f"data/part{number}.csv").read()

            if __name__ == "__main__":
                options = parser.parse_args()
                with multiprocessing.get_context("spawn").Pool(2) as pool:
                    assert pool.map(work, range(4)) == ["0", "1", "2", "3"]
            """
        )
    )
    gitxp("run", "--name", "r", sys.executable, "train.py", "--lr", "0.5")
    record = record_of(git)
    assert record["params"] == {"lr": 0.5}
    assert [entry["path"] for entry in record["data"]] == [f"data/part{number}.csv" for number in range(4)]
    assert "problems" not in record


def test_a_run_whose_recorder_was_killed(program: str, gitxp: Gitxp, git: Git) -> None:
    """What was said until then is in the record of the lost run, the constants too."""
    Path(program, "train.py").write_text(
        textwrap.dedent(
            """
            import argparse, os, signal
            LR = 0.5
            parser = argparse.ArgumentParser()
            parser.add_argument("--depth", type=int, default=3)
            parser.parse_args()
            os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
            """
        )
    )
    gitxp("run", "--name", "r", sys.executable, "train.py", check=False)
    gitxp("list")
    record = record_of(git)
    assert record["status"] in {"lost", "killed"}
    assert record["params"] == {"LR": 0.5, "depth": 3}


def test_commands_that_are_no_python(program: str, gitxp: Gitxp, git: Git) -> None:
    """They have all but what the probe tells; a Python that they start tells it."""
    script = Path(program, "run.sh")
    script.write_text(f"#!/bin/sh\necho loss=0.5\ncat data/a.csv >copy.csv\n{sys.executable} train.py -b 4\n")
    script.chmod(0o755)
    gitxp("run", "--name", "r", "--metrics-from", "stdout", "./run.sh")
    record = record_of(git)
    assert record["metrics"]["loss"]["last"] == 0.5
    assert record["params"] == {"batch_size": 4, "rate": 0.5, "SEED": 3}
    assert "out.json" in [entry["path"] for entry in record["outputs"]]
