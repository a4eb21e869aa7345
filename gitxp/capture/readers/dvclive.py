"""dvclive's parameters: `params.yaml`. Its tables are read by tables.py, its numbers by metrics_json.py."""

from __future__ import annotations

from gitxp.capture.params.documents import DocumentError, flatten, read_document
from gitxp.capture.readers.found import WholeFile


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
