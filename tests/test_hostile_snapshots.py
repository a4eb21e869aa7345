"""Whatever stands in the files of a snapshot: what compares two runs answers within bounds, and no terminal is acted on."""

from __future__ import annotations

import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.errors import FormatError
from gitxp.query import compare_many, notebooks
from gitxp.query.notebooks import decode_notebook
from screen import ask

if TYPE_CHECKING:
    from gitxp.repo import Repo
    from run_factory import Factory

pytest_plugins = ("run_fixtures",)

EVIL = "\x1b]0;x\x07\x1b[2J\u202e\x9b31m"
COMPARING = (
    ("diff", "a", "b"),
    ("diff", "a", "b", "--code"),
    ("diff", "a", "b", "--word-diff"),
    ("diff", "a", "b", "--stat"),
    ("diff", "a", "b", "--name-only"),
    ("diff", "a", "b", "--notebooks", "cells"),
    ("diff", "a", "b", "--json"),
    ("compare", "a", "b"),
    ("compare", "a", "b", "--all", "--rows", "runs"),
    ("compare", "a", "b", "--all", "--md"),
    ("compare", "a", "b", "--all", "--csv"),
    ("compare", "a", "b", "--all", "--json"),
    ("why", "a", "b"),
    ("why", "a", "b", "--json"),
)


def notebook(*sources: str, **keys: Any) -> str:
    """A notebook with these cells; `keys` are those of each cell."""
    cells = [{"cell_type": "code", "id": "i", "metadata": {}, "outputs": [], "source": s, **keys} for s in sources]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})


def bomb(version: int) -> str:
    """A YAML file of 500 bytes that stands for 9^8 values."""
    levels = zip("abcdefg", "bcdefgh", strict=True)
    lines = [f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]" for old, new in levels]
    return "\n".join([f"v: {version}", f"a: &a [{','.join('x' * 9)}]", *lines, ""])


def merges(version: int) -> str:
    """A YAML file of which every map takes the one before twice."""
    lines = [f"k{i}: &k{i} {{<<: [*k{i - 1}, *k{i - 1}]}}" for i in range(1, 25)]
    return "\n".join([f"v: {version}", "k0: &k0 {x: 1}", *lines, ""])


def hostile(version: int) -> dict[str, str]:
    """Files of a snapshot that mean no good, a bit different in each version."""
    return {
        f"{EVIL}.yaml": f'"\\e[2J\\e]0;x\\a{EVIL[-3]}": "\\e[2J{version}"\n"=1+1": "=cmd|{version}"\n',
        f"{EVIL}.ipynb": notebook(f"{EVIL}{version}", id=EVIL, cell_type=EVIL),
        "bomb.yaml": bomb(version),
        "merges.yaml": merges(version),
        "keys.json": json.dumps({f"k{i}": i + version for i in range(19_000)}),
        "deep.json": '{"a":' * 900 + str(version) + "}" * 900,
        "deep.ipynb": f'{{"nbformat": 4, "cells": [], "metadata": {"[" * 900}{version}{"]" * 900}}}',
        "lists.ipynb": f'{{"nbformat": 4, "cells": [], "metadata": [{"[]," * 2_000_000}{version}]}}',
        "cells.ipynb": notebook(*(f"{'x = 1 ' * 300}{i}{version}" for i in range(900))),
        "line.toml": f"x = {version}\ny = '{'z' * 500_000}{version}'\n",
        "digits.yaml": f"a: {'1' * 200_000}{version}e\nb: 0x{'f' * 200_000}{version}\n",
    }


@pytest.fixture
def two(factory: Factory) -> None:
    """Two runs, whose files and parameters mean no good."""
    for name, version in (("a", 1), ("b", 2)):
        factory.make(name, params={EVIL: f"{EVIL}{version}"}, files=hostile(version))


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("args", COMPARING, ids=" ".join)
def test_every_command_answers(args: tuple[str, ...]) -> None:
    """Escape sequences in paths, keys, values and cells are shown and not obeyed, bombs are left to git's lines."""
    answer = ask(*args, width=80)
    assert answer.status == 0, answer.err
    assert answer.out
    text = answer.out.decode().replace("\t", "").replace("\r\n", "\n")
    assert all(line.isprintable() for line in text.split("\n"))
    assert all(line.isprintable() for line in answer.err.split("\n"))


@pytest.mark.usefixtures("two")
def test_what_can_be_compared_is(here: Repo) -> None:
    """Among files that are none, the keys and cells of the others are there, as they are in the files."""
    code = {change.path: change for change in here.diff(here.get("a"), here.get("b")).code}
    assert {path for path, change in code.items() if change.document} == {
        f"{EVIL}.yaml", "keys.json", "line.toml", "digits.yaml",
    }  # fmt: skip
    document = code[f"{EVIL}.yaml"].document
    assert document is not None
    assert document.keys["=1+1"] == ("=cmd|1", "=cmd|2")
    assert {path for path, change in code.items() if change.notebook} == {f"{EVIL}.ipynb", "deep.ipynb", "cells.ipynb"}
    assert len(code) == len(hostile(1))


@pytest.mark.usefixtures("two")
def test_one_long_value_does_not_push_the_others_aside() -> None:
    """Into a pipe, where nothing limits the width, a table of keys is at most some hundred columns wide."""
    table = ask("diff", "a", "b").out.decode().partition("\nConfiguration\n")[2].partition("\nParameters\n")[0]
    assert "and 9,000 more" in table
    assert max(map(len, table.splitlines())) < 3 * 210


@pytest.mark.parametrize("inner", ["[],", "{},", '"",', "1,"])
def test_a_notebook_of_nothing_takes_no_memory(inner: str) -> None:
    """16 MB of empty lists, which would take 400 MB as values, are refused before they are read."""
    head, tail = '{"nbformat": 4, "cells": [], "metadata": [', "1]}"
    data = (head + inner * ((16_000_000 - len(head + tail)) // len(inner)) + tail).encode()
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="may have more than"):
            decode_notebook(data)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_huge_notebook_hides_no_other(factory: Factory, here: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is larger than all room is left to git; those behind it are compared by cells."""
    monkeypatch.setattr(notebooks, "_MAX_IN_ALL", 2_000)
    for name, text in (("a", "x"), ("b", "y")):
        factory.make(
            name, files={"1.ipynb": notebook(text), "2.ipynb": notebook(text * 3_000), "3.ipynb": notebook(text)}
        )
    code = here.diff(here.get("a"), here.get("b")).code
    assert [change.path for change in code if change.notebook] == ["1.ipynb", "3.ipynb"]


@pytest.mark.damaged
def test_environments_that_are_deep_or_large(factory: Factory, here: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each costs a remark: nested too deeply, over a megabyte, or more in all than there is room for. The others are there."""
    nested = '{"a":' * 700 + "1" + "}" * 700
    texts = {"a": '{"os": 1}', "b": nested, "c": f'{{"os": "{"x" * 1_100_000}"}}', "d": '{"os": 4}', "e": '{"os":  44}'}
    for name, text in texts.items():
        factory.make(name, files={".gitxp/environment.json": text})
    monkeypatch.setattr(compare_many, "_ENVIRONMENTS", len(texts["a"] + texts["b"] + texts["d"]))
    found = here.compare([here.get(name) for name in texts])
    assert [row.values for row in found.rows if row.name == "os"] == [(1, None, None, 4, None)]
    assert [(one.run, one.part) for one in found.unread] == [(name, "environment") for name in ("b", "c", "e")]
    assert "nested more than 64" in found.unread[0].reason
    assert not found.remarks
