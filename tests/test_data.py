from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from gitxp.capture.data import fingerprints, hash_threads, hashing, stat_cache
from gitxp.capture.data.fingerprints import fingerprint, manifest_line
from gitxp.capture.data.hashing import hash_file, make_buffer
from gitxp.capture.data.stat_cache import SLACK, is_trusted
from gitxp.capture.data.walk import Walk, scan
from gitxp.format import encode_json

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE = 60_000_000_000


def later() -> int:
    """A clock that goes a minute ahead, so that files written just now are old enough to be trusted."""
    return time.time_ns() + MINUTE


def manifest(root: Path) -> str:
    """The digest of a folder as the module's docstring defines it, made in the plainest way."""
    lines = []
    for folder, folders, files in os.walk(os.fsencode(root)):
        folders[:] = [name for name in folders if name != b".git"]
        for name in files + [name for name in folders if os.path.islink(os.path.join(folder, name))]:
            full = os.path.join(folder, name)
            path = os.path.relpath(full, os.fsencode(root))
            if os.path.islink(full):
                lines.append((path, manifest_line(path, b"@", xxhash.xxh3_128_hexdigest(os.readlink(full)))))
            elif os.path.isfile(full):
                content = Path(os.fsdecode(full)).read_bytes()
                lines.append((path, manifest_line(path, b" ", xxhash.xxh3_128_hexdigest(content))))
    return xxhash.xxh3_128_hexdigest(b"".join(line for _, line in sorted(lines)))


def one(path: Path, cache: Path | None = None, clock: Callable[[], int] = later) -> dict[str, Any]:
    """The fingerprint of one path, without the path."""
    (entry,) = fingerprint([str(path)], "/nowhere", str(cache) if cache else None, clock=clock)
    del entry["path"]
    return entry


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with files, folders, links and odd names."""
    root = tmp_path / "tree"
    for name, content in {
        "a": b"1",
        "a.b": b"22",
        "a-/x": b"333",
        "a/../b/c/d": b"",
        "b.txt": b"4",
        "new\nline": b"5",
        "back\\slash": b"6",
        ".git/config": b"left out",
        "ü": b"7",
    }.items():
        path = Path(os.path.normpath(root / name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    Path(os.fsdecode(os.fsencode(root) + b"/\xff\xfe")).write_bytes(b"8")
    (root / "link").symlink_to("a")
    (root / "dangling").symlink_to("nowhere")
    (root / "loop").symlink_to(".")
    (root / "empty").mkdir()
    os.mkfifo(root / "fifo")
    return root


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The paths of the files whose content was read."""
    paths: list[bytes] = []

    def hash_and_tell(path: bytes, *args: Any, **named: Any) -> hashing.FileHash:
        paths.append(path)
        return hash_file(path, *args, **named)

    monkeypatch.setattr(hash_threads, "hash_file", hash_and_tell)
    return paths


def test_file(tmp_path: Path) -> None:
    """A file is the xxh3-128 of its content, whatever its size."""
    for size in (0, 1, 1024 * 1024 - 1, 1024 * 1024, 1024 * 1024 + 1, 3_500_000):
        content = os.urandom(size)
        (tmp_path / "f").write_bytes(content)
        digest = xxhash.xxh3_128_hexdigest(content)
        assert one(tmp_path / "f") == {"kind": "file", "size": size, "xxh3_128": digest}


def test_folder(tree: Path) -> None:
    """A folder is the digest of its manifest: links by their target, FIFOs and .git left out, any name kept."""
    assert one(tree) == {"kind": "folder", "size": 11, "files": 12, "xxh3_128": manifest(tree)}


