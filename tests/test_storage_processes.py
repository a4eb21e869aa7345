"""Processes that copy one large object at the same time, and that are killed in the middle of it."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from gitxp.git.lfs import Store
from gitxp.sharing.folder import BLOCK, Folder
from gitxp.sharing.store import name_of
from ssh_server import SshServer, needs_sshd
from storages import fill, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gitxp.pointer import Pointer

SIZE = 6 * BLOCK + 999
DATA = random.Random(4712).randbytes(SIZE)  # noqa: S311

# Copies one object, and notes each byte that goes through; `slow` is how long each piece takes.
COPY = """
import contextlib, os, sys, time
from gitxp.git.lfs import Store
from gitxp.pointer import Pointer
from gitxp.sharing import filesystems, folder
from gitxp.sharing.places import open_place
from gitxp.sharing.store import Ends, download, upload

what, top, url, oid, size, slow = sys.argv[1:]
log = os.open(f"{top}/log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

class Metered:
    def __init__(self, file):
        self.file = file
    def __getattr__(self, name):
        return getattr(self.file, name)
    def note(self, size):
        os.write(log, b"%d\\n" % size)
        time.sleep(float(slow))
    def read(self, size):
        data = self.file.read(size)
        if what == "download":
            self.note(len(data))
        return data
    def write(self, data):
        self.file.write(data)
        self.file.flush()
        self.note(len(data))

place = open_place(url, "/")
read, send_rest = place.read, folder.send_rest

@contextlib.contextmanager
def metered(name, start=0):
    with read(name, start) as file:
        yield Metered(file)

place.read = metered
for module in (folder, filesystems):
    module.send_rest = lambda near, far, *args, **options: send_rest(near, Metered(far), *args, **options)
store = "here" if what == "upload" else "there"
ends = Ends(f"{top}/{store}.git", Store(f"{top}/{store}"), place)
done = {"upload": upload, "download": download}[what](ends, [Pointer(oid, int(size))])
print(len(done.copied), len(done.there), *(failure.reason for failure in done.failed))
"""


class Copies:
    """Processes that copy one object in a folder `top`."""

    def __init__(self, top: Path, what: str, url: str) -> None:
        self.what = what
        self._top, self._url = top, url
        self.here, self.there = Store(str(top / "here")), Store(str(top / "there"))
        self.place = Folder(str(top / "storage"))
        self.pointer: Pointer = fill(self.here, top, DATA)[0]
        self._processes: list[subprocess.Popen[str]] = []
        if what == "download":
            put(self.place, name_of(self.pointer.oid), top / "sent", DATA)

    def start(self, slow: float = 0.05) -> subprocess.Popen[str]:
        """Begin to copy."""
        words = [self.what, str(self._top), self._url, self.pointer.oid, str(self.pointer.size), str(slow)]
        process = subprocess.Popen(
            [sys.executable, "-c", COPY, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._processes.append(process)
        return process

    def passed(self) -> int:
        """How many bytes were copied by all of them."""
        with contextlib.suppress(FileNotFoundError):
            return sum(map(int, (self._top / "log").read_text().split()))
        return 0

    def wait(self, size: int) -> None:
        """Wait until so many bytes were copied."""
        until = time.monotonic() + 60
        while self.passed() < size:
            assert time.monotonic() < until
            time.sleep(0.01)

    def is_right(self) -> bool:
        """Whether the object is at the other end, and nothing else is anywhere."""
        if self.what == "download":
            is_there = b"".join(self.there.stream(self.pointer)) == DATA
        else:
            with self.place.read(name_of(self.pointer.oid)) as file:
                is_there = file.read() == DATA
        tops = [self._top / "here.git", self._top / "there.git", self._top / "storage" / "tmp"]
        return is_there and not [name for top in tops for _, _, names in os.walk(top) for name in names]

    def close(self) -> None:
        """Let none go on."""
        for process in self._processes:
            process.kill()
            if process.stdout is not None and not process.stdout.closed:
                process.communicate()


@pytest.fixture(params=["folder"])
def url(request: pytest.FixtureRequest, tmp_path: Path, seal: Path) -> Iterator[str]:
    """The address of the storage: a folder, by itself or by ssh."""
    path = str(tmp_path / "storage")
    if request.param == "folder":
        yield path
        return
    with SshServer(str(tmp_path / "sshd")) as server:
        (seal / ".ssh").mkdir(mode=0o700)
        shutil.copy(server.path("user"), seal / ".ssh" / "id_ed25519")
        (seal / ".ssh" / "known_hosts").write_text(server.host_line())
        yield server.url(path)


@pytest.fixture(params=["upload", "download"])
def copies(request: pytest.FixtureRequest, tmp_path: Path, url: str) -> Iterator[Copies]:
    """Processes that send or fetch one."""
    made = Copies(tmp_path, request.param, url)
    yield made
    made.close()


def test_two_at_once(copies: Copies) -> None:
    """Of two processes, one copies the object, and the other waits, and finds it there: no byte is copied twice."""
    both = [copies.start(), copies.start()]
    assert sorted(process.communicate(timeout=60)[0] for process in both) == ["0 1\n", "1 0\n"]
    assert copies.passed() == SIZE
    assert copies.is_right()


@pytest.mark.parametrize(
    ("url", "seed"),
    [("folder", 0), ("folder", 1), ("folder", 2), pytest.param("sshd", 3, marks=needs_sshd)],
    indirect=["url"],
)
def test_killed(copies: Copies, seed: int) -> None:
    """Killed again and again at any moment, it comes to the end, and nothing is copied twice but the piece that a kill lost."""
    chosen = random.Random(seed)  # noqa: S311
    kills = 3
    for _ in range(kills):
        process = copies.start()
        copies.wait(min(copies.passed() + chosen.randrange(1, SIZE // 4), SIZE - BLOCK))
        time.sleep(chosen.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert copies.start(0).communicate(timeout=60)[0] in {"1 0\n", "0 1\n"}
    if copies.what == "upload":  # noted when it is written: a kill between the two loses the note
        assert SIZE - kills * BLOCK <= copies.passed() <= SIZE
    else:  # noted when it has come: a kill between the two loses the piece
        assert SIZE <= copies.passed() <= SIZE + kills * BLOCK
    assert copies.is_right()


def test_one_waits_and_the_other_is_killed(copies: Copies) -> None:
    """Who waited goes on where the one that was killed was."""
    first = copies.start()
    copies.wait(1)
    second = copies.start()
    copies.wait(BLOCK)
    assert second.poll() is None
    first.send_signal(signal.SIGKILL)
    assert second.communicate(timeout=60)[0] == "1 0\n"
    assert SIZE - BLOCK <= copies.passed() <= SIZE + BLOCK
    assert copies.is_right()


def test_who_waits_can_be_interrupted(copies: Copies) -> None:
    """Ctrl-C ends a process that waits for another, and takes nothing away from that."""
    first = copies.start(0.2)
    copies.wait(1)
    second = copies.start()
    time.sleep(1)
    second.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in second.communicate(timeout=20)[0]
    assert first.communicate(timeout=60)[0] == "1 0\n"
    assert copies.passed() == SIZE
    assert copies.is_right()
