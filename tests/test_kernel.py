"""`import gitxp` in a notebook: `init`, and what is kept of the cells, in a real kernel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.recording.kernel import find_notebook
from states import Lab, make

pytest.importorskip("ipykernel")
pytest.importorskip("jupyter_client")

from kernels import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXECUTED = "notebook/executed.ipynb"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository."""
    return make(str(tmp_path / "repo"))


@pytest.fixture
def kernel(lab: Lab, tmp_path: Path) -> Iterator[Kernel]:
    """A kernel for a notebook of the repository that a server opened, and nobody saved."""
    env = {"JPY_SESSION_NAME": lab.path("work/train.ipynb")}
    os.mkdir(lab.path("work"))
    with Kernel(lab.path("work"), tmp_path / "sockets", env) as kernel:
        yield kernel


def _executed(lab: Lab, name: str) -> dict[str, Any]:
    found = json.loads(lab.blob(f"experiments/{name}", f".gitxp/artifacts/{EXECUTED}"))
    assert isinstance(found, dict)
    return found


def _sources(notebook: dict[str, Any]) -> list[tuple[int, str]]:
    return [(cell["execution_count"], "".join(cell["source"])) for cell in notebook["cells"]]


def test_the_executed_cells_are_kept(lab: Lab, kernel: Kernel) -> None:
    """Cells before `init`, those of the run, and the one that ends it: in the order of their execution, as typed."""
    kernel.run("x = 1")
    kernel.run("import gitxp\ngitxp.init(name='one', config={'lr': 0.1})")
    kernel.run("%time y = x")
    kernel.run("gitxp.log({'loss': 0.5})\ngitxp.finish()")
    kernel.run("late = 1")
    notebook = _executed(lab, "one")
    assert _sources(notebook) == [
        (1, "x = 1"),
        (2, "import gitxp\ngitxp.init(name='one', config={'lr': 0.1})"),
        (3, "%time y = x"),
        (4, "gitxp.log({'loss': 0.5})\ngitxp.finish()"),
    ]
    assert notebook["metadata"]["gitxp"] == {"first": 2, "path": "work/train.ipynb"}
    record = lab.record("one")
    assert record["command"] == ["ipython", "train.ipynb"]
    assert record["status"] == "completed"
    assert [entry["type"] for entry in record["outputs"]] == ["notebook"]


def test_the_kept_notebook_is_valid(lab: Lab, kernel: Kernel) -> None:
    """Jupyter's own reader finds nothing wrong with it."""
    nbformat = pytest.importorskip("nbformat")
    kernel.run("import gitxp; gitxp.init(name='one')")
    kernel.run("print('é\\ud800')\n")
    kernel.run("gitxp.finish()")
    nbformat.validate(nbformat.from_dict(_executed(lab, "one")))


def test_secrets_in_cells_are_not_kept(lab: Lab, kernel: Kernel) -> None:
    """What looks like a secret in a cell is redacted, and its neighbours stay."""
    kernel.run("api_key = 'canary1234567890abcdef'; lr = 0.1")
    kernel.run("import gitxp; gitxp.init(name='one'); gitxp.finish()")
    assert _sources(_executed(lab, "one"))[0] == (1, "api_key = '<redacted>'; lr = 0.1")


def test_a_second_init_begins_another_run(lab: Lab, kernel: Kernel) -> None:
    """A cell with `init` that is executed again ends the run and begins the next, unless it asks for the one that is there."""
    cell = "import gitxp\nrun = gitxp.init(name='again')"
    kernel.run(cell)
    kernel.run(cell)
    assert lab.record("again")["status"] == "completed"
    assert kernel.run("gitxp.init(reinit='return_previous') is run").result == "True"
    kernel.run("gitxp.finish()")
    assert lab.names() == ["again", "again-2"]


def test_an_exception_in_a_cell_is_no_failed_run(lab: Lab, kernel: Kernel) -> None:
    """Whoever makes a mistake in a cell corrects it and goes on; the run is completed when the kernel is shut down."""
    kernel.run("import gitxp; gitxp.init(name='one')")
    assert kernel.run("1 / 0").error == "ZeroDivisionError"
    kernel.run("import sys; sys.exit(3)")
    kernel.run("after = 1")
    kernel.stop()
    assert lab.record("one")["status"] == "completed"
    assert _sources(_executed(lab, "one"))[-1] == (4, "after = 1")


def test_a_killed_kernel_leaves_its_cells(lab: Lab, kernel: Kernel) -> None:
    """The run of a kernel that was killed is lost, with the cells that ended before."""
    kernel.run("import gitxp; gitxp.init(name='one')")
    kernel.run("gitxp.log({'loss': 0.5})")
    kernel.kill()
    lab.run("list")
    assert lab.record("one")["status"] == "lost"
    assert _sources(_executed(lab, "one"))[-1] == (2, "gitxp.log({'loss': 0.5})")


def test_in_a_notebook_of_gitxp_run(lab: Lab) -> None:
    """A notebook that `gitxp run` executes belongs to that run, however often it calls `init`; its copy is what is kept."""
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for n, source in enumerate(["import gitxp\nrun = gitxp.init(config={'a': 1})", "print(gitxp.init() is run)"])
    ]
    lab.write("train.ipynb", json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    done = lab.run("run", "--name", "one", "train.ipynb")
    assert done.stdout == b"True\n", done.stderr
    assert [entry["path"] for entry in lab.record("one")["outputs"]] == ["train.ipynb"]


class _Shell:
    def __init__(self, **names: object) -> None:
        self.user_ns = names


@pytest.mark.parametrize(
    ("shell", "variable", "path"),
    [
        (_Shell(), "/srv/train.ipynb", "/srv/train.ipynb"),
        (_Shell(__vsc_ipynb_file__="/home-of/ada/a.ipynb"), None, "/home-of/ada/a.ipynb"),
        (_Shell(__vsc_ipynb_file__="/home-of/ada/a.ipynb"), "/srv/train.ipynb", "/home-of/ada/a.ipynb"),
        (_Shell(), "console-1-0f8fad5b", None),  # JupyterLab's consoles have no file
        (_Shell(__vsc_ipynb_file__=7), None, None),
        (_Shell(), None, None),
    ],
)
def test_who_tells_the_notebook(
    shell: _Shell, variable: str | None, path: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jupyter's server by a variable, VS Code by a name in the notebook; what names no notebook's file tells nothing."""
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    if variable is not None:
        monkeypatch.setenv("JPY_SESSION_NAME", variable)
    assert find_notebook(shell) == path


def test_a_program_has_no_cells(lab: Lab) -> None:
    """Outside of a kernel there is no notebook, even where IPython is loaded, and `init` does not load it."""
    code = "import sys, gitxp; {}; gitxp.init(name={!r}); gitxp.init(); gitxp.finish(); print('IPython' in sys.modules)"
    lab.write("with.py", code.format("import IPython", "with"))
    lab.write("without.py", code.format("pass", "without"))
    said = [
        subprocess.run([sys.executable, f"{name}.py"], cwd=lab.top, check=True, capture_output=True).stdout
        for name in ("with", "without")
    ]
    assert said == [b"True\n", b"False\n"]
    assert [lab.record(name).get("outputs") for name in lab.names()] == [None, None]
