"""Large objects between the LFS store and a storage: a folder, and servers of S3 and ssh that the tests start."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest

from gitxp.errors import ConfigError
from gitxp.git.lfs import Store
from gitxp.pointer import Pointer
from gitxp.sharing import places
from gitxp.sharing.folder import Folder
from gitxp.sharing.places import open_place
from gitxp.sharing.store import download, name_of, upload
from gitxp.sharing.store_address import parse_address
from gitxp.sharing.workers import Progress, Workers
from storages import between, fill, open_ssh, put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gitxp.sharing.places import Place

pytest_plugins = ("storage_fixtures",)


def test_an_unknown_ssh_host_is_refused(ssh_server: int, tmp_path: Path, seal: Path) -> None:
    """Nothing is sent to a host that is not in known_hosts; it is once it is there."""
    (seal / ".ssh" / "known_hosts").write_text("")
    with pytest.raises(Exception, match=r"(?i)host key"):
        open_place(f"ssh://tester@127.0.0.1:{ssh_server}{tmp_path}/storage", str(tmp_path))
    with open_ssh(ssh_server, tmp_path, seal) as place:
        assert place.size("a") is None


CONTENTS = (b"a" * 100_000, b"b" * 3_000_000, b"c", bytes(6_000_000))


def test_there_and_back(place: Place, tmp_path: Path) -> None:
    """What was uploaded comes into another store with the same bytes; progress reaches the sum; again, nothing is copied."""
    here, there = Store(str(tmp_path / "here")), Store(str(tmp_path / "there"))
    pointers = fill(here, tmp_path, *CONTENTS)
    for work, store in ((upload, here), (download, there)):
        seen: list[Progress] = []
        first = work(between(store, place), pointers, seen.append)
        assert (first.copied, first.there, first.failed) == (tuple(sorted(pointers)), (), ())
        assert seen[-1] == Progress(4, 4, 9_100_001, 9_100_001, 9_100_001 if work is upload else 0)
        second = work(between(store, place), pointers)
        assert (second.copied, second.there, second.failed) == ((), tuple(sorted(pointers)), ())
    assert [b"".join(there.stream(pointer)) for pointer in pointers] == list(CONTENTS)


def test_a_part_of_an_object_is_copied_anew(place: Place, tmp_path: Path) -> None:
    """What an interrupted upload may have left, a file that is too short, is replaced by the whole."""
    here = Store(str(tmp_path / "here"))
    (pointer,) = fill(here, tmp_path, b"x" * 10_000)
    put(place, name_of(pointer.oid), tmp_path / "part", b"x" * 10)
    assert upload(between(here, place), [pointer]).copied == (pointer,)
    assert place.size(name_of(pointer.oid)) == 10_000


def test_altered_content_does_not_come_in(place: Place, tmp_path: Path) -> None:
    """Other bytes under an object's name, of its size or not, or none at all, are told, and nothing of them is kept."""
    there = Store(str(tmp_path / "there"))
    contents = {b"right": b"wrong", b"longer": b"short", b"absent": None}
    pointers = {data: Pointer(hashlib.sha256(data).hexdigest(), len(data)) for data in contents}
    for data, other in contents.items():
        if other is not None:
            put(place, name_of(pointers[data].oid), tmp_path / "other", other)
    done = download(between(there, place), pointers.values())
    reasons = {failure.pointer: failure.reason for failure in done.failed}
    assert "other bytes" in reasons[pointers[b"right"]]
    assert "other bytes" in reasons[pointers[b"longer"]]
    assert "not in the storage" in reasons[pointers[b"absent"]]
    assert [files for _, _, files in os.walk(tmp_path / "there") if files] == []


def test_damaged_and_missing_objects_are_not_sent(place: Place, tmp_path: Path) -> None:
    """An object that is damaged or missing here is told, does not arrive, and does not keep others from it."""
    here = Store(str(tmp_path / "here"))
    good, bad = fill(here, tmp_path, b"good", b"evil")
    with open(here.path(bad.oid), "r+b") as file:
        file.write(b"E")
    missing = Pointer("3" * 64, 9)
    done = upload(between(here, place), [good, bad, missing])
    assert done.copied == (good,)
    assert {failure.pointer for failure in done.failed} == {bad, missing}
    assert place.size(name_of(bad.oid)) is None


