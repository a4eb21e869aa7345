"""Two runs side by side, as people read them: packages and files by name, the telling ones first, and not without end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gitxp.format import Oid, RefName
from gitxp.model import Comparison, FolderChange, Run
from gitxp.names import RunName
from gitxp.render.comparison import SECTIONS, render_json, render_section
from gitxp.render.measure import width_of
from run_factory import make_record

EVIL = "\x1b]0;x\x07\n\u202e"


def compared(a: dict[str, Any] | None = None, b: dict[str, Any] | None = None, **differences: Any) -> Comparison:
    """A comparison of two runs whose records have these keys."""
    runs = [
        Run(RunName(name), RefName(f"refs/experiments/{name}"), Oid("c" * 40), make_record(name, **(keys or {})))
        for name, keys in (("run-a", a), ("run-b", b))
    ]
    return Comparison(*runs, **differences)


def lines(comparison: Comparison, section: str, width: int | None = 80) -> list[str]:
    """The lines of a section below its heading, without the blanks that align."""
    text = render_section(comparison, section, width=width)
    assert all(width is None or width_of(line) <= width for line in text.splitlines())
    assert all(line.isprintable() for line in text.splitlines())
    return [" ".join(line.split()) for line in text.splitlines()[1:]]


def test_the_source_of_a_parameter_where_it_differs() -> None:
    """Beside two values stands where they are from, if one was given and the other left alone."""
    a = {"param_sources": {"lr": "argparse", "seed": "argv", "new": "argv"}}
    b = {"param_sources": {"lr": "argv", "seed": "argv", "new": "argv", "old": EVIL}}
    comparison = compared(a, b, params={"lr": (0.1, 0.2), "seed": (1, 2), "new": (None, 3), "old": (1, 2)})
    shown = lines(comparison, "params")
    assert "lr 0.1 (argparse default) 0.2 (argv)" in shown
    assert "seed 1 2" in shown
    assert "new - 3" in shown


def environment(**more: tuple[Any, Any]) -> dict[str, tuple[Any, Any]]:
    """Differences of an environment with three packages."""
    pairs = {"packages.torch": ("2.3.1", "2.4.0"), "packages.six": ("1.16", None), "packages.rich": (None, "13")}
    return {**pairs, "os.release": ("6.1", "6.2"), "python.version": ("3.11", "3.12"), **more}


def test_packages_that_were_imported_come_first() -> None:
    """Packages are named as they are, those that the program imported before the others, and then all the rest in order."""
    comparison = compared(environment=environment(zzz=("1", "2")), imported=frozenset({"torch", "numpy"}))
    assert lines(comparison, "environment")[2:] == [
        "imported packages",
        "torch 2.3.1 2.4.0",
        "other packages",
        "six 1.16 -",
        "rich - 13",
        "interpreter and machine",
        "python.version 3.11 3.12",
        "os.release 6.1 6.2",
        "zzz 1 2",
    ]


def test_without_packages_there_are_no_groups() -> None:
    """Where no package differs, the rest needs no heading."""
    comparison = compared(environment={"python.version": ("3.11", "3.12")})
    assert lines(comparison, "environment")[2:] == ["python.version 3.11 3.12"]


def test_only_the_imports_that_one_run_has() -> None:
    """Of two lists of imports only what they have not in common is shown."""
    pair = (["numpy", "pandas", "torch"], ["numpy", "torch"])
    comparison = compared(environment={"imported": pair})
    assert lines(comparison, "environment")[2:] == ["imported only by pandas no other"]


def test_conda_packages() -> None:
    """A conda package that differs as the installed package of its name does is said once."""
    pairs = {"packages.numpy": ("1", "2"), "conda.packages.numpy": ("1", "2"), "conda.packages.mkl": ("7", "8")}
    assert lines(compared(environment=pairs), "environment")[2:] == [
        "packages",
        "numpy 1 2",
        "conda packages",
        "mkl 7 8",
    ]


def test_a_run_without_an_environment() -> None:
    """A run that has none is said to have none; hundreds of packages are not."""
    pairs = {f"packages.p{i}": (None, "1") for i in range(500)} | {"os.system": (None, "Linux")}
    assert lines(compared(environment=pairs), "environment") == ["None is recorded of run-a."]
    running = compared({"status": "running"}, environment=pairs)
    assert lines(running, "environment") == ["None is recorded of run-a yet: it is running."]


def test_many_packages() -> None:
    """On a terminal, all imported packages are named and the first of the others; into a pipe go all."""
    pairs = {f"packages.p{i:03}": ("1", "2") for i in range(150)}
    comparison = compared(environment=pairs, imported=frozenset(f"p{i:03}" for i in range(100, 130)))
    on_terminal, piped = lines(comparison, "environment"), lines(comparison, "environment", None)
    assert on_terminal.count("and 100 more") == 1
    assert len(on_terminal) == 2 + 1 + 30 + 1 + 20 + 1
    assert len(piped) == 2 + 1 + 30 + 1 + 120


def test_a_virtual_environment_is_said_once() -> None:
    """The folder of a virtual environment, which is the interpreter's prefix, is one row."""
    pairs = {"python.prefix": ("/a", "/b"), "virtual_env": ("/a", "/b")}
    assert lines(compared(environment=pairs), "environment")[2:] == ["python.prefix /a /b"]
    pairs["virtual_env"] = ("/a", "/c")
    assert lines(compared(environment=pairs), "environment")[2:] == ["python.prefix /a /b", "virtual_env /a /c"]


