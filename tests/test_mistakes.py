from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from states import AS_ANYONE, Finished, Lab, make, portrait, prepared

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with one commit and two runs."""
    lab = make(str(tmp_path / "repo"))
    for name in ("calm-otter", "calm-owl"):
        assert lab.run("run", "--name", name, "--", "true").status == 0
    return lab


def _is_refused(done: Finished, status: int, sentence: str = "", *, hint: bool = True) -> None:
    """One `Error:` sentence, a `Hint:` with the next step, this exit status, nothing on stdout, no traceback."""
    assert done.status == status, done.stderr
    assert done.stdout == b""
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, done.stderr
    assert re.search(sentence, errors[0]), errors[0]
    assert not hint or re.search(r"^Hint: ", done.stderr, re.MULTILINE), done.stderr


@pytest.mark.parametrize("args", [(), ("--name", "x"), ("--",), ("--name", "x", "--")])
def test_no_command(args: tuple[str, ...], lab: Lab) -> None:
    """`gitxp run` without a command is a usage error that shows how it is used."""
    done = lab.run("run", *args)
    _is_refused(done, 2)
    assert lab.names() == ["calm-otter", "calm-owl"]


@pytest.mark.parametrize(
    "args",
    [("--nmae", "x", "true"), ("--name",), ("--param", "novalue", "--", "true"), ("--param", "=1", "--", "true")],
)
def test_options_that_make_no_sense(args: tuple[str, ...], lab: Lab) -> None:
    """An unknown or incomplete option is a usage error; the command is not started."""
    done = lab.run("run", *args)
    _is_refused(done, 2)
    assert len(lab.names()) == 2


@pytest.mark.parametrize(
    "name",
    ["", "-x", ".x", "a b", "a/b", "a..b", "x.lock", "a~1", "@", "@x", "x.", "\u00fc", "a\nb", "n" * 101, "HEAD^"],
)
def test_an_illegal_name(name: str, lab: Lab) -> None:
    """A name that no ref may have is refused before anything is done."""
    done = lab.run("run", f"--name={name}", "--", "touch", "../started")
    _is_refused(done, 125, "name")
    assert not os.path.exists(lab.path("../started"))
    assert len(lab.names()) == 2
    assert lab.live() == []


@pytest.mark.parametrize("name", ["calm-otter", "Calm-Otter", "CALM-OTTER"])
def test_a_taken_name(name: str, lab: Lab) -> None:
    """A name that a run has, or one that differs by case alone, is refused; the run that has it stays as it is."""
    lab.git("pack-refs", "--all")
    tip = lab.say("rev-parse", "refs/experiments/calm-otter")
    done = lab.run("run", "--name", name, "--", "touch", "../started")
    _is_refused(done, 125, "calm-otter")
    assert not os.path.exists(lab.path("../started"))
    assert lab.say("rev-parse", "refs/experiments/calm-otter") == tip
    assert lab.names() == ["calm-otter", "calm-owl"]
    assert lab.live() == []


def test_the_name_of_a_run_that_runs_is_taken(lab: Lab) -> None:
    """A run has its name from its first moment."""
    process = lab.start("run", "--name", "busy", "--", "sh", "-c", "echo on; read x", stdin=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    _is_refused(lab.run("run", "--name", "busy", "--", "true"), 125, "busy")
    _is_refused(lab.run("run", "--name", "BUSY", "--", "true"), 125, "busy")
    process.communicate(b"go\n", timeout=60)
    assert process.returncode == 0


@pytest.mark.parametrize("command", ["show", "logs"])
def test_an_unknown_run(command: str, lab: Lab) -> None:
    """A name that no run has: 4, and the nearest names."""
    done = lab.run(command, "calm-ottr")
    _is_refused(done, 4, "calm-ottr")
    assert "calm-otter" in done.stderr


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("run", "python train.py --lr 1"), "without quotes around it: gitxp run python train.py --lr 1"),
        (("run", "python train.py"), "without quotes around it: gitxp run python train.py"),
        (("run", "make && ./x"), "gitxp run sh -c 'make && ./x'"),
        (("run", "train.py"), "gitxp run ./train.py"),
        (("run", "plain.py"), "gitxp run python plain.py"),
        (("ls",), "'gitxp list'"),
        (("help",), "'gitxp --help'"),
        (("lst",), "'gitxp list'"),
    ],
)
def test_what_was_meant(words: tuple[str, ...], hint: str, lab: Lab) -> None:
    """A command in quotes, and what other programs call a command, are told as they are written here."""
    lab.write("plain.py", "1\n")
    assert hint in lab.run(*words).stderr
    assert lab.names() == ["calm-otter", "calm-owl"]


@pytest.mark.parametrize("command", [("compare",), ("tree",), ("plot", "loss"), ("export",), ("show",)])
def test_an_expression_in_place_of_a_run(command: tuple[str, ...], lab: Lab) -> None:
    """An expression where names are wanted is no unknown name: it is told where expressions go."""
    done = lab.run(*command, "loss < 0.5")
    _is_refused(done, 4, "loss < 0.5")
    assert "--where" in done.stderr


def test_list_takes_what_the_others_take(lab: Lab) -> None:
    """`--where` and `--archived` mean the same in each command that has them; given twice, an expression is refused."""
    asked = 'name == "calm-owl"'
    assert lab.run("list", "--where", asked, "--csv").stdout == lab.run("list", asked, "--csv").stdout
    _is_refused(lab.run("list", "--where", asked, asked), 2, "given twice")
    for command in (("list",), ("tree",), ("export",), ("plot", "started", "--against", "duration")):
        assert "No such option" not in str(lab.run(*command, "--archived").stderr)


@pytest.mark.parametrize("command", [("show", "calm"), ("logs", "calm-o"), ("diff", "calm-otter", "calm-o")])
def test_an_ambiguous_beginning(command: tuple[str, ...], lab: Lab) -> None:
    """A beginning that several runs have: 5, and which they are."""
    done = lab.run(*command)
    _is_refused(done, 5)
    assert "calm-otter" in done.stderr
    assert "calm-owl" in done.stderr


@pytest.mark.parametrize(
    "text", ["@~7", "@~x", "", "-", "..", "HEAD", "refs/heads/main", "*", "calm-otter\x1b[2J", "x\u202e"]
)
def test_texts_that_are_no_run(text: str, lab: Lab) -> None:
    """Whatever is given for a run is looked up and never taken for an option, a pattern or a path."""
    done = lab.run("show", "--", text)
    _is_refused(done, 4)
    assert "\x1b" not in done.stderr
    assert "\u202e" not in done.stderr


def test_without_any_run(tmp_path: Path) -> None:
    """The first `gitxp list` says how to make the first run; asking for one is an error with the same hint."""
    lab = make(str(tmp_path / "repo"))
    done = lab.run("list")
    assert done.status == 0
    assert "gitxp run" in done.stderr + done.stdout.decode()
    done = lab.run("list", "--json")
    assert json.loads(done.stdout) == []
    done = lab.run("show", "@")
    _is_refused(done, 4)
    assert "gitxp run" in done.stderr


@pytest.mark.parametrize("command", [("run", "true"), ("list",), ("show", "x"), ("logs", "x"), ("diff", "a", "b")])
def test_outside_of_a_repository(command: tuple[str, ...], tmp_path: Path) -> None:
    """No repository here: 3 (`run`: 125), and what to do."""
    lab = Lab(str(tmp_path))
    done = lab.run(*command)
    _is_refused(done, 125 if command[0] == "run" else 3, "repository")
    assert "git init" in done.stderr
    assert os.listdir(lab.top) == []


def test_in_a_bare_repository(tmp_path: Path) -> None:
    """There is no working tree to record: 125, in so many words."""
    lab = Lab(str(tmp_path / "bare.git"))
    os.mkdir(lab.top)
    lab.git("init", "-q", "--bare")
    before = portrait(lab)
    done = lab.run("run", "--", "touch", "started")
    _is_refused(done, 125, "bare|working tree")
    assert portrait(lab) == before


def test_inside_of_the_git_folder(lab: Lab) -> None:
    """Below `.git` there is no working tree either."""
    done = lab.run("run", "--", "touch", "../started", cwd=".git/refs")
    _is_refused(done, 125, "working tree|bare")
    assert not os.path.exists(lab.path(".git/started"))


def test_a_repository_of_somebody_else(lab: Lab) -> None:
    """Git's own refusal (`safe.directory`) is honoured, and passed on with its remedy."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a repository to somebody else")
    os.chown(lab.top, 12345, 12345)
    os.chown(lab.path(".git"), 12345, 12345)
    for command, status in ((("run", "--", "true"), 125), (("list",), 3), (("show", "calm-otter"), 3)):
        if lab.git("rev-parse", "--git-dir", check=False):
            pytest.skip("this git, older than 2.34.3, refuses nobody's repository")
        done = lab.run(*command)
        _is_refused(done, status)
        assert "safe.directory" in done.stderr
    os.chown(lab.top, 0, 0)
    os.chown(lab.path(".git"), 0, 0)


