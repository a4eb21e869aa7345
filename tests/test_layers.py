"""Who may import what: docs/design.md's floors and rooms, read from the source with ast.

Imports inside functions count as well: they save time, not knowledge. So do those under TYPE_CHECKING: whoever names
the types of a higher floor is bound to it.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = ROOT / "gitxp"

# Each room and its floor: a room imports what stands on a lower floor, or itself.
FLOORS = {
    "foundation": 1,
    "git": 2,
    "store": 3,
    "render": 3,
    "capture": 4,
    "query": 5,
    "recording": 5,
    "sharing": 5,
    "restoring": 5,
    "keeping": 5,
    "current": 6,
    "frames": 6,
    "repo": 7,
    "api": 8,
    "cli": 8,
    "web": 8,
    "integrations": 8,
}
FOUNDATION = {
    "annotations",
    "compared",
    "csignal",
    "direction",
    "errors",
    "exchange",
    "format",
    "growth",
    "leaving",
    "light",
    "listed",
    "model",
    "names",
    "near",
    "plots",
    "pointer",
    "series",
    "sources",
}
# What stands lower and is none of their business all the same.
STRANGERS = {
    "render": {"git"},
    "capture": {"render"},
    "query": {"capture", "render"},
    "recording": {"render"},
    "sharing": {"render"},
    "restoring": {"render"},
    "keeping": {"render"},
    "current": {"render", "query"},
    "repo": {"render"},
}
# Third-party packages, each with its one home.
HOMES = {
    "click": "cli",
    "tabulate": "render",
    "matplotlib": "render",
    "pygit2": "git",
    "yaml": "capture",
    "xxhash": "capture",
    "psutil": "capture",
    "pynvml": "capture",
    "detect_secrets": "capture",
}
HOMES |= dict.fromkeys(("numpy", "scipy", "sklearn"), "query")
HOMES |= dict.fromkeys(("fsspec", "sshfs"), "sharing")
HOMES |= dict.fromkeys(("pandas", "polars", "pyarrow"), "frames")
HOMES |= dict.fromkeys(("IPython", "nbclient", "nbformat", "jupyter_client"), "integrations")
# The probe's own package, as it is called in the user's Python, and the user's module of this name, which it hands on to.
HOMES |= dict.fromkeys(("_gitxp_probe", "sitecustomize"), "capture")
# git/program.py runs git and recording/ the user's command, both without it: it costs 8 ms to import.
NOWHERE = {"subprocess"}
# None of these may delay the user's command (docs/performance.md).
HEAVY = {
    "click",
    "dataclasses",
    "logging",
    "pathlib",
    "psutil",
    "pygit2",
    "pynvml",
    "sqlite3",
    "subprocess",
    "tabulate",
    "tempfile",
    "xxhash",
    "yaml",
}


class Import(NamedTuple):
    """One import: the module that does it, its line, and the full name of what it imports."""

    module: str
    line: int
    target: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def modules() -> dict[str, Path]:
    """All modules of the package by dotted name; a package goes by its own name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def imports(name: str, source: str, known: set[str], *, is_package: bool = False) -> Iterator[Import]:
    """All imports of a module, `from x import y` as x.y where that is a module and as x where it is not."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = name.split(".")[: -node.level if not is_package else (1 - node.level or None)]
                base = ".".join([*parents, *filter(None, [base])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield Import(name, node.lineno, full if full in known else base)


def all_imports() -> list[Import]:
    """The imports of the whole package."""
    known = modules()
    return [
        found
        for name, path in known.items()
        for found in imports(name, path.read_text("utf-8"), set(known), is_package=path.name == "__init__.py")
    ]


def room(module: str) -> str | None:
    """The room of a module of gitxp's; None for the package itself, which hands out what is public."""
    parts = module.split(".")
    if len(parts) == 1:
        return None
    if parts[1] in FOUNDATION:
        return "foundation"
    return "cli" if parts[1] == "__main__" else parts[1]


def trespasses(found: Import) -> str | None:
    """Why an import is not allowed; None where it is."""
    home, top = room(found.module), found.target.split(".")[0]
    if top in NOWHERE:
        return f"{found}, which nobody may"
    if top != "gitxp":
        if top in sys.stdlib_module_names or HOMES.get(top) == home:
            return None
        return f"{found}, whose home is {HOMES.get(top, 'nowhere')}"
    there = room(found.target)
    if there is None or home is None or there == home:
        return None
    floor, floor_there = FLOORS.get(home, 0), FLOORS.get(there, 0)
    if there in STRANGERS.get(home, set()) or not 0 < floor_there < floor:
        return f"{found}: {home} (floor {floor}) may not know {there} (floor {floor_there})"
    return None


def test_every_module_has_a_room() -> None:
    """No module stands outside of the layers."""
    rooms = {name: room(name) for name in modules()}
    assert {name for name, where in rooms.items() if where is not None and where not in FLOORS} == set()


