"""`%load_ext gitxp`: `%%gitxp` and `%gitxp`, in a real kernel."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from states import Lab, make

pytest.importorskip("ipykernel")
pytest.importorskip("jupyter_client")

from kernels import Kernel
from terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository."""
    return make(str(tmp_path / "repo"))


@pytest.fixture
def kernel(lab: Lab, tmp_path: Path) -> Iterator[Kernel]:
    """A kernel in the repository, with the magics loaded."""
    with Kernel(lab.top, tmp_path / "sockets") as kernel:
        assert kernel.run("%load_ext gitxp").error == ""
        yield kernel


def test_a_cell_is_a_run(lab: Lab, kernel: Kernel) -> None:
    """It begins and ends with the cell, has its options, constants, numbers and output; what it defines is there after it."""
    said = kernel.run(
        "%%gitxp --name one --tag a --tag b --note 'half the rate' --group g --param seed=7\n"
        "import gitxp\nLR = 0.1\nMODEL = {'depth': 3}\nlower = 1\nCOMPUTED = LR * 2\n"
        "print('loss 0.5')\ngitxp.log({'loss': 0.5})\nCOMPUTED"
    )
    assert said.error == ""
    assert said.stdout == "loss 0.5\n"
    assert said.result == "0.2"
    assert said.stderr.splitlines()[0] == "gitxp: one: recording"
    assert "gitxp: one: completed" in said.stderr
    record = lab.record("one")
    assert record["status"] == "completed"
    assert record["params"] == {"LR": 0.1, "MODEL.depth": 3, "seed": 7}
    assert record["param_sources"] == {"LR": "constant", "MODEL.depth": "constant", "seed": "option"}
    assert (record["tags"], record["note"], record["group"]) == (["a", "b"], "half the rate", "g")
    assert record["metrics"]["loss"]["last"] == 0.5
    assert lab.output("one") == b"loss 0.5\n"
    assert kernel.run("lower").result == "1"
    assert kernel.run("print('later')").stdout == "later\n"


def test_the_run_keeps_the_cell(lab: Lab, kernel: Kernel) -> None:
    """The notebook of executed cells says which cell was the run."""
    kernel.run("before = 1")
    kernel.run("%%gitxp --name one\nx = before")
    notebook = json.loads(lab.blob("experiments/one", ".gitxp/artifacts/notebook/executed.ipynb"))
    assert notebook["metadata"]["gitxp"]["first"] == 3
    assert "".join(notebook["cells"][-1]["source"]) == "%%gitxp --name one\nx = before"


def test_a_cell_that_fails_is_a_failed_run(lab: Lab, kernel: Kernel) -> None:
    """The error is shown once and as it would be without us, stops what comes next, and stands in the run's output."""
    plain = kernel.run("print('first')\n1 / 0")
    said = kernel.run("%%gitxp --name one\nprint('first')\n1 / 0")
    assert said.error == "ZeroDivisionError"
    assert said.stdout == "first\n"
    assert said.traceback.count("division by zero") == 1
    assert "gitxp" not in said.traceback
    assert len(said.traceback.splitlines()) == len(plain.traceback.splitlines())
    record = lab.record("one")
    assert (record["status"], record["exit_code"]) == ("failed", 1)
    assert b"first\n" in lab.output("one")
    assert b"division by zero" in lab.output("one")


def test_a_cell_that_exits(lab: Lab, kernel: Kernel) -> None:
    """`sys.exit(3)` in the cell is the run's exit status, and the kernel goes on."""
    kernel.run("%%gitxp --name one\nimport sys\nsys.exit(3)")
    assert lab.record("one")["exit_code"] == 3
    assert kernel.run("1 + 1").result == "2"


def test_an_interrupted_cell(lab: Lab, kernel: Kernel) -> None:
    """The button that interrupts the cell interrupts the run."""
    message = kernel.start("%%gitxp --name one\nimport time\nopen('on', 'w').close()\ntime.sleep(60)")
    until = time.monotonic() + 60
    while not os.path.exists(lab.path("on")) and time.monotonic() < until:
        time.sleep(0.05)
    kernel.interrupt()
    assert kernel.wait(message).error == "KeyboardInterrupt"
    record = lab.record("one")
    assert (record["status"], record["signal"]) == ("interrupted", 2)


def test_init_in_the_cell_is_the_cells_run(lab: Lab, kernel: Kernel) -> None:
    """A cell that calls `init` has that run, and not another; one that is active before ends when the cell begins."""
    kernel.run("import gitxp\ngitxp.init(name='before')")
    kernel.run("%%gitxp --name one\nrun = gitxp.init(config={'a': 1})\nprint(run.name)")
    assert lab.names() == ["before", "one"]
    assert lab.record("before")["status"] == "completed"
    assert lab.record("one")["params"] == {"a": 1}
    assert lab.output("one") == b"one\n"
    assert kernel.run("gitxp.run is None").result == "True"


