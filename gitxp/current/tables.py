"""Tables, histograms and confusion matrices as JSON: one row a line, so that git diffs them, and types are kept.

Pure functions; pandas and numpy are known by their methods and not imported.
"""

from __future__ import annotations

import math

from gitxp.current.values import mapping, number, tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

_BINS = 64


def table(data: Any, columns: Sequence[Any] | None = None) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of a DataFrame, a list of dictionaries, a dictionary of columns, or rows with `columns`.

    Cells are JSON's scalars; what is no scalar is its text. `TypeError` for what is no table.
    """
    if hasattr(data, "to_pandas") and not hasattr(data, "itertuples"):  # polars, pyarrow
        data = data.to_pandas()
    if hasattr(data, "itertuples") and hasattr(data, "columns"):
        names = [str(name) for name in data.columns]
        return names, [[_cell(cell) for cell in row] for row in data.itertuples(index=False, name=None)]
    found = mapping(data)
    if found is not None:
        lists = [list(_sequence(column)) for column in found.values()]
        length = max(map(len, lists), default=0)
        rows = [[_cell(column[row]) if row < len(column) else None for column in lists] for row in range(length)]
        return [str(name) for name in found], rows
    items = list(_sequence(data))
    if items and mapping(items[0]) is not None:
        members = [mapping(item) or {} for item in items]
        keys = list(dict.fromkeys(key for item in members for key in item)) if columns is None else list(columns)
        return [str(key) for key in keys], [[_cell(item.get(key)) for key in keys] for item in members]
    lists = [list(_sequence(row)) for row in items]
    width = max(map(len, lists), default=0)
    names = [str(name) for name in columns] if columns is not None else [str(number) for number in range(width)]
    return names, [[_cell(cell) for cell in row] for row in lists]


def _sequence(value: Any) -> Iterable[Any]:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        msg = f"a table is rows, columns or dictionaries, not a {type(value).__name__}"
        raise TypeError(msg)
    return list(value)


def _cell(value: Any) -> Any:
    if value is None:
        return None
    if hasattr(value, "item") and not getattr(value, "shape", ()):
        value = value.item()
    found = tree(value)
    return found if not isinstance(found, list | dict) else str(value)


def table_json(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """`{"columns": […], "data": [[…], …]}` with a row a line; nan and the infinities are texts, as in a record."""
    import json

    lines = ",\n".join(json.dumps(list(row), ensure_ascii=False) for row in rows)
    text = f'{{"columns": {json.dumps(list(columns), ensure_ascii=False)},\n"data": [\n{lines}\n]}}\n'
    return text.encode("utf-8", "backslashreplace")


def confusion_json(matrix: Sequence[Sequence[Any]], labels: Sequence[Any] | None) -> bytes:
    """`{"labels": […], "matrix": [[…], …]}`; a row is a true class, a column a predicted one. `ValueError` if not square."""
    import json

    rows = [[number(cell) or 0.0 for cell in _sequence(row)] for row in _sequence(matrix)]
    names = [str(name) for name in (_sequence(labels) if labels is not None else range(len(rows)))]
    if any(len(row) != len(rows) for row in rows) or len(names) != len(rows):
        msg = f"a confusion matrix is square and has a label for each row: {len(rows)} rows, {len(names)} labels"
        raise ValueError(msg)
    lines = ",\n".join(json.dumps([int(c) if c.is_integer() else c for c in row]) for row in rows)
    return f'{{"labels": {json.dumps(names, ensure_ascii=False)},\n"matrix": [\n{lines}\n]}}\n'.encode()


def count_pairs(truth: Any, predicted: Any, labels: Sequence[Any] | None) -> tuple[list[list[int]], list[Any]]:
    """The confusion matrix of true and predicted classes, and its labels: those given, else all that occur, in order.

    With `labels`, classes may be their numbers. `ValueError` where the two are not equally long.
    """
    true, guessed = list(_sequence(truth)), list(_sequence(predicted))
    if len(true) != len(guessed):
        msg = f"there are {len(true)} true classes and {len(guessed)} predicted ones"
        raise ValueError(msg)
    seen = set(true) | set(guessed)
    if labels is None:
        classes = sorted(seen, key=lambda c: (isinstance(c, str), c))
        names: list[Any] = classes
    else:
        names = list(_sequence(labels))
        classes = names if seen <= set(names) else list(range(len(names)))
        if not seen <= set(classes):
            msg = f"there is no label for {min(map(str, seen - set(classes)))}"
            raise ValueError(msg)
    at = {name: position for position, name in enumerate(classes)}
    matrix = [[0] * len(classes) for _ in classes]
    for row, column in zip(true, guessed, strict=True):
        matrix[at[row]][at[column]] += 1
    return matrix, names


def histogram(values: Any, bins: int = _BINS) -> tuple[list[float], list[float]]:
    """Counts and edges (one more) of the finite numbers among the values, in bins of equal width."""
    while hasattr(values, "detach") or hasattr(values, "ravel"):
        values = values.detach().cpu().numpy() if hasattr(values, "detach") else values.ravel().tolist()
    found = [value for value in map(number, _sequence(values)) if value is not None and math.isfinite(value)]
    low, high = (min(found), max(found)) if found else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    width = (high - low) / bins
    counts = [0.0] * bins
    for value in found:
        counts[min(bins - 1, int((value - low) / width))] += 1
    return counts, [low + width * position for position in range(bins)] + [high]


def histogram_json(counts: Any, edges: Any) -> bytes:
    """`{"counts": […], "edges": […]}`; `ValueError` where there is not one edge more than there are counts."""
    import json

    heights = [number(count) or 0.0 for count in _sequence(counts)]
    places = [number(edge) or 0.0 for edge in _sequence(edges)]
    if len(places) != len(heights) + 1:
        msg = f"{len(heights)} counts need {len(heights) + 1} edges, not {len(places)}"
        raise ValueError(msg)
    return json.dumps({"counts": heights, "edges": places}).encode() + b"\n"
