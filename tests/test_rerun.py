from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

import states_of_files
import states_of_git
import states_of_history
from run_factory import Factory
from states import STATES, Lab, as_python, as_shell, make, portrait
from terminal import Terminal
from test_restore import but_worktrees

if TYPE_CHECKING:
    from pathlib import Path

    from states import Finished

ROOMS = (states_of_files, states_of_git, states_of_history)  # importing them fills STATES


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with one commit."""
    return make(str(tmp_path / "repo"))


def begin(lab: Lab, *command: str, options: tuple[str, ...] = (), **where: Any) -> Finished:
    """Record a run `r` of a command."""
    done = lab.run("run", "--name", "r", *options, "--", *command, **where)
    assert done.status == 0, done.stderr
    return done


def again(lab: Lab, *words: str, **where: Any) -> Finished:
    """Rerun it as `s`."""
    return lab.run("rerun", "r", "--name", "s", *words, **where)


@pytest.mark.parametrize("name", STATES)
def test_the_snapshot_of_a_rerun_is_that_of_the_run(name: str, lab: Lab) -> None:
    """In every state of a working tree, a rerun has the same tree and base, names its parent, and leaves nothing else."""
    want = STATES[name](lab)
    begin(lab, "true", cwd=want.cwd, env=want.env)
    before = portrait(lab)
    done = again(lab, cwd=want.cwd, env=want.env)
    assert (done.status, done.stdout) == (0, b""), done.stderr
    assert lab.tree("refs/experiments/s") == lab.tree("refs/experiments/r")
    ran, reran = lab.record("r"), lab.record("s")
    assert reran["parent_run"] == ran["id"]
    assert re.search(r"^  from +r$", lab.run("show", "s").stdout.decode(), re.MULTILINE)
    same = ("command", "cwd", "base", "dirty")
    assert {key: reran.get(key) for key in same} == {key: ran.get(key) for key in same}
    assert but_worktrees(portrait(lab)) == but_worktrees(before)
    assert not os.path.lexists(lab.top + "-s")
    assert lab.live() == []


def test_where_it_runs(lab: Lab) -> None:
    """It runs in the same folder of a worktree beside the repository, on the files of the run, with its arguments."""
    lab.write("src/model.py", "layers = 4\n")
    lab.write("../data", "outside\n")
    begin(lab, *as_shell("pwd; cat model.py; echo $0 $GITXP_RUN; cat ../../data"), "word", cwd="src")
    lab.write("src/model.py", "layers = 5\n")
    done = again(lab)
    assert done.stdout.decode().splitlines() == [f"{lab.top}-s/src", "layers = 4", "word s", "outside"], done.stderr
    assert "r again, in ../repo-s" in done.stderr
    assert lab.output("s") == done.stdout


@pytest.mark.parametrize(("code", "status"), [("exit 3", 3), ("kill -9 $$", -9)])
def test_it_ends_as_the_command(lab: Lab, code: str, status: int) -> None:
    """Its exit status is the command's, or it dies by the same signal."""
    lab.run("run", "--name", "r", "--", *as_shell(code))
    assert again(lab).status == status
    assert {"failed", "killed"} >= {lab.record("s")["status"]}
    assert not os.path.lexists(lab.top + "-s")


def test_changed_arguments(lab: Lab) -> None:
    """Arguments behind -- replace values, or are added; the new command is recorded, and shown before."""
    begin(lab, "echo", "--lr", "0.1", "a=1", "--seed=3")
    done = again(lab, "--", "--lr", "-0.2", "a=2", "--seed=4", "--new", "x", "--flag")
    assert done.stdout == b"--lr -0.2 a=2 --seed=4 --new x --flag\n"
    assert "command: echo --lr -0.2 a=2 --seed=4 --new x --flag" in done.stderr
    assert lab.record("s")["command"] == ["echo", *done.stdout.decode().split()]
    assert lab.record("s")["params"]["lr"] == -0.2


def test_dry_run(lab: Lab) -> None:
    """--dry-run shows the command, and makes nothing."""
    begin(lab, "echo", "--lr", "0.1")
    before = portrait(lab)
    done = lab.run("rerun", "r", "--dry-run", "--", "--lr", "7")
    assert (done.status, done.stdout) == (0, b"")
    assert "command: echo --lr 7" in done.stderr
    assert lab.names() == ["r"]
    assert portrait(lab) == before


