"""Large files from one clone to another: pushed to a storage, pulled, restored, run again."""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from clones import Clone, Clones
from terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Gitxp

YAML = "snapshot: {max_file_size: 1 KiB}\nlarge: {artifacts: true, untracked: true}\nstorage: ../storage\n"
BIG = bytes(range(256)) * 40


@pytest.fixture
def clones(tmp_path: Path) -> Iterator[Clones]:
    """A hub, and clones of it."""
    made = Clones(tmp_path / "clones")
    yield made
    made.close()


@pytest.fixture
def pair(clones: Clones, gitxp: Gitxp) -> tuple[Clone, Clone]:
    """Two clones; in the first is a run with a large untracked file, which was pushed."""
    ada = clones.clone("ada")
    (ada.path / "gitxp.yaml").write_text(YAML)
    ada.git("add", "--all")
    ada.git("commit", "--quiet", "--message=Configure")
    ada.git("push", "--quiet", "origin", "HEAD:main")
    (ada.path / "data").mkdir()
    (ada.path / "data" / "big.bin").write_bytes(BIG)
    gitxp("run", "--name", "run", "--", "sh", "-c", "wc -c <data/big.bin", cwd=ada.path)
    refused = gitxp("push", cwd=ada.path, check=False)
    assert refused.returncode == 2
    assert "1 large file (10.0 KiB), with ../storage" in refused.stderr
    assert "--trust-storage" in refused.stderr
    assert "run" not in ada.refs("refs/gitxp/remotes/origin/")
    assert stored(clones) == []
    pushed = gitxp("push", "--trust-storage", cwd=ada.path)
    assert "1 large file (10.0 KiB), with ../storage" in pushed.stderr
    return ada, clones.clone("bob")


def stored(clones: Clones) -> list[str]:
    """The files in the storage."""
    top = clones.folder / "storage"
    return [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names]


def test_a_large_file_comes_back(clones: Clones, pair: tuple[Clone, Clone], gitxp: Gitxp) -> None:
    """What was pushed to the storage is brought by pull --large, restored byte for byte, and untracked as it was."""
    ada, bob = pair
    assert [os.path.getsize(path) for path in stored(clones)] == [len(BIG)]
    gitxp("pull", cwd=bob.path)
    without = gitxp("restore", "run", "--to", "../without", cwd=bob.path)
    assert "data/big.bin is a pointer, without its content" in without.stderr
    assert (clones.folder / "without" / "data" / "big.bin").read_bytes().startswith(b"version https://git-lfs")
    shown = gitxp("show", "run", cwd=bob.path).stdout
    assert re.search(r"Large files\n +data/big\.bin +10\.0 KiB +LFS [0-9a-f]{10}, not here\n", shown), shown
    assert "  gitxp pull --large run  " in shown
    refused = gitxp("pull", "--large", "run", cwd=bob.path, check=False)
    assert refused.returncode == 2
    assert "--trust-storage" in refused.stderr
    answer = json.loads(gitxp("pull", "--large", "--json", "--trust-storage", "run", cwd=bob.path).stdout)
    assert answer["created"] == []
    shown = gitxp("show", "run", cwd=bob.path).stdout
    assert re.search(r"Large files\n +data/big\.bin +10\.0 KiB +LFS [0-9a-f]{10}, here\n", shown), shown
    assert "pull --large" not in shown
    (large,) = json.loads(gitxp("show", "run", "--json", cwd=bob.path).stdout)["large"]
    assert large["here"] is True
    gitxp("restore", "run", "--to", "../again", cwd=bob.path)
    again = clones.folder / "again"
    assert (again / "data" / "big.bin").read_bytes() == BIG
    assert bob.git("-C", str(again), "status", "--short", "--untracked-files=all") == "?? data/big.bin"
    rerun = gitxp("rerun", "run", "--trust", "--name", "more", cwd=bob.path)
    assert f"{len(BIG)}" in rerun.stdout
    assert bob.git("show", "experiments/more:data/big.bin") == ada.git("show", "experiments/run:data/big.bin")


def test_a_push_copies_once(clones: Clones, pair: tuple[Clone, Clone], gitxp: Gitxp) -> None:
    """What the remote's runs have already is not copied again, and a dry run copies nothing."""
    ada, _ = pair
    gitxp("tag", "run", "+good", cwd=ada.path)
    assert "large file" not in gitxp("push", cwd=ada.path).stderr
    (ada.path / "data" / "more.bin").write_bytes(BIG[::-1])
    gitxp("run", "--name", "second", "true", cwd=ada.path)
    gitxp("push", "--dry-run", cwd=ada.path)
    assert len(stored(clones)) == 1
    large = json.loads(gitxp("push", "--json", cwd=ada.path).stdout)["large"]
    assert (large["address"], large["copied"], large["failed"]) == ("../storage", 1, [])
    assert len(stored(clones)) == 2


