"""Which data of two runs differ, and which of their files: what manifests of friends and of strangers tell."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.format import data_path
from gitxp.model import Comparison, FolderChange
from gitxp.query import compare_data
from run_factory import Factory, encode

if TYPE_CHECKING:
    from gitxp.repo import Repo

pytest_plugins = ("run_fixtures",)


def compare(here: Repo) -> Comparison:
    """Run `a` against run `b`."""
    return here.diff(here.get("a"), here.get("b"))


def folder(path: str, digest: str, **keys: Any) -> dict[str, Any]:
    """The entry of a folder that has a manifest."""
    return {"path": path, "kind": "folder", "size": 9, "files": 3, "xxh3_128": digest * 32, "manifest": True, **keys}


def file(path: str, digest: str, **keys: Any) -> dict[str, Any]:
    """The entry of a file."""
    return {"path": path, "kind": "file", "size": 3, "xxh3_128": digest * 32, **keys}


def manifest(*lines: str) -> bytes:
    """A manifest; of each line the digest is one digit: `1  path`."""
    full = (re.sub(r"^(\\?)(.)", lambda found: found[1] + found[2] * 32, line) for line in lines)
    return "".join(f"{line}\n" for line in full).encode("utf-8", "surrogateescape")


def test_files_of_a_folder(factory: Factory, here: Repo) -> None:
    """Of a folder that differs, the files that were added, removed and changed are named, in the order of their bytes."""
    a = manifest("1  b", "2  changed", "3  gone", "4  same", "5 @link", "\\6  new\\nline\\\\", "?  closed")
    b = manifest("1  a", "1  b", "8  changed", "4  same", "5  link", "\\7  new\\nline\\\\", "?  closed", "1  é\udcff")
    for path in ("data/träin", "."):
        factory.make("a", data=[folder(path, "1")], files={data_path(path): a})
        factory.make("b", data=[folder(path, "2")], files={data_path(path): b})
        assert compare(here).data_files == {
            path: FolderChange(added=("a", "é\udcff"), removed=("gone",), changed=("changed", "link", "new\nline\\"))
        }
        for name in "ab":
            subprocess.run(["git", "update-ref", "-d", f"refs/experiments/{name}"], check=True, cwd=factory.path)


def test_files_that_moved_within_a_folder(factory: Factory, here: Repo) -> None:
    """A file whose content is at another path has moved, each once; not links, what is empty, or cannot be read."""
    empty = f"{compare_data._EMPTY[1:].decode()}  "
    a = manifest("1  a", "1  b", "2 @link", "?  closed", "3  same") + f"{empty}none\n".encode()
    b = manifest("1  c", "2 @link2", "?  closed2", "3  copy", "3  same") + f"{empty}none2\n".encode()
    factory.make("a", data=[folder("d", "1")], files={data_path("d"): a})
    factory.make("b", data=[folder("d", "2")], files={data_path("d"): b})
    added, removed = ("closed2", "copy", "link2", "none2"), ("b", "closed", "link", "none")
    assert compare(here).data_files == {"d": FolderChange(added=added, removed=removed, moved=(("a", "c"),))}


def test_the_same_data_is_no_difference(factory: Factory, here: Repo) -> None:
    """One content is one content, whoever named it; without digests, all that is known of it must be the same."""
    outside = {"path": "/d", "kind": "file", "size": 3, "modified": "2026-01-01T00:00:00.000Z", "source": "opened"}
    factory.make("a", data=[folder("f", "1"), file("g", "2", dvc_md5="x"), outside])
    factory.make("b", data=[folder("f", "1", source="opened"), file("g", "2"), outside])
    assert (compare(here).data, compare(here).data_files) == ({}, {})
    factory.make("c", data=[folder("f", "1"), file("g", "2"), {**outside, "modified": "2026-01-02T00:00:00.000Z"}])
    factory.make("d", data=[folder("f", "1"), {"path": "g", "kind": "file", "size": 3}, outside])
    assert list(here.diff(here.get("a"), here.get("c")).data) == ["/d"]
    assert list(here.diff(here.get("a"), here.get("d")).data) == ["g"]


def test_moved_data(factory: Factory, here: Repo) -> None:
    """What has the same content at another path has moved; each path takes part in one move, and empty files in none."""
    factory.make("a", data=[file("x", "1"), file("y", "1"), file("gone", "2"), file("empty", "3", size=0)])
    factory.make("b", data=[file("z", "1"), file("new", "4"), file("void", "3", size=0)])
    found = compare(here)
    assert found.data_moved == {"x": "z"}
    assert found.data.keys() == {"x", "y", "z", "gone", "new", "empty", "void"}


@pytest.mark.parametrize("path", ["d", "."])
def test_single_files_and_their_folder(factory: Factory, here: Repo, path: str) -> None:
    """A run that has some files of a folder as entries of their own is compared with the folder of the other, file by file."""
    names = ["d/a", "d/b", "d/c"] if path == "d" else ["a", "b", "c"]
    factory.make("a", data=[*(file(name, str(i), source="opened") for i, name in enumerate(names)), file("/d/a", "9")])
    content = manifest("0  a", "5  b", "6  n")
    factory.make("b", data=[folder(path, "f", source="opened")], files={data_path(path): content})
    change = FolderChange(added=("n",), removed=("c",), changed=("b",), singles=tuple(names))
    assert compare(here).data_files == {path: change}
    change = FolderChange(added=("c",), removed=("n",), changed=("b",), singles=tuple(names))
    assert here.diff(here.get("b"), here.get("a")).data_files == {path: change}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no manifest at all",
        b"\n" * 50,
        b"1" * 32 + b"  \n" + b"1" * 31 + b"  a\n" + b"1" * 32 + b"a\n" + b"G" * 32 + b"  a\n",
        b"\xff\x00\x1b" * 99,
    ],
)
def test_lines_that_are_none(factory: Factory, here: Repo, content: bytes) -> None:
    """Lines of a manifest that are none are passed over; the others count."""
    factory.make("a", data=[folder("d", "1")], files={data_path("d"): content})
    factory.make("b", data=[folder("d", "2")], files={data_path("d"): content + b"\n" + manifest("2  a")})
    assert compare(here).data_files == {"d": FolderChange(added=("a",))}


def test_manifests_that_are_not_there(factory: Factory, here: Repo) -> None:
    """Without a list of its files in both runs, a folder's files are not compared, whatever its entry says."""
    data = [folder("no list", "1"), folder("said", "1"), folder("\ud800", "1"), folder("one", "1", manifest=False)]
    files = {data_path("no list"): manifest("1  a"), data_path("one"): manifest("1  a")}
    factory.make("a", data=data, files=files)
    factory.make("b", data=[{**entry, "xxh3_128": "2" * 32} for entry in data], files={data_path("one"): b""})
    found = compare(here)
    assert found.data.keys() == {"no list", "said", "\ud800", "one"}
    assert found.data_files == {}