def test_without_git(lab: Lab, tmp_path: Path) -> None:
    """No git on the PATH: one sentence that says so, and where it is had."""
    os.mkdir(str(tmp_path / "empty"))
    for command in (("run", "--", "/bin/true"), ("list",), ("show", "calm-otter")):
        done = lab.run(*command, env={"PATH": str(tmp_path / "empty")})
        _is_refused(done, 125 if command[0] == "run" else 1, "git")
        assert "PATH" in done.stderr


def test_a_git_that_is_broken(lab: Lab, tmp_path: Path) -> None:
    """A git that fails at everything fails the run before it begins, in its own words."""
    fake = str(tmp_path / "bin")
    os.mkdir(fake)
    Lab(fake).write("git", "#!/bin/sh\necho 'fatal: the disk is on fire' >&2\nexit 128\n", 0o755)
    done = lab.run("run", "--", "touch", "../started", env={"PATH": fake + os.pathsep + os.environ["PATH"]})
    _is_refused(done, 125, "on fire", hint=False)
    assert not os.path.exists(lab.path("../started"))


def test_a_current_folder_that_is_gone(lab: Lab) -> None:
    """Standing in a folder that was removed is no reason for a traceback."""
    os.mkdir(lab.path("doomed"))
    script = 'rmdir ../doomed; exec "$@"'
    command = [sys.executable, "-P", "-m", "gitxp"]
    for words, status in ((["run", "--", "true"], 125), (["list"], 3)):
        os.makedirs(lab.path("doomed"), exist_ok=True)
        done = subprocess.run(
            ["sh", "-c", script, "sh", *command, *words], cwd=lab.path("doomed"), capture_output=True, check=False
        )
        assert done.returncode == status, done.stderr
        assert b"Traceback" not in done.stderr
        assert b"Error: " in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "snapshot: [",
        "snapshot:\n  max_file_siz: 3\n",
        "snapshot:\n  max_files: many\n",
        "snapshot: 3\n",
        "- a\n- b\n",
        "unknown: 1\n",
        "\x00\x01",
        b"snapshot: \xff\xfe".decode("latin-1"),
        "snapshot:\n  max_file_size: -1\n",
        "a: &a [*a]\n",
        "data: a\ndata: b\n",
        "data:\n\t- a\n",
        "data: !!bool maybe\nlist: &a [*a]\n",
        "[" * 5000,
        "#" * (1 << 20) + "\n",
        "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{c}: &{c} [{f'*{chr(ord(c) - 1)},' * 9}]\n" for c in "bcdefghi"),
    ],
)
def test_a_configuration_that_cannot_be_read(text: str, lab: Lab) -> None:
    """gitxp.yaml with a mistake in it stops a run before it begins, and says where the mistake is."""
    lab.write("gitxp.yaml", text.encode("latin-1"))
    done = lab.run("run", "--", "touch", "../started")
    _is_refused(done, 125, r"gitxp\.yaml")
    assert not os.path.exists(lab.path("../started"))
    assert lab.live() == []
    assert lab.run("show", "calm-otter", "--json").status in {0, 8}


