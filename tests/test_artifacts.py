from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from gitxp.errors import GitxpError
from gitxp.repo import Repo
from gitxp.restoring.artifacts import find_artifact, read_artifact
from gitxp.restoring.new_file import write_new_file
from run_factory import Factory
from screen import ask
from states import Lab, as_shell, make, portrait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12345\n"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with a run `r` that produced three files, a link and a FIFO."""
    lab = make(str(tmp_path / "repo"))
    code = "mkdir -p out/deep; printf model >out/model.pkl; printf '\\0\\377' >out/deep/x.bin; ln -s model.pkl out/last; mkfifo out/f"
    assert lab.run("run", "--name", "r", "--out", "out", "--", *as_shell(code)).status == 0
    return lab


def test_the_list(lab: Lab) -> None:
    """Every file that the run produced is listed with its size, and whether it is stored."""
    lines = lab.run("artifacts", "r").stdout.decode().splitlines()
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in lines[2:]}
    assert rows == {
        "out/deep/x.bin": "2 B stored",
        "out/f": "listed a FIFO",
        "out/last": "stored a link to model.pkl",
        "out/model.pkl": "5 B stored",
    }


def test_json(lab: Lab) -> None:
    """--json has the record's entry of each, and its place in the run's tree."""
    told = {item["path"]: item for item in json.loads(lab.run("artifacts", "r", "--json").stdout)}
    entry = next(item for item in lab.record("r")["outputs"] if item["path"] == "out/model.pkl")
    assert told["out/model.pkl"] == {**entry, "place": ".gitxp/artifacts/out/model.pkl"}
    assert told["out/f"]["stored"] is False
    assert told["out/last"]["link"] == "model.pkl"


def test_none(lab: Lab) -> None:
    """A run without artifacts has an empty list, and is told to have none."""
    lab.run("run", "--name", "none", "--", "true")
    done = lab.run("artifacts", "none")
    assert (done.status, done.stdout) == (0, b"")
    assert "produced no files" in done.stderr
    assert json.loads(lab.run("artifacts", "none", "--json").stdout) == []


def test_get(lab: Lab, tmp_path: Path) -> None:
    """An artifact is written to its own name here, into a folder, to a file, or to stdout; its path's end is enough."""
    (tmp_path / "there").mkdir()
    before = portrait(lab)
    assert lab.run("artifacts", "r", "--get", "out/deep/x.bin", cwd="../there").status != 0  # no repository
    assert lab.run("artifacts", "r", "--get", "model.pkl", "--to", str(tmp_path / "there")).status == 0
    assert (tmp_path / "there" / "model.pkl").read_bytes() == b"model"
    assert lab.run("artifacts", "r", "--get", "deep/x.bin", "--to", str(tmp_path / "there" / "y")).status == 0
    assert (tmp_path / "there" / "y").read_bytes() == b"\0\xff"
    assert lab.run("artifacts", "r", "--get", "out/deep/x.bin", "--to", "-").stdout == b"\0\xff"
    assert portrait(lab) == before
    assert lab.run("artifacts", "r", "--get", "out/model.pkl", cwd="src").status == 0
    assert lab.read("src/model.pkl") == b"model"


def test_what_is_there_is_not_replaced(lab: Lab, tmp_path: Path) -> None:
    """Without --force nothing is replaced; with it, a link is replaced and what it leads to stays."""
    mine, target = tmp_path / "mine", tmp_path / "target"
    target.write_text("precious\n")
    for make_it in (
        lambda: mine.write_text("mine\n"),
        lambda: mine.symlink_to(target),
        lambda: mine.symlink_to("gone"),
    ):
        make_it()
        done = lab.run("artifacts", "r", "--get", "model.pkl", "--to", str(mine))
        assert (done.status, "is there already" in done.stderr) == (2, True)
        assert lab.run("artifacts", "r", "--get", "model.pkl", "--to", str(mine), "--force").status == 0
        assert mine.read_bytes() == b"model"
        assert not mine.is_symlink()
        mine.unlink()
    assert target.read_text() == "precious\n"
    assert sorted(os.listdir(tmp_path)) == ["repo", "target"]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("out/f", 1, "listed and not stored: a FIFO"),
        ("out/last", 2, "a symbolic link to 'model.pkl', which is not followed"),
        ("nothing", 2, "has no artifact 'nothing'"),
        ("../../../etc/passwd", 2, "has no artifact"),
        (".gitxp/run.json", 2, "has no artifact"),
        ("", 2, "want a path"),
    ],
)
def test_what_cannot_be_got(lab: Lab, path: str, status: int, words: str, tmp_path: Path) -> None:
    """What is not stored, links, and what is no artifact cannot be got; nothing is written."""
    done = lab.run("artifacts", "r", "--get", path, "--to", str(tmp_path / "x"))
    assert (done.status, done.stdout) == (status, b""), done.stderr
    assert words in done.stderr
    assert not os.path.lexists(tmp_path / "x")


