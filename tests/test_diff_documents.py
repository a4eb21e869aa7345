"""`gitxp diff` of configuration files: key by key for people and `--json`, and nothing that a stranger's file can do about it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitxp.capture.params.documents import find_keys
from gitxp.model import DocumentChange, FileChange
from gitxp.render.documents import render_documents
from gitxp.render.measure import width_of
from gitxp.render.safe import is_safe
from gitxp.render.style import Style
from terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from conftest import Git, Gitxp
    from gitxp.repo import Repo
    from run_factory import Factory

pytest_plugins = ("run_fixtures",)

EVIL = "\x1b]0;x\x07\u202e"


def keys(factory: Factory, here: Repo, path: str, old: str | bytes, new: str | bytes) -> Mapping[str, Any] | None:
    """The keys of a file that differ between a run with the old bytes and one with the new; None where git has to do."""
    factory.make("a", files={path: old})
    factory.make("b", files={path: new})
    (change,) = here.diff(here.get("a"), here.get("b")).code
    return None if change.document is None else change.document.keys


@pytest.mark.parametrize(
    ("path", "old", "new", "wanted"),
    [
        ("c.yaml", "m:\n  depth: 4\n  w: 1\n", "m:\n  w: 1.0\n  depth: 8\n", {"m.depth": (4, 8)}),
        ("c/D.YML", "a: 1\n", "b: [1, x]\n", {"a": (1, None), "b": (None, [1, "x"])}),
        ("c.json", '{"a": {"b": null, "c": true}}', '{"a": {"b": 1e-3, "c": 1}}', {"a.b": ("null", 0.001), "a.c": (True, 1)}),
        ("c.toml", "[opt]\nlr = 0.1\n", "[opt]\nlr = 0.2\nwhen = 2026-01-02\n", {"opt.lr": (0.1, 0.2), "opt.when": (None, "2026-01-02")}),
        ("c.yaml", "- lr: 1\n", "- lr: 2\n", {"(list).0.lr": (1, 2)}),
        ("c.yaml", "a: 1\n", "# why\na: 1\n", {}),
        ("c.yaml", "", "a: 1\n", {"a": (None, 1)}),
    ],
)  # fmt: skip
def test_keys(factory: Factory, here: Repo, path: str, old: str, new: str, wanted: dict[str, Any]) -> None:
    """The values of nested files by dotted keys, whatever their order and comments."""
    assert keys(factory, here, path, old, new) == wanted


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join(f'*{a}' for _ in range(9))}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("path", "hostile"),
    [
        ("c.yaml", BOMB),
        ("c.yaml", "!!python/object/apply:os.system ['true']\n---\n- 2"),
        ("c.yaml", "a: 1\na: [\n"),
        ("c.yaml", "[" * 100_000),
        ("c.json", "[" * 500_000 + "]" * 500_000),
        ("c.json", '{"a":' * 1_000 + "1" + "}" * 1_000),
        ("c.json", '{"a": ' + "9" * 100_000 + "}"),
        ("c.json", "[" + "1," * 300_000 + "1]"),
        ("c.json", b"\xff\xfe\xff"),
        ("c.json", "5"),
        ("c.toml", "a." * 400_000 + "a = 1\n"),
        ("c.toml", "a = " + "[" * 100_000),
        ("c.yaml", b"a: " + b"x" * (50 << 20)),
    ],
)  # fmt: skip
def test_hostile_files_are_left_to_git(factory: Factory, here: Repo, path: str, hostile: str | bytes) -> None:
    """Bombs, depths, huge numbers and 50 MB are no documents; the lines that git counts are there all the same."""
    assert (
        keys(
            factory,
            here,
            path,
            "a: 1\n" if path.endswith("yaml") else '{"a": 1}' if "json" in path else "a = 1",
            hostile,
        )
        is None
    )


def test_too_much_in_all(factory: Factory, here: Repo) -> None:
    """Of many large files, the first few megabytes are compared by keys, and smaller ones behind them."""
    big = {f"{i}.yaml": f"x: {'y' * 900_000}{i}\n" for i in range(4)}
    factory.make("a", files={**big, "z.yaml": "a: 1\n"})
    factory.make("b", files={**{path: text + "b: 2\n" for path, text in big.items()}, "z.yaml": "a: 2\n"})
    code = here.diff(here.get("a"), here.get("b")).code
    assert [change.path for change in code if change.document] == ["0.yaml", "1.yaml", "z.yaml"]


def test_links_renames_and_other_files(factory: Factory, here: Repo, git: Git, repo: str) -> None:
    """A renamed file is compared with what it was; new and deleted ones, and those of other kinds, are not."""
    factory.make("a", files={"old.yaml": "".join(f"k{i}: 1\n" for i in range(20)), "gone.json": "{}", "x.py": "a: 1"})
    git("read-tree", "experiments/a^", cwd=repo)
    factory.make("b", files={"new.yaml": "".join(f"k{i}: {1 + (i == 7)}\n" for i in range(20)), "x.py": "a: 2"})
    code = {change.path: change for change in here.diff(here.get("a"), here.get("b")).code}
    assert code["new.yaml"].old_path == "old.yaml"
    assert code["new.yaml"].document == DocumentChange({"k7": (1, 2)})
    assert [path for path, change in code.items() if change.document] == ["new.yaml"]


@pytest.fixture
def two(factory: Factory) -> None:
    """Runs whose configuration differs in a key."""
    factory.make("a", files={"conf/a.yaml": "model:\n  depth: 4\n"})
    factory.make("b", files={"conf/a.yaml": "model:\n  depth: 8\n"})


@pytest.mark.usefixtures("two")
def test_beside_the_lines(gitxp: Gitxp, git: Git) -> None:
    """The table comes below git's lines; with --code alone into a pipe there is the patch and nothing else; --json has the keys."""
    shown = gitxp("diff", "a", "b").stdout
    assert re.search(r"\+  depth: 8\n\nConfiguration\n.*\nconf/a.yaml\n  model.depth  4  8\n", shown, re.DOTALL)
    patch = git.raw("diff", "experiments/a", "experiments/b", "--", ":!.gitxp").decode()
    assert gitxp("diff", "a", "b", "--code").stdout == patch
    assert json.loads(gitxp("diff", "a", "b", "--json").stdout)["code"][0]["keys"] == {"model.depth": [4, 8]}
    assert "Configuration" not in gitxp("diff", "a", "b", "--params").stdout


