# ruff: noqa: ARG001  (a test may want what a fixture makes, and not its value)
from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from gitxp import __version__
from gitxp.cli import app
from gitxp.cli.errors import report
from gitxp.errors import UnknownRun
from run_factory import Factory, make_id
from terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Git, Gitxp

EVIL = b"\x1b]0;title\x07\x1b[31mred\x1b[0m \xff\r\n"


@pytest.fixture
def runs(repo: str) -> Factory:
    """A repository with the runs alpha (older) and beta; beta changed train.py and has a file more."""
    factory = Factory(repo)
    factory.make(
        "alpha",
        params={"lr": 0.1},
        metrics={"acc": {"last": 0.5, "min": 0.5, "max": 0.5, "count": 1, "step": 0}},
        files={"train.py": "old\n", ".gitxp/output.log": EVIL, ".gitxp/environment.json": '{"python":{"version":"1"}}'},
    )
    factory.make(
        "beta",
        params={"lr": 0.2},
        metrics={"acc": {"last": 0.75, "min": 0.5, "max": 0.75, "count": 2, "step": 1}},
        files={"train.py": "new\n", "sub/more.py": "x\n", ".gitxp/environment.json": '{"python":{"version":"2"}}'},
    )
    return factory


def names(text: str) -> list[str]:
    """The first words of a table's rows."""
    return [line.split()[0] for line in text.splitlines()[2:]]


def test_list(runs: Factory, gitxp: Gitxp) -> None:
    """`gitxp list` shows the runs, newest first, on stdout, and nothing else anywhere."""
    answer = gitxp("list")
    assert names(answer.stdout) == ["beta", "alpha"]
    assert answer.stderr == ""
    assert "\x1b" not in answer.stdout


def test_list_limits(runs: Factory, gitxp: Gitxp) -> None:
    """The newest 20 are listed and the others counted on stderr; -n N and -n 0 choose; JSON and CSV have all."""
    runs.make_many(23)
    answer = gitxp("list")
    assert len(names(answer.stdout)) == 20
    assert "5 more runs: gitxp list -n 0" in answer.stderr
    assert len(names(gitxp("list", "-n", "3").stdout)) == 3
    assert len(names(gitxp("list", "-n", "0").stdout)) == 25
    assert len(json.loads(gitxp("list", "--json").stdout)) == 25
    assert len(json.loads(gitxp("list", "--json", "-n", "2").stdout)) == 2
    assert len(list(csv.reader(io.StringIO(gitxp("list", "--csv").stdout)))) == 26


def test_list_json(runs: Factory, gitxp: Gitxp, git: Git) -> None:
    """`gitxp list --json` is the records, plus `ref`, `commit`, `tags` and `notes`."""
    newest = json.loads(gitxp("list", "--json").stdout)[0]
    record = json.loads(git("show", "experiments/beta:.gitxp/run.json"))
    commit = git("rev-parse", "experiments/beta")
    assert newest == {**record, "ref": "refs/experiments/beta", "commit": commit, "tags": [], "notes": []}


def test_list_without_runs(repo: str, gitxp: Gitxp) -> None:
    """Where there are no runs, stdout is empty and stderr says how to make the first; JSON is an empty array."""
    answer = gitxp("list")
    assert answer.stdout == ""
    assert "gitxp run python train.py" in answer.stderr
    assert json.loads(gitxp("list", "--json").stdout) == []
    assert gitxp("list", "--csv").stdout.startswith("name,status,")


def test_list_with_bad_runs(runs: Factory, gitxp: Gitxp) -> None:
    """A damaged run and one of a newer gitxp are a row each, with what is wrong; the others are listed."""
    runs.make("broken", raw=b"{")
    runs.make("future", raw=b'{"format": 99}')
    text = gitxp("list").stdout
    assert sorted(names(text)) == ["alpha", "beta", "broken", "future"]
    assert [line for line in text.splitlines() if line.startswith("future") and "format 99" in line]
    records = {record["name"]: record for record in json.loads(gitxp("list", "--json").stdout)}
    assert records["broken"]["status"] == "unreadable"
    assert records["broken"]["problem"]
    shown = gitxp("show", "broken", check=False)
    assert (shown.returncode, shown.stdout) == (9, "")
    assert "broken" in shown.stderr


