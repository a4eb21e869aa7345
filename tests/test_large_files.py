"""Files over the limits, where gitxp.yaml wants them: in the LFS store, with a pointer in the run."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.git.large_files import find_pointers, smudge
from gitxp.git.lfs import find_store
from gitxp.git.program import Git as SealedGit
from gitxp.pointer import Pointer, encode_pointer
from gitxp.repo import Repo

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Git, Gitxp

needs_lfs = pytest.mark.skipif(not shutil.which("git-lfs"), reason="git-lfs is not installed")
CONFIG = """\
snapshot:
  max_file_size: 1 KiB
large:
  artifacts: true
  untracked: true
"""
SIZE = 51 * 1024 * 1024  # over the limit of artifacts
BIG = b"weights" * 10_000
POINTER = Pointer(hashlib.sha256(BIG).hexdigest(), len(BIG))
WRITES = f"with open('out.bin', 'wb') as file: file.write(bytes({SIZE}))"
WRITTEN = Pointer(hashlib.sha256(bytes(SIZE)).hexdigest(), SIZE)


@pytest.fixture
def project(repo: str) -> str:
    """A repository in which large files are wanted, with one that is untracked."""
    with open("gitxp.yaml", "w") as file:
        file.write(CONFIG)
    with open("weights.bin", "wb") as file:
        file.write(BIG)
    return repo


def record_of(git: Git, name: str) -> dict[str, Any]:
    """The record of a run's tip."""
    found: dict[str, Any] = json.loads(git("show", f"refs/experiments/{name}:.gitxp/run.json"))
    return found


def test_an_untracked_file(project: str, git: Git, gitxp: Gitxp) -> None:
    """It is a pointer at its path, its bytes are in the store, it is told, and restoring puts them back."""
    os.chmod("weights.bin", stat.S_IRWXU)
    answer = gitxp("run", "--name", "a", "true")
    assert "in the LFS store: weights.bin (68.4 KiB)" in answer.stderr
    assert "left out" not in answer.stderr
    record = record_of(git, "a")
    assert record["large"] == [{"path": "weights.bin", "size": len(BIG), "lfs_oid": POINTER.lfs_oid}]
    assert "skipped" not in record
    assert record["changes"]["untracked"] == 2
    sealed = SealedGit(project)
    assert find_pointers(sealed, "refs/experiments/a") == {"weights.bin": POINTER}
    store = find_store(sealed, os.path.join(project, ".git"))
    assert store.is_whole(POINTER)
    git("worktree", "add", "-q", "--detach", "../restored", "refs/experiments/a")
    assert smudge(store, "../restored", {"weights.bin": POINTER}) == []
    with open("../restored/weights.bin", "rb") as file:
        assert file.read() == BIG
    assert os.access("../restored/weights.bin", os.X_OK)
    git("worktree", "remove", "--force", "../restored")


def test_nothing_of_it_by_default(repo: str, git: Git, gitxp: Gitxp) -> None:
    """Without the configuration, large files are left out and listed, and there is no store."""
    with open("gitxp.yaml", "w") as file:
        file.write("snapshot: {max_file_size: 1 KiB}\n")
    with open("weights.bin", "wb") as file:
        file.write(BIG)
    gitxp("run", "--name", "a", "--out", "out.bin", "python", "-c", WRITES)
    record = record_of(git, "a")
    assert [item["path"] for item in record["skipped"]] == ["weights.bin"]
    assert [item["stored"] for item in record["outputs"] if item["path"] == "out.bin"] == [False]
    assert not os.path.exists(os.path.join(repo, ".git", "lfs"))


