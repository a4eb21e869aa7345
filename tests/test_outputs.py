from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest
import xxhash

from gitxp.capture import outputs
from gitxp.capture.outputs import Kept, keep
from states import Lab, as_shell, make

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working tree, and the current folder; copies go beside it."""
    (tmp_path / "top" / "out").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "top")
    return tmp_path / "top"


def kept(top: Path, *paths: str, cancelled: Callable[[], bool] = lambda: False) -> Kept:
    """What is kept of these paths."""
    return keep([os.path.normpath(top / path) for path in paths], str(top), str(top.parent / "copies"), cancelled)


def entries(found: Kept) -> dict[str, dict[str, Any]]:
    """The entries by their paths."""
    assert len({entry["path"] for entry in found.entries}) == len(found.entries)
    return {entry["path"]: {key: entry[key] for key in entry if key != "path"} for entry in found.entries}


def copies(top: Path, found: Kept) -> dict[str, str]:
    """The artifacts: their content, or where they lead."""
    content = {}
    for artifact in found.artifacts:
        if "link" in artifact:
            content[artifact["path"]] = "-> " + artifact["link"]
        else:
            content[artifact["path"]] = (top.parent / "copies" / artifact["source"]).read_text()
    return content


def digest(text: str) -> str:
    """The xxh3-128 of a text."""
    return xxhash.xxh3_128_hexdigest(text.encode())


def test_files(top: Path) -> None:
    """Files at and below a path are fingerprinted and copied, each once, in the order of their names."""
    for path in ("b", "a/x", "a-", "empty"):
        (top / "out" / path).parent.mkdir(exist_ok=True)
        (top / "out" / path).write_text("" if path == "empty" else path)
    found = kept(top, "out", "out/b", "out/a")
    assert copies(top, found) == {"out/a-": "a-", "out/b": "b", "out/empty": "", "out/a/x": "a/x"}
    assert found.entries[0] == {"path": "out/a-", "size": 2, "xxh3_128": digest("a-"), "stored": True}
    assert found.problems == []


def test_what_is_no_file(top: Path) -> None:
    """FIFOs, sockets and devices have an entry with the reason, and are never opened."""
    os.mkfifo("out/fifo")
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("out/sock")
        found = kept(top, "out", "pipe", "/dev/null")
    assert entries(found) == {
        "out/fifo": {"stored": False, "reason": "a FIFO"},
        "out/sock": {"stored": False, "reason": "a socket"},
        "pipe": {"stored": False, "reason": "a FIFO"},
        "/dev/null": {"stored": False, "reason": "a device"},
    }
    assert found.artifacts == []
    assert found.problems == [
        "out/fifo and pipe are not kept as artifacts: a FIFO.",
        "out/sock is not kept as an artifact: a socket.",
        "/dev/null is not kept as an artifact: a device.",
    ]


def test_links_in_a_folder(top: Path) -> None:
    """Links are kept as links, never followed: to a file beside, to a folder, out of the repository, nowhere, in a circle."""
    (top.parent / "secret").write_text("outside")
    (top / "train.py").write_text("code")
    (top / "out" / "epoch3").write_text("3")
    links = {
        "best": "epoch3",
        "outside": str(top.parent / "secret"),
        "code": "../train.py",
        "nowhere": "nothing",
        "self": "self",
        "up": "..",
        "loop": ".",
    }
    for name, target in links.items():
        (top / "out" / name).symlink_to(target)
    found = kept(top, "out")
    assert copies(top, found) == {"out/epoch3": "3", **{f"out/{name}": f"-> {to}" for name, to in links.items()}}
    assert entries(found)["out/outside"] == {"link": links["outside"], "stored": True}
    assert found.problems == ["out/code, out/outside and out/up are kept as links: what is behind is not kept."]


def test_a_path_that_is_a_link(top: Path) -> None:
    """What was named is followed: a folder, a file; the path stays the one that was named."""
    scratch = top.parent / "scratch"
    scratch.mkdir()
    (scratch / "model").write_text("weights")
    (scratch / "last").symlink_to(scratch / "model")
    (top / "results").symlink_to(scratch)
    (top / "best").symlink_to("results/model")
    found = kept(top, "results", "best")
    assert copies(top, found) == {
        "results/model": "weights",
        "results/last": f"-> {scratch}/model",
        "best": "weights",
    }
    assert found.problems == []


def test_a_link_that_was_named_itself(top: Path) -> None:
    """A link in a folder that is named, too, is followed; one on the way to what is named cannot be kept beside it."""
    (top / "out" / "real").mkdir()
    (top / "out" / "real" / "x").write_text("x")
    (top / "out" / "way").symlink_to("real")
    (top / "out" / "best").symlink_to("real/x")
    found = kept(top, "out", "out/best", "out/way/x")
    assert copies(top, found) == {"out/real/x": "x", "out/best": "x", "out/way/x": "x"}
    assert entries(found)["out/way"] == {"stored": False, "reason": "a link, and what is behind it was named by itself"}


def test_what_is_not_there(top: Path) -> None:
    """A missing path, a link that leads nowhere or in a circle, and a folder without files are told."""
    (top / "dangling").symlink_to("nowhere")
    (top / "circle").symlink_to("circle")
    (top / "out" / "inner" / "most").mkdir(parents=True)
    found = kept(top, "none", "dangling", "circle", "out", "train.py/x")
    assert [entry["path"] for entry in found.entries] == ["none", "dangling", "circle", "out/", "train.py/x"]
    assert found.problems == [
        "none and train.py/x are not kept as artifacts: not there.",
        "dangling and circle are not kept as artifacts: a link that leads nowhere.",
        "out/ is not kept as an artifact: a folder without files.",
    ]


def test_empty_folders_beside_files(top: Path) -> None:
    """An empty folder is no omission where there are files: git stores none."""
    (top / "out" / "empty").mkdir()
    (top / "out" / "x").write_text("x")
    found = kept(top, "out")
    assert [list(entries(found)), found.problems] == [["out/x"], []]


def test_names_that_git_refuses(top: Path) -> None:
    """What git takes for `.git` has an entry and is not gone into; nor is a link kept that fsck refuses."""
    for name in (".git", "a/.GIT", "b/git~1"):
        (top / "out" / name).mkdir(parents=True)
        (top / "out" / name / "x").write_text("x")
    (top / "out" / ".gitmodules").symlink_to("x")
    (top / "out" / "a" / ".git ").write_text("x")
    found = kept(top, "out", "out/.git/x")
    assert set(entries(found)) == {
        "out/.git/",
        "out/.gitmodules",
        "out/a/.GIT/",
        "out/a/.git ",
        "out/b/git~1/",
        "out/.git/x",
    }
    assert {entry["reason"] for entry in found.entries} == {"git refuses its name"}
    assert found.problems == [
        "out/.git/, out/.gitmodules, out/a/.GIT/ and 3 more are not kept as artifacts: git refuses its name."
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_by_mode(top: Path) -> None:
    """A file and a folder without permission have entries, and do not hide the others."""
    (top / "out" / "x").write_text("x")
    (top / "out" / "locked").mkdir(mode=0)
    (top / "out" / "secret").write_text("x")
    (top / "out" / "secret").chmod(0)
    found = kept(top, "out")
    (top / "out" / "locked").chmod(0o700)
    assert entries(found)["out/locked/"] == entries(found)["out/secret"] == {"stored": False, "reason": "not readable"}
    assert copies(top, found) == {"out/x": "x"}


def test_unreadable(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file and a folder that cannot be read have entries, and do not hide the others."""
    for name in ("a", "x", "z"):
        (top / "out" / name).mkdir()
        (top / "out" / name / "f").write_text(name)
    plain_open, plain_scandir = os.open, os.scandir

    def refuse_file(path: str, *args: Any) -> int:
        if path == str(top / "out/a/f"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return plain_open(path, *args)

    def refuse_folder(path: str) -> Iterator[os.DirEntry[str]]:
        if path == str(top / "out/x"):
            raise OSError(errno.EIO, "Input/output error")
        return plain_scandir(path)

    monkeypatch.setattr(os, "open", refuse_file)
    monkeypatch.setattr(os, "scandir", refuse_folder)
    found = kept(top, "out")
    assert entries(found)["out/a/f"] == {"stored": False, "reason": "not readable"}
    assert entries(found)["out/x/"] == {"stored": False, "reason": "Input/output error"}
    assert copies(top, found) == {"out/z/f": "z"}


def changing(monkeypatch: pytest.MonkeyPatch, path: Path, times: int) -> None:
    """Make a file grow the first `times` times that it is copied."""
    plain = outputs._Keeper._copy_bytes
    count = 0

    def copy_and_grow(*args: Any) -> None:
        nonlocal count
        plain(*args)
        count += 1
        if count <= times:
            with path.open("a") as file:
                file.write("+")

    monkeypatch.setattr(outputs._Keeper, "_copy_bytes", copy_and_grow)


def test_changed_once_while_read(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that changed while it was copied is copied again, and that counts."""
    (top / "out" / "f").write_text("1")
    changing(monkeypatch, top / "out" / "f", 1)
    found = kept(top, "out")
    assert entries(found) == {"out/f": {"size": 2, "xxh3_128": digest("1+"), "stored": True}}
    assert copies(top, found) == {"out/f": "1+"}


def test_keeps_changing(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that somebody goes on writing is kept as it was once, fingerprint and copy alike, and that is said."""
    (top / "out" / "f").write_text("1")
    changing(monkeypatch, top / "out" / "f", 2)
    found = kept(top, "out")
    assert entries(found) == {"out/f": {"size": 2, "xxh3_128": digest("1+"), "stored": True, "changed": True}}
    assert copies(top, found) == {"out/f": "1+"}
    assert found.problems == ["out/f changed while being kept as an artifact."]


def test_gone_while_read(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is gone when its turn comes, or is a link or a FIFO by then, has an entry that says so."""
    for name in ("gone", "link", "fifo"):
        (top / "out" / name).write_text("x")
    plain = outputs._walk

    def swap(root: str) -> Iterator[outputs._Found]:
        found = list(plain(root))
        for name in ("gone", "link", "fifo"):
            (top / "out" / name).unlink()
        (top / "out" / "link").symlink_to("/etc/hostname")
        os.mkfifo(top / "out" / "fifo")
        return iter(found)

    monkeypatch.setattr(outputs, "_walk", swap)
    found = kept(top, "out")
    assert {path: entry["stored"] for path, entry in entries(found).items()} == {
        "out/fifo": False,
        "out/gone": False,
        "out/link": False,
    }
    assert entries(found)["out/gone"]["reason"] == "not there"
    assert found.artifacts == []


def test_limits(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the limits of size there is a fingerprint and the reason; what fits behind is kept."""
    monkeypatch.setattr(outputs, "MAX_FILE", 4 << 20)
    monkeypatch.setattr(outputs, "MAX_TOTAL", 6 << 20)
    for name, size in {"a": (4 << 20) + 1, "b": 4 << 20, "c": 4 << 20, "d": 1}.items():
        (top / "out" / name).write_bytes(b"x" * size)
    found = kept(top, "out")
    assert [artifact["path"] for artifact in found.artifacts] == ["out/b", "out/d"]
    assert [entry.get("reason") for entry in found.entries] == [
        "larger than 4 MiB",
        None,
        "more than 6 MiB of artifacts",
        None,
    ]
    assert entries(found)["out/a"]["xxh3_128"] == xxhash.xxh3_128_hexdigest(b"x" * ((4 << 20) + 1))


def test_thousands_of_files(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More files than a record should name are summed up, by the path that was named."""
    monkeypatch.setattr(outputs, "MAX_ENTRIES", 5)
    for number in range(8):
        (top / "out" / str(number)).write_text("xx")
    (top / "one").write_text("x")
    found = kept(top, "out", "one")
    assert len(found.artifacts) == 5
    assert found.entries[5:] == [
        {"path": "out", "files": 3, "size": 6, "stored": False, "reason": "more than 5 files"},
        {"path": "one", "files": 1, "size": 1, "stored": False, "reason": "more than 5 files"},
    ]


def test_interrupted(top: Path) -> None:
    """An impatient user gets what was kept so far; what was named and is not done says so."""
    for path in ("out/a", "out/b", "x"):
        (top / path).write_text(path)
    second = top.parent / "copies" / "1"
    found = kept(top, "out/a", "out", "x", cancelled=second.exists)
    assert copies(top, found) == {"out/a": "out/a"}
    assert entries(found)["out"] == entries(found)["x"] == {"stored": False, "reason": "interrupted"}


def test_full_disk(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without room for copies the files themselves are what will be committed; the fingerprints are there."""
    (top / "out" / "f").write_text("1")

    def fail(*_args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(outputs._Keeper, "_copy_bytes", fail)
    found = kept(top, "out")
    assert found.artifacts == [{"path": "out/f", "source": str(top / "out" / "f")}]
    assert entries(found) == {"out/f": {"size": 1, "xxh3_128": digest("1"), "stored": True}}


def test_names_of_any_bytes(top: Path) -> None:
    """Names with newlines, quotes and bytes that are no UTF-8 come through."""
    names = ["new\nline", 'quo"te', "back\\slash", os.fsdecode(b"\xff\xfe"), "ü", " "]
    for name in names:
        (top / "out" / name).write_text(name.encode("utf-8", "replace").decode())
    found = kept(top, "out")
    assert set(entries(found)) == {f"out/{name}" for name in names}
    assert all(entry["stored"] for entry in found.entries)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with one commit."""
    return make(str(tmp_path / "repo"))


def test_a_whole_run(lab: Lab, tmp_path: Path) -> None:
    """In git are files and links with their modes and bytes; the record has every omission; the user is told."""
    (tmp_path / "elsewhere").write_text("far")
    script = (
        "mkdir -p build/o/empty; cd build/o; echo 3 >epoch3; ln -s epoch3 best; ln -s . loop; ln -s ../../../elsewhere far;"
        "mkfifo pipe; printf 'odd' > 'new\nline'"
    )
    done = lab.run("run", "--name", "r", "--out", "build/o", "--out", "../elsewhere", "--", *as_shell(script))
    assert done.status == 0, done.stderr
    tree = lab.git("ls-tree", "-r", "-z", "refs/experiments/r:.gitxp/artifacts").decode().split("\0")
    modes = {line.partition("\t")[2]: line[:6] for line in tree if line}
    outside = f"@{tmp_path}/elsewhere"
    assert modes == {
        "build/o/best": "120000",
        "build/o/epoch3": "100644",
        "build/o/far": "120000",
        "build/o/loop": "120000",
        "build/o/new\nline": "100644",
        outside: "100644",
    }
    assert lab.blob("refs/experiments/r", ".gitxp/artifacts/build/o/best") == b"epoch3"
    assert lab.blob("refs/experiments/r", f".gitxp/artifacts/{outside}") == b"far"
    outputs = {entry["path"]: entry for entry in lab.record("r")["outputs"]}
    assert outputs["build/o/pipe"] == {"path": "build/o/pipe", "stored": False, "reason": "a FIFO"}
    assert outputs["build/o/best"] == {"path": "build/o/best", "link": "epoch3", "stored": True}
    assert outputs[str(tmp_path / "elsewhere")]["artifact"] == outside
    assert "build/o/pipe is not kept as an artifact: a FIFO." in done.stderr
    assert lab.run("show", "r").status == 0
    assert lab.live() == []
