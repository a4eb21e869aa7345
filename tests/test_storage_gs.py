"""Large objects to Google's storage and back: gcsfs, with an emulator that the test starts."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING, BinaryIO

import pytest

from gitxp.git.lfs import Store
from gitxp.pointer import Pointer
from gitxp.sharing.places import open_place
from gitxp.sharing.store import download, name_of, upload
from storages import between, put

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Iterator
    from pathlib import Path

    from gitxp.sharing.places import Place

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning"),  # how gcsfs does it
]

EMULATOR = """\
from gcp_storage_emulator.server import create_server
server = create_server("127.0.0.1", 0, in_memory=True, default_bucket="bucket")
server.start()
print(server._api._httpd.server_address[1], flush=True)
input()
server.stop()
"""
# Of one part; of two, of which the second is shorter than the step of parts.
CONTENTS = (b"c", b"b" * 3_000_000, bytes(range(256)) * 70_000)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """An empty place at the emulator."""
    command = [sys.executable, "-c", EMULATOR]
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **streams) as process:
        assert process.stdout is not None
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{int(process.stdout.readline())}")
        yield open_place("gs://bucket/a/prefix", str(tmp_path))
        process.communicate(b"\n", timeout=60)


def test_there_and_back(place: Place, tmp_path: Path) -> None:
    """What was uploaded comes into another store with the same bytes; again, nothing is copied."""
    here, there = Store(str(tmp_path / "here")), Store(str(tmp_path / "there"))
    pointers = []
    for data in CONTENTS:
        (tmp_path / "source").write_bytes(data)
        with open(tmp_path / "source", "rb") as file:
            pointers.append(here.put(file.fileno()).pointer)
    for work, store in ((upload, here), (download, there)):
        ends = between(store, place)
        first, second = work(ends, pointers), work(ends, pointers)
        assert (first.copied, first.failed) == (tuple(sorted(pointers)), ())
        assert (second.there, second.failed) == (tuple(sorted(pointers)), ())
    assert [b"".join(there.stream(pointer)) for pointer in pointers] == list(CONTENTS)


def test_altered_content_does_not_come_in(place: Place, tmp_path: Path) -> None:
    """Other bytes under an object's name are told, and nothing of them is kept; deleted, they are not there."""
    there = Store(str(tmp_path / "there"))
    pointer = Pointer(hashlib.sha256(b"right").hexdigest(), 5)
    put(place, name_of(pointer.oid), tmp_path / "other", b"wrong")
    (failure,) = download(between(there, place), [pointer]).failed
    assert "other bytes" in failure.reason
    assert [files for _, _, files in os.walk(tmp_path / "there") if files] == []
    place.delete(name_of(pointer.oid))
    assert place.size(name_of(pointer.oid)) is None


def test_a_fetch_goes_on(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came before it was cut off is not asked for again; a beginning that is wrong is fetched anew, once."""
    data = CONTENTS[2]
    pointer = Pointer(hashlib.sha256(data).hexdigest(), len(data))
    put(place, name_of(pointer.oid), tmp_path / "sent", data)
    starts, read = [], type(place).read

    def noted(self: Place, name: str, start: int = 0) -> contextlib.AbstractContextManager[BinaryIO]:
        starts.append(start)
        return read(self, name, start)

    monkeypatch.setattr(type(place), "read", noted)
    for beginning, wanted in ((data[:9_000_001], [9_000_001]), (bytes(5_000_000), [5_000_000, 0])):
        there = Store(str(tmp_path / f"there-{len(beginning)}"))
        coming = tmp_path / f"{there.root}.git" / "gitxp" / "coming" / pointer.oid
        coming.parent.mkdir(parents=True)
        coming.write_bytes(beginning)
        assert download(between(there, place), [pointer]).copied == (pointer,)
        assert there.is_whole(pointer)
        assert starts == wanted
        starts.clear()