def test_memory_as_a_size() -> None:
    """Memory is a size, unless that would make two of them the same."""
    assert lines(compared(environment={"memory": (8 << 30, 16 << 30)}), "environment")[2:] == [
        "memory 8.0 GiB 16.0 GiB"
    ]
    assert lines(compared(environment={"memory": (1 << 34, (1 << 34) + 1)}), "environment")[2:] == [
        f"memory {1 << 34} {(1 << 34) + 1}"
    ]


FOLDER = ({"kind": "folder", "files": 3, "size": 5, "xxh3_128": "a" * 32}, {"kind": "folder", "xxh3_128": "b" * 32})


def test_files_of_a_folder_by_name() -> None:
    """Below the table stand the files of a folder, with their numbers."""
    change = FolderChange(added=("n",), removed=("g", "h"), changed=("c/d",))
    assert lines(compared(data={"d": FOLDER}, data_files={"d": change}), "data")[2:] == [
        "d 5 B, 3 files, aaaaaaaaaa bbbbbbbbbb",
        "",
        "d: 1 changed, 1 added, 2 removed",
        "changed c/d",
        "added n",
        "removed g",
        "removed h",
    ]
    assert lines(compared(data={"d": FOLDER}), "data")[-1] == "d: not both runs have a list of its files"


def test_files_that_moved_within_a_folder() -> None:
    """They are counted and named with both paths."""
    change = FolderChange(added=("n",), moved=(("old", "new"),))
    assert lines(compared(data={"d": FOLDER}, data_files={"d": change}), "data")[-3:] == [
        "d: 1 added, 1 moved",
        "added n",
        "moved old → new",
    ]


def test_a_folder_that_was_opened_beside_one_that_was_named() -> None:
    """Where one run knows the whole folder and the other what was opened of it, that is said: a file may be there unread."""
    change, opened = FolderChange(added=("n",)), {**FOLDER[0], "source": "opened"}
    words = "Of run-a only the files that its program opened are known."
    for pair, is_said in (
        ((opened, FOLDER[1]), True),
        (FOLDER, False),
        ((opened, opened), False),
        ((opened, None), False),
    ):
        assert (words in lines(compared(data={"d": pair}, data_files={"d": change}), "data")) is is_said