def test_manifest_by_shell(tmp_path: Path) -> None:
    """The order is that of `LC_ALL=C sort` over whole paths: `a-/x` and `a.b` stand around `a/z` as bytes have it."""
    for name in ("a/z", "a-/x", "a.b", "a0", "B", "a/b/c", "é"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    listing = subprocess.run(
        ["sh", "-c", "find . -type f | cut -c3- | LC_ALL=C sort"], cwd=tmp_path, capture_output=True, check=True
    ).stdout
    walked = b"".join(item.path + b"\n" for item in Walk(os.fsencode(tmp_path)))
    assert walked == listing


def test_known_digest(tmp_path: Path) -> None:
    """The manifest is a format: this digest may never change."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").write_bytes(b"hello\n")
    (tmp_path / "d" / "b\\\n").symlink_to("a")
    text = b"%s  a\n\\%s @b\\\\\\n\n" % (
        xxhash.xxh3_128_hexdigest(b"hello\n").encode(),
        xxhash.xxh3_128_hexdigest(b"a").encode(),
    )
    assert one(tmp_path / "d")["xxh3_128"] == xxhash.xxh3_128_hexdigest(text)


_names = st.binary(min_size=1, max_size=6).filter(lambda n: not set(n) & {0, 47} and n not in {b".", b"..", b".git"})
_trees = st.recursive(
    st.binary(max_size=20), lambda inner: st.dictionaries(_names, inner, max_size=5), max_leaves=12
).filter(lambda tree: isinstance(tree, dict))


def plant(folder: bytes, tree: dict[bytes, Any]) -> None:
    """Make these files and folders."""
    os.mkdir(folder)
    for name, content in tree.items():
        if isinstance(content, dict):
            plant(folder + b"/" + name, content)
        else:
            Path(os.fsdecode(folder + b"/" + name)).write_bytes(content)


@given(_trees, st.data())
def test_any_tree(tmp_path_factory: pytest.TempPathFactory, planted: dict[bytes, Any], choose: st.DataObject) -> None:
    """For any tree the walk gives the plain manifest, a copy is equal, the cache changes nothing, a change is seen."""
    base = tmp_path_factory.mktemp("any")
    plant(os.fsencode(base / "t"), planted)
    entry = one(base / "t", base / "cache")
    assert entry["xxh3_128"] == manifest(base / "t")
    assert one(base / "t", base / "cache") == entry
    shutil.copytree(base / "t", base / "copy", symlinks=True)
    assert one(base / "copy") == entry
    files = [path for path in (base / "t").rglob("*") if path.is_file()]
    if files:
        path = choose.draw(st.sampled_from(files))
        path.write_bytes(path.read_bytes() + b"!")
        assert one(base / "t", base / "cache")["xxh3_128"] == manifest(base / "t") != entry["xxh3_128"]


def test_both_walks_agree(tree: Path) -> None:
    """The fast scan and the sorted walk give one digest of the stats; any change of a stat changes it."""
    root = os.fsencode(tree)
    walk = Walk(root)
    assert list(walk)
    assert scan(root, lambda: None) == walk.stats
    (tree / "a").chmod(0o600)
    assert scan(root, lambda: None) != walk.stats


def test_unchanged_is_not_read(tree: Path, tmp_path: Path, reads: list[bytes]) -> None:
    """What did not change is not read again: of a folder nothing, after a change of one file that one."""
    first = one(tree, tmp_path / "cache")
    assert len(reads) == 9
    reads.clear()
    assert one(tree, tmp_path / "cache") == first
    assert reads == []
    (tree / "b.txt").write_bytes(b"other")
    (tree / "a.b").unlink()
    (tree / "aa").write_bytes(b"added")
    changed = one(tree, tmp_path / "cache")
    assert reads == [os.fsencode(tree / "aa"), os.fsencode(tree / "b.txt")]
    assert changed["xxh3_128"] == manifest(tree)
    reads.clear()
    assert one(tree, tmp_path / "cache") == changed
    assert reads == []


def test_big_file_is_cached(tmp_path: Path, reads: list[bytes]) -> None:
    """A single file is read once, too."""
    (tmp_path / "f").write_bytes(b"x" * 100)
    entry = one(tmp_path / "f", tmp_path / "cache")
    assert one(tmp_path / "f", tmp_path / "cache") == entry
    assert len(reads) == 1


def test_racy_files_are_read_again(tmp_path: Path, reads: list[bytes]) -> None:
    """A file written just before the look is not trusted: it could be written again within the clock's grain."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(b"1")
    for _ in range(2):
        one(tmp_path / "d", tmp_path / "cache", clock=time.time_ns)
    assert len(reads) == 2
    for _ in range(2):
        one(tmp_path / "d", tmp_path / "cache")
    assert len(reads) == 3


def test_same_size_and_mtime(tmp_path: Path) -> None:
    """An edit that keeps the size and puts the mtime back is seen by its ctime."""
    path = tmp_path / "f"
    path.write_bytes(b"1")
    before = path.stat()
    first = one(path, tmp_path / "cache")
    path.write_bytes(b"2")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert one(path, tmp_path / "cache") != first


def test_trust() -> None:
    """A stat is trusted if both of its times are older than the look, or so far ahead that no change can give them."""
    now = 10**18
    old, ahead = now - SLACK - 1, now + SLACK + 1
    assert is_trusted((1, old, old, 1), now, now)
    assert is_trusted((1, ahead, old, 1), now, now)
    assert not is_trusted((1, now, old, 1), now, now)
    assert not is_trusted((1, old, now, 1), now, now)
    assert not is_trusted((1, old, now - SLACK, 1), now, now)
    assert not is_trusted((1, now + MINUTE, old, 1), now, now + MINUTE)


def test_damaged_cache(tree: Path, tmp_path: Path) -> None:
    """A cache that was cut, changed in any byte of its head, or is something else, is ignored and replaced."""
    cache = tmp_path / "cache"
    right = one(tree, cache)
    (file,) = (cache / "data").iterdir()
    whole = file.read_bytes()
    head = stat_cache._HEAD_SIZE
    damaged = [b"", b"x", whole[:50], whole[:-1], b"\0" * len(whole), whole[:head] + b"\0" * (len(whole) - head)]
    damaged += [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(0, head, 7)]
    for content in damaged:
        file.write_bytes(content)
        assert one(tree, cache) == right
        (tree / "b.txt").touch()  # so that the body is read, too
        assert one(tree, cache) == right
    shutil.rmtree(cache)
    cache.write_text("a file in the cache's place")
    assert one(tree, cache) == right


def test_concurrent_caches(tree: Path, tmp_path: Path) -> None:
    """Several at once write whole caches, and none leaves a temporary file."""
    found: list[dict[str, Any]] = []
    threads = [threading.Thread(target=lambda: found.append(one(tree, tmp_path / "cache"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [one(tree)] * 6
    assert len(list((tmp_path / "cache" / "data").iterdir())) == 1


def test_missing_and_other(tmp_path: Path) -> None:
    """What is not there is `missing`, with a dangling link and a NUL; a FIFO is `other` and is not opened."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dangling").symlink_to("nowhere")
    assert [one(tmp_path / name) for name in ("absent", "dangling", "a\0b", "fifo")] == [
        {"kind": "missing"},
        {"kind": "missing"},
        {"kind": "missing"},
        {"kind": "other"},
    ]


def test_root_is_a_link(tmp_path: Path) -> None:
    """A path that is a link itself is followed: it is what the user named, and the cache notices a new target."""
    for name in ("v1", "v2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text(name)
    link = tmp_path / "data"
    link.symlink_to("v1")
    assert one(link, tmp_path / "cache") == one(tmp_path / "v1")
    link.unlink()
    link.symlink_to("v2")
    assert one(link, tmp_path / "cache") == one(tmp_path / "v2")


def test_paths(tmp_path: Path) -> None:
    """Paths inside the working tree are recorded relative to its top, others absolute, each once, any bytes kept."""
    top = tmp_path / "top"
    (top / "sub").mkdir(parents=True)
    odd = os.fsdecode(b"\xff")
    for path in (top / "sub" / "f", top / odd, tmp_path / "out"):
        path.write_bytes(b"")
    (tmp_path / "alias").symlink_to(top)
    paths = ["sub/f", "./sub/../sub/f", str(top / "sub" / "f"), odd, "../out", str(tmp_path / "alias" / "sub"), "."]
    entries = fingerprint(paths, str(top), None)
    assert [entry["path"] for entry in entries] == ["sub/f", odd, str(tmp_path / "out"), "sub", "."]
    encode_json(entries)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_by_mode(tmp_path: Path) -> None:
    """A file without permission is counted, and does not hide the others."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_text("x")
    (tmp_path / "d" / "f").chmod(0)
    assert one(tmp_path / "d")["unreadable"] == 1


def test_unreadable(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read is counted, changes the digest, and is tried again the next time."""
    right = one(tree)

    def refuse(path: bytes, *args: Any, **named: Any) -> hashing.FileHash:
        if path.endswith(b"b.txt"):
            raise PermissionError
        return hash_file(path, *args, **named)

    with monkeypatch.context() as patch:
        patch.setattr(hash_threads, "hash_file", refuse)
        entry = one(tree, tmp_path / "cache")
        assert entry["unreadable"] == 1
        assert entry["files"] == right["files"]
        assert entry["xxh3_128"] != right["xxh3_128"]
        alone = one(tree / "b.txt", tmp_path / "cache")
        assert alone == {"kind": "file", "size": 0, "unreadable": 1}
    assert one(tree, tmp_path / "cache") == right


def changing(monkeypatch: pytest.MonkeyPatch, path: Path, times: int) -> None:
    """Make a file grow the first `times` times that it is read."""
    plain = hashing._hash
    count = 0

    def hash_and_grow(*args: Any) -> bytes:
        nonlocal count
        digest = plain(*args)
        count += 1
        if count <= times:
            with path.open("ab") as file:
                file.write(b"+")
        return digest

    monkeypatch.setattr(hashing, "_hash", hash_and_grow)


def test_changes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that changed while it was read is read again, and that reading counts."""
    path = tmp_path / "f"
    path.write_bytes(b"1")
    changing(monkeypatch, path, 1)
    assert one(path) == {"kind": "file", "size": 2, "xxh3_128": xxhash.xxh3_128_hexdigest(b"1+")}


def test_keeps_changing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: list[bytes]) -> None:
    """A file that changed during both readings is marked, and so is its folder, and neither is trusted later."""
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "f").write_bytes(b"1")
    changing(monkeypatch, folder / "f", 2)
    assert one(folder, tmp_path / "cache")["changed"] is True
    reads.clear()
    assert "changed" not in one(folder, tmp_path / "cache")
    assert len(reads) == 1


def test_file_replaced_by_a_fifo(tmp_path: Path) -> None:
    """What became a FIFO or a link after the walk is not opened for good, and is an error of that file alone."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "target").write_text("x")
    for name in ("fifo", "link"):
        with make_buffer() as buffer, pytest.raises(OSError, match=r"no regular file|symbolic"):
            hash_file(os.fsencode(tmp_path / name), buffer)


@pytest.mark.parametrize("waits", [True, False])
def test_many_files_in_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: bool) -> None:
    """Small files in threads or not, big ones beside them, over several chunks: one answer, and all bytes are counted."""
    monkeypatch.setattr(fingerprints, "_CHUNK", 50)
    monkeypatch.setattr(hash_threads, "_BATCH", 7)
    monkeypatch.setattr(hash_threads, "_SMALL", 100)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    plain = hash_threads._Work.run_here
    monkeypatch.setattr(hash_threads._Work, "run_here", lambda self, jobs: plain(self, jobs) or waits)
    root = tmp_path / "many"
    root.mkdir()
    for i in range(180):
        (root / f"f{i}").write_bytes(b"x" * (i * 3 % 170))
    heard: list[tuple[int, int]] = []
    (entry,) = fingerprint([str(root)], "/", None, progress=lambda size, files: heard.append((size, files)))
    assert entry["xxh3_128"] == manifest(root)
    assert entry["files"] == 180
    assert heard == sorted(heard)
    assert heard[-1][0] <= entry["size"]


@pytest.mark.parametrize("after", [0, 1, 3])
def test_cancelled(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Cancelled, what is finished is there, the rest has its kind alone, and no half cache is left."""
    monkeypatch.setattr(hash_threads, "_WAIT", 0)
    answers = iter([False] * after)
    paths = [str(tree / "a"), str(tree), str(tree / "b.txt")]
    entries = fingerprint(paths, str(tmp_path), str(tmp_path / "cache"), cancelled=lambda: next(answers, True))
    assert [entry["path"] for entry in entries] == ["tree/a", "tree", "tree/b.txt"]
    assert [entry["kind"] for entry in entries] == ["file", "folder", "file"]
    assert "xxh3_128" not in entries[2]
    assert not [path for path in (tmp_path / "cache").rglob("*") if "." in path.name]


def test_what_was_hashed_before_the_end_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled each time after three files, the next time gets further, and at last to the end."""
    monkeypatch.setattr(fingerprints, "_CHUNK", 2)
    root = tmp_path / "root"
    root.mkdir()
    for n in range(9):
        (root / str(n)).write_text(str(n))
    hashed: list[bytes] = []

    def hash_file(path: bytes, *args: Any, **named: Any) -> hashing.FileHash:
        hashed.append(path[-1:])
        return hashing.hash_file(path, *args, **named)

    monkeypatch.setattr(hash_threads, "hash_file", hash_file)

    def attempt() -> dict[str, Any]:
        hashed.clear()
        cache = str(tmp_path / "cache")
        (entry,) = fingerprint([str(root)], "/", cache, cancelled=lambda: len(hashed) >= 3, clock=later)
        return entry

    seen = []
    for _ in range(3):
        entry = attempt()
        seen.append(b"".join(hashed))
    assert seen == [b"0123", b"4567", b"8"]
    assert entry["xxh3_128"] == manifest(root)


def test_failure_in_a_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong in a thread comes out where the caller is."""

    def fail(*_args: Any, **_named: Any) -> hashing.FileHash:
        raise MemoryError

    monkeypatch.setattr(hash_threads, "hash_file", fail)
    monkeypatch.setattr(hash_threads, "_SMALL", 0)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    for name in "abc":
        (tmp_path / name).write_text("x")
    with pytest.raises(MemoryError):
        one(tmp_path)


def test_a_link_to_data_is_in_the_cache_of_the_data(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was hashed under its own name is not hashed again through a link to it."""
    cache, link = str(tmp_path / "cache"), tmp_path / "link"
    link.symlink_to(tree)
    (known,) = fingerprint([str(tree)], str(tmp_path), cache, clock=later)
    monkeypatch.setattr(fingerprints, "hash_items", lambda *_: pytest.fail("it was hashed again"))
    (found,) = fingerprint([str(link)], str(tmp_path), cache, clock=later)
    assert {**found, "path": ""} == {**known, "path": ""}
