"""Hugging Face's `trainer_state.json`: `log_history`, a list of what the Trainer logged, each with its step.

Names are as the Trainer's own TensorBoard and W&B callbacks write them (transformers/integrations: `rewrite_logs`):
`eval_loss` is `eval/loss`, `test_f1` is `test/f1`, all else is `train/…`. So they are the same metrics whichever of them
is found. A checkpoint's history has all of the checkpoints before it: only the newest is read.
"""

from __future__ import annotations

import json
import os
from typing import Any

from gitxp.capture.readers.found import MAX_METRICS, MAX_NAME, WholeFile
from gitxp.series import Series

MAX_BYTES = 64 * 1024 * 1024
_MAX_STEP = 2**53
_NOT_METRICS = frozenset({"step", "epoch"})


class TrainerState(WholeFile):
    """The reader of one state (found.Reader), which is read as a whole whenever it was written."""

    def update(self) -> None:
        """Read it, if it was written since the last time. Raises `OSError`."""
        now = self._watch.look()
        if now is None:
            return
        self.series, self.problems = {}, []
        document = read_json(self._watch.path, self.problems)
        history = document.get("log_history") if isinstance(document, dict) else None
        for entry in history if isinstance(history, list) else ():
            step = entry.get("step") if isinstance(entry, dict) else None
            if isinstance(step, int) and abs(step) < _MAX_STEP:
                for key, value in entry.items():
                    self._take(key, int(step), now, value)

    def _take(self, key: str, step: int, now: float, value: object) -> None:
        if key in _NOT_METRICS or len(key) > MAX_NAME or (number := to_number(value)) is None:
            return
        name = _rewrite(key)
        if name in self.series or len(self.series) < MAX_METRICS:
            self.series.setdefault(name, Series()).append(step, now, number)


def _rewrite(key: str) -> str:
    for part in ("eval", "test"):
        if key.startswith(f"{part}_"):
            return f"{part}/{key[len(part) + 1 :]}"
    return f"train/{key}"


def to_number(value: object) -> float | None:
    """A JSON number as a float, infinite where none is large enough; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def read_json(path: str, problems: list[str]) -> Any:
    """The value of a JSON file; None, and a clause in `problems`, where it is none. Raises `OSError`."""
    if os.path.getsize(path) > MAX_BYTES:
        problems.append(f"it has more than {MAX_BYTES:,} bytes")
        return None
    with open(path, "rb") as file:
        data = file.read(MAX_BYTES)
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        problems.append(f"it is not JSON: {str(error).splitlines()[0]}")
        return None