def test_an_empty_configuration(lab: Lab) -> None:
    """An empty gitxp.yaml, or one of comments alone, says nothing and is right."""
    for text in ("", "# nothing yet\n", "---\n"):
        lab.write("gitxp.yaml", text)
        assert lab.run("run", "--", "true").status == 0


def test_a_configuration_that_is_a_folder(lab: Lab) -> None:
    """gitxp.yaml as a folder or a link to nowhere is not silently taken for none."""
    os.mkdir(lab.path("gitxp.yaml"))
    _is_refused(lab.run("run", "--", "true"), 125, r"gitxp\.yaml cannot be read: it is a folder\.$")
    os.rmdir(lab.path("gitxp.yaml"))
    os.symlink("nowhere", lab.path("gitxp.yaml"))
    _is_refused(
        lab.run("run", "--", "true"), 125, r"gitxp\.yaml is a link to nowhere, .*: No such file or directory\.$"
    )
    assert lab.names() == ["calm-otter", "calm-owl"]


def test_a_broken_file_of_the_command(lab: Lab) -> None:
    """A configuration file of the user's that gitxp cannot read, whatever is in it, is told and stops no run."""
    broken = {
        "bool.yaml": b"a: !!bool maybe\nb: [",
        "twice.yaml": b"lr: 1\nlr: 2\n",
        "deep.json": b'{"a":' * 100_000,
        "bytes.toml": b"a = '\xff'",
        "tab.yml": b"a:\n\tb: 1\n",
    }
    for name, content in broken.items():
        lab.write(name, content)
    done = lab.run("run", "--name", "r", "--", "true", *broken, "--n", "1")
    assert done.status == 0, done.stderr
    assert all(name in done.stderr for name in broken)
    assert "Traceback" not in done.stderr
    assert lab.record("r")["params"] == {"lr": 2, "n": 1}


