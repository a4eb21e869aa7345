"""Large objects whose copy was cut off in the middle: the next one goes on there, and all of it is hashed at the end."""

from __future__ import annotations

import contextlib
import json
import os
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from gitxp.git.lfs import Store
from gitxp.sharing import filesystems, folder, s3
from gitxp.sharing.filesystems import Ssh
from gitxp.sharing.folder import BLOCK
from gitxp.sharing.s3 import S3
from gitxp.sharing.store import download, name_of, upload
from storages import between, fill, put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gitxp.pointer import Pointer
    from gitxp.sharing.places import Place
    from gitxp.sharing.workers import Copied

pytest_plugins = ("storage_fixtures",)

SIZE = 5 * BLOCK + 12_345
DATA = random.Random(4711).randbytes(SIZE)  # noqa: S311  (no secret)


class Line:
    """What the bytes of copies go through: it counts them, and breaks when so many have passed."""

    def __init__(self) -> None:
        self.passed = 0
        self.limit = sys.maxsize

    def let(self, wanted: int) -> int:
        """How many of these may pass now."""
        return min(wanted, self.limit - self.passed)

    def count(self, size: int) -> None:
        """These have passed."""
        self.passed += size

    def break_if_full(self) -> None:
        """Break where no more may pass."""
        if self.passed >= self.limit:
            raise ConnectionResetError("the line broke")


class Metered:
    """A file whose bytes go through a line."""

    def __init__(self, file: Any, line: Line) -> None:
        self._file, self._line = file, line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int) -> bytes:
        """Read at most what may pass."""
        self._line.break_if_full()
        data: bytes = self._file.read(self._line.let(size))
        self._line.count(len(data))
        return data

    def write(self, data: bytes) -> None:
        """Write what may pass, and break after it."""
        self._file.write(data[: self._line.let(len(data))])
        self._line.count(self._line.let(len(data)))
        self._line.break_if_full()


class MeteredOnWrite(Metered):
    """The same, whose reads do not count."""

    def read(self, size: int) -> bytes:
        """Read."""
        return bytes(self._file.read(size))


class Lines(NamedTuple):
    """To a place, and from it."""

    up: Line
    down: Line


@pytest.fixture
def lines(place: Place, monkeypatch: pytest.MonkeyPatch) -> Lines:
    """All bytes of objects to the place and from it go through these; what is read back counts as well."""
    lines = Lines(Line(), Line())
    send_rest, read = folder.send_rest, type(place).read

    def send(near: Any, far: Any, *args: Any, **options: Any) -> None:
        send_rest(near, MeteredOnWrite(far, lines.up), *args, **options)

    @contextlib.contextmanager
    def metered(self: Any, name: str, start: int = 0) -> Iterator[Any]:
        with read(self, name, start) as file:
            yield Metered(file, lines.down)

    for module in (folder, filesystems):
        monkeypatch.setattr(module, "send_rest", send)
    monkeypatch.setattr(type(place), "read", metered)
    if isinstance(place, S3):
        call = place._system._call_s3

        async def counted(method: str, *args: Any, **options: Any) -> Any:
            if method == "upload_part":
                lines.up.break_if_full()
                lines.up.count(len(options["Body"]))
            return await call(method, *args, **options)

        monkeypatch.setattr(place._system, "_call_s3", counted)
        monkeypatch.setattr(s3, "_PART", 5 << 20)  # the least that S3 takes
        monkeypatch.setattr(s3, "_AT_ONCE", 1)
    return lines


def points(seed: int) -> list[int]:
    """Where the line breaks, in bytes since it broke last."""
    chosen = random.Random(seed)  # noqa: S311
    edges = [1, BLOCK - 1, BLOCK, BLOCK + 1, chosen.randrange(SIZE)]
    return chosen.sample(edges, 3)


def until_done(work: Callable[[], Copied], line: Line, breaks: list[int]) -> tuple[Copied, list[int]]:
    """Repeat it until the line does not break; what came of it at last, and how many bytes passed in each attempt."""
    passed = []
    for size in [*breaks, sys.maxsize]:
        line.passed, line.limit = 0, size
        done = work()
        passed.append(line.passed)
        if not done.failed:
            break
        assert "the line broke" in done.failed[0].reason
    return done, passed