def test_list_names_strange_refs(runs: Factory, gitxp: Gitxp, git: Git) -> None:
    """A ref among the runs that can be none is told, and hides nothing."""
    git("update-ref", "refs/experiments/a/b", "HEAD")
    answer = gitxp("list")
    assert names(answer.stdout) == ["beta", "alpha"]
    assert "refs/experiments/a/b" in answer.stderr


def test_list_columns(runs: Factory, gitxp: Gitxp) -> None:
    """`--columns` chooses; `--md` and `--csv` obey it."""
    assert gitxp("list", "--columns", "name, lr,acc").stdout.split() == (
        "name lr acc ----- --- ---- beta 0.2 0.75 alpha 0.1 0.5".split()
    )
    assert gitxp("list", "--csv", "--columns", "name,lr").stdout == "name,lr\nbeta,0.2\nalpha,0.1\n"
    assert gitxp("list", "--md", "--columns", "name,lr").stdout.splitlines()[2].split() == "| beta | 0.2 |".split()


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (["list", "--json", "--csv"], "one of them"),
        (["list", "-n", "-1"], "gitxp list --help"),
        (["list", "--nope"], "gitxp list --help"),
        (["lst"], "gitxp list"),
        (["cat"], "gitxp cat --help"),
        (["diff", "alpha"], "gitxp diff --help"),
        (["diff", "alpha", "beta", "--params", "--stat"], "--code"),
        (["diff", "alpha", "beta", "--name-only", "--json"], "gitxp diff --help"),
        (["-C", "nowhere", "list"], "-C"),
        (["--color", "always", "list"], "gitxp --help"),
    ],
)
def test_usage_errors(runs: Factory, gitxp: Gitxp, args: list[str], hint: str) -> None:
    """Words that do not fit together are one sentence, a hint, exit status 2, and nothing on stdout."""
    answer = gitxp(*args, check=False)
    error, *hints = answer.stderr.splitlines()
    assert (answer.returncode, answer.stdout) == (2, "")
    assert error.startswith("Error: ")
    assert len(hints) == 1
    assert hints[0].startswith("Hint: ")
    assert hint in hints[0]


def test_no_command(gitxp: Gitxp) -> None:
    """`gitxp` alone shows its help, on stderr, and fails as wrong usage does."""
    answer = gitxp(check=False)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "gitxp run python train.py" in answer.stderr


@pytest.mark.parametrize("command", [[], *([name] for name in app.COMMANDS)])
def test_help(gitxp: Gitxp, command: list[str]) -> None:
    """Every command explains itself with examples, outside of a repository, too."""
    text = gitxp(*command, "--help").stdout
    assert "Examples:" in text
    assert "\b" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_version(gitxp: Gitxp) -> None:
    """`gitxp --version` is the package's."""
    assert gitxp("--version").stdout == f"gitxp {__version__}\n"


def test_show(runs: Factory, gitxp: Gitxp) -> None:
    """`gitxp show` takes whatever names a run; `--json` adds environment and series."""
    for text in ("beta", "be", "@", make_id(2), "experiments/beta"):
        assert gitxp("show", text).stdout.startswith("beta  completed\n")
    assert gitxp("show", "@~1").stdout.startswith("alpha  completed\n")
    about = json.loads(gitxp("show", "beta", "--json").stdout)
    assert (about["name"], about["environment"], about["series"]) == ("beta", {"python": {"version": "2"}}, [])


def test_unknown_run(runs: Factory, gitxp: Gitxp) -> None:
    """A run that is not there is exit status 4, and the near one is named; what the user typed acts on no terminal."""
    answer = gitxp("show", "alphq\x1b[31m", check=False)
    assert answer.returncode == UnknownRun.exit_code
    assert answer.stderr.startswith("Error: ")
    assert "\x1b" not in answer.stderr


def test_not_a_repository(tmp_path: Path, gitxp: Gitxp) -> None:
    """Outside of a repository, reading is exit status 3 with a hint."""
    answer = gitxp("list", cwd=tmp_path, check=False)
    assert (answer.returncode, answer.stdout) == (3, "")
    assert "Hint: " in answer.stderr