def test_an_ending_that_several_have(lab: Lab) -> None:
    """Where a path could be several artifacts, they are listed; a whole path wins."""
    lab.run("run", "--name", "s", "--out", "a", "--", *as_shell("mkdir -p a/b; echo 1 >a/x; echo 2 >a/b/x"))
    done = lab.run("artifacts", "s", "--get", "x", "--to", "-")
    assert (done.status, "a/b/x, a/x" in done.stderr) == (2, True)
    assert lab.run("artifacts", "s", "--get", "b/x", "--to", "-").stdout == b"2\n"


def test_from_outside_of_the_working_tree(lab: Lab, tmp_path: Path) -> None:
    """An artifact with an absolute path is got by that path, and written here by its name alone."""
    outside = tmp_path / "elsewhere" / "m.pkl"
    outside.parent.mkdir()
    lab.run("run", "--name", "s", "--out", str(outside), "--", *as_shell(f"printf m >'{outside}'"))
    outside.unlink()
    assert lab.run("artifacts", "s", "--get", str(outside)).status == 0
    assert lab.read("m.pkl") == b"m"
    assert not outside.exists()


def test_hostile_paths(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record's paths lead nowhere: an artifact is written by its last name here, and shown without its escapes."""
    path = "../../\x1b[2J/evil"
    factory = Factory(lab.top)
    outputs = [
        {"path": path, "stored": True, "artifact": "x"},
        {"path": "/abs/\u202e", "stored": False, "reason": "\x1b[31m"},
    ]
    factory.make("evil", outputs=outputs, files={".gitxp/artifacts/x": "evil\n"})
    monkeypatch.chdir(lab.top)
    for width in (80, None):
        shown = ask("artifacts", "evil", width=width)
        assert b"\x1b" not in shown.out
        assert "\u202e".encode() not in shown.out
    assert lab.run("artifacts", "evil", "--get", path).status == 0
    assert lab.read("evil") == b"evil\n"
    assert not os.path.exists(lab.path("../../evil"))


def test_large_files_that_are_pointers(lab: Lab) -> None:
    """Where the tree has a git-lfs pointer, whoever knows large files is asked for the bytes, and without them it says so."""
    factory = Factory(lab.top)
    outputs = [{"path": "big", "stored": True, "size": 12345}, {"path": "p", "stored": True, "size": len(POINTER)}]
    factory.make("s", outputs=outputs, files={".gitxp/artifacts/big": POINTER, ".gitxp/artifacts/p": POINTER})
    with Repo(lab.top) as repo:
        run = repo.get("s")
        artifacts = repo.artifacts(run)
        assert {item.path: item.size for item in artifacts} == {"big": 12345, "p": len(POINTER)}
        big = find_artifact(artifacts, "big", run)
        with pytest.raises(GitxpError, match="not in this clone"):
            read_artifact(repo._reader(), big)
        found = read_artifact(repo._reader(), big, lambda pointer: iter([b"bytes of ", pointer[-6:]]))
        assert b"".join(found) == b"bytes of 12345\n"
        assert b"".join(repo.read_artifact(run, "p")) == POINTER.encode()  # the run produced a pointer itself


@pytest.mark.parametrize("words", [("--to", "x"), ("--force",), ("--get", "x", "--json")])
def test_words_that_do_not_fit(lab: Lab, words: tuple[str, ...]) -> None:
    """Options that mean nothing together are mistakes of usage."""
    assert lab.run("artifacts", "r", *words).status == 2


def test_a_disk_that_fails_leaves_no_half_file(tmp_path: Path) -> None:
    """Where the bytes end early, neither the file nor a temporary one is left."""

    def breaking() -> Iterator[bytes]:
        yield b"half"
        raise OSError(28, "No space left on device")

    for force in (False, True):
        with pytest.raises(OSError, match="No space"):
            write_new_file(breaking(), str(tmp_path / "x"), force=force)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to a pipe"])
def test_force_replaces_files_alone(lab: Lab, tmp_path: Path, kind: str) -> None:
    """What is no file (a folder, a pipe, a device such as /dev/null) stays, with --force too."""
    lab.run("run", "--name", "s", "--out", "a", "--", "touch", "a")
    place = tmp_path / "place" / "a"
    place.parent.mkdir()
    if kind == "folder":
        place.mkdir()
    else:
        os.mkfifo(place)
    if kind == "link to a pipe":
        place.rename(tmp_path / "pipe")
        place.symlink_to(tmp_path / "pipe")
    before = os.lstat(place)
    done = lab.run("artifacts", "s", "--get", "a", "--to", str(place.parent), "--force")
    assert (done.status, "is there, and is no file" in done.stderr) == (2, True), done.stderr
    after = os.lstat(place)  # but for the time of access: who follows a link sets that
    assert (after.st_ino, after.st_mode, after.st_mtime_ns) == (before.st_ino, before.st_mode, before.st_mtime_ns)
    assert os.listdir(place.parent) == ["a"]