def test_what_did_not_change_is_not_read_again(project: str, git: Git, gitxp: Gitxp) -> None:
    """The second run takes the pointer from its memory; a file with other bytes has another; lost content comes again."""
    os.utime("weights.bin", (1_000_000_000, 1_000_000_000))
    gitxp("run", "--name", "a", "true")
    cache = os.path.join(project, ".git", "gitxp", "cache", "large.json")
    about = os.stat("weights.bin")
    oid = "b" * 64
    facts = [about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino, oid]
    store = find_store(SealedGit(project), os.path.join(project, ".git"))
    os.makedirs(os.path.dirname(store.path(oid)))
    os.link(store.path(POINTER.oid), store.path(oid))
    with open(cache, "w") as file:
        json.dump({"weights.bin": facts}, file)
    gitxp("run", "--name", "b", "true")
    assert record_of(git, "b")["large"][0]["lfs_oid"] == f"sha256:{oid}"  # it was not read
    os.unlink(store.path(oid))
    gitxp("run", "--name", "c", "true")
    assert record_of(git, "c")["large"][0]["lfs_oid"] == POINTER.lfs_oid
    with open("weights.bin", "r+b") as file:
        file.write(b"W")
    gitxp("run", "--name", "d", "true")
    assert record_of(git, "d")["large"][0]["lfs_oid"] != POINTER.lfs_oid


def test_what_is_left_out_all_the_same(project: str, git: Git, gitxp: Gitxp) -> None:
    """Secrets, excluded files, files with a filter of their own, and what is over the whole room, are not stored."""
    with open("gitxp.yaml", "w") as file:
        file.write(CONFIG.replace("large:", "  exclude: ['*.ckpt']\nlarge:\n  max_total_size: 100000"))
    with open(".gitattributes", "w") as file:
        file.write("crypt.* filter=git-crypt\n")
    for name in (".env", "a.ckpt", "crypt.bin", "weights.more.bin"):
        with open(name, "wb") as file:
            file.write(BIG + name.encode())
    gitxp("run", "--name", "a", "true")
    record = record_of(git, "a")
    assert [item["path"] for item in record["large"]] == ["weights.bin"]
    assert {item["path"]: item["reason"] for item in record["skipped"]} == {
        ".env": "likely to hold secrets",
        "a.ckpt": "excluded in gitxp.yaml",
        "crypt.bin": "larger than 1 KiB, and git has a filter for it",
        "weights.more.bin": "more than 97.66 KiB of large files",
    }
    found = [name for _, _, names in os.walk(os.path.join(project, ".git", "lfs")) for name in names]
    assert found == [POINTER.oid]


def test_a_named_artifact(project: str, git: Git, gitxp: Gitxp) -> None:
    """What --out names and is over the limit is stored, as a pointer; the record has its digests."""
    gitxp("run", "--name", "a", "--out", "out.bin", "python", "-c", WRITES)
    entry = next(item for item in record_of(git, "a")["outputs"] if item["path"] == "out.bin")
    assert (entry["stored"], entry["lfs_oid"], entry["size"]) == (True, WRITTEN.lfs_oid, SIZE)
    assert len(entry["xxh3_128"]) == 32
    sealed = SealedGit(project)
    assert find_pointers(sealed, "refs/experiments/a", ".gitxp") == {".gitxp/artifacts/out.bin": WRITTEN}
    assert find_store(sealed, os.path.join(project, ".git")).is_whole(WRITTEN)
    assert "LFS" in gitxp("show", "a").stdout


@pytest.mark.usefixtures("project")
def test_what_a_program_hands_in(git: Git, gitxp: Gitxp) -> None:
    """A large file that was logged is stored as it was; one that changed since is not, and it is said."""
    code = f"import gitxp, os\n{WRITES}\nos.utime('out.bin', (1, 1))\ngitxp.log_artifact('out.bin', name='kept')\n"
    gitxp("run", "--name", "a", "python", "-c", code)
    outputs = [item for item in record_of(git, "a")["outputs"] if item.get("source") == "api"]
    assert [(item["stored"], item["lfs_oid"]) for item in outputs] == [(True, WRITTEN.lfs_oid)]
    later = f"import gitxp, os\n{WRITES}\ngitxp.log_artifact('out.bin')\nos.utime('out.bin', (9e9, 9e9))\n"
    answer = gitxp("run", "--name", "b", "python", "-c", later)
    outputs = [item for item in record_of(git, "b")["outputs"] if item.get("source") == "api"]
    assert [item["stored"] for item in outputs] == [False]
    assert "it changed since" in answer.stderr