def left(tmp_path: Path, top: str) -> list[str]:
    """The files below a folder, those that have content."""
    found = [os.path.join(at, name) for at, _, names in os.walk(tmp_path / top) for name in names]
    return [path for path in found if os.path.getsize(path)]


@pytest.fixture
def here(tmp_path: Path) -> Store:
    """A store to send from."""
    return Store(str(tmp_path / "here"))


@pytest.fixture
def there(tmp_path: Path) -> Store:
    """An empty store to fetch to."""
    return Store(str(tmp_path / "there"))


@pytest.fixture
def pointer(here: Store, tmp_path: Path) -> Pointer:
    """The object."""
    return fill(here, tmp_path, DATA)[0]


@pytest.mark.parametrize("seed", range(3))
def test_each_byte_comes_once(
    place: Place, lines: Lines, here: Store, there: Store, pointer: Pointer, tmp_path: Path, seed: int
) -> None:
    """However often it breaks, what came is not fetched again; of the whole, the sha256 is right, and nothing else is left."""
    del here
    put(place, name_of(pointer.oid), tmp_path / "sent", DATA)
    done, passed = until_done(lambda: download(between(there, place), [pointer]), lines.down, points(seed))
    assert done.copied == (pointer,)
    assert (len(passed), sum(passed)) == (4, SIZE)
    assert b"".join(there.stream(pointer)) == DATA
    assert left(tmp_path, "there.git") == []
    assert os.listdir(tmp_path / "there.git" / "gitxp" / "coming") == []


@pytest.mark.parametrize("seed", range(3))
def test_each_byte_goes_once(
    place: Place, lines: Lines, here: Store, pointer: Pointer, tmp_path: Path, seed: int
) -> None:
    """What is there is not sent again, of S3 the parts that are there as a whole; nothing else is left there."""
    done, passed = until_done(lambda: upload(between(here, place), [pointer]), lines.up, points(seed))
    assert done.copied == (pointer,)
    assert len(passed) > 1
    assert sum(passed) == SIZE
    assert lines.down.passed >= SIZE  # read back
    with place.read(name_of(pointer.oid)) as file:
        assert file.read(SIZE + 1) == DATA
    assert os.listdir(tmp_path / "here.git" / "gitxp" / "sending") == []
    assert left(tmp_path, "storage/tmp") == []
    if isinstance(place, S3):
        bucket = place._top.partition("/")[0]
        assert not place._system.call_s3("list_multipart_uploads", Bucket=bucket).get("Uploads")


def test_cut_off_while_it_is_read_back(
    place: Place, lines: Lines, here: Store, pointer: Pointer, tmp_path: Path
) -> None:
    """An object that is there, and was not read back to its end, is not sent again, but read back before it counts."""
    done, passed = until_done(lambda: upload(between(here, place), [pointer]), lines.down, [3 * BLOCK])
    assert passed == [3 * BLOCK, SIZE]
    assert lines.up.passed == SIZE
    assert done.failed == ()
    assert place.size(name_of(pointer.oid)) == SIZE
    assert left(tmp_path, "storage/tmp") == []


def change(path: str | Path, at: int, data: bytes = b"?!?") -> None:
    """Change bytes of a file."""
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


def cut_off(work: Callable[[], Copied], line: Line, at: int) -> None:
    """Do it until so many bytes have passed."""
    line.limit = at
    assert work().failed
    line.limit, line.passed = sys.maxsize, 0


def test_a_beginning_that_is_wrong(
    place: Place, lines: Lines, here: Store, there: Store, pointer: Pointer, tmp_path: Path
) -> None:
    """The first bytes of an object that were altered here are found out, thrown away, and all of it is fetched anew, once."""
    del here
    put(place, name_of(pointer.oid), tmp_path / "sent", DATA)
    cut_off(lambda: download(between(there, place), [pointer]), lines.down, 2 * BLOCK)
    (coming,) = left(tmp_path, "there.git")
    assert os.path.basename(coming) == pointer.oid
    change(coming, 17)
    assert download(between(there, place), [pointer]).copied == (pointer,)
    assert lines.down.passed == SIZE - 2 * BLOCK + SIZE
    assert b"".join(there.stream(pointer)) == DATA
    assert left(tmp_path, "there.git") == []


