"""Where other loggers write by default: TensorBoard, PyTorch, Lightning, Keras, Hugging Face, dvclive.

Asked at the end of every run, before anything that reads their files is imported: most repositories have nothing there.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_FOLDERS = frozenset("runs lightning_logs tb_logs logs log tensorboard dvclive results mlruns".split())
_BEGINNINGS = ("output", "checkpoint")
_FILES = (".csv", ".tsv", ".log", ".txt", "metrics.json", "trainer_state.json", "params.yaml")


def is_logger_folder(name: str) -> bool:
    """Whether a folder of this name, at the top of a working tree, is likely to have a logger's files in it."""
    name = name.lower()
    return name in _FOLDERS or name.startswith(_BEGINNINGS)


def is_logger_file(name: str) -> bool:
    """Whether a file of this name, or path, could be one that metrics are read from."""
    return name.endswith(_FILES) or ".tfevents." in name


def may_have_metrics(roots: Iterable[str]) -> bool:
    """Whether it is worth to look closer at these folders."""
    for root in roots:
        try:
            with os.scandir(root) as entries:
                if any(is_logger_folder(entry.name) or is_logger_file(entry.name) for entry in entries):
                    return True
        except OSError:
            continue
    return False
