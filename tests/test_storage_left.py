"""What large objects leave on their way: where, for how long, for whom, and what takes it away."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from typing import TYPE_CHECKING, Any, Self

import pytest

from gitxp.git.lfs import Store
from gitxp.sharing.folder import Folder
from gitxp.sharing.store import Ends, download, name_of, upload
from gitxp.sharing.workers import Progress
from gitxp.store import transfers
from storages import between, fill, put

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


DATA = bytes(range(256)) * 40_000
DAY = 86_400


class Broken(Folder):
    """A folder that takes and gives the first bytes only; `is_mended` takes and gives all."""

    is_mended = False

    def put(self, source: str, name: str, begun: str, tick: Callable[[int], None]) -> str:
        """Copy, or break on the way."""

        def told(done: int) -> None:
            tick(done)
            if done and not self.is_mended:
                raise ConnectionResetError("the line broke")

        return super().put(source, name, begun, told)


@pytest.fixture
def here(tmp_path: Path) -> Store:
    """A store."""
    return Store(str(tmp_path / "here"))


@pytest.fixture
def place(tmp_path: Path) -> Broken:
    """A storage that breaks."""
    return Broken(str(tmp_path / "storage"))


def files(top: str | Path) -> list[str]:
    """All files below a folder."""
    return sorted(os.path.join(at, name) for at, _, names in os.walk(top) for name in names)


def make_older(path: str, days: float) -> None:
    """As if it had been written to so many days ago."""
    os.utime(path, (time.time() - days * DAY,) * 2)


def test_where_it_is_noted(here: Store, place: Broken, tmp_path: Path) -> None:
    """The note of an upload that was cut off says which object, to which storage, and what it is called there."""
    (pointer,) = fill(here, tmp_path, DATA)
    assert upload(between(here, place), [pointer]).failed
    (note,) = files(tmp_path / "here.git" / "gitxp" / "sending")
    with open(note, encoding="ascii") as file:
        facts = json.load(file)
    assert (facts["sha256"], facts["storage"]) == (pointer.oid, str(tmp_path / "storage"))
    assert files(tmp_path / "storage") == [str(tmp_path / "storage" / facts["begun"])]


@pytest.mark.parametrize("begun", ["../../etc/passwd", "sha256/aa/bb/cc", "tmp/../x-0123456789abcdef", 7, None])
def test_a_note_that_is_damaged(here: Store, place: Broken, tmp_path: Path, begun: object) -> None:
    """A note that names no passing file, or is none, is not followed: the object is sent anew under a new name."""
    (pointer,) = fill(here, tmp_path, DATA)
    assert upload(between(here, place), [pointer]).failed
    (note,) = files(tmp_path / "here.git")
    with open(note, "w", encoding="ascii") as file:
        file.write("{" if begun is None else json.dumps({"begun": begun}))
    place.is_mended = True
    assert upload(between(here, place), [pointer]).copied == (pointer,)
    assert files(tmp_path / "here.git") == []
    assert str(tmp_path / "storage" / name_of(pointer.oid)) in files(tmp_path / "storage")


def test_somebody_else_has_sent_it(here: Store, place: Broken, tmp_path: Path) -> None:
    """What we began to send and another one sent is taken away there with the next push."""
    (pointer,) = fill(here, tmp_path, DATA)
    assert upload(between(here, place), [pointer]).failed
    put(Folder(str(tmp_path / "storage")), name_of(pointer.oid), tmp_path / "sent", DATA)
    assert upload(between(here, place), [pointer]).there == (pointer,)
    assert files(tmp_path / "here.git") == []
    assert files(tmp_path / "storage") == [str(tmp_path / "storage" / name_of(pointer.oid))]


def test_a_push_takes_away_what_it_left_long_ago(here: Store, place: Broken, tmp_path: Path) -> None:
    """What was begun over a week ago, and is not among what goes now, is taken away; younger, or of another storage, it stays."""
    old, young, new = fill(here, tmp_path, DATA, DATA[:-1], DATA[1:])
    other = Broken(str(tmp_path / "other"))
    assert len(upload(between(here, place), [old, young]).failed) == 2
    assert len(upload(between(here, other), [old]).failed) == 1
    for note in files(tmp_path / "here.git"):
        with open(note, encoding="ascii") as file:
            facts = json.load(file)
        make_older(note, 6.9 if facts["sha256"] == young.oid else 7.1)
    place.is_mended = True
    assert upload(between(here, place), [new]).copied == (new,)
    assert len(files(tmp_path / "storage" / "tmp")) == 1
    assert len(files(tmp_path / "other" / "tmp")) == 1
    assert upload(between(here, place), [young]).copied == (young,)
    assert files(tmp_path / "storage" / "tmp") == []


def test_a_file_system_without_locks(
    here: Store, place: Broken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where files cannot be locked, objects are copied all the same, and what is cut off leaves nothing."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    (pointer,) = fill(here, tmp_path, DATA)
    assert upload(between(here, place), [pointer]).failed
    assert files(tmp_path / "here.git") + files(tmp_path / "storage") == []
    place.is_mended = True
    assert upload(between(here, place), [pointer]).copied == (pointer,)
    there = Store(str(tmp_path / "there"))
    assert download(between(there, place), [pointer]).copied == (pointer,)
    assert there.is_whole(pointer)
    assert files(tmp_path / "here.git") + files(tmp_path / "there.git") == []


def test_notes_may_be_deleted(here: Store, tmp_path: Path) -> None:
    """Whoever deletes notes and beginnings while objects are copied, as the format allows, does no harm."""

    class Deleting(Folder):
        def size(self, name: str) -> int | None:
            for path in files(tmp_path / "here.git") + files(tmp_path / "there.git"):
                os.unlink(path)
            return super().size(name)

    (pointer,) = fill(here, tmp_path, DATA)
    there, place = Store(str(tmp_path / "there")), Deleting(str(tmp_path / "storage"))
    assert upload(between(here, place), [pointer]).copied == (pointer,)
    assert download(between(there, place), [pointer]).copied == (pointer,)
    assert there.is_whole(pointer)


def test_a_repository_that_may_only_be_read(here: Store, place: Broken, tmp_path: Path) -> None:
    """Where no note can be kept, an object is sent all the same."""
    (pointer,) = fill(here, tmp_path, DATA)
    (tmp_path / "no-folder").write_bytes(b"")
    place.is_mended = True
    assert upload(Ends(str(tmp_path / "no-folder"), here, place), [pointer]).copied == (pointer,)
    assert place.size(name_of(pointer.oid)) == pointer.size


def test_a_store_on_another_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came is copied to a store that it cannot be moved to, and nothing else is left."""
    there, place = Store(str(tmp_path / "there")), Folder(str(tmp_path / "storage"))
    pointer = fill(Store(str(tmp_path / "here")), tmp_path, DATA)[0]
    put(place, name_of(pointer.oid), tmp_path / "sent", DATA)
    rename = os.rename

    def refuse(source: str, target: str) -> None:
        if "coming" in source:
            raise OSError(errno.EXDEV, "another file system")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse)
    assert download(between(there, place), [pointer]).copied == (pointer,)
    assert there.is_whole(pointer)
    assert files(tmp_path / "there") == [there.path(pointer.oid)]
    assert files(tmp_path / "there.git") == []