# What writes to the repository, and the exit status where that cannot be.
UNWRITABLE = {
    "tag calm-owl +good": 10,
    "note calm-owl hello": 10,
    "rm calm-owl": 10,
    "gc": 10,
    "archive-refs calm-owl": 10,
    "branch calm-owl new": 10,
    "restore calm-owl --here": 10,
    "restore calm-owl --to ../there": 1,
    "reproduce calm-owl": 1,
    "rerun calm-owl": 125,
    "push ../hub.git": 1,
    "pull ../full.git": 10,
}


def test_a_repository_that_is_read_only(lab: Lab) -> None:
    """Where nothing can be written no run begins; what is there can still be read, and its files written elsewhere.

    What would write says so, and what to do.
    """
    lab.git("init", "-q", "--bare", "../hub.git")
    lab.git("clone", "-q", "--mirror", ".", "../full.git")
    lab.git("update-ref", "-d", "refs/experiments/calm-otter", cwd="../full.git")
    lab.git("update-ref", "refs/experiments/new", "refs/experiments/calm-owl", cwd="../full.git")

    def modes(add: int, take: int) -> None:
        for folder, folders, files in os.walk(lab.path(".git")):
            for name in [".", *folders, *files]:
                path = os.path.join(folder, name)
                os.chmod(path, os.stat(path).st_mode & ~take | add)

    modes(0, 0o222)
    try:
        done = lab.run("run", "--name", "r", "--", "touch", "../started", prepare=AS_ANYONE)
        _is_refused(done, 125)
        assert not os.path.exists(lab.path("../started"))
        done = lab.run("list", "--json", prepare=AS_ANYONE)
        assert done.status == 0, done.stderr
        assert len(json.loads(done.stdout)) == 2
        assert lab.run("show", "calm-otter", prepare=AS_ANYONE).status == 0
        done = lab.run("restore", "calm-otter", "--plain", "--to", "../plain", prepare=AS_ANYONE)
        assert done.status == 0, done.stderr
        for words, status in UNWRITABLE.items():
            done = lab.run(*words.split(), prepare=AS_ANYONE)
            _is_refused(done, status, "cannot (be written|write) to")
            assert "work in a clone" in done.stderr
        names = lab.say("ls-tree", "--name-only", "refs/experiments/calm-otter").split()
        assert sorted(os.listdir(lab.path("../plain"))) == sorted(name for name in names if name != ".gitxp")
    finally:
        modes(0o200, 0)


def _plant(lab: Lab, name: str, record: bytes) -> None:
    """A run whose record is this, made by plain git on top of a good one."""
    blob = lab.say("hash-object", "-w", "--stdin", data=record)
    inner = lab.say("mktree", data=f"100644 blob {blob}\trun.json\n".encode())
    tree = lab.say("mktree", data=f"040000 tree {inner}\t.gitxp\n".encode())
    commit = lab.say("commit-tree", "-m", "planted", tree)
    lab.git("update-ref", f"refs/experiments/{name}", commit)


