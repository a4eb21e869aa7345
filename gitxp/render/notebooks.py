"""Notebooks that differ, cell by cell: their sources as a diff has lines, and of outputs only how many differ.

It looks like a patch so that it reads like one, and is none: who wants to apply it asks git for the JSON's own lines.
"""

from __future__ import annotations

from difflib import unified_diff
from typing import TYPE_CHECKING, Any

from gitxp.render.safe import visible
from gitxp.render.style import Style

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitxp.model import CellChange, FileChange, NotebookChange

_MAX_PRODUCT = 4_000_000  # of the numbers of lines: beyond that, finding what they share takes too long
_STATUS = {"A": ", added", "D": ", deleted"}
_INKS = {"+": "good", "-": "bad", "@": "alive"}


def render_notebook(change: FileChange, style: Style | None = None) -> str:
    """One notebook that differs; `change.notebook` says how."""
    notebook = change.notebook
    assert notebook is not None
    style = style or Style()
    name = visible(change.path) if change.old_path is None else f"{visible(change.old_path)} → {visible(change.path)}"
    lines = [style.paint(f"notebook {name}{_STATUS.get(change.status, '')}", "heading")]
    for cell in notebook.cells:
        lines.append(style.paint(f"@@ {_place(cell)} @@", "alive"))
        lines += [style.paint(visible(line, keep="\t"), _INKS.get(line[:1], "")) for line in _lines(cell)]
    lines += [style.paint(sentence, "faint") for sentence in _beside(notebook)]
    return "".join(f"{line}\n" for line in lines)


def notebook_json(notebook: NotebookChange) -> dict[str, Any]:
    """What `--json` says of a notebook beside what it says of each file."""
    cells: list[dict[str, Any]] = []
    for cell in notebook.cells:
        facts = {
            "change": cell.change,
            "type": cell.kind,
            "id": cell.id,
            "old_index": cell.old_index,
            "index": cell.index,
            "old_source": cell.old_source,
            "source": cell.source,
        }
        cells.append({key: value for key, value in facts.items() if value is not None})
    return {"cells": cells, "outputs_changed": notebook.outputs, "metadata_changed": notebook.metadata}


def _place(cell: CellChange) -> str:
    numbers = [str(index + 1) for index in (cell.old_index, cell.index) if index is not None]
    if cell.change != "moved" and cell.index is not None:
        numbers = numbers[-1:]
    return f"cell {' → '.join(numbers)} {cell.change} ({visible(cell.kind)})"


def _beside(notebook: NotebookChange) -> Iterator[str]:
    count = notebook.outputs
    if count:
        yield f"outputs of {count:,} {'cell' if count == 1 else 'cells'} differ: --notebooks raw shows them"
    if notebook.metadata:
        yield "metadata differ: --notebooks raw shows them"
    if not (notebook.cells or count or notebook.metadata):
        yield "no cell differs: --notebooks raw shows what does"


def _lines(cell: CellChange) -> Iterator[str]:
    """The lines of a cell's diff; those that tell of line numbers only where it has several parts."""
    old, new = (None if text is None else text.split("\n") for text in (cell.old_source, cell.source))
    if old is None or new is None or len(old) * len(new) > _MAX_PRODUCT:
        yield from (f"-{line}" for line in old or ())
        yield from (f"+{line}" for line in new or ())
        return
    found = list(unified_diff(old, new, lineterm=""))[2:]
    is_whole = sum(line.startswith("@@") for line in found) == 1
    yield from (line for line in found if not (is_whole and line.startswith("@@")))
