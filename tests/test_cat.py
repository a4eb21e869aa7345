from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from gitxp.repo import Repo
from screen import ask
from states import STATES, Lab, make, portrait
from test_restore import on_disk

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with one commit."""
    return make(str(tmp_path / "repo"))


AS_IT_WAS = ("clean_filter", "filter_process", "attributes", "names_that_hurt", "symbolic_links", "merge_in_conflict")


@pytest.mark.parametrize("name", AS_IT_WAS)
def test_a_file_as_it_was(name: str, lab: Lab) -> None:
    """Whatever filters, encodings and names a file has, cat gives the bytes that were on disk."""
    want = STATES[name](lab)
    lab.run("run", "--name", "r", "--", "true", env=want.env)
    before = portrait(lab)
    ran = on_disk(lab.top, lab.tree("refs/experiments/r"))
    ran.pop("a.id", None)  # git keeps no $Id$
    with Repo(lab.top) as repo:
        run = repo.get("r")
        for path, content in ran.items():
            wanted = os.fsencode(content) if isinstance(content, str) else content[1]
            assert b"".join(repo.cat(run, path)) == wanted, path
            stored = b"".join(repo.cat(run, path, stored=True))
            assert stored == lab.blob("refs/experiments/r", path)
    assert portrait(lab) == before


def test_paths_are_seen_from_the_folder(lab: Lab) -> None:
    """A path is relative to the current folder, or absolute; `.gitxp` is the run's own wherever one is."""
    lab.run("run", "--name", "r", "--", "true")
    for path in ("model.py", "../src/model.py", lab.path("src/model.py")):
        assert lab.run("cat", "r", path, cwd="src").stdout == b"layers = 3\n"
    assert json.loads(lab.run("cat", "r", ".gitxp/run.json", cwd="src").stdout)["name"] == "r"


def test_in_a_bare_repository(lab: Lab, tmp_path: Path) -> None:
    """Where there is no working tree, paths are from the top."""
    lab.run("run", "--name", "r", "--", "true")
    lab.git("clone", "-q", "--bare", lab.top, str(tmp_path / "bare"))
    bare = Lab(str(tmp_path / "bare"))
    bare.git("fetch", "-q", lab.top, "refs/experiments/*:refs/experiments/*")
    assert bare.run("cat", "r", "src/model.py").stdout == b"layers = 3\n"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("none.py", "has no file 'none.py'"),
        ("src", "is a folder"),
        (".", "is a folder"),
        ("../outside", "is not in this repository"),
        ("/etc/passwd", "is not in this repository"),
        ("link/x", "has no file"),
        ("--x", "has no file '--x'"),
        ("", "folder"),
    ],
)
def test_what_is_no_file(lab: Lab, path: str, words: str) -> None:
    """A path without a file is a mistake of usage that says what it is."""
    lab.run("run", "--name", "r", "--", "true")
    done = lab.run("cat", "r", "--", path)
    assert (done.status, done.stdout) == (2, b""), done.stderr
    assert words in done.stderr


def test_json(lab: Lab) -> None:
    """--json has the content as text, and how many bytes it is."""
    lab.write("odd", b"a\xffb\n")
    lab.run("run", "--name", "r", "--", "true")
    told = json.loads(lab.run("cat", "r", "odd", "--json").stdout)
    assert told == {"name": "r", "id": lab.record("r")["id"], "path": "odd", "bytes": 4, "content": "a\\xffb\n"}


def test_on_a_terminal_nothing_is_obeyed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Escape sequences and carriage returns in a file are shown on a terminal, unless --raw is given."""
    lab.write("odd", b"\x1b[31mred\rblue\n")
    lab.run("run", "--name", "r", "--", "true")
    monkeypatch.chdir(lab.top)
    shown = ask("cat", "r", "odd", width=80)
    assert shown.status == 0
    assert b"\x1b" not in shown.out
    assert b"\r" not in shown.out
    assert ask("cat", "r", "odd", "--raw", width=80).out == b"\x1b[31mred\rblue\n"
    assert ask("cat", "r", "odd").out == b"\x1b[31mred\rblue\n"
