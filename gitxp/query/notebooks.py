"""Notebooks of two runs, cell by cell: which cells came, went, moved or say something else.

git compares the lines of a notebook's JSON, in which pictures and numbers of executions drown the code. Here the cells
are: those that are equal are matched first, in order; between them those with one id belong together, then those whose
text is alike. Ids alone are not trusted: notebooks older than nbformat 4.5 have none, and tools make new ones.

Notebooks are untrusted as all files are: they are read as JSON and no more, within limits, and what is no notebook of
version 4 is left to git.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.errors import FormatError
from gitxp.format import decode_json
from gitxp.model import CellChange, FileChange, NotebookChange
from gitxp.query.changed_blobs import changed_blobs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitxp.format import Oid
    from gitxp.git.objects import Objects
    from gitxp.git.program import Git
    from gitxp.model import Run

    Pair = tuple[int | None, int | None]

_ENDING = ".ipynb"
_VERSION = 4  # of nbformat: the older ones have other keys
_MAX_NOTEBOOKS = 100
_MAX_IN_ALL = 64 * 1024 * 1024  # bytes
_MAX_CELLS = 1_000
_MAX_VALUES, _SEPARATORS = 1_000_000, (b",", b"[", b"{")  # `[],[],…`: three bytes in the file, sixty in memory
_ALIKE = 0.5  # of the pairs of letters
_COMPARED = 2_000  # characters of a cell
_WINDOW = 5  # cells that one is compared with


class Cell(NamedTuple):
    """One cell as far as it is compared."""

    kind: str
    source: str
    id: str | None
    outputs: Any
    metadata: Any


class Notebook(NamedTuple):
    """A notebook as far as it is compared."""

    cells: Sequence[Cell]
    metadata: Any


def find_notebooks(objects: Objects, git: Git, a: Run, b: Run, paths: Sequence[str] = ()) -> list[FileChange]:
    """The notebooks whose bytes differ between two runs and can be compared cell by cell, in git's order.

    At most a hundred of them, with 64 MiB in all. `paths` are git's pathspecs. Raises `GitFailed` where git refuses those.
    """
    found: list[FileChange] = []
    room = _MAX_IN_ALL
    for change, old, new in changed_blobs(objects, git, a, b, paths, (_ENDING,)):
        size = sum(objects.get_size(oid) for oid in (old, new) if oid is not None)
        if size > room:
            continue
        room -= size
        notebook = _compare(objects, old, new)
        if notebook is not None:
            found.append(FileChange(change.path, change.status, old_path=change.old_path, notebook=notebook))
        if len(found) == _MAX_NOTEBOOKS:
            break
    return found


def _compare(objects: Objects, old: Oid | None, new: Oid | None) -> NotebookChange | None:
    try:
        a, b = (Notebook((), {}) if oid is None else decode_notebook(objects.read_blob(oid)) for oid in (old, new))
        return compare_notebooks(a, b)
    except (FormatError, RecursionError):
        return None


def decode_notebook(data: bytes) -> Notebook:
    """The notebook in these bytes. `FormatError` for what is none of version 4, or has more than a thousand cells.

    Nor is it read where it may have more than a million values.
    """
    if sum(map(data.count, _SEPARATORS)) > _MAX_VALUES:
        msg = f"it may have more than {_MAX_VALUES:,} values"
        raise FormatError(msg)
    found = decode_json(data)
    if not isinstance(found, dict) or found.get("nbformat") != _VERSION or not isinstance(found.get("cells"), list):
        msg = "it is no notebook of version 4"
        raise FormatError(msg)
    if len(found["cells"]) > _MAX_CELLS:
        msg = f"it has {len(found['cells']):,} cells, and {_MAX_CELLS:,} are the most"
        raise FormatError(msg)
    return Notebook([_cell(cell) for cell in found["cells"]], found.get("metadata"))


def _cell(found: Any) -> Cell:
    source = found.get("source") if isinstance(found, dict) else None
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str) or not isinstance(found.get("cell_type"), str):
        msg = "a cell of it is none"
        raise FormatError(msg)
    mark = found.get("id")
    return Cell(
        found["cell_type"],
        source,
        mark if isinstance(mark, str) and mark else None,
        _without_counts(found.get("outputs")),
        found.get("metadata"),
    )


def _without_counts(outputs: Any) -> Any:
    if not isinstance(outputs, list):
        return outputs
    return [
        {key: value for key, value in output.items() if key != "execution_count"}
        if isinstance(output, dict)
        else output
        for output in outputs
    ]


def compare_notebooks(a: Notebook, b: Notebook) -> NotebookChange:
    """What differs between two notebooks."""
    changes: list[CellChange] = []
    outputs, metadata = 0, bool(a.cells and b.cells) and a.metadata != b.metadata
    for i, j, is_moved in align(a.cells, b.cells):
        old = None if i is None else a.cells[i]
        new = None if j is None else b.cells[j]
        if old is not None and new is not None:
            outputs += old.outputs != new.outputs
            metadata = metadata or old.metadata != new.metadata
            if not is_moved and old[:2] == new[:2]:
                continue
            change = "moved" if is_moved else "changed"
        else:
            change = "added" if old is None else "removed"
        known = new or old
        assert known is not None
        changes.append(CellChange(change, known.kind, known.id, i, j, old and old.source, new and new.source))
    return NotebookChange(tuple(changes), outputs, metadata)


def align(a: Sequence[Cell], b: Sequence[Cell]) -> list[tuple[int | None, int | None, bool]]:
    """Which cell of A became which of B, in the order of B: their indices, None where one has none, and whether it moved."""
    pairs: list[Pair] = []
    i = j = 0
    for block in SequenceMatcher(None, [cell[:2] for cell in a], [cell[:2] for cell in b]).get_matching_blocks():
        pairs += _gap(a, b, range(i, block.a), range(j, block.b))
        pairs += [(block.a + k, block.b + k) for k in range(block.size)]
        i, j = block.a + block.size, block.b + block.size
    return _with_moves(a, b, pairs)


def _gap(a: Sequence[Cell], b: Sequence[Cell], left: Sequence[int], right: Sequence[int]) -> Iterator[Pair]:
    """The pairs between two cells that are equal: none of these has an equal one here."""
    partners = _by_id(a, b, left, right)
    partners |= _by_likeness(
        a, b, [i for i in left if i not in partners.values()], [j for j in right if j not in partners]
    )
    taken = set(partners.values())
    waiting = [i for i in left if i not in taken]
    new: list[int] = []
    for j in right:
        if j not in partners:
            new.append(j)
            continue
        i = partners[j]
        yield from ((gone, None) for gone in waiting if gone < i)
        yield from ((None, added) for added in new)
        waiting, new = [gone for gone in waiting if gone > i], []
        yield i, j
    yield from ((gone, None) for gone in waiting)
    yield from ((None, added) for added in new)


def _by_id(a: Sequence[Cell], b: Sequence[Cell], left: Sequence[int], right: Sequence[int]) -> dict[int, int]:
    """Cells of B and those of A with their ids."""
    places = {a[i].id: i for i in left if a[i].id is not None}
    found: dict[int, int] = {}
    for j in right:
        i = places.pop(b[j].id, None)
        if i is not None:
            found[j] = i
    return found


def _by_likeness(a: Sequence[Cell], b: Sequence[Cell], left: list[int], right: list[int]) -> dict[int, int]:
    """Cells of B and those of A, in the same order, whose text is alike."""
    found: dict[int, int] = {}
    letters = {j: _letters(b[j].source) for j in right}
    first = 0
    for i in left:
        mine = _letters(a[i].source)
        for at in range(first, min(first + _WINDOW, len(right))):
            j = right[at]
            if a[i].kind == b[j].kind and _likeness(mine, letters[j]) >= _ALIKE:
                found[j] = i
                first = at + 1
                break
    return found


def _letters(text: str) -> set[tuple[str, str]]:
    """The pairs of letters in a text."""
    return set(pairwise(text[:_COMPARED]))


def _likeness(a: set[tuple[str, str]], b: set[tuple[str, str]]) -> float:
    """Dice's coefficient: from 0, nothing in common, to 1, the same pairs of letters."""
    total = len(a) + len(b)
    return 2 * len(a & b) / total if total else 0.0


def _with_moves(a: Sequence[Cell], b: Sequence[Cell], pairs: list[Pair]) -> list[tuple[int | None, int | None, bool]]:
    """The pairs, those joined that are one cell at another place: by its id, or by a text that is not blank."""
    gone: dict[object, list[int]] = {}
    for i, j in pairs:
        if i is not None and j is None:
            for mark in _marks(a[i]):
                gone.setdefault(mark, []).append(i)
    moved: dict[int, int] = {}
    taken: set[int] = set()
    for i, j in pairs:
        if i is None and j is not None:
            candidates = (i for mark in _marks(b[j]) for i in gone.get(mark, ()) if i not in taken)
            origin = next(candidates, None)
            if origin is not None:
                moved[j] = origin
                taken.add(origin)
    return [(moved[j], j, True) if j in moved else (i, j, False) for i, j in pairs if j is not None or i not in taken]


def _marks(cell: Cell) -> list[object]:
    """What a cell is known by at another place."""
    return [*([cell.id] if cell.id else []), *([cell[:2]] if cell.source.strip() else [])]