def test_what_cannot_be_copied_is_told(clones: Clones, pair: tuple[Clone, Clone], gitxp: Gitxp) -> None:
    """A large file that is not here is named, the exit status is 1, and the runs go all the same."""
    ada, _ = pair
    (ada.path / "data" / "more.bin").write_bytes(BIG[::-1])
    gitxp("run", "--name", "second", "true", cwd=ada.path)
    for folder, _, names in os.walk(ada.path / ".git" / "lfs"):
        for name in names:
            os.unlink(os.path.join(folder, name))
    answer = gitxp("push", cwd=ada.path, check=False)
    assert answer.returncode == 1
    assert "was not copied" in answer.stderr
    assert "second" in clones.refs


def test_a_named_run_is_copied_again(clones: Clones, pair: tuple[Clone, Clone], gitxp: Gitxp) -> None:
    """What the storage lost is brought by a push of the run by its name; what it damaged is told by those who fetch."""
    ada, bob = pair
    (path,) = stored(clones)
    os.truncate(path, 5)
    refused = gitxp("pull", "--large", "--trust-storage", cwd=bob.path, check=False)
    assert refused.returncode == 1
    assert "has other bytes in the storage" in refused.stderr
    assert "everything" in gitxp("push", cwd=ada.path).stderr
    assert os.path.getsize(path) == 5
    assert "1 large file copied" in gitxp("push", "origin", "run", cwd=ada.path).stderr
    assert "1 large file copied" in gitxp("pull", "--large", "run", cwd=bob.path).stderr


def test_a_damaged_large_file_is_brought_anew(pair: tuple[Clone, Clone], gitxp: Gitxp) -> None:
    """Pull --large looks at the bytes of what is here, moves what is damaged aside, and brings it again."""
    _, bob = pair
    gitxp("pull", "--large", "--trust-storage", cwd=bob.path)
    top = bob.path / ".git" / "lfs"
    (found,) = (path for path in (top / "objects").rglob("*") if path.is_file())
    found.chmod(0o600)
    found.write_bytes(BIG[::-1])
    assert "1 large file copied" in gitxp("pull", "--large", "run", cwd=bob.path).stderr
    assert (found.read_bytes(), (top / "bad" / found.name).read_bytes()) == (BIG, BIG[::-1])
    assert "copied" not in gitxp("pull", "--large", "run", cwd=bob.path).stderr


def test_without_a_storage_and_git_lfs(clones: Clones, gitxp: Gitxp, tmp_path: Path) -> None:
    """Pull --large brings the runs, and says that there is nothing that large files could come from."""
    ada = clones.clone("ada")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(shutil.which("git") or "")
    answer = gitxp("pull", "--large", cwd=ada.path, check=False, env={"PATH": str(tmp_path / "bin")})
    assert answer.returncode == 2
    assert answer.stderr.startswith(
        "Nothing new in origin.\nError: Large files did not come: gitxp.yaml names no storage"
    )


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_storage_that_was_never_used_from_here(
    clones: Clones, pair: tuple[Clone, Clone], gitxp: Gitxp, answer: str
) -> None:
    """Where gitxp.yaml comes to name another storage, or its folder becomes a link, the user is asked again, once."""
    ada, _ = pair
    (ada.path / "data" / "more.bin").write_bytes(BIG[::-1])
    gitxp("run", "--name", "second", "true", cwd=ada.path)
    for name in ("elsewhere", "third"):
        (clones.folder / name).mkdir()
    os.symlink("../elsewhere", ada.path / "kept")
    (ada.path / "gitxp.yaml").write_text(YAML.replace("../storage", "kept"))
    with Terminal("push", cwd=str(ada.path)) as terminal:
        terminal.expect(rb"never used from here")
        assert os.listdir(clones.folder / "elsewhere") == []
        terminal.type(answer.encode() + b"\r")
        status = terminal.wait()
    assert (status == 0) == (answer == "y")
    assert bool(os.listdir(clones.folder / "elsewhere")) == (answer == "y")
    assert ("second" in ada.refs("refs/gitxp/remotes/origin/")) == (answer == "y")
    if answer == "y":
        gitxp("run", "--name", "third", "true", cwd=ada.path)
        assert gitxp("push", cwd=ada.path).returncode == 0
        (ada.path / "kept").unlink()
        os.symlink("../third", ada.path / "kept")
        (ada.path / "data" / "more.bin").write_bytes(BIG[1:])
        gitxp("run", "--name", "fourth", "true", cwd=ada.path)
        assert gitxp("push", cwd=ada.path, check=False).returncode == 2
        assert os.listdir(clones.folder / "third") == []


@pytest.mark.parametrize("address", ["ftp://host/x", "simplecache::s3://b/x", "s3://user:secret@b/x"])
def test_an_address_that_is_not_allowed(pair: tuple[Clone, Clone], gitxp: Gitxp, address: str) -> None:
    """A storage that gitxp.yaml may not name is an error before anything goes, without the password in it."""
    ada, _ = pair
    (ada.path / "data" / "more.bin").write_bytes(BIG[::-1])
    gitxp("run", "--name", "second", "true", cwd=ada.path)
    (ada.path / "gitxp.yaml").write_text(YAML.replace("../storage", address))
    answer = gitxp("push", cwd=ada.path, check=False)
    assert answer.returncode == 8
    assert "secret" not in answer.stderr
    assert "second" not in ada.refs("refs/gitxp/remotes/origin/")
