"""git/beside.py: files that nobody finds half written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from gitxp.git.beside import Beside, write_whole

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
@pytest.mark.parametrize("mode", [None, 0o640, 0o444])
def test_the_mode(tmp_path: Path, mask: int, mode: int | None) -> None:
    """A file has the mode that any new file has, or the one that was asked for, whatever the old one had."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o600)
    before = os.umask(mask)
    try:
        write_whole(str(path), b"new", mode=mode, durable=True)
    finally:
        os.umask(before)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == (0o666 & ~mask if mode is None else mode)
    assert os.listdir(tmp_path) == ["file"]


def test_what_fails_leaves_the_old(tmp_path: Path) -> None:
    """An error on the way leaves the old file and nothing else, also one at the end: a folder that has the place."""
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail() -> None:
        with Beside(str(path)) as file:
            file.write(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(str(tmp_path / "folder"), b"new")
    with pytest.raises(FileNotFoundError):
        write_whole(str(tmp_path / "none" / "file"), b"new")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert path.read_bytes() == b"old"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """What a link leads to stays as it is; the link is replaced."""
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / "file").symlink_to(tmp_path / "mine")
    write_whole(str(tmp_path / "file"), b"new")
    assert (tmp_path / "mine").read_bytes() == b"mine"
    assert (tmp_path / "file").read_bytes() == b"new"
    assert not (tmp_path / "file").is_symlink()


def test_killed(tmp_path: Path) -> None:
    """Who is killed on the way leaves the old file."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    code = "import os, sys; from gitxp.git.beside import Beside\n"
    code += "with Beside(sys.argv[1]) as file: file.write(bytes(100_000)); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    (left,) = (name for name in os.listdir(tmp_path) if name != "file")
    assert left.endswith(".tmp")