@pytest.mark.parametrize("end", ["print('in')", "print('in')\n1 / 0"])
def test_a_magic_below_a_magic(lab: Lab, kernel: Kernel, end: str) -> None:
    """A cell that begins with `%%gitxp` twice is one run, told what both lines say; a later cell is as ever."""
    said = kernel.run(f"%%gitxp --name one --tag a\n%%gitxp --tag b\nLR = 0.1\n{end}")
    assert (said.stdout, said.error) == ("in\n", "ZeroDivisionError" if "/" in end else "")
    assert said.traceback.count("ZeroDivisionError") <= 2
    assert "gitxp" not in said.traceback
    assert lab.names() == ["one"]
    record = lab.record("one")
    assert (record["status"], record["params"]) == ("failed" if "/" in end else "completed", {"LR": 0.1})
    assert sorted(record["tags"]) == ["a", "b"]
    assert lab.output("one").count(b"in\n") == 1
    assert "KeyError" in kernel.run("{}['x']").traceback


def test_in_a_notebook_of_gitxp_run(lab: Lab) -> None:
    """Where the kernel belongs to a run already, the cell is part of that, and adds to it what it has to say."""
    sources = ["%load_ext gitxp", "%%gitxp --name mine --tag t --param seed=7\nLR = 0.1\nprint('in')", "print('after')"]
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        for n, source in enumerate(sources)
    ]
    lab.write("train.ipynb", json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    done = lab.run("run", "--name", "one", "train.ipynb")
    assert done.stdout == b"in\nafter\n", done.stderr
    assert lab.names() == ["one"]
    record = lab.record("one")
    assert (record["tags"], record["params"]) == (["t"], {"LR": 0.1, "seed": 7})
    assert record["param_sources"] == {"LR": "constant", "seed": "option"}


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        ("%%gitxp --nmae x\npass", "--nmae"),
        ("%%gitxp --param x\npass", "NAME=VALUE"),
        ("%%gitxp --name 'x\npass", "cannot be taken apart"),
        ("%%gitxp\nimport asyncio\nawait asyncio.sleep(0)", "awaits"),
    ],
)
def test_mistakes(lab: Lab, kernel: Kernel, cell: str, sentence: str) -> None:
    """A slip is told in a line and begins no run."""
    said = kernel.run(cell)
    assert said.stderr.startswith("UsageError: ")
    assert sentence in said.stderr
    assert said.traceback == ""
    assert lab.names() == []


def test_a_cell_that_is_no_python(lab: Lab, kernel: Kernel) -> None:
    """A syntax error is shown as Python shows it, and begins no run."""
    said = kernel.run("%%gitxp --name one\nx = = 1")
    assert said.error == "SyntaxError"
    assert lab.names() == []


def test_where_there_is_no_repository(tmp_path: Path) -> None:
    """The cell is executed, and one line says that nothing is recorded."""
    (tmp_path / "bare").mkdir()
    with Kernel(str(tmp_path / "bare"), tmp_path / "sockets") as kernel:
        kernel.run("%load_ext gitxp")
        said = kernel.run("%%gitxp\nprint('done')")
    assert said.stdout == "done\n"
    assert said.stderr.count("nothing is recorded") == 1


def test_the_command_line(kernel: Kernel) -> None:
    """`%gitxp` shows what the command line answers, its mistakes, too, and gives its exit status."""
    kernel.run("%%gitxp --name one\nLR = 0.5")
    assert "one" in kernel.run("%gitxp list").stdout
    assert kernel.run("_exit_code").result == "0"
    said = kernel.run("name = 'nobody'\n%gitxp show {name}")
    assert "Error: " in said.stdout
    assert "nobody" in said.stdout
    assert kernel.run("_exit_code").result != "0"


def test_an_interrupted_command(lab: Lab, kernel: Kernel) -> None:
    """The button that interrupts the cell interrupts the command that it runs, which ends as a run does."""
    message = kernel.start("%gitxp run --name one sh -c 'touch on; exec sleep 60'")
    until = time.monotonic() + 60
    while not os.path.exists(lab.path("on")) and time.monotonic() < until:
        time.sleep(0.05)
    kernel.interrupt()
    said = kernel.wait(message)
    assert said.error == "KeyboardInterrupt"
    assert "gitxp: one: interrupted" in said.stdout
    assert lab.record("one")["status"] == "interrupted"


def test_in_a_terminal(lab: Lab) -> None:
    """In IPython itself the command has the terminal; a cell is a run there, too."""
    code = (
        "shell = get_ipython(); shell.run_line_magic('load_ext', 'gitxp')\n"
        "shell.run_cell_magic('gitxp', '--name one', 'LR = 0.1\\nprint(5)')\n"
        "shell.run_line_magic('gitxp', 'show --color always one')\n"
    )
    command = [sys.executable, "-m", "IPython", "--no-banner", "-c", code]
    env = {"PAGER": "cat", "IPYTHONDIR": lab.path(".git/ipython")}
    with Terminal(cwd=lab.top, command=command, env=env) as terminal:
        terminal.expect(rb"one: completed")
        terminal.expect(rb"Parameters\x1b\[m")
        assert terminal.wait() == 0
    assert lab.output("one") == b"5\n"
    assert ".gitxp/artifacts" not in lab.say("ls-tree", "-r", "--name-only", "experiments/one")


def test_unload(kernel: Kernel) -> None:
    """`%unload_ext gitxp` takes the magics away, and `%reload_ext` brings them back."""
    kernel.run("%unload_ext gitxp")
    assert "not found" in kernel.run("%gitxp list").stderr + kernel.run("%gitxp list").traceback
    assert kernel.run("%reload_ext gitxp\n%gitxp list").error == ""
