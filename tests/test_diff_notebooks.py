"""`gitxp diff` of notebooks: cell by cell for people, git's own patch for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitxp.errors import FormatError
from gitxp.model import CellChange, FileChange, NotebookChange
from gitxp.query.notebooks import Cell, Notebook, compare_notebooks, decode_notebook
from gitxp.render.notebooks import render_notebook
from gitxp.render.style import Style
from states import Lab, make
from terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path


def _cells(*sources: str, ids: str = "") -> Notebook:
    """A notebook of code cells; `ids` has a letter for each."""
    marks = list(ids) or [None] * len(sources)
    return Notebook([Cell("code", text, mark, [], {}) for text, mark in zip(sources, marks, strict=True)], {})


def _summary(a: Notebook, b: Notebook) -> list[tuple[str, int | None, int | None]]:
    return [(cell.change, cell.old_index, cell.index) for cell in compare_notebooks(a, b).cells]


def _written(*cells: dict[str, Any], **more: Any) -> str:
    made = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "execution_count": n, "outputs": [], **cell}
        for n, cell in enumerate(cells)
    ]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more}, indent=1)


@pytest.mark.parametrize(
    ("a", "b", "changes"),
    [
        (_cells("a", "b"), _cells("a", "b"), []),
        (_cells("a", "b"), _cells("a", "new", "b"), [("added", None, 1)]),
        (_cells("a", "old", "b"), _cells("a", "b"), [("removed", 1, None)]),
        (_cells("a", "lr = 0.1", "b"), _cells("a", "lr = 0.25", "b"), [("changed", 1, 1)]),
        (_cells("import os"), _cells("x = 1 + 1"), [("removed", 0, None), ("added", None, 0)]),
        (_cells("import os", ids="p"), _cells("x = 1 + 1", ids="p"), [("changed", 0, 0)]),
        (_cells("one", "two", "three"), _cells("three", "one", "two"), [("moved", 2, 0)]),
        (_cells("one", "x", "two", ids="pqr"), _cells("one", "two", "xyz", ids="prq"), [("moved", 1, 2)]),
        # ids that a tool gave by the number of the cell
        (_cells("a = 1", "b = 2", ids="01"), _cells("new", "a = 1", "b = 2", ids="012"), [("added", None, 0)]),
        (_cells("", "", "a"), _cells("", "a"), [("removed", 0, None)]),
        (_cells(), _cells("a", "b"), [("added", None, 0), ("added", None, 1)]),
    ],
)
def test_which_cells_differ(a: Notebook, b: Notebook, changes: list[tuple[str, int | None, int | None]]) -> None:
    """Equal cells belong together in order; else those of one id, those that are alike, and those that moved."""
    assert _summary(a, b) == changes


_SOURCES = st.lists(st.sampled_from(["", "a = 1", "a = 2", "b()", "long text of a cell", "x"]), max_size=12)


@settings(deadline=None)
@given(_SOURCES, _SOURCES, st.booleans())
def test_nothing_is_lost(a: list[str], b: list[str], has_ids: bool) -> None:
    """Whatever the cells are, applying the changes to A gives B: each cell of either is in it once."""
    ids = "abcdefghijklmnop"
    old, new = (_cells(*sources, ids=ids[: len(sources)] if has_ids else "") for sources in (a, b))
    found = compare_notebooks(old, new)
    gone = {cell.old_index for cell in found.cells if cell.old_index is not None}
    result = dict.fromkeys(range(len(b)), "")
    kept = iter([text for number, text in enumerate(a) if number not in gone])
    come = {cell.index: cell.source for cell in found.cells if cell.index is not None}
    for number in result:
        result[number] = come[number] or "" if number in come else next(kept)
    assert list(result.values()) == b
    assert next(kept, None) is None
    assert len(gone) == sum(cell.old_index is not None for cell in found.cells)
    assert all(cell.old_source == a[cell.old_index] for cell in found.cells if cell.old_index is not None)


def test_outputs_count_and_executions_do_not() -> None:
    """Of cells that are in both: how many have other outputs, where the number of the execution is no output."""
    output = {"output_type": "execute_result", "data": {"text/plain": "1"}, "metadata": {}, "execution_count": 1}
    a = _written({"source": "a", "outputs": [output]}, {"source": "b"})
    b = _written({"source": "a", "outputs": [output | {"execution_count": 7}]}, {"source": "b", "outputs": [output]})
    assert compare_notebooks(decode_notebook(a.encode()), decode_notebook(b.encode())) == NotebookChange((), 1, False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"nbformat": 3, "worksheets": []}',
        b'{"nbformat": 4, "cells": 1}',
        b'{"nbformat": 4, "cells": [1]}',
        b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": [1]}]}',
        b'{"nbformat": 4, "cells": [{"cell_type": [], "source": ""}]}',
        b'{"nbformat": 4, "cells": ' + b"[" * 100_000,
        b'{"nbformat": 4, "cells": [' + b",".join([b'{"cell_type": "code", "source": ""}'] * 1_001) + b"]}",
        b"\xff\xfe",
    ],
)
def test_what_is_no_notebook(data: bytes) -> None:
    """It is refused in a sentence, however deep or long it is."""
    with pytest.raises(FormatError):
        decode_notebook(data)


def test_a_source_is_lines_or_a_text() -> None:
    """Both forms that nbformat allows are the same source."""
    lines = _written({"source": ["a\n", "b"]})
    text = _written({"source": "a\nb"})
    assert decode_notebook(lines.encode()) == decode_notebook(text.encode())


def test_rendering() -> None:
    """Cells have a line that says which, their lines are those of a diff, and the rest is counted."""
    cells = (
        CellChange("changed", "code", "x", 1, 2, "a = 1\nb = 2", "a = 1\nb = 3"),
        CellChange("added", "markdown", None, None, 3, None, "# New"),
        CellChange("removed", "code", None, 4, None, "gone()", None),
        CellChange("moved", "code", None, 5, 0, "same", "same"),
    )
    change = FileChange("work/a.ipynb", "M", notebook=NotebookChange(cells, 2, True))
    assert render_notebook(change) == (
        "notebook work/a.ipynb\n"
        "@@ cell 3 changed (code) @@\n a = 1\n-b = 2\n+b = 3\n"
        "@@ cell 4 added (markdown) @@\n+# New\n"
        "@@ cell 5 removed (code) @@\n-gone()\n"
        "@@ cell 6 → 1 moved (code) @@\n"
        "outputs of 2 cells differ: --notebooks raw shows them\n"
        "metadata differ: --notebooks raw shows them\n"
    )


def test_rendering_is_safe() -> None:
    """Nothing of a notebook reaches a terminal as a control sequence, in its name, kinds or sources."""
    evil = "\x1b[31m\u202e\r"
    cells = (CellChange("changed", f"code{evil}", evil, 0, 0, f"a{evil}", f"b{evil}\u2028"),)
    text = render_notebook(FileChange(f"{evil}.ipynb", "M", notebook=NotebookChange(cells)))
    assert text.replace("\n", "").isprintable()
    assert (
        render_notebook(FileChange("a.ipynb", "M", notebook=NotebookChange(cells)), Style(color=True)).count("\x1b[31m")
        == 1
    )


def test_long_cells_are_quick() -> None:
    """Cells of many thousand lines without order among them cost no minutes."""
    old = "\n".join(f"{n % 17} {n % 13}" for n in range(20_000))
    new = "\n".join(f"{n % 19} {n % 11}" for n in range(20_000))
    change = FileChange("a.ipynb", "M", notebook=NotebookChange((CellChange("changed", "code", None, 0, 0, old, new),)))
    assert render_notebook(change).count("\n") == 40_002


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """Two runs, between which a notebook and a program changed."""
    lab = make(str(tmp_path / "repo"))
    lab.write("work/train.ipynb", _written({"source": "lr = 0.1"}, {"source": "fit(lr)", "outputs": []}))
    lab.write("train.py", "lr = 0.1\n")
    lab.commit()
    assert lab.run("run", "--name", "one", "true").status == 0
    output = {"output_type": "stream", "name": "stdout", "text": ["done\n"]}
    lab.write("work/train.ipynb", _written({"source": "lr = 0.2"}, {"source": "fit(lr)", "outputs": [output]}))
    lab.write("train.py", "lr = 0.2\n")
    assert lab.run("run", "--name", "two", "true").status == 0
    return lab


CELLS = (
    "notebook work/train.ipynb\n@@ cell 1 changed (code) @@\n-lr = 0.1\n+lr = 0.2\n"
    "outputs of 1 cell differ: --notebooks raw shows them\n"
)


def test_the_report_has_cells(lab: Lab) -> None:
    """Of the notebook its cells, behind git's diff of the rest; with `--notebooks raw` all of it as git has it."""
    done = lab.run("diff", "one", "two")
    code = done.stdout.decode()
    assert code.startswith("Code\ndiff --git a/train.py b/train.py\n")
    assert code.endswith(f"+lr = 0.2\n\n{CELLS}")
    assert "cell_type" not in code
    raw = lab.run("diff", "one", "two", "--notebooks", "raw").stdout
    assert raw == b"Code\n" + lab.git("diff", "experiments/one", "experiments/two", "--", ".", ":!.gitxp")