def test_limits(factory: Factory, here: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Manifests with too many lines or bytes are not taken apart, nor are more folders than there may be."""
    few, many = manifest("1  a"), manifest("1  a", "2  b", "3  c")
    data = [folder(name, "1") for name in "xyz"]
    factory.make("a", data=data, files={data_path(name): few for name in "xyz"})
    other = [folder(name, "2") for name in "xyz"]
    factory.make(
        "b", data=other, files={data_path("x"): few + b"2" * 32 + b"  b\n", data_path("y"): many, data_path("z"): few}
    )
    assert compare(here).data_files.keys() == {"x", "y", "z"}
    monkeypatch.setattr(compare_data, "_MOST_LINES", 2)
    assert compare(here).data_files.keys() == {"x", "z"}
    monkeypatch.setattr(compare_data, "_MOST_BYTES", 40)
    assert compare(here).data_files.keys() == {"z"}
    monkeypatch.setattr(compare_data, "_MOST_FOLDERS", 2)
    assert compare(here).data_files == {}


def test_outputs_by_content(factory: Factory, here: Repo) -> None:
    """Outputs differ by content alone: where they are kept is no difference."""
    same, other = {"path": "o", "size": 1, "xxh3_128": "1" * 32}, {"path": "m", "size": 1, "xxh3_128": "2" * 32}
    factory.make("a", outputs=[{**same, "stored": True}, {**other, "stored": True}])
    factory.make("b", outputs=[{**same, "stored": False, "reason": "large"}, {**other, "xxh3_128": "3" * 32}])
    assert compare(here).outputs.keys() == {"m"}


def test_imported_packages(factory: Factory, here: Repo) -> None:
    """What either program imported is known; that both imported the same is no difference, in whatever order."""
    for name, imported in (("a", ["numpy", "torch"]), ("b", ["torch", "numpy"]), ("c", ["numpy", "jax", 5]), ("d", 7)):
        factory.make(name, files={".gitxp/environment.json": encode({"imported": imported})})
    assert (compare(here).imported, compare(here).environment) == ({"numpy", "torch"}, {})
    found = here.diff(here.get("a"), here.get("c"))
    assert found.imported == {"numpy", "torch", "jax"}
    assert found.environment == {"imported": (["numpy", "torch"], ["numpy", "jax", 5])}
    assert here.diff(here.get("a"), here.get("d")).environment == {"imported": (["numpy", "torch"], 7)}
