"""Several runs as JSON: each value an array in the order of the runs, exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitxp.compared import FileState
from gitxp.render.as_json import json_text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gitxp.compared import Compared, Row


def render_compared_json(compared: Compared, rows: Sequence[Row], parts: Collection[str]) -> str:
    """The rows by part and name; `best` has the names of the best runs of each metric, `better` which way that is."""
    told: dict[str, Any] = {
        "runs": [
            {
                key: value
                for key, value in (("name", r.name), ("id", r.id), ("commit", r.commit), ("status", r.status))
                if value
            }
            for r in compared.runs
        ]
    }
    told |= {part: {} for part in parts}
    for row in rows:
        told[row.part][row.name] = [_value(value) for value in row.values]
    metrics = [row for row in rows if row.part == "metrics"]
    if metrics:
        told["best"] = {row.name: [compared.runs[i].name for i in sorted(row.best)] for row in metrics if row.best}
        told["better"] = {row.name: row.better for row in metrics}
    problems = [one.to_json() for one in compared.unread if one.concerns(parts)]
    if problems:
        told["problems"] = problems
    if compared.remarks:
        told["remarks"] = list(compared.remarks)
    return json_text(told)


def _value(value: Any) -> Any:
    if isinstance(value, FileState):
        return {"oid": value.oid, "insertions": value.insertions, "deletions": value.deletions, "mode": value.mode}
    return value
