from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pygit2
import pytest

from conftest import DATES, ROOT, find_repositories, fsck

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from conftest import Git

# What the inner pytest checks: each line would come out otherwise if something of the outer environment got in.
PROBE = """
import locale, os, subprocess, sys, time, pygit2, pytest

def test_inside(repo, git):
    assert os.environ["HOME"] != {home!r}
    assert git("config", "user.name") == "Tester"
    assert git("config", "--get", "poison.well", check=False) == ""
    assert git("rev-parse", "--show-toplevel") == os.path.realpath(repo)
    assert git("rev-parse", "HEAD") == {head!r}
    assert git("log", "-1", "--format=%an %ae %ci") == "Tester tester@example.com 2026-01-02 03:04:05 +0000"
    config = pygit2.Config.get_global_config()
    assert config["user.name"] == "Tester"
    for find in (pygit2.Config.get_system_config, pygit2.Config.get_xdg_config):
        with pytest.raises(OSError):
            find()
    assert "poison.well" not in pygit2.Repository(repo).config
    assert time.timezone == 0
    open("file", "w").close()
    os.mkdir("folder")
    assert oct(os.stat("file").st_mode & 0o777) == "0o644"
    assert subprocess.check_output(["python", "-c", "import sys; print(sys.prefix)"], text=True).strip() == sys.prefix
    outer = {{name for name, value in os.environ.items() if "poison" in value.lower()}}
    assert outer == set(), outer
    assert not [name for name in os.environ if name.startswith(("GIT_AUTHOR", "GITXP", "LC_N", "NO_COLOR", "PYTHONW"))]
"""