def test_a_dry_run_lists_all(lab: Lab) -> None:
    """--dry-run names each package that it would install of a run of somebody else's, however many there are."""
    names = [f"package{number:02}" for number in range(30)]
    environment = {
        "packages": dict.fromkeys(names, "1.0"),
        "python": {"version": "3.11.7", "implementation": "CPython"},
    }
    Factory(lab.top).make("r", files={".gitxp/environment.json": json.dumps(environment)})
    told = lab.run("rerun", "r", "--env", "--dry-run").stderr
    assert [line for line in told.splitlines() if "installed: " in line] == [
        f"gitxp: installed: {name}==1.0" for name in names
    ]


def test_a_secret_has_to_be_given_anew(lab: Lab) -> None:
    """What was not recorded cannot be run: the option is named, and with a new value it runs, and is not recorded again."""
    begin(lab, "echo", "--api-key", "sk-abcdefghijklmnopqrstuvwx", "--lr", "1")
    done = again(lab)
    assert done.status == 2
    assert "gitxp rerun r -- --api-key …" in done.stderr
    done = again(lab, "--", "--api-key", "sk-zyxwvutsrqponmlkjihgfedc")
    assert b"sk-zyxwvutsrqponmlkjihgfedc" in done.stdout
    assert lab.record("s")["command"] == ["echo", "--api-key", "<redacted>", "--lr", "1"]


def test_ignored_data_are_linked(lab: Lab) -> None:
    """Data that git ignores are read where they lie, and the snapshot, the worktree's end and the record know of it."""
    lab.write(".gitignore", "*.o\nbuild/\ndata/\n")
    lab.write("data/train/x.csv", "1\n")
    lab.write("data/big.bin", "2\n")
    begin(lab, "cat", "data/train/x.csv", "data/big.bin", options=("--data", "data/train", "--data", "data/big.bin"))
    before = portrait(lab)
    done = again(lab)
    assert (done.status, done.stdout) == (0, b"1\n2\n"), done.stderr
    assert "linked to your working tree: data/train" in done.stderr
    assert lab.tree("refs/experiments/s") == lab.tree("refs/experiments/r")
    assert lab.record("s")["data"] == lab.record("r")["data"]
    assert but_worktrees(portrait(lab)) == but_worktrees(before)
    assert not os.path.lexists(lab.top + "-s")


def test_data_beside_tracked_files(lab: Lab) -> None:
    """Of a data folder with tracked files in it, what git ignores is linked, and what the user made since is not."""
    lab.write(".gitignore", "*.o\nbuild/\n*.csv\n")
    lab.write("conf/x.csv", "1\n")
    begin(lab, *as_shell("ls conf; cat conf/x.csv"), options=("--data", "conf"))
    lab.write("conf/later.yaml", "later\n")
    assert again(lab).stdout == b"a.yaml\nb.yaml\nx.csv\n1\n"


def test_data_that_the_run_wrote_are_copied(lab: Lab) -> None:
    """Where the run wrote what it read, the rerun gets a copy: the user's file stays as it is."""
    lab.write(".gitignore", "*.o\nbuild/\nstate/\n")
    lab.write("state/ckpt", "1\n")
    lab.write("state/other", "o\n")
    code = "cat state/ckpt state/other; echo 2 >state/ckpt"
    begin(lab, *as_shell(code), options=("--data", "state", "--out", "state/ckpt"))
    lab.write("state/ckpt", "1\n")
    before = portrait(lab)
    done = again(lab)
    assert done.stdout == b"1\no\n", done.stderr
    assert "copied from your working tree, since the run wrote it: state/ckpt" in done.stderr
    assert but_worktrees(portrait(lab)) == but_worktrees(before)
    assert lab.blob("refs/experiments/s", ".gitxp/artifacts/state/ckpt") == b"2\n"


def test_data_that_are_gone(lab: Lab) -> None:
    """Data that are not here any more are named, and the command sees for itself."""
    lab.write(".gitignore", "*.o\nbuild/\ndata/\n")
    lab.write("data/x", "1\n")
    lab.run("run", "--name", "r", "--data", "data/x", "--", "cat", "data/x")
    os.unlink(lab.path("data/x"))
    done = again(lab)
    assert done.status == 1
    assert "not here any more: data/x" in done.stderr