@pytest.mark.parametrize(
    ("counts", "shown"),
    [((100, 100, 100), (8, 6, 6)), ((3, 100, 0), (3, 17, 0)), ((0, 0, 21), (0, 0, 20)), ((1, 1, 1), (1, 1, 1))],
)
def test_each_kind_of_change_gets_a_share(counts: tuple[int, int, int], shown: tuple[int, int, int]) -> None:
    """Of many files twenty are named on a terminal, some of each kind; the others are counted. Into a pipe go all."""
    changed, added, removed = (tuple(f"{i}" for i in range(count)) for count in counts)
    comparison = compared(data={"d": FOLDER}, data_files={"d": FolderChange(added, removed, changed)})
    found = lines(comparison, "data")
    assert (
        tuple(sum(line.startswith(f"{what} ") for line in found) for what in ("changed", "added", "removed")) == shown
    )
    assert any(f"and {sum(counts) - sum(shown)} more" in line for line in found) is (sum(counts) > 20)
    assert sum(line.startswith(("changed ", "added ", "removed ")) for line in lines(comparison, "data", None)) == sum(
        counts
    )


def test_what_moved_and_what_stands_for_a_folder_is_no_row() -> None:
    """Data that only moved are one line, and the single files that a folder was compared with are none."""
    entry = {"kind": "file", "size": 3, "xxh3_128": "c" * 32}
    comparison = compared(
        data={"old": (entry, None), "new": (None, entry), "d/x": (entry, None), "d": (None, FOLDER[1])},
        data_moved={"old": "new"},
        data_files={"d": FolderChange(added=("y",), singles=("d/x",))},
    )
    assert lines(comparison, "data")[2:] == ["d - bbbbbbbbbb", "", "moved: old → new", "", "d: 1 added", "added y"]
    only = compared(data={"old": (entry, None), "new": (None, entry)}, data_moved={"old": "new"})
    assert lines(only, "data") == ["moved: old → new"]


def test_data_without_a_digest() -> None:
    """Where there is no digest, the time of change or the hash of another tool stands in its place."""
    pairs = {
        "/out": ({"size": 5, "modified": "2026-01-01T00:00:00.000Z"}, {"kind": "missing"}),
        "dvc": ({"dvc_md5": "m1", "size": 1}, {"lfs_oid": "sha256:ab", "size": 1}),
        "many": ({"files": 1, "source": "opened"}, {"files": 2}),
    }
    assert lines(compared(data=pairs), "data", 120)[2:] == [
        "/out 5 B, of 2026-01-01T00:00:00 missing",
        "dvc 1 B, DVC m1 1 B, LFS sha256:ab",
        "many 1 file opened 2 files",
    ]


@pytest.mark.parametrize("width", [30, 80, None])
def test_a_stranger_in_a_comparison(width: int | None) -> None:
    """Names of a stranger's files, packages and runs act on no terminal, and are not wider than it."""
    entry = {"kind": "file", "size": 3, "xxh3_128": EVIL}
    names = tuple(f"{EVIL}{'日本' * 200}{i}" for i in range(30))
    comparison = compared(
        data={EVIL: (entry, None), "new": (None, entry), names[0]: FOLDER, names[1]: FOLDER},
        data_moved={EVIL: "new"},
        data_files={names[0]: FolderChange(names, names, names)},
        environment={f"packages.{name}": (EVIL, None) for name in names} | {EVIL: ([EVIL], {"x": EVIL})},
        imported=frozenset(names[:3]),
        outputs=dict.fromkeys(names, (entry, None)),
    )
    for section in ("data", "environment", "outputs"):
        assert lines(comparison, section, width)


def test_json_has_every_file() -> None:
    """JSON names all files of a folder, the moves, and the outputs, where there are any; each with its section."""
    many = tuple(f"{i}" for i in range(500))
    comparison = compared(
        data={"d": FOLDER}, data_files={"d": FolderChange(added=many)}, data_moved={"x": "y"}, outputs={"o": (None, {})}
    )
    document = json.loads(render_json(comparison, list(SECTIONS)))
    assert document["data_files"] == {"d": {"added": list(many), "removed": [], "changed": [], "moved": []}}
    assert document["data_moved"] == {"x": "y"}
    assert document["outputs"] == {"o": [None, {}]}
    assert set(json.loads(render_json(comparison, ["data"]))) == {"data", "data_files", "data_moved"}
    assert set(json.loads(render_json(comparison, ["params"]))) == {"params"}
