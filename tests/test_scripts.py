from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from conftest import Git

SHELL_SCRIPTS = ("scripts/bench", "scripts/check", "scripts/demo", "scripts/test", "scripts/venv", ".ci/run")
# What a script needs before it has found a Python.
BARE = ("sh", "cat", "dirname", "git", "paste", "sed")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the scripts, with nothing set up."""
    top = tmp_path / "checkout"
    shutil.copytree(ROOT / "scripts", top / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", top)
    return top


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A folder for PATH, with a handful of programs and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in BARE:
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return folder


def write_program(path: Path, text: str) -> None:
    """Make an executable shell script."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def start(script: str, checkout: Path, path: Path, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """The exit status of a script with that PATH, and what it says."""
    answer = subprocess.run(
        [checkout / script],
        cwd=path,
        env={"PATH": str(path), "HOME": os.environ["HOME"], **(env or {})},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return answer.returncode, answer.stdout + answer.stderr


@pytest.mark.parametrize("script", SHELL_SCRIPTS)
def test_a_script_is_executable_and_the_shell_can_read_it(script: str) -> None:
    """Each script starts by its name, and its shell finds no mistake in it."""
    path = ROOT / script
    assert os.access(path, os.X_OK)
    shell = "bash" if "bash" in path.read_text("utf-8").split("\n")[0] else "sh"
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell} here")
    answer = subprocess.run([shell, "-n", path], check=False, capture_output=True, text=True)
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize("script", ["scripts/test", "scripts/check", "scripts/demo", "scripts/bench"])
def test_without_a_new_python_one_sentence_says_what_to_install(script: str, checkout: Path, bare_path: Path) -> None:
    """Python 3.10, or none, ends the script with status 1 and a hint, and nothing is made."""
    for text in (None, "exit 1"):
        if text:
            write_program(bare_path / "python3", text)
        status, said = start(script, checkout, bare_path)
        assert status == 1
        assert said.startswith("Error: gitxp needs Python 3.11 or newer, and none is on the PATH.\nHint: Install it")
    assert [name for name in os.listdir(checkout) if name.startswith(".venv")] == []


def test_the_python_that_was_asked_for_is_the_one_that_counts(checkout: Path, bare_path: Path) -> None:
    """PYTHON=… that is too old or not there is said, and no other is taken in its place."""
    status, said = start("scripts/test", checkout, bare_path, {"PYTHON": "python3.2"})
    assert (status, said.split("\n")[0]) == (1, "Error: PYTHON=python3.2 does not run Python 3.11 or newer.")


def test_a_python_without_venv_is_told_apart(checkout: Path, bare_path: Path) -> None:
    """Debian's Python without python3-venv: the package to install is named."""
    write_program(bare_path / "python3", 'case "$2" in *ensurepip*) exit 1 ;; esac')
    status, said = start("scripts/test", checkout, bare_path)
    assert (status, said.split("\n")[1]) == (1, "Hint: Debian and Ubuntu keep that apart: apt install python3-venv")


@pytest.mark.parametrize("script", ["scripts/test", "scripts/demo"])
def test_without_git_one_sentence_says_what_to_install(script: str, checkout: Path, bare_path: Path) -> None:
    """No git on the PATH is said before anything is made."""
    (bare_path / "git").unlink()
    status, said = start(script, checkout, bare_path)
    assert (status, said.split("\n")[0]) == (1, "Error: git is not on the PATH.")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("see {home}/notes.txt", True),
        ("cd {checkout}/gitxp", True),
        ("path = '/ho" + "me/ada/x'", True),
        ("~/notes.txt, https://example.com/ho" + "me/page, lib/python", False),
    ],
)
def test_a_path_of_a_machine_in_a_tracked_file_is_found(
    line: str, found: bool, checkout: Path, bare_path: Path, git: Git
) -> None:
    """scripts/check names the line that has a home folder or this checkout in it, and fails; others pass."""
    (checkout / "file.md").write_text(line.format(home=os.environ["HOME"], checkout=checkout) + "\n")
    git("init", "--quiet", cwd=checkout)
    git("add", "file.md", cwd=checkout)
    # A virtual environment whose tools find nothing to say, so that the status is that of the one check.
    tools = checkout / "tools" / "bin"
    tools.mkdir(parents=True)
    for name in ("ruff", "mypy", "python"):
        write_program(tools / name, "exit 0")
    write_program(checkout / "scripts" / "venv", f"echo {checkout}/tools")
    status, said = start("scripts/check", checkout, bare_path)
    assert (status, "file.md:1:" in said) == (int(found), found)