def test_what_the_snapshot_left_out_is_linked(lab: Lab) -> None:
    """Large files, secrets and nested repositories, which no snapshot has, are there for the rerun, and not in its snapshot."""
    lab.write("gitxp.yaml", "snapshot: {max_file_size: 10}\n")
    lab.commit("limits")
    lab.write("large", "more than ten bytes\n")
    lab.write(".env", "KEY=1\n")
    make(lab.path("nested"))
    begin(lab, "cat", "large", ".env", "nested/train.py")
    done = again(lab)
    assert done.stdout == b"more than ten bytes\nKEY=1\nprint('training')\n", done.stderr
    assert lab.tree("refs/experiments/s") == lab.tree("refs/experiments/r")
    assert sorted(os.listdir(os.path.dirname(lab.top))) == ["repo"]


def test_what_a_run_of_others_names_outside_is_not_taken(lab: Lab, tmp_path: Path) -> None:
    """Data and outputs outside of the working tree, that the record of a foreign run names, are not recorded with its rerun."""
    mine = tmp_path / "mine"
    mine.write_text("private\n")
    asked = {"outputs": [str(mine), "../mine", "a/../../mine"], "data": [str(mine)], "metrics_from": [str(mine)]}
    Factory(lab.top).make("r", host="elsewhere", command=["true"], asked=asked)
    done = again(lab, "--trust")
    assert done.status == 0, done.stderr
    assert not {"asked", "outputs", "data"} & lab.record("s").keys()
    assert "mine" not in lab.say("ls-tree", "-r", "--name-only", "refs/experiments/s")


def test_in_other_repositories(lab: Lab, tmp_path: Path) -> None:
    """A bare repository, and one with SHA-256, run again as any other; that there is no snapshot is said."""
    begin(lab, "cat", "src/model.py")
    lab.git("clone", "-q", "--bare", lab.top, str(tmp_path / "bare.git"))
    bare = Lab(str(tmp_path / "bare.git"))
    bare.git("fetch", "-q", lab.top, "refs/experiments/*:refs/experiments/*")
    assert again(bare, "--trust").stdout == b"layers = 3\n"
    assert bare.names() == ["r", "s"]
    other = make(str(tmp_path / "sha"), "--object-format=sha256")
    begin(other, "cat", "src/model.py", options=("--no-snapshot",))
    done = again(other)
    assert done.stdout == b"layers = 3\n"
    assert "r has no snapshot" in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["bare.git", "repo", "sha"]


def test_a_program_of_the_working_tree(lab: Lab) -> None:
    """A program in an ignored folder (a virtual environment) is there for the rerun, too."""
    lab.write(".gitignore", "*.o\nbuild/\n.venv/\n")
    lab.write(".venv/bin/tool", "#!/bin/sh\ncat $(dirname $0)/../lib\n", 0o755)
    lab.write(".venv/lib", "library\n")
    begin(lab, "../.venv/bin/tool", cwd="src")
    done = again(lab)
    assert done.stdout == b"library\n", done.stderr
    assert lab.tree("refs/experiments/s") == lab.tree("refs/experiments/r")


HOSTILE_DATA = (
    "../outside/x",
    "/outside/x",
    ".git/hooks",
    "a/../../outside/x",
    "out/x",
    "..",
    ".",
    "",
    "a//b",
    ".GIT/x",
    "\0",
)


def test_hostile_data(lab: Lab, tmp_path: Path) -> None:
    """Paths of a record make nothing outside of the folder, through a link in it, or in .git."""
    (tmp_path / "outside").mkdir()
    os.symlink("../outside", lab.path("out"))
    lab.write("x", "x\n")
    lab.commit("link")
    data = [{"path": path, "kind": "file"} for path in HOSTILE_DATA]
    Factory(lab.top).make("r", host=os.uname().nodename, command=["true"], data=data, asked={"data": []})
    before = portrait(lab)
    done = again(lab, "--trust")
    assert done.status == 0, done.stderr
    assert os.listdir(tmp_path / "outside") == []
    assert but_worktrees(portrait(lab)) == but_worktrees(before)
    assert sorted(os.listdir(tmp_path)) == ["outside", "repo"]


