"""The documents say what the code does: examples are run, generated pages are generated again, links lead somewhere."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import gitxp.errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent


def load() -> ModuleType:
    """scripts/docs, which has no suffix, as a module; no byte code is left beside it."""
    loader = SourceFileLoader("docs_script", str(ROOT / "scripts" / "docs"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


docs = load()
PAGES = [*docs.example_pages(), "docs/format.md"]
PAGES_WITH_EXAMPLES = [page for page in docs.example_pages() if docs.blocks(docs.read(page).splitlines())]


@pytest.mark.parametrize("page", PAGES_WITH_EXAMPLES)
def test_examples(page: str, tmp_path: Path) -> None:
    """Every command that a page shows prints what the page says."""
    for example in docs.run_page(page, docs.Scratch(tmp_path / "scratch")):
        assert docs.same(example.said, example.printed), (
            f"{page}:{example.line}: $ {example.command}\n--- the page says\n{example.said}\n"
            f"--- it prints\n{example.printed}\n(scripts/docs writes it anew)"
        )


def shell_scripts() -> Iterator[tuple[str, str, str]]:
    """Page, name and text of each shell script that a page has the reader save."""
    for page in PAGES_WITH_EXAMPLES:
        lines = docs.read(page).splitlines()
        for block in docs.blocks(lines):
            if block.kind == "file" and block.name.endswith(".sh"):
                yield page, block.name, "\n".join(lines[block.start : block.end]) + "\n"


@pytest.mark.parametrize(("page", "name", "text"), [pytest.param(*it, id=f"{it[0]}:{it[1]}") for it in shell_scripts()])
def test_shell_scripts(page: str, name: str, text: str, tmp_path: Path) -> None:
    """Each shell script of a page is one for the shell that its first line names, and has no line over 120 columns."""
    script = tmp_path / name
    script.write_text(text, encoding="utf-8")
    shell = shutil.which(text.splitlines()[0].removeprefix("#!").rpartition("/")[2])
    assert shell is not None, page
    done = subprocess.run([shell, "-n", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), page
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("page", ["docs/cli.md", "docs/python-api.md", "docs/format.md"])
def test_generated(page: str, tmp_path: Path) -> None:
    """A generated page is what would be generated now."""
    assert docs.generated(tmp_path)[page] == docs.read(page), "run scripts/docs"


@pytest.mark.parametrize("page", PAGES)
def test_links(page: str) -> None:
    """Every link within the repository leads to a file that is there, and to a heading in it."""
    for target in links(docs.read(page)):
        path, _, anchor = target.partition("#")
        full = (ROOT / page).parent / path if path else ROOT / page
        assert full.exists(), f"{page} links to {target}"
        if anchor:
            assert anchor in anchors(full.read_text(encoding="utf-8")), f"{page} links to {target}"


def links(text: str) -> Iterator[str]:
    """The targets of the links of a page that are no addresses of the web."""
    for target in re.findall(r"(?<!\\)\]\(([^)\s]+)\)", without_code(text)):
        if not re.match(r"[a-z]+:", target):
            yield target


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", without_code(text), re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", heading.strip().lower().replace("\\", ""))
        found.add(words.replace(" ", "-"))
    return found


def without_code(text: str) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def test_every_page_is_reached() -> None:
    """Every page of docs/ is linked from another."""
    linked = {
        os.path.relpath((ROOT / page).parent / target.partition("#")[0], ROOT)
        for page in PAGES
        for target in links(docs.read(page))
    }
    assert {page for page in PAGES if page != "README.md"} <= linked


def test_exit_statuses() -> None:
    """docs/scripting.md has each exit status of each error, with the words of its docstring's tree."""
    text = docs.read("docs/scripting.md")
    errors = [error for _, error in inspect.getmembers(gitxp.errors, inspect.isclass) if hasattr(error, "exit_code")]
    assert len(errors) > 10
    for error in errors:
        assert re.search(rf"^\| {error.exit_code} \|", text, re.MULTILINE), error


def test_record_keys(tmp_path: Path) -> None:
    """Every key that a run really leaves in its record stands in the table of docs/format.md."""
    scratch = docs.Scratch(tmp_path / "scratch")
    scratch.sh(
        "git init -q && echo a >a && git add a && git commit -qm a && echo b >>a && echo SECRET=1 >.env", must=True
    )
    command = "echo 1 >out && echo loss=1"
    scratch.sh(
        f"gitxp run --name r --note n --tag t --group g --param k=v --data a --out out --metrics-from stdout "
        f"sh -c '{command}' --lr 1",
        must=True,
    )
    record = json.loads(scratch.sh("git show experiments/r:.gitxp/run.json", must=True))
    table = docs.read("docs/format.md").partition("## The record")[2].partition("\n## ")[0]
    known = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert set(record) <= known
    assert {"changes", "data", "metrics", "outputs", "params", "skipped"} <= set(record)


def test_every_command_is_documented() -> None:
    """docs/cli.md has a part for each command that `gitxp --help` names."""
    text = docs.read("docs/cli.md")
    listed = text.partition("  -h, --help")[2].partition("```")[0]
    names = re.findall(r"^  ([\w-]+)  +\S", listed, re.MULTILINE)
    assert len(names) > 30
    assert set(names) == set(docs.METHODS)
    assert re.findall(r"^## gitxp ([\w-]+)$", text, re.MULTILINE) == list(docs.METHODS)


@pytest.mark.parametrize(
    ("said", "printed", "equal"),
    [
        ("run calm-otter-7k3q", "run bold-heron-0123", True),
        ("run calm-otter-7k3q", "run calm", False),
        ("at 96abf2d0", "at 547a3000", True),
        ("took 0.51 s", "took 1.5 s", True),
        ("loss  0.5", "loss 0.5", True),
        ("loss 0.5", "loss 0.6", False),
        ("a\n...\nd", "a\nb\nc\nd", True),
        ("a\n...\nd", "a\nd", True),
        ("a\n...", "b\nc", False),
        ("a ... d", "a b c d", True),
        ("", "something", False),
    ],
)
def test_what_counts_as_equal(said: str, printed: str, equal: bool) -> None:
    """An example may differ in names, ids and times, and in nothing else."""
    assert docs.same(said, printed) is equal