def test_other_folder(runs: Factory, gitxp: Gitxp, tmp_path: Path) -> None:
    """`-C` goes elsewhere, step by step as git's does; a subfolder is as good as the top."""
    os.mkdir(os.path.join(runs.path, "deep"))
    answer = gitxp("-C", tmp_path, "-C", "repo/deep", "list", cwd="/")
    assert names(answer.stdout) == ["beta", "alpha"]


def test_logs_are_exact_in_a_pipe(runs: Factory) -> None:
    """Into a pipe, `gitxp logs` writes the bytes that were printed."""
    command = [sys.executable, "-m", "gitxp", "logs", "alpha"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == EVIL
    assert subprocess.run([*command, "-f"], capture_output=True, check=True).stdout == EVIL


def in_terminal(*args: str, env: dict[str, str] | None = None, size: tuple[int, int] = (24, 80)) -> bytes:
    """What a terminal shows of a command."""
    with Terminal(*args, cwd=os.getcwd(), env={"TERM": "xterm", "COLUMNS": "", **(env or {})}, size=size) as terminal:
        assert terminal.wait() == 0
        return terminal.seen


def test_logs_in_a_terminal(runs: Factory) -> None:
    """A terminal gets colours, and what else would act on it is shown; `--raw` and `--color` decide otherwise."""
    assert in_terminal("logs", "alpha") == b"\\x1b]0;title\\x07\x1b[31mred\x1b[0m \\xff\r\r\n\x1b[m"
    assert in_terminal("logs", "alpha", "--color=never") == b"\\x1b]0;title\\x07red \\xff\r\r\n"
    assert in_terminal("logs", "alpha", "--raw") == EVIL.replace(b"\n", b"\r\n")


def test_colour(runs: Factory, gitxp: Gitxp) -> None:
    """A terminal is coloured, unless NO_COLOR or --color=never is there; a pipe only by --color=always."""
    assert b"\x1b[32mcompleted" in in_terminal("list")
    assert b"\x1b" not in in_terminal("list", env={"NO_COLOR": "1"})
    assert b"\x1b" not in in_terminal("list", env={"TERM": "dumb"})
    assert b"\x1b" not in in_terminal("list", "--color", "never")
    assert "\x1b[32mcompleted" in gitxp("list", "--color=always", env={"NO_COLOR": "1"}).stdout


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_table_fits_the_terminal(runs: Factory, columns: int) -> None:
    """A table is as wide as the terminal at most."""
    runs.make("x" * 90, command=["python", "y" * 300], params={"lr": 3, "long" * 30: "z" * 100})
    lines = in_terminal("list", "--color=never", size=(24, columns)).replace(b"\r", b"").decode().splitlines()
    assert max(map(len, lines[:5])) <= columns


def test_pager(runs: Factory) -> None:
    """What is higher than the screen goes through the user's pager, chosen as git does; what is not goes straight."""
    runs.make_many(30)
    pager = {"GIT_PAGER": "sed s/^/PAGED/"}
    assert in_terminal("list", "-n", "0", env=pager).count(b"PAGED") == 34
    assert b"PAGED" not in in_terminal("list", "-n", "2", env=pager)
    assert b"PAGED" not in in_terminal("list", "-n", "0", "--no-pager", env=pager)
    assert b"PAGED" not in in_terminal("--no-pager", "list", "-n", "0", env=pager)


def test_pager_of_the_configuration(runs: Factory, git: Git) -> None:
    """core.pager counts before PAGER, pager.diff before both for a diff, and `pager.diff false` wants none."""
    git("config", "core.pager", "sed s/^/CORE/")
    pager = {"PAGER": "sed s/^/ENV/"}
    assert b"CORE" in in_terminal("diff", "alpha", "beta", env=pager)
    git("config", "pager.diff", "sed s/^/DIFF/")
    assert b"DIFF" in in_terminal("diff", "alpha", "beta", env=pager)
    git("config", "pager.diff", "false")
    seen = in_terminal("diff", "alpha", "beta", env=pager)
    assert not any(word in seen for word in (b"CORE", b"ENV", b"DIFF"))


def test_leaving_the_pager_early(runs: Factory) -> None:
    """A pager that is left before the end is no error, and nothing spills over the screen after it."""
    runs.make_many(300)
    seen = in_terminal("list", "-n", "0", env={"GIT_PAGER": "head -n 1"})
    assert len(seen.splitlines()) == 1


def test_diff(runs: Factory, gitxp: Gitxp) -> None:
    """`gitxp diff` shows code, parameters, metrics and environment in that order, and only what differs."""
    text = gitxp("diff", "alpha", "beta").stdout
    headings = [line for line in text.splitlines() if line in {"Code", "Parameters", "Metrics", "Data", "Environment"}]
    assert headings == ["Code", "Parameters", "Metrics", "Environment"]
    assert "-old\n+new\n" in text
    assert ".gitxp" not in text
    assert ["acc", "0.5", "0.75", "+0.25"] in [line.split() for line in text.splitlines()]
    assert "\x1b" not in text
    assert gitxp("diff", "alpha", "alpha").stdout == "No differences between alpha and alpha.\n"


def test_diff_is_gits_own(runs: Factory, gitxp: Gitxp, git: Git) -> None:
    """With --code alone stdout is git's diff, byte for byte, and git applies it as a patch."""
    expected = git.raw("diff", "experiments/alpha", "experiments/beta", "--", ":(exclude).gitxp")
    patch = gitxp("diff", "alpha", "beta", "--code").stdout
    assert patch.encode() == expected
    git("restore", "--source=experiments/alpha", "--worktree", "--", "train.py")
    git("apply", input=patch)
    with open("train.py", encoding="utf-8") as file:
        assert file.read() == "new\n"


def test_escape_sequences_in_a_diff(runs: Factory) -> None:
    """What a file holds reaches a terminal visibly, git's own colours as they are; a pipe gets it to the byte."""
    hostile = "a\tb \x1b]0;title\x07 \x1b[8mhidden \u202e é\n".encode() + b"\xff\x9b2J\n"
    runs.make("plain", files={"f": "plain\n"})
    runs.make("hostile", files={"f": hostile})
    command = [sys.executable, "-P", "-m", "gitxp", "diff", "plain", "hostile", "--code"]
    exact = subprocess.run(command, capture_output=True, check=True).stdout
    assert b"".join(b"+" + line for line in hostile.splitlines(keepends=True)) in exact
    for pager in ("cat", "cat -u"):
        seen = in_terminal("diff", "plain", "hostile", env={"GIT_PAGER": pager}, size=(50, 100))
        assert r"a	b \x1b]0;title\x07 \x1b[8mhidden \u202e é".encode() in seen
        assert rb"\xff\x9b2J" in seen
        assert b"\x1b[31m-plain\x1b[m" in seen
        assert set(re.findall(rb"\x1b[^m]*m", seen)) <= {
            b"\x1b[%sm" % codes for codes in (b"", b"1", b"31", b"32", b"36")
        }


def test_without_colours_no_file_brings_its_own(runs: Factory, git: Git) -> None:
    """Where git does not colour, a sequence that it might have written is a file's, and shown."""
    runs.make("plain", files={"f": "plain\n"})
    runs.make("hostile", files={"f": "\x1b[31m-forged\x1b[m\n"})
    asked = ("diff", "plain", "hostile", "--code")
    seen = [in_terminal(*asked, env={"GIT_PAGER": "cat", "NO_COLOR": "1"}), in_terminal(*asked, "--color=never")]
    git("config", "color.diff", "never")
    seen.append(in_terminal(*asked, env={"GIT_PAGER": "cat"}))
    for one in seen:
        assert rb"+\x1b[31m-forged\x1b[m" in one
        assert b"\x1b[31m" not in one


def test_diff_runs_no_configured_command(runs: Factory, gitxp: Gitxp, git: Git) -> None:
    """Neither an external diff nor a textconv of the configuration is run."""
    git("config", "diff.external", "touch executed;")
    git("config", "diff.evil.textconv", "touch executed;")
    with open(".git/info/attributes", "w", encoding="utf-8") as file:
        file.write("*.py diff=evil\n")
    assert "+new" in gitxp("diff", "alpha", "beta", "--code").stdout
    assert not os.path.exists("executed")


@pytest.mark.parametrize(
    ("args", "lines"),
    [
        (["--name-only"], ["sub/more.py", "train.py"]),
        (["--name-only", "--", "sub"], ["sub/more.py"]),
        (["--code", "--stat", "sub"], ["sub/more.py | 1 +", "1 file changed, 1 insertion(+)"]),
        (["--data"], ["No differences between alpha and beta in data."]),
        (["--params", "--", "sub"], ["Parameters", "alpha beta", "-- ----- ----", "lr 0.1 0.2"]),
        (["--env"], ["Environment", "alpha beta", "-------------- ----- ----", "python.version 1 2"]),
    ],
)
def test_parts_of_a_diff(runs: Factory, gitxp: Gitxp, args: list[str], lines: list[str]) -> None:
    """Options choose the parts, paths limit the code."""
    text = gitxp("diff", "alpha", "beta", *args).stdout
    assert [" ".join(line.split()) for line in text.splitlines()] == lines


def test_diff_json(runs: Factory, gitxp: Gitxp) -> None:
    """`gitxp diff --json` has exactly the five keys; with options, those that were asked for."""
    assert json.loads(gitxp("diff", "alpha", "beta", "--json").stdout) == {
        "code": [
            {"path": "sub/more.py", "status": "A", "insertions": 1, "deletions": 0},
            {"path": "train.py", "status": "M", "insertions": 1, "deletions": 1},
        ],
        "params": {"lr": [0.1, 0.2]},
        "metrics": {"acc": [0.5, 0.75]},
        "data": {},
        "environment": {"python.version": ["1", "2"]},
    }
    assert json.loads(gitxp("diff", "alpha", "beta", "--json", "--params").stdout) == {"params": {"lr": [0.1, 0.2]}}


def test_diff_colours_as_git_does(runs: Factory, git: Git, gitxp: Gitxp) -> None:
    """The code is coloured by the user's settings for git, in a pager, too, and not where colour is not wanted."""
    git("config", "color.diff.new", "bold blue")
    blue = b"\x1b[1;34m+"
    for pager in ("cat", "sed -n p"):
        assert blue in in_terminal("diff", "alpha", "beta", env={"GIT_PAGER": pager})
        assert b"\x1b" not in in_terminal("diff", "alpha", "beta", env={"GIT_PAGER": pager, "NO_COLOR": "1"})
    git("config", "color.ui", "false")
    assert blue not in in_terminal("diff", "alpha", "beta", env={"GIT_PAGER": "cat"})
    assert "\x1b" in gitxp("diff", "alpha", "beta", "--code", "--color=always").stdout


def test_bad_paths_of_a_diff(runs: Factory, gitxp: Gitxp) -> None:
    """What git refuses is said in git's words, with a status that is not git's success."""
    for args in (["--code"], []):
        answer = gitxp("diff", "alpha", "beta", *args, "--", ":(nonsense)x", check=False)
        assert answer.returncode == 10
        assert "nonsense" in answer.stderr


def test_paths_of_a_diff_that_match_nothing(runs: Factory, gitxp: Gitxp) -> None:
    """A slip in a path is said; a file that is the same in both runs is none."""
    runs.make("gamma", files={"train.py": "new\n"})
    for args in (["--code"], ["--json"], []):
        warning = "Warning: neither run has a file at trian.py.\n"
        assert gitxp("diff", "alpha", "beta", *args, "--", "trian.py").stderr == warning
        assert gitxp("diff", "beta", "gamma", *args, "--", "train.py").stderr == ""


def test_options_of_a_diff_that_do_not_go_together(runs: Factory, gitxp: Gitxp) -> None:
    """--stat is no part of JSON, and is not passed over in silence."""
    answer = gitxp("diff", "alpha", "beta", "--json", "--stat", check=False)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "--stat goes without --json" in answer.stderr


@pytest.mark.parametrize(
    ("option", "near"), [("--bogus", None), ("--colums", "--columns"), ("--jsn", "--json"), ("--x", None)]
)
def test_options_that_are_not_there(gitxp: Gitxp, option: str, near: str | None) -> None:
    """An option is suggested where the name is like it, and not for the dashes that all have."""
    answer = gitxp("list", option, check=False)
    assert answer.returncode == 2
    assert re.findall(r"'(--?[a-z]+)'", answer.stderr) == [option, *([near] if near else [])]


def test_logs_as_json(runs: Factory, gitxp: Gitxp) -> None:
    """The output as text, whatever its bytes, with what it belongs to."""
    answer = json.loads(gitxp("logs", "alpha", "--json").stdout)
    assert answer == {
        "name": "alpha",
        "id": make_id(1),
        "status": "completed",
        "bytes": len(EVIL),
        "output": EVIL.decode("utf-8", "backslashreplace"),
    }
    assert json.loads(gitxp("logs", "beta", "--json").stdout)["bytes"] == 0
    assert gitxp("logs", "alpha", "--json", "-f", check=False).returncode == 2


def test_logs_of_a_run_that_is_running_elsewhere(runs: Factory, gitxp: Gitxp) -> None:
    """A run whose start was fetched has no output yet, and says so; one that printed nothing says nothing."""
    runs.make("far", status="running", exit_code=None, finished_at=None, duration=None)
    answer = gitxp("logs", "far")
    assert (answer.stdout, "far is running elsewhere" in answer.stderr) == ("", True)
    assert gitxp("logs", "beta").stderr == ""


def test_broken_pipe(runs: Factory, gitxp: Gitxp) -> None:
    """A reader that goes away ends the command quietly, with the status that shells give to SIGPIPE."""
    runs.make_many(300)
    for args in (["list", "-n", "0"], ["list", "--json"], ["show", "@"]):
        process = gitxp.start(*args, bufsize=0)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141
        process.stderr.close()


def test_full_disk(runs: Factory) -> None:
    """An answer that cannot be written is one sentence, and no success."""
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "gitxp", "list"]
        answer = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (answer.returncode, answer.stderr) == (1, b"Error: No space left on device.\n")