@pytest.mark.parametrize("cwd", ["..", "/", "../outside", "out", "train.py", ".git"])
def test_hostile_folders(lab: Lab, cwd: str, tmp_path: Path) -> None:
    """A folder outside of the working tree, behind a link, or that is none, is refused, and nothing is left."""
    (tmp_path / "outside").mkdir()
    os.symlink("../outside", lab.path("out"))
    lab.commit("link")
    Factory(lab.top).make("r", host=os.uname().nodename, command=["touch", "ran"], cwd=cwd)
    done = again(lab, "--trust")
    assert done.status in {2, 125}, done.stderr
    assert done.stderr.startswith(("Error: ", "gitxp: "))
    assert os.listdir(tmp_path / "outside") == []
    assert sorted(os.listdir(tmp_path)) == ["outside", "repo"]
    assert len(lab.say("worktree", "list").splitlines()) == 1


def test_what_was_asked_is_asked_again(lab: Lab) -> None:
    """Metrics from stdout, named data and outputs, and given parameters are those of the run; the record tells them."""
    lab.write("data.csv", "1\n")
    options = (
        "--metrics-from",
        "stdout",
        "--metrics-from",
        "m.json",
        "--data",
        "../data.csv",
        "--out",
        "../model",
        "--param",
        "k=2",
    )
    begin(lab, *as_shell("echo loss=1; echo '{\"acc\": 2}' >m.json; echo x >../model"), options=options, cwd="src")
    asked = {"metrics_from": ["stdout", "src/m.json"], "data": ["data.csv"], "outputs": ["model"]}
    assert lab.record("r")["asked"] == asked
    for path in ("model", "src/m.json"):
        os.unlink(lab.path(path))
    done = again(lab)
    ran, reran = lab.record("r"), lab.record("s")
    assert reran["asked"] == asked, done.stderr
    for key in ("metrics", "data", "outputs", "params", "param_sources"):
        assert reran[key] == ran[key], key
    assert set(reran["metrics"]) == {"loss", "acc"}


def test_what_is_stored_nowhere_keeps_the_worktree(lab: Lab) -> None:
    """Where files are left that the new run has not stored, the worktree stays, and the user is told how to remove it."""
    begin(
        lab,
        *as_shell("mkdir -p big __pycache__; echo 1 >big/x; echo 2 >__pycache__/y.pyc; echo 3 >kept"),
        options=("--out", "kept"),
    )
    for path in ("big/x", "kept"):
        os.unlink(lab.path(path))
    done = again(lab)
    assert "repo-s stays, since not all that is there is stored with the run: big/x" in done.stderr
    assert Lab(lab.top + "-s").read("big/x") == b"1\n"
    lab.git("worktree", "remove", "--force", lab.top + "-s")


@pytest.mark.parametrize(
    ("code", "left"),
    [
        ("echo x >new; git add new", ["new"]),
        ("echo x >new; git add new; git commit -qm x", ["the commit", "new"]),
        ("git commit -q --allow-empty -m x", ["the commit"]),
        ("echo x >>train.py; git commit -qam x; git branch -f kept", ["train.py"]),
        ("git rm -q train.py; git commit -qm x; git branch -f kept", []),
        ("git add -A", []),
    ],
)
def test_what_was_staged_or_committed_there_keeps_the_worktree(lab: Lab, code: str, left: list[str]) -> None:
    """What the command staged or committed is no part of the snapshot: it is left, and so is a commit that no branch has."""
    lab.write("train.py", "print('edited')\n")
    lab.write("untracked", "u\n")
    lab.run("run", "--name", "own", "--", *as_shell(f'test -n "$GITXP_TEST_AGAIN" || exit 0; {code}'))
    done = lab.run("rerun", "own", "--name", "again", env={"GITXP_TEST_AGAIN": "1"})
    assert done.status == 0, done.stderr
    assert os.path.exists(f"{lab.top}-again") == bool(left), done.stderr
    for item in left:
        assert item in done.stderr.partition("stays, since")[2].partition("\n")[0]