def test_a_newer_format(lab: Lab) -> None:
    """A run of a newer gitxp is one row that says so; asking for it is 9, with both versions and what to upgrade."""
    newer = {**lab.record("calm-owl"), "format": 7, "name": "future"}
    _plant(lab, "future", json.dumps(newer).encode())
    done = lab.run("list", "--json")
    runs = {run["name"]: run for run in json.loads(done.stdout)}
    assert runs["calm-owl"]["status"] == "completed"
    assert runs["future"]["status"] == "unreadable"
    assert "future" in lab.run("list").stdout.decode()
    done = lab.run("show", "future")
    _is_refused(done, 9, r"\b7\b.*\b1\b")
    assert "pgrade" in done.stderr


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"format": 1}',
        b'{"format": "1"}',
        b'{"format": true}',
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"format": 1e999}',
    ],
)
def test_a_damaged_record(record: bytes, lab: Lab) -> None:
    """One bad record is one bad row, and hides no other run."""
    _plant(lab, "damaged", record)
    done = lab.run("list", "--json")
    assert done.status == 0, done.stderr
    runs = {run["name"]: run for run in json.loads(done.stdout)}
    assert runs.keys() == {"calm-otter", "calm-owl", "damaged"}
    assert runs["damaged"]["status"] == "unreadable"
    assert runs["damaged"]["problem"]
    assert lab.run("list").status == 0
    _is_refused(lab.run("show", "damaged"), 9)
    assert lab.run("run", "--name", "next", "--", "true").status == 0


def test_refs_that_are_no_runs(lab: Lab) -> None:
    """A ref below refs/experiments that is a blob, a tag, a tree or a commit of no run stops nothing."""
    lab.git("update-ref", "refs/experiments/blob", lab.say("rev-parse", "HEAD:README.md"))
    lab.git("update-ref", "refs/experiments/tree", lab.say("rev-parse", "HEAD^{tree}"))
    lab.git("update-ref", "refs/experiments/commit", lab.say("rev-parse", "HEAD"))
    lab.git("update-ref", "refs/experiments/a/b", lab.say("rev-parse", "HEAD"))
    lab.git("tag", "-am", "a tag", "t")
    lab.git("update-ref", "refs/experiments/tag", lab.say("rev-parse", "t"))
    done = lab.run("list", "--json")
    assert done.status == 0, done.stderr
    runs = {run["name"]: run["status"] for run in json.loads(done.stdout)}
    assert runs["calm-otter"] == runs["calm-owl"] == "completed"
    assert set(runs.values()) <= {"completed", "unreadable"}
    assert lab.run("run", "--name", "next", "--", "true").status == 0
    for name in ("blob", "tree", "commit", "tag"):
        assert lab.run("show", name).status in {4, 9}


@pytest.mark.damaged
def test_an_object_that_is_missing(lab: Lab) -> None:
    """A run of which objects are gone is one bad row."""
    blob = lab.say("rev-parse", "refs/experiments/calm-owl:.gitxp/run.json")
    path = lab.path(f".git/objects/{blob[:2]}/{blob[2:]}")
    assert os.path.exists(path)
    os.unlink(path)
    shutil.rmtree(lab.path(".git/gitxp"), ignore_errors=True)
    done = lab.run("list", "--json")
    assert done.status == 0, done.stderr
    runs = {run["name"]: run["status"] for run in json.loads(done.stdout)}
    assert runs == {"calm-otter": "completed", "calm-owl": "unreadable"}


@pytest.mark.damaged
def test_an_index_that_is_damaged(lab: Lab) -> None:
    """Git cannot read its own index: no run begins, in git's words, and the index is left for git to mend."""
    lab.write(".git/index", b"DIRC\0\0\0\2 damaged")
    before = lab.read(".git/index")
    done = lab.run("run", "--", "touch", "../started")
    _is_refused(done, 125, "index", hint=False)
    assert not os.path.exists(lab.path("../started"))
    assert lab.read(".git/index") == before
    assert lab.live() == []


def test_the_index_of_runs_may_be_damaged_or_removed(lab: Lab) -> None:
    """The cache of records is a cache: without it, or with rubbish in its place, the list is the same."""
    before = json.loads(lab.run("list", "--json").stdout)
    cache = lab.path(".git/gitxp/index.sqlite")
    lab.write(".git/gitxp/index.sqlite", os.urandom(5000))
    assert json.loads(lab.run("list", "--json").stdout) == before
    for name in os.listdir(os.path.dirname(cache)):
        if name.startswith("index.sqlite"):
            os.unlink(os.path.join(os.path.dirname(cache), name))
    os.mkdir(cache)
    assert json.loads(lab.run("list", "--json").stdout) == before


def test_a_user_lock_on_the_index_is_no_obstacle(lab: Lab) -> None:
    """While the user's git commit waits for its editor, the index is locked: a run begins all the same."""
    lab.write(".git/index.lock", b"")
    done = lab.run("run", "--name", "r", "--", "true")
    assert done.status == 0, done.stderr
    assert os.path.exists(lab.path(".git/index.lock"))