def test_interrupted(capfd: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C is no error to talk about: its status says it."""
    assert report(KeyboardInterrupt()) == 130
    assert capfd.readouterr() == ("", "")


def test_a_mistake_of_ours(seal: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What nobody expected is one sentence and a log without the arguments; GITXP_DEBUG=1 shows where it was."""
    monkeypatch.setattr(sys, "argv", ["gitxp", "run", "--token", "secret"])

    def fail(argv: Any) -> int:
        del argv
        raise ZeroDivisionError("in\x1bside")

    monkeypatch.setattr(app, "_invoke", fail)
    assert app.main([]) == 70
    log = seal / ".cache" / "gitxp" / "error.log"
    words = capsys.readouterr().err
    assert "ZeroDivisionError" in words
    assert str(log) in words
    assert "Traceback" not in words
    text = log.read_text(encoding="utf-8")
    assert "Traceback" in text
    assert __version__ in text
    assert "secret" not in text
    assert log.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("GITXP_DEBUG", "1")
    assert app.main([]) == 70
    words = capsys.readouterr().err
    assert "Traceback" in words
    assert "\x1b" not in words


def test_a_mistake_that_cannot_be_logged(
    seal: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a place for the log the sentence comes all the same, with another way to see more."""
    (seal / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(seal / "file"))
    assert report(ValueError("x")) == 70
    assert "GITXP_DEBUG=1" in capsys.readouterr().err


def test_a_bare_repository_is_read(runs: Factory, gitxp: Gitxp, git: Git, tmp_path: Path) -> None:
    """Runs that were pushed to a bare repository are listed, shown and compared there."""
    git("init", "--quiet", "--bare", tmp_path / "bare.git")
    git("push", "--quiet", tmp_path / "bare.git", "refs/experiments/*")
    bare = str(tmp_path / "bare.git")
    assert names(gitxp("list", cwd=bare).stdout) == ["beta", "alpha"]
    assert gitxp("show", "alpha", cwd=bare).stdout.startswith("alpha")
    assert "+new" in gitxp("diff", "alpha", "beta", cwd=bare).stdout
