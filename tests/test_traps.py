"""Trees of a few KB that stand for more files than there are on earth: nothing walks them, and no other run suffers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.errors import FormatError
from gitxp.format import Oid
from gitxp.git.cat_file import CatFile
from gitxp.git.extent import MAX_FILES, Extent
from gitxp.git.program import Git
from run_factory import encode, make_record
from screen import ask

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from gitxp.repo import Repo
    from run_factory import Factory

pytest_plugins = ("run_fixtures",)

DEPTH = 10  # levels of ten folders each


def tree(git: Any, *entries: tuple[str, str, str]) -> str:
    """A tree with these modes, objects and names."""
    kinds = {"040000": "tree"}
    lines = "".join(f"{mode} {kinds.get(mode, 'blob')} {oid}\t{name}\n" for mode, oid, name in entries)
    return str(git("mktree", input=lines.encode()))


def bomb(git: Any, content: bytes, depth: int = DEPTH) -> str:
    """A tree of this many levels of ten equal folders, with ten files at the bottom."""
    blob = git("hash-object", "-w", "--stdin", input=content)
    made = tree(git, *(("100644", blob, str(number)) for number in range(10)))
    for _ in range(depth - 1):
        made = tree(git, *(("040000", made, str(number)) for number in range(10)))
    return made


def trap(git: Any, name: str, number: int, *, ours: bool = False) -> str:
    """A run with such a tree in its snapshot, or in gitxp's own folder: its commit."""
    deep = bomb(git, name.encode())
    record = git("hash-object", "-w", "--stdin", input=encode(make_record(name, number)))
    entries = [("100644", record, "run.json"), *([("040000", deep, "more")] if ours else [])]
    folder = tree(git, *entries)
    top = tree(git, ("040000", folder, ".gitxp"), *([] if ours else [("040000", deep, "deep")]))
    commit = git("commit-tree", top, "-p", "HEAD", "-m", name)
    git("update-ref", f"refs/experiments/{name}", commit)
    return str(commit)


pytestmark = pytest.mark.damaged  # git fsck would walk them, and some are none that git makes


@pytest.fixture
def traps(factory: Factory, git: Any) -> None:
    """A sound run, and two whose snapshots are traps."""
    factory.make("sound", files={"code.py": "x = 1\n"})
    factory.make("better", files={"code.py": "x = 2\n"})
    trap(git, "one", 101)
    trap(git, "two", 102)


@pytest.mark.usefixtures("traps")
@pytest.mark.parametrize(
    "args", [("diff",), ("diff", "--code"), ("diff", "--stat"), ("diff", "--json"), ("why",)], ids=" ".join
)
@pytest.mark.parametrize("pair", [("sound", "one"), ("one", "two")], ids=" ".join)
def test_a_trap_is_not_compared(args: Sequence[str], pair: Sequence[str]) -> None:
    """Whoever asks what differs is told that it is a trap."""
    answer = ask(args[0], *pair, *args[1:])
    assert answer.status == 9
    assert "differs from" in answer.err
    assert "it is a trap" in answer.err


@pytest.mark.usefixtures("traps")
def test_no_other_run_suffers(here: Repo) -> None:
    """Beside traps the code of sound runs is compared, and the tree of runs tells what changed."""
    answer = ask("compare", "sound", "better", "one", "--json")
    assert answer.status == 0
    assert "The code of one cannot be compared" in answer.err
    assert b"code.py" in answer.out
    told = ask("tree")
    assert told.status == 0
    assert all(name in told.out for name in (b"sound", b"better", b"one", b"two"))
    assert [change.path for change in here.diff(here.get("sound"), here.get("better")).code] == ["code.py"]


@pytest.mark.usefixtures("traps")
def test_equal_traps_do_not_differ(git: Any) -> None:
    """Git walks into no folder that both have, and neither do we."""
    git("update-ref", "refs/experiments/again", "refs/experiments/one")
    assert ask("diff", "one", "again", "--code").status == 0


@pytest.mark.parametrize("ours", [False, True])
def test_a_push_goes_on(git: Any, factory: Factory, tmp_path: Path, *, ours: bool) -> None:
    """What cannot be looked into for secrets is counted, and goes."""
    git("init", "--quiet", "--bare", str(tmp_path / "hub"))
    git("remote", "add", "origin", str(tmp_path / "hub"))
    factory.make("sound")
    trap(git, "one", 101, ours=ours)
    answer = ask("push", "--json")
    assert answer.status == 0, answer.err
    assert {run["name"] for run in json.loads(answer.out)["created"]} == {"sound", "one"}
    assert "not looked at for secrets" in answer.err


@pytest.fixture
def objects(repo: str) -> Iterator[CatFile]:
    """The reader."""
    reader = CatFile(Git(repo))
    yield reader
    reader.close()


def test_what_counts(git: Any, objects: CatFile) -> None:
    """As many files as may be are none too many; each path counts, in the folder that differs, and equal entries twice."""
    extent = Extent(objects)
    at_most, too_many = bomb(git, b"x", 6), bomb(git, b"x", 7)
    assert 10**6 < MAX_FILES < 10**7
    assert not extent.is_trap(None, Oid(at_most))
    assert extent.is_trap(None, Oid(too_many))
    assert extent.is_trap(Oid(too_many), Oid(bomb(git, b"y", 7)))
    assert not extent.is_trap(Oid(too_many), Oid(too_many))
    folder = tree(git, ("040000", too_many, "a"), ("100644", git("hash-object", "-w", "--stdin", input=b""), "b"))
    assert not extent.is_trap(Oid(folder), Oid(tree(git, ("040000", too_many, "a"))))
    with pytest.raises(FormatError, match="no files in more than"):
        extent.check(None, Oid(too_many))


def test_folders_in_folders(git: Any, objects: CatFile) -> None:
    """So deep that nobody could walk there, however few files there are."""
    made = bomb(git, b"x", 1)
    for _ in range(450):
        made = tree(git, ("040000", made, "d"))
    assert Extent(objects).is_trap(None, Oid(made))


def test_entries_that_stand_twice(git: Any, objects: CatFile) -> None:
    """Git walks both, so both count."""
    blob = git("hash-object", "-w", "--stdin", input=b"x")
    made = tree(git, ("100644", blob, "f"))
    for _ in range(30):
        raw = b"40000 d\0" + bytes.fromhex(made)
        made = git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", input=raw * 2)
    assert Extent(objects).is_trap(None, Oid(made))


@pytest.mark.parametrize("mode", [b"40000", b"040000", b"40755", b"140040000"])
def test_every_way_to_write_a_folder(git: Any, objects: CatFile, mode: bytes) -> None:
    """What git walks counts, however a stranger wrote the mode."""
    blob = git("hash-object", "-w", "--stdin", input=b"x")
    made = tree(git, ("100644", blob, "f"))
    for level in range(8):
        raw = b"".join(b"%s %d\0%s" % (mode, number, bytes.fromhex(made)) for number in range(10))
        made = git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", input=raw)
        if level == 1:
            assert len(git("ls-tree", "-r", "--name-only", made).split()) == 100
    assert Extent(objects).is_trap(None, Oid(made))
