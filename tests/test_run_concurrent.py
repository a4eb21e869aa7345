from __future__ import annotations

import errno
import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from states import Lab, as_shell, difference, make, referee

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with one commit, one edit and two new files."""
    lab = make(str(tmp_path / "repo"))
    lab.write("src/model.py", "layers = 8\n")
    lab.write("new.py", "x = 1\n")
    lab.write("more/new.py", "y = 1\n")
    return lab


def test_fifty_runs_at_once(lab: Lab) -> None:
    """Fifty runs that start together in one repository are fifty complete runs, each with its own output."""
    wanted = referee(lab)
    processes = [
        lab.start("run", "--param", f"n={number}", "--", *as_shell(f"echo out {number}; exit {number % 3}"))
        for number in range(50)
    ]
    for number, process in enumerate(processes):
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out) == (number % 3, f"out {number}\n".encode()), err
    names = lab.names()
    assert len(names) == 50
    records = [lab.record(name) for name in names]
    assert sorted(record["params"]["n"] for record in records) == list(range(50))
    assert len({record["id"] for record in records}) == 50
    for name, record in zip(names, records, strict=True):
        number = record["params"]["n"]
        assert record["exit_code"] == number % 3
        assert lab.output(name) == f"out {number}\n".encode()
        assert difference(lab.tree(f"refs/experiments/{name}"), wanted) == {}
        assert len(lab.commits(name)) == 2
    assert lab.live() == []
    assert len(json.loads(lab.run("list", "--json").stdout)) == 50
    leftovers = [name for _, _, files in os.walk(lab.path(".git")) for name in files if name.endswith(".lock")]
    assert leftovers == []


def test_one_name_for_many(lab: Lab) -> None:
    """Of many who want one name at once exactly one gets it; the others start nothing and say why."""
    processes = [lab.start("run", "--name", "wanted", "--", *as_shell(f"touch ../ran-{number}")) for number in range(8)]
    ends = []
    for process in processes:
        _, err = process.communicate(timeout=120)
        ends.append(process.returncode)
        assert process.returncode == 0 or b"Error: " in err
    assert sorted(ends) == [0] + [125] * 7
    assert len([name for name in os.listdir(lab.path("..")) if name.startswith("ran-")]) == 1
    assert lab.names() == ["wanted"]
    assert len(lab.commits("wanted")) == 2
    assert lab.live() == []


def test_names_that_differ_by_case_at_once(lab: Lab) -> None:
    """On no file system may two names differ by case alone, not even when both come at once."""
    processes = [lab.start("run", "--name", name, "--", "true") for name in ("Model", "model", "MODEL", "mOdel")]
    ends = [process.wait(120) for process in processes]
    for process in processes:
        process.communicate()
    assert sorted(ends) == [0, 125, 125, 125]
    assert len(lab.names()) == 1


def test_runs_while_the_user_works(lab: Lab) -> None:
    """The user's own git (add, commit, gc, switch) and runs at the same time do not stand in each other's way."""
    busy = subprocess.Popen(
        [
            "sh",
            "-ec",
            "for n in 1 2 3 4 5 6 7 8; do echo $n > busy; git add busy; git commit -qm $n; git pack-refs --all; done",
        ],
        cwd=lab.top,
        stderr=subprocess.PIPE,
    )
    processes = [lab.start("run", "--name", f"r{number}", "--", "true") for number in range(6)]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    _, err = busy.communicate(timeout=120)
    assert busy.returncode == 0, err
    assert len(lab.names()) == 6
    for name in lab.names():
        record = lab.record(name)
        assert lab.parents(lab.commits(name)[-1]) == [record["base"]]


def test_runs_of_two_worktrees_at_once(lab: Lab) -> None:
    """Each worktree's runs have that worktree's files."""
    lab.git("worktree", "add", "-q", "../other", "-b", "side")
    other = Lab(lab.path("../other"))
    other.write("README.md", "of the other\n")
    pairs = [(lab, f"mine{n}") for n in range(4)] + [(other, f"other{n}") for n in range(4)]
    processes = [where.start("run", "--name", name, "--", "true") for where, name in pairs]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    for where, name in pairs:
        wanted = b"of the other\n" if where is other else b"# a project\n"
        assert lab.blob(f"refs/experiments/{name}", "README.md") == wanted
        assert lab.record(name)["branch"] == ("side" if where is other else "main")


def test_reading_while_runs_come_and_go(lab: Lab) -> None:
    """`gitxp list` at any moment of others' runs is a list."""
    processes = [lab.start("run", "--", *as_shell("echo x")) for _ in range(8)]
    readers = [lab.start("list", "--json") for _ in range(6)]
    for reader in readers:
        out, err = reader.communicate(timeout=120)
        assert reader.returncode == 0, err
        assert all(run["status"] in {"running", "completed"} for run in json.loads(out))
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert {run["status"] for run in json.loads(lab.run("list", "--json").stdout)} == {"completed"}


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks(number: int, lab: Lab) -> None:
    """Where flock is refused nothing is run, that is said, and reading goes on, with others' running runs left alone."""
    code = f"import fcntl\ndef flock(*_): raise OSError({number}, 'no locks')\nfcntl.flock = flock\n"
    lab.write("../without/sitecustomize.py", code)
    env = {"PYTHONPATH": os.pathsep.join(filter(None, [lab.path("../without"), os.environ.get("PYTHONPATH")]))}
    done = lab.run("run", "--name", "r", "--", *as_shell("echo ran"), env=env)
    assert (done.status, done.stdout) == (125, b"")
    assert "gitxp cannot lock a file in" in done.stderr
    assert "Lustre" in done.stderr
    assert lab.names() == lab.live() == []
    elsewhere = lab.start("run", "--name", "r", "--", *as_shell("echo ready; read line"), stdin=subprocess.PIPE)
    assert elsewhere.stdout is not None
    assert elsewhere.stdout.readline() == b"ready\n"
    answer = lab.run("list", "--json", env=env)
    assert [run["status"] for run in json.loads(answer.stdout)] == ["running"], answer.stderr
    elsewhere.communicate(b"\n", timeout=60)
    assert lab.record("r")["status"] == "completed"
