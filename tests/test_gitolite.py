"""A host with rules for names of refs: gitolite, where it is installed, called as its ssh server would call it."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from states import Lab, as_shell, make

if TYPE_CHECKING:
    from pathlib import Path

SHELL = "/usr/share/gitolite3/gitolite-shell"
RULES = {
    "open": "RW = bob",
    "heads": "RW+ refs/heads/ = bob",
    "both": "RW+ refs/heads/ = bob\n    RW refs/experiments/ = bob",
    "all": "RW+ = bob",
    "delete": "RWD = bob",
    "readers": "RW+ = ada\n    R = bob",
}
pytestmark = pytest.mark.skipif(
    not (shutil.which("gitolite") and os.access(SHELL, os.X_OK)), reason="there is no gitolite"
)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A repository with a run `r`, and a host that it can reach as `bob`, with a repository for each of the rules."""
    host = tmp_path / "host"
    host.mkdir()
    environ = {**os.environ, "HOME": str(host), "USER": "git"}
    subprocess.run(["gitolite", "setup", "-a", "ada"], env=environ, check=True, capture_output=True)
    rules = "\n".join(f"repo {name}\n    {rule}" for name, rule in RULES.items())
    (host / ".gitolite" / "conf" / "gitolite.conf").write_text(f"{rules}\n", encoding="ascii")
    subprocess.run(["gitolite", "compile"], env=environ, check=True, capture_output=True)
    lab = make(str(tmp_path / "repo"))
    client = f'#!/bin/sh\nHOME="{host}" USER=git SSH_CONNECTION=x SSH_ORIGINAL_COMMAND="$2" exec {SHELL} bob\n'
    lab.write("../ssh", client, 0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", lab.path("../ssh"))
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
    lab.run("run", "--name", "r", "--", *as_shell("true"))
    return lab


def reach(lab: Lab, name: str) -> None:
    """Let origin be this repository of the host."""
    lab.git("remote", "remove", "origin", check=False)
    lab.git("remote", "add", "origin", f"host:{name}")


@pytest.mark.parametrize("name", ["open", "both", "all", "delete"])
def test_rules_that_let_runs_in(name: str, lab: Lab) -> None:
    """Who may write to the repository, or to refs/experiments/, pushes and pulls runs."""
    reach(lab, name)
    done = lab.run("push")
    assert done.status == 0, done.stderr
    other = make(lab.path(f"../{name}"))
    reach(other, name)
    assert other.run("pull").status == 0
    assert other.names() == ["r"]
    removed = lab.run("rm", "r", "--remote", "origin", "--keep", "--yes")
    may_delete = name in {"all", "delete"}
    assert removed.status == (0 if may_delete else 1)
    assert ("Hint: You need the right to delete refs/experiments/* in origin." in removed.stderr) is not may_delete


def test_rules_for_branches_alone(lab: Lab) -> None:
    """A run that the rules keep out is named, with the host's words, and what would help; branches still go."""
    reach(lab, "heads")
    lab.git("push", "-q", "origin", "HEAD")
    done = lab.run("push")
    assert done.status == 1
    assert "FATAL: W refs/experiments/r heads bob DENIED by fallthru" in done.stderr
    assert "r was refused by origin: [remote rejected] (hook declined)\nHint: Runs need a host that" in done.stderr


def test_who_may_only_read(lab: Lab) -> None:
    """The host's own words are the error's, the hint leads to them, and doctor says the same without a push."""
    reach(lab, "readers")
    done = lab.run("push")
    assert done.status == 10
    assert "Error: git push failed: FATAL: W any readers bob DENIED by fallthru." in done.stderr
    assert "git push --dry-run origin" in done.stderr
    assert lab.run("pull").status == 0
    said = " ".join(lab.run("doctor", "--remote", "origin").stdout.decode().split())  # it is in lines of some width
    assert "origin cannot be pushed to. git push failed: FATAL: W any readers bob DENIED" in said