def test_keep_and_to(lab: Lab, tmp_path: Path) -> None:
    """--keep leaves the worktree, --to says where it is."""
    begin(lab, "true")
    done = again(lab, "--keep", "--to", str(tmp_path / "there"))
    assert done.status == 0
    assert "the worktree stays: ../there" in done.stderr
    assert Lab(str(tmp_path / "there")).say("status", "--porcelain") == ""


def test_what_cannot_begin_leaves_nothing(lab: Lab) -> None:
    """Where the command is not there, or the name is taken, the statuses are those of gitxp run, and no worktree is left."""
    lab.write("tool", "#!/bin/sh\n", 0o755)
    begin(lab, "./tool")
    Factory(lab.top).make("gone", host=os.uname().nodename, command=["./not-there"])
    assert lab.run("rerun", "gone", "--trust").status == 127
    assert lab.run("rerun", "r", "--name", "r").status == 125
    assert lab.run("rerun", "nothing").status == 125
    assert len(lab.say("worktree", "list").splitlines()) == 1
    assert sorted(lab.names()) == ["gone", "r"]
    assert os.listdir(os.path.dirname(lab.top)) == ["repo"]


def test_a_record_that_cannot_be_read(lab: Lab) -> None:
    """It is told why, and not that there is no command."""
    Factory(lab.top).make("bad", raw=b"{")
    for words, status in (("rerun", 125), ("rerun --dry-run", 9), ("reproduce", 9)):
        done = lab.run(*words.split(), "bad", "--trust")
        assert (done.status, "Its record cannot be read" in done.stderr) == (status, True), done.stderr


def test_a_name_that_is_taken(lab: Lab) -> None:
    """It is told at once, whatever stands where the worktree would be, with the status that each command has for it."""
    begin(lab, "true")
    lab.write("../repo-r/mine", "mine\n")
    before = portrait(lab)
    for words, status in (("rerun", 125), ("reproduce", 6)):
        done = lab.run(words, "r", "--name", "r")
        assert (done.status, "There is a run named 'r' already" in done.stderr) == (status, True), done.stderr
    for words, status in (("rerun", 125), ("rerun --dry-run", 4), ("reproduce", 4)):
        assert lab.run(*words.split(), "nothing").status == status
    assert portrait(lab) == before


def test_a_run_of_somebody_else_is_not_executed_at_a_word(lab: Lab, tmp_path: Path) -> None:
    """A run from another machine, or by somebody else, is shown and refused without a terminal; --trust executes it."""
    ran = tmp_path / "ran"
    factory = Factory(lab.top)
    factory.make("host", command=["touch", str(ran)], host="elsewhere", user="eve\x1b[2J")
    factory.make("mail", command=["touch", str(ran)], host=os.uname().nodename)
    lab.git("config", "user.email", "somebody@example.com")
    for name in ("host", "mail"):
        for command in ("rerun", "reproduce"):
            done = lab.run(command, name)
            assert (done.status, done.stdout) == (2, b"")
            assert f"command: touch {ran}" in done.stderr
            assert "--trust" in done.stderr
            assert "\x1b" not in done.stderr
            assert not ran.exists()
    assert lab.run("rerun", "host", "--trust").status == 0
    assert ran.exists()


@pytest.mark.parametrize("answer", ["y", "n"])
def test_on_a_terminal_the_user_is_asked(lab: Lab, tmp_path: Path, answer: str) -> None:
    """On a terminal, a foreign run is executed only if the user says yes."""
    ran = tmp_path / "ran"
    Factory(lab.top).make("theirs", command=["touch", str(ran)], host="elsewhere")
    with Terminal("rerun", "theirs", cwd=lab.top) as terminal:
        terminal.expect(rb"Execute this\?")
        assert not ran.exists()
        terminal.type(answer.encode() + b"\r")
        status = terminal.wait()
    assert (status == 0) == (answer == "y")
    assert ran.exists() == (answer == "y")


def test_what_is_neither_yes_nor_no_is_asked_again(lab: Lab, tmp_path: Path) -> None:
    """A slip of the finger, even one that is no text, runs nothing and ends nothing: the question comes again."""
    ran = tmp_path / "ran"
    Factory(lab.top).make("theirs", command=["touch", str(ran)], host="elsewhere")
    with Terminal("rerun", "theirs", cwd=lab.top) as terminal:
        for times, keys in enumerate((b"u\r", b"\xff\r", b"YES\r"), 1):
            terminal.expect(rb"(?s)" + rb"Execute this\?.*" * times)
            assert not ran.exists()
            terminal.type(keys)
        assert terminal.wait() == 0
    assert ran.exists()


