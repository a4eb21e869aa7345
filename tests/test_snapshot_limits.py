from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from states import Lab, Want, judge, make, portrait

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with one commit."""
    return make(str(tmp_path / "repo"))


def _configure(lab: Lab, text: str) -> None:
    lab.write("gitxp.yaml", text)
    lab.commit("configure")


def _run(lab: Lab, want: Want) -> str:
    before = portrait(lab)
    done = lab.run("run", "--name", "r", "--", "true")
    assert done.status == 0, done.stderr
    assert portrait(lab) == before
    judge(lab, "r", want)
    told = [path for path in want.left_out if path in done.stderr]
    assert len(told) == len(want.left_out) or f"{len(want.left_out) - len(told)} more" in done.stderr
    return done.stderr


def _sizes(lab: Lab) -> dict[str, int]:
    return {item["path"]: item.get("size") for item in lab.record("r").get("skipped", [])}


def test_a_file_over_the_limit_is_left_out(lab: Lab) -> None:
    """One byte over `max_file_size` is left out and told with its size; one that has the size itself is in."""
    _configure(lab, "snapshot:\n  max_file_size: 1000\n")
    lab.write("fits.bin", b"x" * 1000)
    lab.write("deep/over.bin", b"x" * 1001)
    _run(lab, Want(left_out={"deep/over.bin": "1000"}, content={"fits.bin": b"x" * 1000}, changes={"untracked": 1}))
    assert _sizes(lab) == {"deep/over.bin": 1001}


def test_sizes_may_have_units(lab: Lab) -> None:
    """`max_file_size: 2 KiB` is 2,048 bytes."""
    _configure(lab, "snapshot:\n  max_file_size: 2 KiB\n")
    lab.write("fits.bin", b"x" * 2048)
    lab.write("over.bin", b"x" * 2049)
    _run(lab, Want(left_out={"over.bin": "2 KiB"}, changes={"untracked": 1}))


def test_a_tracked_file_is_never_left_out(lab: Lab) -> None:
    """Limits and likely secrets are about what git does not know yet: what is tracked or staged goes in, edited or not."""
    _configure(lab, "snapshot:\n  max_file_size: 10\n  max_total_size: 10\n  max_files: 1\n")
    lab.write("big.bin", b"x" * 5000)
    lab.write(".env", "TOKEN=1\n")
    lab.write("key.pem", "-----BEGIN\n")
    lab.commit()
    lab.write("big.bin", b"y" * 6000)
    lab.write(".env", "TOKEN=2\n")
    lab.write("staged.key", "k" * 50)
    lab.git("add", "staged.key")
    want = {"big.bin": b"y" * 6000, ".env": b"TOKEN=2\n", "key.pem": b"-----BEGIN\n", "staged.key": b"k" * 50}
    _run(lab, Want(content=dict(want), changes={"modified": 2, "added": 1}))
    assert lab.record("r").get("skipped", []) == []


def test_the_total_of_untracked_files_is_limited(lab: Lab) -> None:
    """Over `max_total_size` some files are left out, each told; what is in keeps to the limit."""
    _configure(lab, "snapshot:\n  max_total_size: 10000\n")
    for number in range(8):
        lab.write(f"part{number}.bin", bytes([number]) * 3000)
    lab.write("module.py", "x = 1\n")
    done = lab.run("run", "--name", "r", "--", "true")
    assert done.status == 0, done.stderr
    out = _sizes(lab)
    assert len(out) == 5
    assert "module.py" not in out, "what is small is what is likely to be code"
    judge(lab, "r", Want(left_out=dict.fromkeys(out, "untracked files"), changes={"untracked": 4}))


def test_the_number_of_untracked_files_is_limited(lab: Lab) -> None:
    """Over `max_files` some are left out; files below the limit are in."""
    _configure(lab, "snapshot:\n  max_files: 5\n")
    for number in range(9):
        lab.write(f"many/{number}.txt", "x" * number)
    done = lab.run("run", "--name", "r", "--", "true")
    assert done.status == 0, done.stderr
    out = _sizes(lab)
    assert len(out) == 4
    judge(lab, "r", Want(left_out=dict.fromkeys(out, "untracked files"), changes={"untracked": 5}))


def test_thousands_of_omissions_are_summed_up(lab: Lab) -> None:
    """The record stays small, and so do gitxp's words, however many files were left out; none is left out silently."""
    _configure(lab, "snapshot:\n  max_files: 3\n")
    for number in range(3000):
        lab.write(f"data{number % 3}/{number % 7}/{number}.txt", "x\n")
    done = lab.run("run", "--name", "r", "--", "true")
    assert done.status == 0, done.stderr
    skipped = lab.record("r")["skipped"]
    assert sum(item.get("files", 1) for item in skipped) == 2997
    assert sum(item["size"] for item in skipped) == 2997 * 2
    assert len(lab.git("cat-file", "blob", "refs/experiments/r:.gitxp/run.json")) < 100_000
    assert len(done.stderr.splitlines()) < 50
    told = [int(count.replace(",", "")) for count in re.findall(r"([\d,]+) files:", done.stderr)]
    assert sum(told) == 2997