def test_what_a_place_damages_is_not_there(tmp_path: Path) -> None:
    """A place that stores other bytes is found out by reading back; nothing is left under the object's name or another."""

    class Damaging(Folder):
        def put(self, source: str, name: str, begun: str, tick: Callable[[int], None]) -> str:
            at = super().put(source, name, begun, tick)
            os.truncate(self._full(at), 1)
            return at

    here = Store(str(tmp_path / "here"))
    pointers = fill(here, tmp_path, b"some bytes")
    done = upload(between(here, Damaging(str(tmp_path / "storage"))), pointers)
    assert [failure.pointer for failure in done.failed] == pointers
    assert [files for _, _, files in os.walk(tmp_path / "storage") if files] == []


def test_what_is_whole_stays(tmp_path: Path) -> None:
    """Where an object cannot be read back for a reason of the network, it stays: it is whole, and may be another's, too."""

    class Silent(Folder):
        is_atomic = True

        def begin(self, name: str, size: int, begun: str) -> str:
            del size, begun
            return name

        @contextlib.contextmanager
        def read(self, name: str, start: int = 0) -> Iterator[BinaryIO]:
            raise TimeoutError(name, start)
            yield

    here = Store(str(tmp_path / "here"))
    (pointer,) = fill(here, tmp_path, b"some bytes")
    place = Silent(str(tmp_path / "storage"))
    assert [failure.pointer for failure in upload(between(here, place), [pointer]).failed] == [pointer]
    assert place.size(name_of(pointer.oid)) == pointer.size


def test_an_interrupted_upload(tmp_path: Path) -> None:
    """Ctrl-C ends copying in the midst of an object, nothing of it has its name, and no thread goes on."""

    class Slow(Folder):
        def put(self, source: str, name: str, begun: str, tick: Callable[[int], None]) -> str:
            def told(done: int) -> None:
                if started.is_set():
                    stopping.wait(30)
                tick(done)

            return super().put(source, name, begun, told)

    def interrupt(_: Progress) -> None:
        started.set()
        raise KeyboardInterrupt

    started, stopping = threading.Event(), threading.Event()
    here = Store(str(tmp_path / "here"))
    pointers = fill(here, tmp_path, *(bytes([number]) * (9 << 20) for number in range(8)))
    stop = Workers.stop

    def stop_and_go(self: Workers) -> None:
        self._is_stopped.set()
        stopping.set()
        stop(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Workers, "stop", stop_and_go)
        with pytest.raises(KeyboardInterrupt):
            upload(between(here, Slow(str(tmp_path / "storage"))), pointers, interrupt)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("gitxp-large")]
    found = {name for _, _, files in os.walk(tmp_path / "storage" / "sha256") for name in files}
    assert len(found) < len(pointers)
    assert found <= {pointer.oid for pointer in pointers}
    assert len(upload(between(here, Folder(str(tmp_path / "storage"))), pointers).copied) == len(pointers) - len(found)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("store", ("folder", "", "/top/store", None, None)),
        ("/a/../b", ("folder", "", "/b", None, None)),
        ("file:///a%20b", ("folder", "", "/a b", None, None)),
        ("s3://bucket", ("s3", "bucket", "", None, None)),
        ("s3://bucket/a/b/", ("s3", "bucket", "/a/b", None, None)),
        ("gcs://bucket/a", ("gs", "bucket", "/a", None, None)),
        ("sftp://me@host:2222/srv/x", ("ssh", "host", "/srv/x", "me", 2222)),
    ],
)
def test_addresses(url: str, expected: tuple[Any, ...]) -> None:
    """Each kind of address is read as what it means."""
    assert tuple(parse_address(url, "/top")) == expected


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:secret@bucket/a",
        "s3://key@bucket/a",
        "ssh://me:word@host/a",
        "ssh://-oProxyCommand=x/a",
        "ssh://host",
        "ssh://host:x/a",
        "simplecache::s3://bucket/a",
        "s3://bucket/a::file:///etc",
        "github://org:repo@main/a",
        "reference://a",
        "memory://a",
        "http://host/a",
        "file://host/a",
        "s3://bucket/a?versionId=1",
        "s3://bucket/../other",
        "s3:///a",
        "s3://buc\x1bket/a",
    ],
)
def test_refused_addresses(url: str) -> None:
    """Chains, other protocols, passwords, options and what else an untrusted gitxp.yaml may say, are refused unread."""
    with pytest.raises(ConfigError) as caught:
        parse_address(url, "/top")
    assert "secret" not in caught.value.message
    assert caught.value.hint


def test_ssh_hosts_are_to_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ssh library is told to ask known_hosts, which it does not by itself."""
    import sshfs

    told: dict[str, Any] = {}
    monkeypatch.setattr(sshfs, "SSHFileSystem", lambda host, **options: told.update(options, host=host))
    places.open_place("ssh://me@host:22/srv", "/top")
    assert told == {"host": "host", "username": "me", "port": 22, "known_hosts": (), "skip_instance_cache": True}