@pytest.mark.parametrize(
    "words", [("frobnicate",), ("lst",), ("--frobnicate",), ("list", "--frob"), ("cat",), ("diff", "a"), ("-n",)]
)
def test_words_that_are_no_command(words: tuple[str, ...], lab: Lab) -> None:
    """An unknown command or option, or too few words: 2, in the same style."""
    done = lab.run(*words)
    assert done.status == 2
    assert done.stdout == b""
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr


def test_tools_that_start_gitxp_with_odd_environments(lab: Lab) -> None:
    """Without HOME, TERM, LANG, PATH's usual parts or a locale a run is a run."""
    env = {key: os.environ[key] for key in ("PATH", "PYTHONPATH", "GIT_CONFIG_NOSYSTEM") if key in os.environ}
    command = prepared(f"os.environ.clear(); os.environ.update({env!r})", [sys.executable, "-P", "-m", "gitxp"])
    done = subprocess.run([*command, "run", "--name", "r", "--", "true"], cwd=lab.top, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("option", ["--data", "--out", "--metrics-from", "--tag", "--group"])
def test_an_empty_value(option: str, lab: Lab) -> None:
    """`--data "$DATA"` with DATA not set is a mistake, and not the current folder."""
    done = lab.run("run", option, "", "--", "touch", "started")
    _is_refused(done, 2)
    assert option in done.stderr
    assert not os.path.exists(lab.path("started"))
    assert lab.names() == ["calm-otter", "calm-owl"]


def test_data_that_is_not_there(lab: Lab) -> None:
    """A slip of the pen in `--data` is told when there is still time to press Ctrl-C."""
    done = lab.run("run", "--name", "r", "--data", "typo", "--", "true")
    assert done.status == 0
    assert "typo" in done.stderr
    assert lab.record("r")["data"] == [{"path": "typo", "kind": "missing"}]


def test_metrics_that_are_not_there(lab: Lab) -> None:
    """A source of metrics that gives none is told, and shown later."""
    lab.write("../code.py", "open('m.json', 'w').write('{\"a\": \"x\"}')\n")
    done = lab.run(
        "run", "--name", "r", "--metrics-from", "stdout", "--metrics-from", "m.json", "--", sys.executable, "../code.py"
    )
    assert "on stdout" in done.stderr
    assert "m.json" in done.stderr
    assert len(lab.record("r")["problems"]) == 2
    assert "m.json" in lab.run("show", "r").stdout.decode()


def test_columns_of_the_configuration(lab: Lab) -> None:
    """`list.columns` in gitxp.yaml is as good as `--columns`, and its mistakes are told as well."""
    lab.run("run", "--name", "r", "--", "true")
    lab.write("gitxp.yaml", "list:\n  columns: [name, status]\n")
    assert lab.run("list").stdout.decode().split("\n")[0].split() == ["name", "status"]
    assert "duration" in lab.run("list", "--columns", "duration").stdout.decode()
    lab.write("gitxp.yaml", "list:\n  columns: [nope]\n")
    _is_refused(lab.run("list"), 2)


def test_a_run_without_a_snapshot_is_no_clean_run(lab: Lab) -> None:
    """What is not known of a `--no-snapshot` run is not shown as if it were: in show, list and diff."""
    lab.write("new.py", "x = 1\n")
    lab.run("run", "--name", "bare", "--no-snapshot", "--", "true")
    lab.run("run", "--name", "full", "--", "true")
    assert "not recorded" in lab.run("show", "bare").stdout.decode()
    assert any(line.split()[:2] == ["bare", "?"] for line in lab.run("list").stdout.decode().splitlines())
    assert "bare has no snapshot" in lab.run("diff", "bare", "full").stderr


def test_notes_are_not_lost(lab: Lab) -> None:
    """Of two `--note`s both are kept, as `git commit -m` does."""
    lab.run("run", "--name", "r", "--note", "one", "--note", "two", "--", "true")
    assert lab.record("r")["note"] == "one\n\ntwo"


def test_a_run_by_a_revision(lab: Lab) -> None:
    """What git calls a commit of a run, `gitxp show` takes for the run; another commit is none."""
    lab.run("run", "--name", "r", "--", "true")
    for text in ("experiments/r~1", "refs/experiments/r^", "r"):
        assert lab.run("show", text).stdout.startswith(b"r  completed")
    _is_refused(lab.run("show", "HEAD"), 4)