def test_imports_go_down_and_never_up() -> None:
    """A layer imports what stands below it; rooms side by side do not know each other; packages stay at home."""
    found = all_imports()
    assert len(found) > len(modules())
    assert [problem for problem in map(trespasses, found) if problem] == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("gitxp.format", "from gitxp.git.program import Git"),
        ("gitxp.git.program", "import gitxp.store"),
        ("gitxp.git.program", "from ..store import runs"),
        ("gitxp.render.table", "from gitxp.git import objects"),
        ("gitxp.render.table", "from gitxp.store import runs"),
        ("gitxp.query.index", "from gitxp import recording"),
        ("gitxp.query.index", "from gitxp.capture.data.fingerprints import fingerprint"),
        ("gitxp.recording.recorder", "from gitxp.query.index import Index"),
        ("gitxp.recording.recorder", "def f():\n    from gitxp.repo import Repo"),
        ("gitxp.recording.recorder", "if TYPE_CHECKING:\n    from gitxp.repo import Repo"),
        ("gitxp.repo", "import click"),
        ("gitxp.cli.list", "import tabulate"),
        ("gitxp.store.runs", "from pygit2.enums import ObjectType"),
        ("gitxp.cli.run", "import yaml"),
        ("gitxp.capture.data.fingerprints", "import numpy"),
        ("gitxp.git.program", "from subprocess import run"),
        ("gitxp.cli.list", "from gitxp.elsewhere import thing"),
    ],
)
def test_each_kind_of_trespass_is_seen(module: str, line: str) -> None:
    """The checks above can fail: one example for each rule."""
    known = {"gitxp.store.runs", "gitxp.git.objects", "gitxp.recording", "gitxp.elsewhere", *modules()}
    assert [problem for problem in map(trespasses, imports(module, line, known)) if problem]


def loaded_by(code: str) -> set[str]:
    """The modules that a line of Python leaves imported, without those of Python's own start."""
    show = "import sys; before = set(sys.modules); {}; print(*sorted(set(sys.modules) - before))"
    answer = subprocess.run([sys.executable, "-c", show.format(code)], check=True, capture_output=True, text=True)
    return set(answer.stdout.split())


def test_import_gitxp_is_light() -> None:
    """`import gitxp` in a training script loads nothing heavy before something of it is used."""
    assert loaded_by("import gitxp") & HEAVY == set()


HOOKED = """
import json, os, runpy, sys

def hook(event, args):
    if event in ("os.exec", "os.posix_spawn") and os.path.basename(os.fsdecode(args[1][0])) == "the-command":
        with open({path!r}, "w") as file:
            json.dump(sorted(set(sys.modules) - before), file)

before = set(sys.modules)
assert not before & {heavy!r}
sys.addaudithook(hook)
sys.argv = ["gitxp", "run", "--", {command!r}]
runpy.run_module("gitxp", run_name="__main__")
"""


def test_the_way_to_the_start_of_the_command_is_light(repo: str, tmp_path: Path) -> None:
    """When `gitxp run` starts the user's command, nothing heavy has been imported."""
    command, modules_file = tmp_path / "the-command", tmp_path / "modules.json"
    command.write_text("#!/bin/sh\nexit 0\n")
    command.chmod(0o755)
    # -S: neither Python's own start nor .pth files of this environment shall import anything beforehand.
    code = HOOKED.format(path=str(modules_file), command=str(command), heavy=HEAVY)
    path = os.pathsep.join(filter(None, [str(ROOT), *sys.path]))
    answer = subprocess.run(
        [sys.executable, "-S", "-P", "-c", code],
        cwd=repo,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.returncode == 0, answer.stderr
    assert set(json.loads(modules_file.read_text())) & HEAVY == set()


# Each of them, or what it imports, takes milliseconds at the end of each run, or at the start of each.
NOT_NEEDED = {"datetime", "enum", "functools", "gitxp.capture.readers", "gitxp.repo.pushing", "json", "re", "typing"}
WHOLE = """
import os, sys
fd = os.open({path!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
sys.addaudithook(lambda event, args: event == "import" and os.write(fd, args[0].encode() + b"\\n"))
from gitxp.cli import main
sys.exit(main(["run", "--", "touch", "results/log.txt"]))
"""


def test_a_run_that_logs_nothing_is_light_to_its_end(repo: str, tmp_path: Path) -> None:
    """No process of `gitxp run` imports what only other runs need, though the folder has files that a logger may write."""
    (Path(repo) / "README.txt").write_text("Experiments\n")
    (Path(repo) / "results").mkdir()
    names = tmp_path / "names"
    python = tmp_path / "venv" / "bin" / "python3"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (tmp_path / "venv" / "pyvenv.cfg").write_text("version = 3.11.7\n")
    path = os.pathsep.join([str(python.parent), os.environ["PATH"]])
    for _ in range(2):  # the first time, more has to be asked than is kept
        names.unlink(missing_ok=True)
        subprocess.run(
            [sys.executable, "-S", "-P", "-c", WHOLE.format(path=str(names))],
            cwd=repo,
            env={**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), *sys.path]))},
            check=True,
            capture_output=True,
            timeout=60,
        )
    found = set(names.read_text().split())
    assert "gitxp.recording.logged" in found
    assert found & (HEAVY | NOT_NEEDED) == set()
