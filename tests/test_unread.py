"""A damaged part of a run costs what it would have told, and nothing else; what is missing is said."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from run_factory import Factory, encode

if TYPE_CHECKING:
    from conftest import Git, Gitxp

pytestmark = pytest.mark.damaged
ENVIRONMENT = encode({"packages": {"numpy": "1"}, "python": {"version": "3.12"}})
DAMAGES: dict[str, bytes] = {"no JSON": b"{", "a list": b"[1]", "not UTF-8": b"\xff", "escapes": b'"\x1b[2J"'}


def summary(last: float) -> dict[str, Any]:
    """A metric of one point."""
    return {"last": last, "min": last, "max": last, "count": 1, "step": 0}


def make(factory: Factory, name: str, lr: float, environment: bytes = ENVIRONMENT, **keys: Any) -> str:
    """A run that differs from another in parameters, metrics, code and, where it says so, data."""
    files = {".gitxp/environment.json": environment, "train.py": f"lr = {lr}\n"}
    return factory.make(name, params={"lr": lr}, metrics={"loss": summary(lr)}, files=files, **keys)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("first", [True, False])
def test_a_damaged_environment(repo: str, gitxp: Gitxp, damage: str, first: bool) -> None:
    """Whichever of the two it is: the rest is compared, the warning names the part and the run, and the status is 9."""
    factory = Factory(repo)
    make(factory, "a", 1, DAMAGES[damage] if first else ENVIRONMENT)
    make(factory, "b", 2, ENVIRONMENT if first else DAMAGES[damage])
    bad = "a" if first else "b"
    for command in ("diff", "why"):
        answer = gitxp(command, "a", "b", check=False)
        assert answer.returncode == 9
        assert all(word in answer.stdout for word in ("lr", "loss", "train.py"))
        assert "numpy" not in answer.stdout
        warning, hint = answer.stderr.splitlines()
        assert warning.startswith(f"Warning: The environment of {bad} cannot be read. ")
        assert hint.endswith("gitxp doctor")
        assert warning.isprintable()
        told = json.loads(gitxp(command, "a", "b", "--json", check=False).stdout)
        (problem,) = told["problems"]
        assert (problem["run"], problem["part"]) == (bad, "environment")
        assert (
            f"Warning: The environment of {bad} cannot be read. {problem['reason']}" == warning or damage == "escapes"
        )
        assert told["metrics"] == {"loss": [1, 2]}


def test_what_is_not_asked_for_is_no_problem(repo: str, gitxp: Gitxp) -> None:
    """Sections that lack nothing have status 0, and say nothing of the others; equal ones are not said to be all equal."""
    factory = Factory(repo)
    make(factory, "a", 1)
    make(factory, "b", 2, b"{")
    answer = gitxp("diff", "a", "b", "--params", "--metrics", "--json")
    assert (answer.stderr, set(json.loads(answer.stdout))) == ("", {"params", "metrics"})
    assert gitxp("diff", "a", "b", "--code").stderr == ""
    answer = gitxp("diff", "a", "b", "--env", check=False)
    assert (answer.returncode, answer.stdout) == (
        9,
        "No differences that can be read between a and b in environment.\n",
    )
    answer = gitxp("compare", "a", "b", "--params")
    assert "lr" in answer.stdout
    assert answer.stderr == ""


def test_a_damaged_record(repo: str, gitxp: Gitxp) -> None:
    """Of a run whose record cannot be read, code and environment are compared; its parameters are not said to be gone."""
    factory = Factory(repo)
    make(factory, "a", 1)
    factory.make(
        "b", raw=b"{", files={"train.py": "x\n", ".gitxp/environment.json": ENVIRONMENT.replace(b'"1"', b'"2"')}
    )
    for command in ("diff", "why"):
        answer = gitxp(command, "a", "b", check=False)
        assert answer.returncode == 9
        assert "Warning: The record of b cannot be read. Its record cannot be read: " in answer.stderr
        assert "numpy" in answer.stdout
        assert "train.py" in answer.stdout
        assert "loss" not in answer.stdout
    assert gitxp("diff", "a", "b", "--env").returncode == 0
    told = json.loads(gitxp("diff", "a", "b", "--json", check=False).stdout)
    assert (told["params"], told["problems"][0]["part"]) == ({}, "record")


def test_a_missing_list_of_files(repo: str, git: Git, gitxp: Gitxp) -> None:
    """A manifest that is not in the repository costs the files of that folder, and not that its content differs."""
    factory = Factory(repo)
    manifest = b"00000000000000000000000000000001  a\n"
    entry = {"path": "data", "kind": "folder", "size": 1, "files": 1, "manifest": True}
    for number, name in enumerate("ab"):
        make_with = {"data": [{**entry, "xxh3_128": f"{number:032x}"}]}
        factory.make(name, files={".gitxp/data/data.txt": manifest + str(number).encode()}, **make_with)
    blob = git("rev-parse", "refs/experiments/b:.gitxp/data/data.txt")
    path = os.path.join(repo, ".git", "objects", blob[:2], blob[2:])
    os.unlink(path)
    answer = gitxp("diff", "a", "b", "--data", check=False)
    assert answer.returncode == 9
    assert "Warning: The data of b cannot be read. The list of the files in data: " in answer.stderr
    assert "data" in answer.stdout


def test_among_many_a_damaged_run_is_a_gap(repo: str, gitxp: Gitxp) -> None:
    """`gitxp compare` shows the others, with status 0, unless none can be read."""
    factory = Factory(repo)
    make(factory, "a", 1)
    make(factory, "b", 2)
    make(factory, "c", 3, b"[1]")
    factory.make("d", raw=b"{")
    factory.make("e", raw=b"{")
    answer = gitxp("compare", "a", "b", "c", "d")
    said = answer.stderr.splitlines()
    assert [line.split(" cannot")[0] for line in said[:2]] == [
        "Warning: The record of d",
        "Warning: The environment of c",
    ]
    assert said[2:] == ["Hint: All else is shown. What is damaged, and what can be done: gitxp doctor"]
    told = json.loads(gitxp("compare", "--where", "started > '2000-01-01'", "--json").stdout)
    assert [(one["run"], one["part"]) for one in told["problems"]] == [("c", "environment")]
    told = json.loads(gitxp("compare", "a", "d", "b", "--json").stdout)
    assert told["params"]["lr"] == [1, None, 2]
    assert [one["part"] for one in told["problems"]] == ["record"]
    assert gitxp("compare", "d", "e", check=False).returncode == 9


def test_a_damaged_series_has_no_curve(repo: str, gitxp: Gitxp) -> None:
    """`gitxp compare` says so where it would draw it; in JSON, which has no curves, nothing lacks."""
    factory = Factory(repo)
    for name, lines in (("a", "0\t1\t2\n1\t2\t3\n"), ("b", "0\t1\tno\n1\t2\t3\n"), ("c", "0\t1\t2\n1\t2\t4\n")):
        many = {"loss": {**summary(len(name) + len(lines)), "count": 2}}
        factory.make(name, metrics=many, files={".gitxp/metrics/loss.tsv": lines})
    answer = gitxp("compare", "a", "b", "c")
    assert "Warning: The series of b cannot be read. loss: " in answer.stderr
    assert "loss" in answer.stdout
    assert gitxp("compare", "a", "b", "c", "--json").stderr == ""
    assert "Warning" not in gitxp("compare", "a", "b", "c", "--params").stderr


def test_doctor_knows_of_it(repo: str, gitxp: Gitxp) -> None:
    """The command that the hint names finds what is damaged."""
    factory = Factory(repo)
    make(factory, "a", 1, b"[1]")
    findings = json.loads(gitxp("doctor", "--json", check=False).stdout)
    assert [one for one in findings if "a" in one["what"].split() and "environment" in one["what"]]