def test_nothing_of_the_outer_environment_gets_in(tmp_path: Path, repo: str, git: Git) -> None:
    """Neither the outer HOME, XDG, system configuration, GIT_*, locale, time zone, umask nor PYTHON* reaches a test."""
    home = tmp_path / "poisoned home"
    config = "[user]\n\tname = Poison\n\temail = poison@example.com\n[poison]\n\twell = yes\n[init]\n\tdefaultBranch = poison\n"
    for name in (".gitconfig", ".config/git/config", "system"):
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(config)
    tests = tmp_path / "inner"
    tests.mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", tests)
    head = git("rev-parse", "HEAD", cwd=repo)
    (tests / "test_inside.py").write_text(PROBE.format(home=str(home), head=head))
    environ = {
        **os.environ,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "GIT_CONFIG_GLOBAL": str(home / "system"),
        "GIT_CONFIG_SYSTEM": str(home / "system"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "poison.well",
        "GIT_CONFIG_VALUE_0": "poison",
        "GIT_DIR": str(home / "poison.git"),
        "GIT_WORK_TREE": str(home),
        "GIT_INDEX_FILE": str(home / "poison.index"),
        "GIT_OBJECT_DIRECTORY": str(home / "poison.objects"),
        "GIT_AUTHOR_NAME": "Poison",
        "GIT_COMMITTER_EMAIL": "poison@example.com",
        "GIT_EDITOR": "poison",
        "EMAIL": "poison@example.com",
        "LC_ALL": "tr_TR.poison",
        "LC_NUMERIC": "de_DE.poison",
        "TZ": "Asia/Kathmandu",
        "TERM": "poison-256color",
        "COLUMNS": "17",
        "NO_COLOR": "poison",
        "PAGER": "poison",
        "EDITOR": "poison",
        "GITXP_HOME": "poison",
        "PYTHONWARNINGS": "error",
        "PYTHONHASHSEED": "17",
        "PYTHONPATH": str(ROOT),
    }
    del environ["GIT_CONFIG_NOSYSTEM"]
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"--rootdir={tests}"]
    command = [sys.executable, "-m", "pytest", *options]
    answer = subprocess.run(
        command, check=False, cwd=tests, env=environ, umask=0o077, capture_output=True, text=True, timeout=120
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "1 passed" in answer.stdout


def test_a_fixture_repository_has_the_same_commit_in_every_test(repo: str, git: Git) -> None:
    """The id of the first commit depends on nothing of this machine."""
    tree = git("write-tree", cwd=repo)
    commit = git("commit-tree", tree, "-m", "First", env=DATES)
    assert git("rev-parse", "HEAD") == commit == pygit2.Repository(repo).head.target


def test_no_repository_is_found_above_the_temporary_folders(tmp_path: Path, git: Git) -> None:
    """A test without a repository has none, wherever the temporary folder lies."""
    assert git("rev-parse", "--git-dir", cwd=tmp_path, check=False) == ""


@pytest.mark.parametrize("turn", [1, 2])
def test_what_one_test_changes_is_back_in_the_next(turn: int, seal: Path) -> None:
    """HOME holds the one file that the seal wrote; variables, umask and folder end with the test that set them."""
    assert os.listdir(seal) == [".gitconfig"]
    assert "LEFT_BEHIND" not in os.environ
    assert time.timezone == 0
    assert os.umask(0o077) == 0o022
    assert os.getcwd() != str(seal)
    os.environ["LEFT_BEHIND"] = str(turn)
    os.environ["TZ"] = "Asia/Kathmandu"
    time.tzset()
    os.chdir(seal)


def _change_mode(git: Git) -> None:
    del git
    os.chmod("train.py", stat.S_IRWXU)


def _touch(git: Git) -> None:
    del git
    os.utime("train.py", ns=(1, 1))


def _write(git: Git) -> None:
    del git
    with open("new", "w") as file:
        file.write("new")


def _rewrite_keeping_time(git: Git) -> None:
    del git
    status = os.stat("train.py")
    with open("train.py", "w") as file:
        file.write("changed")
    os.utime("train.py", ns=(status.st_atime_ns, status.st_mtime_ns))


def _refresh_index(git: Git) -> None:
    os.utime("train.py", ns=(1, 1))
    git("update-index", "--refresh")
    os.utime("train.py", ns=(2, 2))


CHANGES: dict[str, Callable[[Git], object]] = {
    "mode": _change_mode,
    "time": _touch,
    "file": _write,
    "bytes": _rewrite_keeping_time,
    "index": _refresh_index,
    "branch": lambda git: git("branch", "other"),
    "tag": lambda git: git("tag", "one"),
    "head": lambda git: git("checkout", "--quiet", "--detach"),
    "commit": lambda git: git("commit", "--quiet", "--allow-empty", "--message=Second"),
    "reflog": lambda git: git("reflog", "expire", "--expire=now", "--all"),
    "config": lambda git: git("config", "some.key", "value"),
    "stash": lambda git: git("update-ref", "refs/stash", "HEAD"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_untouched_sees_each_kind_of_change(
    change: str, repo: str, git: Git, untouched: Callable[[], AbstractContextManager[None]]
) -> None:
    """The guard fails for every single thing that it guards."""
    del repo
    with pytest.raises(AssertionError), untouched():
        CHANGES[change](git)


def test_untouched_lets_our_own_refs_and_folder_pass(
    repo: str, git: Git, untouched: Callable[..., AbstractContextManager[None]]
) -> None:
    """Objects, refs/experiments, refs/gitxp with their reflogs, .git/gitxp, and files named in `but` may change."""
    with untouched(but=("out.txt",)):
        git("-c", "core.logAllRefUpdates=always", "update-ref", "refs/experiments/a", "HEAD")
        git("-c", "core.logAllRefUpdates=always", "update-ref", "refs/gitxp/trash/a", "HEAD")
        git("hash-object", "-w", "--stdin", input="new")
        git("pack-refs", "--all")
        os.makedirs(".git/gitxp/live/a")
        with open("out.txt", "w") as file:
            file.write(repo)


@pytest.mark.damaged
def test_the_referee_finds_damage(repo: str, git: Git, tmp_path: Path) -> None:
    """A missing object in any repository below tmp_path is found, a bare one and a linked worktree's too."""
    git("clone", "--quiet", "--bare", repo, tmp_path / "bare.git")
    git("worktree", "add", "--quiet", tmp_path / "linked")
    found = sorted(find_repositories(tmp_path))
    assert found == [str(tmp_path / "bare.git"), os.path.join(repo, ".git")]
    assert [fsck(path).returncode for path in found] == [0, 0]
    blob = git("rev-parse", "HEAD:train.py")
    os.unlink(os.path.join(repo, ".git", "objects", blob[:2], blob[2:]))
    assert fsck(found[1]).returncode != 0