def test_ignored_files_do_not_count(lab: Lab) -> None:
    """What git ignores is neither in the snapshot nor an omission, however large."""
    _configure(lab, "snapshot:\n  max_file_size: 10\n  max_files: 1\n")
    lab.write("build/huge.bin", b"x" * 5000)
    lab.write("build/another.bin", b"x" * 5000)
    lab.write("one", "x\n")
    _run(lab, Want(changes={"untracked": 1}))


def test_a_link_to_a_large_file_is_a_link(lab: Lab) -> None:
    """The size of a link is the link's."""
    _configure(lab, "snapshot:\n  max_file_size: 100\n")
    lab.write("../elsewhere.bin", b"x" * 5000)
    os.symlink("../elsewhere.bin", lab.path("to-it"))
    _run(lab, Want(content={"to-it": b"../elsewhere.bin"}, changes={"untracked": 1}))


def test_a_sparse_file_is_not_read(lab: Lab) -> None:
    """A file of a terabyte on paper costs nothing: the size is looked at before a byte is hashed."""
    with open(lab.path("terabyte.bin"), "wb") as file:
        try:
            file.truncate(1 << 40)
        except OSError:
            pytest.skip("this file system holds no sparse file of a terabyte")
    before = lab.git("count-objects")
    done = lab.run("run", "--name", "r", "--", "true")
    assert done.status == 0, done.stderr
    assert _sizes(lab) == {"terabyte.bin": 1 << 40}
    assert "terabyte.bin" in done.stderr
    assert before != lab.git("count-objects")


SECRETS = (
    ".env",
    ".env.local",
    ".env.production",
    "deploy/.env",
    "id_rsa",
    "keys/id_ed25519",
    "server.pem",
    "private.key",
    "cert.p12",
    "credentials.json",
    "client_secret_123.json",
    "service-account.json",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".git-credentials",
    ".aws/config",
    ".ssh/config",
    "SERVER.PEM",
    ".ENV",
)
HARMLESS = (
    ".env.example",
    "environment.yml",
    "env.py",
    "id_rsa.pub",
    "keyboard.py",
    "monkey.txt",
    "tokenizer.json",
    "credentials.py",
    "secrets.md",
    "pem.txt",
)


def test_likely_secrets_are_left_out(lab: Lab) -> None:
    """Untracked files whose names say secret are in no object of the repository, and each is told."""
    for path in SECRETS:
        lab.write(path, f"secret of {path}\n")
    for path in HARMLESS:
        lab.write(path, f"{path}\n")
    _run(lab, Want(left_out=dict.fromkeys(SECRETS, "secret"), changes={"untracked": len(HARMLESS)}))
    for path in SECRETS:
        oid = lab.say("hash-object", "--no-filters", "--", path)
        assert lab.git("cat-file", "-t", oid, check=False) == b"", f"{path} was written to the repository"


def test_what_is_allowed_is_no_secret(lab: Lab) -> None:
    """`snapshot.allow` keeps what looks like a secret, `snapshot.secrets` adds to it, `snapshot.exclude` leaves out."""
    _configure(lab, "snapshot:\n  allow: ['*.pem']\n  secrets: ['*.private']\n  exclude: ['dumps/*']\n")
    lab.write("public.pem", "p\n")
    lab.write("my.private", "p\n")
    lab.write("dumps/1.bin", "p\n")
    want = {"my.private": "secret", "dumps/1.bin": "excluded"}
    _run(lab, Want(left_out=want, content={"public.pem": b"p\n"}, changes={"untracked": 1}))


def test_an_omission_with_a_dangerous_name_cannot_paint_the_terminal(lab: Lab) -> None:
    """Escape sequences and line ends in a path are made visible on stderr, and exact in the record."""
    name = "evil\x1b[2J\nError: gone.pem"
    lab.write(name, "x\n")
    done = lab.run("run", "--name", "r", "--", "true")
    assert done.status == 0, done.stderr
    assert "\x1b" not in done.stderr
    assert "\nError: gone" not in done.stderr
    assert "gone.pem" in done.stderr
    assert [item["path"] for item in lab.record("r")["skipped"]] == [name]


def test_omissions_make_no_tree_dirty(lab: Lab) -> None:
    """`dirty` says that the snapshot differs from the base: an omission alone does not."""
    lab.write(".env", "TOKEN=1\n")
    lab.run("run", "--name", "r", "--", "true")
    assert lab.record("r")["dirty"] is False
    assert _sizes(lab) == {".env": 8}