@pytest.mark.parametrize("size", [SIZE, SIZE + 10])
def test_a_beginning_that_is_whole(
    place: Place, lines: Lines, there: Store, pointer: Pointer, tmp_path: Path, size: int
) -> None:
    """A whole object that has no name yet is only hashed; what is longer than it is no beginning of it."""
    put(place, name_of(pointer.oid), tmp_path / "sent", DATA)
    coming = tmp_path / "there.git" / "gitxp" / "coming" / pointer.oid
    coming.parent.mkdir(parents=True)
    coming.write_bytes((DATA + bytes(10))[:size])
    assert download(between(there, place), [pointer]).copied == (pointer,)
    assert lines.down.passed == (0 if size == SIZE else SIZE)


def test_both_are_wrong(place: Place, lines: Lines, there: Store, pointer: Pointer, tmp_path: Path) -> None:
    """Where what is at the place is wrong, too, that is told after one more attempt, and nothing is kept."""
    put(place, name_of(pointer.oid), tmp_path / "sent", DATA[:-1] + b"\0")
    coming = tmp_path / "there.git" / "gitxp" / "coming" / pointer.oid
    coming.parent.mkdir(parents=True)
    coming.write_bytes(DATA[:BLOCK])
    (failure,) = download(between(there, place), [pointer]).failed
    assert "other bytes" in failure.reason
    assert lines.down.passed == SIZE - BLOCK + SIZE
    assert left(tmp_path, "there.git") == []
    assert left(tmp_path, "there") == []


@pytest.mark.parametrize("at", [17, 2 * BLOCK - 17])
def test_a_beginning_there_that_is_wrong(
    place: Place, lines: Lines, here: Store, pointer: Pointer, tmp_path: Path, at: int
) -> None:
    """What was altered of an upload that was cut off is sent anew: at once where that is seen, or when all was read back."""
    if isinstance(place, S3):
        pytest.skip("nobody can alter a part of an upload in S3 but by sending another")
    cut_off(lambda: upload(between(here, place), [pointer]), lines.up, 2 * BLOCK)
    (begun,) = left(tmp_path, "storage")
    change(begun, at)
    assert upload(between(here, place), [pointer]).copied == (pointer,)
    if isinstance(place, Ssh):  # of what is there its end is compared
        assert lines.up.passed == (SIZE if at > BLOCK else SIZE - 2 * BLOCK + SIZE)
    else:  # all of it is, and what is right before it stays
        assert lines.up.passed == SIZE - at // BLOCK * BLOCK
    assert left(tmp_path, "storage") == [str(tmp_path / "storage" / name_of(pointer.oid))]
    with place.read(name_of(pointer.oid)) as file:
        assert file.read(SIZE + 1) == DATA


@pytest.mark.parametrize("what", ["another part", "no upload"])
@pytest.mark.parametrize("place", ["s3"], indirect=True)
def test_an_upload_to_s3_that_is_not_as_it_was(
    place: S3, lines: Lines, here: Store, pointer: Pointer, tmp_path: Path, what: str
) -> None:
    """A part with other bytes is sent again; an upload that was taken away begins anew."""
    cut_off(lambda: upload(between(here, place), [pointer]), lines.up, 10 << 20)
    (note,) = left(tmp_path, "here.git")
    begun = json.loads(Path(note).read_bytes())["begun"]
    at = {**place._at(name_of(pointer.oid)), "UploadId": begun}
    if what == "no upload":
        place._system.call_s3("abort_multipart_upload", **at)
    else:
        place._system.call_s3("upload_part", **at, PartNumber=2, Body=bytes(5 << 20))
    lines.up.passed = 0
    assert upload(between(here, place), [pointer]).copied == (pointer,)
    assert lines.up.passed == (SIZE if what == "no upload" else SIZE - (5 << 20))
    with place.read(name_of(pointer.oid)) as file:
        assert file.read(SIZE + 1) == DATA