@pytest.mark.parametrize("keys", [b"\x03", b"\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_whoever_leaves_the_question_open_runs_nothing(lab: Lab, tmp_path: Path, keys: bytes) -> None:
    """Ctrl-C at the question ends gitxp as it ends others, and so does an end of input; nothing was run or left behind."""
    ran = tmp_path / "ran"
    Factory(lab.top).make("theirs", command=["touch", str(ran)], host="elsewhere")
    with Terminal("rerun", "theirs", cwd=lab.top) as terminal:
        terminal.expect(rb"Execute this\?")
        terminal.type(keys)
        assert terminal.wait() == -2
        assert b"Error" not in terminal.seen
    assert not ran.exists()
    assert lab.say("worktree", "list").count("\n") == 0


def test_the_snapshot_of_a_package_is_imported_and_not_the_working_tree(lab: Lab) -> None:
    """Where the project itself is installed, editable, a rerun imports what the snapshot has of it."""
    lab.write("src/pkg.py", "print('then')\n")
    lab.commit("a package")
    environment = {"sources": {"pkg": {"url": f"file://{lab.top}", "editable": True}}, "packages": {"pkg": "1"}}
    Factory(lab.top).make(
        "r",
        host=os.uname().nodename,
        command=[sys.executable, "-c", "import pkg"],
        base=lab.say("rev-parse", "HEAD"),
        files={".gitxp/environment.json": json.dumps(environment)},
    )
    lab.write("src/pkg.py", "print('now')\n")
    done = again(lab, "--trust", env={"PYTHONPATH": lab.path("src")})
    assert done.stdout == b"then\n", done.stderr
    assert "imported from the snapshot: src" in done.stderr


def test_variables_that_point_to_the_working_tree(lab: Lab, tmp_path: Path) -> None:
    """What PYTHONPATH has of the working tree is taken from the snapshot, and git in the command is in the worktree."""
    lab.write("src/pkg.py", "print('then')\n")
    begin(
        lab,
        sys.executable,
        "-c",
        "import pkg, os; os.system('git rev-parse --show-toplevel')",
        env={"PYTHONPATH": lab.path("src")},
    )
    lab.write("src/pkg.py", "print('now')\n")
    paths = [lab.path("src"), lab.path("src") + "-other", str(tmp_path)]
    env = {"PYTHONPATH": os.pathsep.join(paths), "GIT_DIR": lab.path(".git"), "GIT_WORK_TREE": lab.top}
    done = again(lab, env=env)
    assert set(done.stdout.decode().split()) == {"then", f"{lab.top}-s"}, done.stderr


def test_of_a_rerun(lab: Lab) -> None:
    """A rerun is a run as any other: it can be run again, and its parent is then the rerun."""
    begin(lab, *as_python("print('loss=1')"), options=("--metrics-from", "stdout"))
    again(lab)
    assert lab.run("rerun", "s", "--name", "t").status == 0
    assert lab.record("t")["parent_run"] == lab.record("s")["id"]
    assert lab.record("t")["metrics"] == lab.record("r")["metrics"]


@pytest.mark.parametrize("code", ["cat big", "cat big; echo more >>big"])
def test_a_large_untracked_file_is_stored_with_the_run(lab: Lab, code: str) -> None:
    """Where a large file of the snapshot is as the new run has it, the worktree goes; where the command changed it, it stays."""
    lab.write("gitxp.yaml", "snapshot:\n  max_file_size: 10 B\nlarge:\n  untracked: true\n")
    lab.commit("what is large")
    lab.write("big", "more than ten bytes\n")
    begin(lab, *as_shell(code))
    lab.write("big", "other bytes, now\n")
    done = again(lab)
    assert done.stdout == b"more than ten bytes\n", done.stderr
    is_changed = "more" in code
    assert os.path.lexists(f"{lab.top}-s") == is_changed, done.stderr
    assert ("stored with the run: big" in done.stderr) == is_changed
