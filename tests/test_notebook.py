"""`gitxp run train.ipynb`: notebooks as commands, in a real kernel."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from states import Lab, make

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

TRAIN = (
    ("markdown", "# Training", ()),
    ("code", "lr = 0.5\nepochs = 1", ("parameters",)),
    ("code", "import os\nprint('in', os.path.basename(os.getcwd()), 'lr', lr)", ()),
    ("code", "lr * epochs", ()),
)


def _write(lab: Lab, path: str, *cells: tuple[str, str, tuple[str, ...]], language: str = "python") -> None:
    made: list[dict[str, Any]] = []
    for at, (kind, source, tags) in enumerate(cells):
        cell: dict[str, Any] = {
            "cell_type": kind,
            "id": f"cell-{at}",
            "metadata": {"tags": list(tags)},
            "source": source,
        }
        made.append(cell | ({"execution_count": None, "outputs": []} if kind == "code" else {}))
    kernel = {"name": "python3", "display_name": "Python 3", "language": language}
    notebook = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    lab.write(path, json.dumps(notebook, indent=1))


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with a notebook in a folder of its own."""
    lab = make(str(tmp_path / "repo"))
    _write(lab, "work/train.ipynb", *TRAIN)
    lab.commit("a notebook")
    return lab


def _record(lab: Lab, name: str = "one") -> dict[str, Any]:
    return json.loads(lab.git("cat-file", "blob", f"experiments/{name}:.gitxp/run.json"))


def _kept(lab: Lab, path: str, name: str = "one") -> list[dict[str, Any]]:
    """The cells of the executed copy."""
    cells = json.loads(lab.git("cat-file", "blob", f"experiments/{name}:.gitxp/artifacts/{path}"))["cells"]
    assert isinstance(cells, list)
    return cells