def test_for_the_group(tmp_path: Path) -> None:
    """In a repository that is shared, what came is for those that it is shared with, while it comes and after."""
    place = Folder(str(tmp_path / "storage"))
    there = Store(str(tmp_path / "there"), shared=0o660)
    pointer, missing = fill(Store(str(tmp_path / "here")), tmp_path, DATA, DATA[1:])
    put(place, name_of(pointer.oid), tmp_path / "sent", DATA)
    put(place, name_of(missing.oid), tmp_path / "sent", DATA[1:])
    before = os.umask(0o077)
    try:
        (tmp_path / "there.git").mkdir()
        coming = tmp_path / "there.git" / "gitxp" / "coming"
        assert download(between(there, place), [pointer]).copied == (pointer,)
        assert os.stat(there.path(pointer.oid)).st_mode & 0o777 == 0o660
        assert os.stat(coming).st_mode & 0o777 == 0o770

        class Ending(Folder):
            def size(self, name: str) -> int | None:
                found = super().size(name)
                os.truncate(self._full(name), 1000)
                return found

        (failure,) = download(between(there, Ending(str(tmp_path / "storage"))), [missing]).failed
        assert "the storage sent 1,000 of its 10,239,999 bytes" in failure.reason
        assert os.stat(coming / missing.oid).st_mode & 0o777 == 0o660
    finally:
        os.umask(before)


