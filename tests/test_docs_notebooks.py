"""The cells of docs/howto/notebooks.md do what the page says, in a real kernel."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

from states import make
from test_docs import docs

pytest.importorskip("ipykernel")
pytest.importorskip("jupyter_client")

from kernels import Kernel

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "docs/howto/notebooks.md"
_CELL = re.compile(r"^<!-- cell -->\n```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)


class Example(NamedTuple):
    """A cell, and what the page says that it prints; empty where it says nothing."""

    code: str
    said: str


def _examples() -> list[Example]:
    return [Example(match[1], match[2] or "") for match in _CELL.finditer(docs.read(PAGE))]


def test_every_cell_of_the_page_is_found() -> None:
    """No block of the page stands behind a comment that the test does not see."""
    assert len(_examples()) == docs.read(PAGE).count("<!-- cell -->") == docs.read(PAGE).count("```python\n") > 4


def test_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cell of the page ends without an error, and prints what the page says, where it says anything."""
    monkeypatch.setenv("COLUMNS", "100")
    lab = make(str(tmp_path / "repo"))
    with Kernel(lab.top, tmp_path / "sockets", {"JPY_SESSION_NAME": lab.path("train.ipynb")}) as kernel:
        for example in _examples():
            found = kernel.run(example.code)
            assert found.error == "", found.traceback
            lines = example.said.splitlines()
            # a kernel sends its two streams in no order
            for is_ours, printed in ((True, found.stderr), (False, found.stdout)):
                said = "\n".join(line for line in lines if line.startswith("gitxp: ") == is_ours)
                assert not lines or docs.same(said, printed), f"{example.code}--- says\n{said}\n--- prints\n{printed}"
    assert lab.names() == ["long", "tuned"]