def test_a_patch_is_gits(lab: Lab) -> None:
    """`--code` into a pipe is git's patch to the byte, unless cells are asked for."""
    patch = lab.git("diff", "experiments/one", "experiments/two", "--", ".", ":!.gitxp")
    assert lab.run("diff", "one", "two", "--code").stdout == patch
    cells = lab.run("diff", "one", "two", "--code", "--notebooks", "cells", "--", "work").stdout
    assert cells.decode() == CELLS
    assert b"train.ipynb |" in lab.run("diff", "one", "two", "--stat").stdout
    assert lab.run("diff", "one", "two", "--name-only").stdout == b"train.py\nwork/train.ipynb\n"


def test_on_a_terminal_there_are_cells(lab: Lab) -> None:
    """`--code` on a terminal is for a reader."""
    with Terminal("diff", "one", "two", "--code", "--color", "never", cwd=lab.top, env={"PAGER": "cat"}) as terminal:
        assert terminal.wait() == 0
    assert terminal.seen.decode().replace("\r\n", "\n").endswith(CELLS)


def test_json_has_cells(lab: Lab) -> None:
    """The entry of a notebook says what git says of the file, and what differs in its cells."""
    program, notebook = json.loads(lab.run("diff", "one", "two", "--code", "--json").stdout)["code"]
    assert "cells" not in program
    assert notebook["path"] == "work/train.ipynb"
    assert notebook["insertions"] > 1
    assert notebook["cells"] == [
        {
            "change": "changed",
            "type": "code",
            "id": "c0",
            "index": 0,
            "old_index": 0,
            "source": "lr = 0.2",
            "old_source": "lr = 0.1",
        }
    ]
    assert (notebook["outputs_changed"], notebook["metadata_changed"]) == (1, False)