def _text(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def test_top_to_bottom(lab: Lab) -> None:
    """The cells run in the notebook's folder, what they print is printed, and the file itself stays as it is."""
    before = lab.read("work/train.ipynb")
    done = lab.run("run", "--name", "one", "work/train.ipynb")
    assert done.status == 0, done.stderr
    assert done.stdout == b"in work lr 0.5\n0.5\n"
    assert lab.read("work/train.ipynb") == before
    assert lab.git("status", "--porcelain") == b""
    record = _record(lab)
    assert record["command"] == ["work/train.ipynb"]
    assert record["status"] == "completed"
    assert record["params"] == {"lr": 0.5, "epochs": 1}
    assert set(record["param_sources"].values()) == {"notebook"}
    cells = _kept(lab, "work/train.ipynb")
    assert [cell.get("execution_count") for cell in cells] == [None, 1, 2, 3]
    assert cells[2]["outputs"][0]["text"] == ["in work lr 0.5\n"]


@pytest.mark.parametrize("words", [("--lr", "0.1", "--epochs=3"), ("lr=0.1", "epochs=3")])
def test_parameters_are_put_in(lab: Lab, words: tuple[str, ...]) -> None:
    """A cell behind the tagged one assigns what the command line says, and the record has it."""
    done = lab.run("run", "--name", "one", "--", "work/train.ipynb", *words)
    assert done.status == 0, done.stderr
    assert done.stdout == b"in work lr 0.1\n0.30000000000000004\n"
    assert _record(lab)["params"] == {"lr": 0.1, "epochs": 3}
    cells = _kept(lab, "work/train.ipynb")
    assert _text(cells[2]) == "# Parameters\nlr = 0.1\nepochs = 3"
    assert cells[2]["metadata"]["tags"] == ["injected-parameters"]


def test_defaults_of_the_tagged_cell_are_parameters(lab: Lab) -> None:
    """What nobody gave has the value of the first tagged cell, where that is a literal; what was given counts before it."""
    text = (
        "%precision 3\nlr: float = 0.5\nDEPTH = 3\nname = 'a'\nhalf = lr / 2\n_own = 1\nlayers = [1, 2]\nx = 1\nx += 1"
    )
    _write(lab, "d.ipynb", ("code", text, ("parameters",)), ("code", "DEPTH = 4", ("parameters",)))
    done = lab.run("run", "--name", "one", "--param", "name=b", "--", "d.ipynb", "lr=1")
    assert done.status == 0, done.stderr
    record = _record(lab)
    assert record["params"] == {"lr": 1, "DEPTH": 3, "name": "b", "layers": [1, 2]}
    assert record["param_sources"] == {"lr": "argv", "DEPTH": "notebook", "name": "option", "layers": "notebook"}


@pytest.mark.parametrize(("words", "wanted"), [((), {"lr": 9, "b": 1}), (("b=2",), {"lr": 0.5, "b": 2})])
def test_defaults_and_a_cell_that_was_injected_before(lab: Lab, words: tuple[str, ...], wanted: dict[str, Any]) -> None:
    """It is above the defaults as long as it is there: with anything on the command line, another takes its place."""
    injected = ("code", "# Parameters\nlr = 9", ("injected-parameters",))
    _write(lab, "again.ipynb", ("code", "lr = 0.5\nb = 1", ("parameters",)), injected, ("code", "print(lr)", ()))
    done = lab.run("run", "--name", "one", "--", "again.ipynb", *words)
    assert done.stdout == f"{wanted['lr']}\n".encode(), done.stderr
    assert _record(lab)["params"] == wanted


def test_parameters_take_the_place_of_earlier_ones(lab: Lab) -> None:
    """A notebook that was executed before, by us or by papermill, has one injected cell and not two."""
    injected = ("code", "# Parameters\nlr = 9", ("injected-parameters",))
    _write(lab, "again.ipynb", ("code", "print(lr)", ()), injected)
    done = lab.run("run", "--name", "one", "--", "again.ipynb", "lr=1")
    assert done.stdout == b"1\n", done.stderr
    assert [_text(cell) for cell in _kept(lab, "again.ipynb")] == ["# Parameters\nlr = 1", "print(lr)"]


def test_a_failed_cell_is_a_failed_run(lab: Lab) -> None:
    """What was executed up to there is kept, the error among it; what comes after is not executed."""
    cells = (("code", "print('first')", ()), ("code", "1 / 0", ()), ("code", "print('never')", ()))
    _write(lab, "bad.ipynb", *cells)
    done = lab.run("run", "--name", "one", "bad.ipynb")
    assert done.status == 1
    assert done.stdout == b"first\n"
    assert "ZeroDivisionError" in done.stderr
    assert _record(lab)["status"] == "failed"
    kept = _kept(lab, "bad.ipynb")
    assert kept[0]["outputs"][0]["text"] == ["first\n"]
    assert kept[1]["outputs"][0]["ename"] == "ZeroDivisionError"
    assert kept[2]["outputs"] == []


def test_a_kernel_that_dies_is_a_failed_run(lab: Lab) -> None:
    """An `os._exit` in a cell ends the run with a sentence, and what came before is kept."""
    _write(lab, "dead.ipynb", ("code", "print('first', flush=True)", ()), ("code", "import os; os._exit(3)", ()))
    done = lab.run("run", "--name", "one", "dead.ipynb")
    assert done.status == 1
    assert "kernel died" in done.stderr
    assert _kept(lab, "dead.ipynb")[0]["outputs"][0]["text"] == ["first\n"]


def test_an_interrupted_notebook(lab: Lab) -> None:
    """SIGINT to `gitxp run` ends the notebook, the run is interrupted, and the finished cells are kept."""
    _write(
        lab, "long.ipynb", ("code", "print('first')", ()), ("code", "import time; open('on', 'w'); time.sleep(60)", ())
    )
    process = lab.start("run", "--name", "one", "long.ipynb")
    until = time.monotonic() + 60
    while not os.path.exists(lab.path("on")) and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert _record(lab)["status"] == "interrupted"
    assert _kept(lab, "long.ipynb")[0]["outputs"][0]["text"] == ["first\n"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(("gone.ipynb",), "no notebook"), (("work/train.ipynb", "a.b=1"), "a.b"), (("broken.ipynb",), "cannot be read")],
)
def test_what_cannot_begin(lab: Lab, words: tuple[str, ...], sentence: str) -> None:
    """A missing or broken notebook, or a parameter that Python cannot assign: one sentence and a hint."""
    lab.write("broken.ipynb", "{")
    done = lab.run("run", "--", *words)
    assert done.status in {125, 127}
    assert sentence in done.stderr
    assert "Hint: " in done.stderr
    assert "Traceback" not in done.stderr


def test_parameters_for_another_language(lab: Lab) -> None:
    """Parameters are assigned in Python; a notebook in another language says so and does not run without them."""
    _write(lab, "r.ipynb", ("code", "x <- 1", ()), language="R")
    done = lab.run("run", "--", "r.ipynb", "x=2")
    assert done.status == 125
    assert "Python only" in done.stderr


def test_no_secret_in_the_executed_copy(lab: Lab) -> None:
    """The kernel has the secret that the command was given; neither the cell that puts it in nor what is printed is kept with it."""
    _write(lab, "study/secret.ipynb", ("code", "print('key', api_key, len(api_key))", ()))
    lab.commit("another")
    done = lab.run("run", "--name", "one", "study/secret.ipynb", "--api_key", "canary-77")
    assert done.stdout == b"key canary-77 9\n"
    assert b"canary-77" not in lab.git("cat-file", "blob", "experiments/one:.gitxp/artifacts/study/secret.ipynb")
    (injected, cell) = _kept(lab, "study/secret.ipynb")
    assert "api_key = '<redacted>'" in "".join(injected["source"])
    assert cell["outputs"][0]["text"] == ["key <redacted> 9\n"]