@needs_lfs
@pytest.mark.usefixtures("project")
def test_a_plain_push_uploads(git: Git, gitxp: Gitxp, tmp_path: Path) -> None:
    """With git-lfs's hook, `git push` of a run brings its large objects along; a colleague's `git lfs fetch` has them."""
    git("lfs", "install", "--local")
    git("init", "-q", "--bare", tmp_path / "remote.git")
    git("remote", "add", "origin", f"file://{tmp_path}/remote.git")
    gitxp("run", "--name", "a", "--out", "out.bin", "python", "-c", WRITES)
    git("push", "-q", "origin", "refs/experiments/a")
    remote = find_store(SealedGit(str(tmp_path / "remote.git")), str(tmp_path / "remote.git"))
    assert remote.is_whole(POINTER)
    assert remote.is_whole(WRITTEN)
    git("clone", "-q", f"file://{tmp_path}/remote.git", tmp_path / "second")
    second = str(tmp_path / "second")
    git("fetch", "-q", "--no-prune", "origin", "refs/experiments/*:refs/experiments/*", cwd=second)
    git("lfs", "fetch", "origin", "refs/experiments/a", cwd=second)
    store = find_store(SealedGit(second), os.path.join(second, ".git"))
    assert store.is_whole(POINTER)
    assert store.is_whole(WRITTEN)


@needs_lfs
@pytest.mark.usefixtures("project")
def test_a_plain_checkout(git: Git, gitxp: Gitxp) -> None:
    """A checkout has the bytes where the path has git-lfs's attribute, and else the pointer's text."""
    git("lfs", "install", "--local")
    with open("plain.dat", "wb") as file:
        file.write(BIG)
    with open(".gitattributes", "w") as file:
        file.write("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    gitxp("run", "--name", "a", "true")
    git("worktree", "add", "-q", "--detach", "../restored", "refs/experiments/a")
    with open("../restored/weights.bin", "rb") as file:
        assert file.read() == BIG
    with open("../restored/plain.dat", "rb") as file:
        assert file.read().startswith(b"version https://git-lfs")
    assert git("status", "--short", cwd="../restored") == ""
    git("worktree", "remove", "--force", "../restored")


def test_cat_gives_the_bytes(project: str, gitxp: Gitxp) -> None:
    """`gitxp cat` writes what was on disk, with --stored the pointer; where the bytes are gone, it says how to get them."""
    assert gitxp("run", "--name", "a", "true").returncode == 0
    with open(os.path.join(project, "weights.bin"), "wb") as file:
        file.write(b"others")
    with Repo(project) as repo:
        assert b"".join(repo.cat(repo.get("a"), "weights.bin")) == BIG
        assert b"".join(repo.cat(repo.get("a"), "weights.bin", stored=True)) == encode_pointer(POINTER)
    oid = POINTER.oid
    os.unlink(os.path.join(project, ".git", "lfs", "objects", oid[:2], oid[2:4], oid))
    answer = gitxp("cat", "a", "weights.bin", check=False)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "The content of weights.bin is not here" in answer.stderr


@pytest.mark.usefixtures("project")
def test_artifacts_that_are_not_here(gitxp: Gitxp) -> None:
    """`gitxp artifacts` tells of a large one whether its content is here."""
    gitxp("run", "--name", "a", "--out", "out.bin", "--", "python", "-c", WRITES)
    assert "not here" not in gitxp("artifacts", "a").stdout
    assert json.loads(gitxp("artifacts", "a", "--json").stdout)[0]["here"] is True
    gitxp("gc", "--keep", "0", "--artifacts-only")
    assert "its content is not here" in gitxp("artifacts", "a").stdout
    assert json.loads(gitxp("artifacts", "a", "--json").stdout)[0]["here"] is False