def test_notebooks_that_come_go_and_move(lab: Lab) -> None:
    """A new one has its cells added, a deleted one removed, a renamed one both names; a broken one is left to git."""
    lab.git("mv", "work/train.ipynb", "moved [1].ipynb")
    lab.write("moved [1].ipynb", lab.read("moved [1].ipynb").replace(b"fit(lr)", b"fit(lr * 2)"))
    lab.write("new.ipynb", _written({"source": "new()"}))
    lab.write("broken.ipynb", "{\n")
    assert lab.run("run", "--name", "three", "true").status == 0
    text = lab.run("diff", "two", "three").stdout.decode()
    assert "diff --git a/broken.ipynb b/broken.ipynb" in text
    assert "notebook new.ipynb, added\n@@ cell 1 added (code) @@\n+new()\n" in text
    assert "notebook work/train.ipynb → moved [1].ipynb\n@@ cell 2 changed (code) @@\n-fit(lr)\n+fit(lr * 2)\n" in text
    assert "cell_type" not in text
    back = lab.run("diff", "three", "two", "--", "new.ipynb").stdout.decode()
    assert "notebook new.ipynb, deleted\n@@ cell 1 removed (code) @@\n-new()\n" in back


def test_from_a_subfolder(lab: Lab) -> None:
    """Paths are seen from the folder that one stands in, and without any all of the repository is meant."""
    done = lab.run("diff", "one", "two", cwd="work")
    assert "a/train.py" in done.stdout.decode()
    assert done.stdout.decode().endswith(CELLS)
    assert lab.run("diff", "one", "two", "--", "train.ipynb", cwd="work").stdout.decode() == f"Code\n{CELLS}"