@pytest.mark.usefixtures("two")
def test_word_by_word(gitxp: Gitxp) -> None:
    """--word-diff is git's; it goes with nothing that has no lines."""
    assert "depth: [-4-]{+8+}" in gitxp("diff", "a", "b", "--code", "--word-diff").stdout
    for other in ("--stat", "--name-only", "--json", "--params"):
        assert gitxp("diff", "a", "b", "--word-diff", other, check=False).returncode == 2


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("key", ["core.pager", "pager.diff", "GIT_PAGER"])
def test_the_pager_of_the_user(repo: str, git: Git, tmp_path: Path, key: str) -> None:
    """What git's own diff would go through gets our diff, colours and all; so delta and the like work."""
    pager = f"cat >{tmp_path}/paged"
    env = {"TERM": "xterm", "GIT_PAGER": pager} if key == "GIT_PAGER" else {"TERM": "xterm"}
    if key != "GIT_PAGER":
        git("config", "core.pager", "false", cwd=repo)
        git("config", key, pager, cwd=repo)
    with Terminal("diff", "a", "b", cwd=repo, env=env) as terminal:
        assert terminal.wait() == 0
        assert terminal.seen == b""
    paged = (tmp_path / "paged").read_bytes()
    assert b"\x1b[32m+\x1b[m\x1b[32m  depth: 8\x1b[m" in paged
    assert b"model.depth" in paged


def test_names_and_values_are_safe_and_fit() -> None:
    """Escape sequences in paths, keys and values are shown; long values are cut where they differ; many keys are counted."""
    values = {EVIL: (EVIL, f"{EVIL}2"), "path": ("/data/" + "x" * 90 + "/1", "/data/" + "x" * 90 + "/2")}
    more = {f"k{i:02}": (1, i) for i in range(60)}
    change = FileChange(f"{EVIL}.yaml", "M", document=DocumentChange({**values, **more}))
    from test_render_comparison import compared

    text = render_documents(
        [change, FileChange("b.yaml", "M", document=DocumentChange())], compared().runs, width=60, style=Style()
    )
    assert all(line.isprintable() and width_of(line) <= 60 for line in text.splitlines())
    row = next(line.split() for line in text.splitlines() if line.split()[:1] == ["path"])
    assert row[1] != row[2]
    assert "  and 22 more" in text
    assert "  no value differs" in text


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
KEYS = st.dictionaries(TEXTS, st.tuples(st.none() | TEXTS | st.floats(), st.none() | TEXTS | st.integers()), max_size=6)


@given(st.lists(st.tuples(TEXTS, KEYS), min_size=1, max_size=3), st.integers(24, 120))
@settings(deadline=None, max_examples=40)
def test_a_line_each_that_fits(files: list[tuple[str, dict[str, Any]]], width: int) -> None:
    """Whatever keys and values are: a line for each file and each key below the headings, none wider than the terminal."""
    from test_render_comparison import compared

    changes = [FileChange(path, "M", document=DocumentChange(keys)) for path, keys in files]
    lines = render_documents(changes, compared().runs, width=width, style=Style()).split("\n")[:-1]
    assert len(lines) == 3 + sum(1 + max(1, len(keys)) for _, keys in files)
    assert all(width_of(line) <= width and all(map(is_safe, line)) for line in lines)


def test_find_keys_of_no_document() -> None:
    """Text that is no map or list has no keys; an empty YAML file has none, and is a document."""
    assert find_keys("a.yaml", b"just text") is None
    assert find_keys("a.yaml", b"") == {}
    assert find_keys("a.json", b"") is None


@pytest.mark.usefixtures("two")
def test_lines_alone_are_quick(here: Repo) -> None:
    """`gitxp diff A B --code` loads nothing that draws tables, which takes as long as the rest; with tables, it does."""
    code = "import sys; from gitxp.cli import main; main(sys.argv[1:]); print('tabulate' in sys.modules)"
    for options, is_drawn in ((["--code"], False), ([], True)):
        command = [sys.executable, "-c", code, "diff", "a", "b", *options]
        answer = subprocess.run(command, cwd=here.path, check=True, capture_output=True, text=True)
        assert answer.stdout.endswith(f"\n{is_drawn}\n")
