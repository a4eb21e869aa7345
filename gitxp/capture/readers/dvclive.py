"""dvclive's folder: `plots/metrics/<metric>.tsv`, `metrics.json` beside it, and `params.yaml`.

The tables are read by tables.py, the numbers by metrics_json.py; here is where they lie, and the parameters.
"""

from __future__ import annotations

import os

from gitxp.capture.params.documents import DocumentError, flatten, read_document
from gitxp.capture.readers.found import WholeFile

_TABLES = "/plots/metrics/"


def table_name(path: str) -> str | None:
    """The metric of which this path is dvclive's table; None where it is none."""
    _, found, name = path.rpartition(_TABLES)
    return name.removesuffix(".tsv") if found and name.endswith(".tsv") else None


def folder_of(path: str) -> str | None:
    """The folder of dvclive's that a file belongs to, by its own path or by what lies beside it."""
    head, found, _ = path.rpartition(_TABLES)
    if found:
        return head
    folder = os.path.dirname(path)
    is_one = os.path.basename(folder) == "dvclive" or os.path.isdir(os.path.join(folder, "plots", "metrics"))
    return folder if is_one else None


class Parameters(WholeFile):
    """The reader of `params.yaml` (found.Reader)."""

    def update(self) -> None:
        """Read it, if it was written since the last time. Raises `OSError`."""
        if self._watch.look() is None:
            return
        self.params, self.problems = {}, []
        try:
            self.params = dict(flatten(read_document(self._watch.path)))
        except DocumentError as error:
            self.problems.append(str(error))