def test_it_comes_to_where_the_store_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The beginning of an object is on the file system of the store, if that is another than the repository's, and is found there."""
    monkeypatch.setattr(transfers, "_device", lambda path: "there/" in f"{path}/")
    there, place = Store(str(tmp_path / "there")), Folder(str(tmp_path / "storage"))
    pointer = fill(Store(str(tmp_path / "here")), tmp_path, DATA)[0]
    put(place, name_of(pointer.oid), tmp_path / "sent", DATA)
    coming = tmp_path / "there" / "gitxp-coming" / pointer.oid
    coming.parent.mkdir(parents=True)
    coming.write_bytes(DATA[:1000])
    make_older(str(coming), 8)
    (left,) = transfers.list_left_transfers(f"{there.root}.git", there, time.time())
    assert left == (str(coming), False, 1000)
    assert download(between(there, place), [pointer]).copied == (pointer,)
    assert there.is_whole(pointer)
    assert not coming.exists()


@pytest.mark.parametrize("work", [upload, download])
def test_a_full_disk(work: Any, tmp_path: Path) -> None:
    """What was copied until there was no more room is taken away, at that end, so that others have room."""

    class Full(Folder):
        def put(self, source: str, name: str, begun: str, tick: Callable[[int], None]) -> str:
            def told(done: int) -> None:
                tick(done)
                if done:
                    raise OSError(errno.ENOSPC, "no more room")

            return super().put(source, name, begun, told)

    def write(fd: int, data: bytes) -> None:
        os.write(fd, data)
        raise OSError(errno.EDQUOT, "no more room")

    here, there, place = Store(str(tmp_path / "here")), Store(str(tmp_path / "there")), Full(str(tmp_path / "storage"))
    pointer = fill(here, tmp_path, DATA)[0]
    if work is download:
        put(Folder(str(tmp_path / "storage")), name_of(pointer.oid), tmp_path / "sent", DATA)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gitxp.sharing.store.write_all", write)
        (failure,) = work(between(here if work is upload else there, place), [pointer]).failed
    assert "no more room" in failure.reason
    left = [files(tmp_path / name) for name in ("here.git", "there.git", "there", "storage/tmp")]
    assert left == [[], [], [], []]


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_what_has_the_place_of_a_beginning(kind: str, tmp_path: Path) -> None:
    """A link or a folder where a beginning would be is left alone, and the object comes all the same."""
    there, place = Store(str(tmp_path / "there")), Folder(str(tmp_path / "storage"))
    pointer = fill(Store(str(tmp_path / "here")), tmp_path, DATA)[0]
    put(place, name_of(pointer.oid), tmp_path / "sent", DATA)
    coming = tmp_path / "there.git" / "gitxp" / "coming"
    coming.mkdir(parents=True)
    (tmp_path / "mine").write_bytes(b"mine")
    if kind == "link":
        (coming / pointer.oid).symlink_to(tmp_path / "mine")
    else:
        (coming / pointer.oid).mkdir()
    assert download(between(there, place), [pointer]).copied == (pointer,)
    assert there.is_whole(pointer)
    assert os.listdir(coming) == [pointer.oid]
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_bytes_move(tmp_path: Path) -> None:
    """While one object is copied, progress tells more and more of its bytes, in both directions, and of what is read back."""

    class Slow(Folder):
        def put(self, source: str, name: str, begun: str, tick: Callable[[int], None]) -> str:
            def told(done: int) -> None:
                tick(done)
                time.sleep(0.25)

            return super().put(source, name, begun, told)

        def read(self, name: str, start: int = 0) -> Any:
            return SlowFile(super().read(name, start))

    class SlowFile:
        def __init__(self, opened: Any) -> None:
            self._opened = opened

        def __enter__(self) -> Self:
            self._file = self._opened.__enter__()
            return self

        def __exit__(self, *error: object) -> None:
            self._opened.__exit__(*error)

        def read(self, size: int) -> bytes:
            time.sleep(0.05)
            return bytes(self._file.read(size))

    here, there, place = Store(str(tmp_path / "here")), Store(str(tmp_path / "there")), Slow(str(tmp_path / "storage"))
    pointers = fill(here, tmp_path, bytes(20 << 20), b"small")
    for work, store in ((upload, here), (download, there)):
        seen: list[Progress] = []
        assert work(between(store, place), pointers, seen.append).failed == ()
        sizes = [far.size for far in seen]
        assert sizes == sorted(sizes)
        assert len({size for size in sizes if 0 < size < 20 << 20}) >= 2
        back = [far.read_back for far in seen]
        assert back == sorted(back)
        assert (len({size for size in back if 0 < size < 20 << 20}) >= 2) is (work is upload)
        total = (20 << 20) + 5
        assert seen[-1] == Progress(2, 2, total, total, total if work is upload else 0)
