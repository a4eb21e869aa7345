"""The notebook that this process may be the kernel of: which one it is, and which of its cells were executed.

What runs in a kernel is not what stands in the `.ipynb` file on the disk: the file may not be saved, and cells are executed
in any order, some twice, some never. IPython keeps the text of every cell that it executes; from that comes a notebook
with the cells in the order of their execution. IPython is looked at where it is loaded, and never imported: in a plain
program all of this costs one look into a dictionary.
"""

from __future__ import annotations

import os
import sys

from gitxp.capture.secrets.redaction import redact_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

EXECUTED = "notebook/executed.ipynb"  # of the run's artifacts
_MAX_CELLS = 5_000
_MAX_TEXT = 8 * 1024 * 1024  # characters in all
_ENDING = ".ipynb"


def find_shell() -> Any:
    """The IPython shell of this process, if it is the kernel of a notebook or a console; None in any other program."""
    ipython: Any = sys.modules.get("IPython")
    get = getattr(ipython, "get_ipython", None)
    shell = get() if get is not None else None
    return shell if getattr(shell, "kernel", None) is not None else None


def find_notebook(shell: Any) -> str | None:
    """The path of the notebook's file, absolute, where somebody told the kernel.

    A notebook's server says it in a variable of the environment, an editor in one of the notebook itself; others say
    nothing.
    """
    names = shell.user_ns if isinstance(getattr(shell, "user_ns", None), dict) else {}
    for path in (names.get("__vsc_ipynb_file__"), os.environ.get("JPY_SESSION_NAME")):
        if isinstance(path, str) and path.endswith(_ENDING):
            return os.path.abspath(path)
    return None


def count_executed(shell: Any) -> int:
    """The number of the cell that is being executed, or was executed last; 0 before the first."""
    return max(len(_inputs(shell)) - 1, 0)


def encode_executed(shell: Any, first: int) -> bytes | None:
    """The cells that were executed so far, in their order, as a notebook; None where there are none.

    `first` is the number of the cell with which the run began. The newest cells are kept, up to 5,000 and 8 MiB of text;
    what looks like a secret is not.
    """
    cells: list[dict[str, Any]] = []
    room = _MAX_TEXT
    for number, text in reversed(list(enumerate(_inputs(shell)))):
        if not number or not isinstance(text, str) or not text.strip():
            continue
        room -= len(text)
        if room < 0 or len(cells) == _MAX_CELLS:
            break
        cells.append(
            {
                "cell_type": "code",
                "execution_count": number,
                "id": f"in-{number}",
                "metadata": {},
                "outputs": [],
                "source": redact_source(text).splitlines(keepends=True),
            }
        )
    if not cells:
        return None
    import json

    path = find_notebook(shell)
    about: dict[str, Any] = {"first": first, **({"path": _from_top(path)} if path else {})}
    language = {"name": "python", "version": ".".join(map(str, sys.version_info[:3]))}
    notebook = {
        "cells": cells[::-1],
        "metadata": {"gitxp": about, "language_info": language},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return (json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _from_top(path: str) -> str:
    """A path as all those of a record: from the top of the working tree, if it is in there."""
    inside = os.path.relpath(os.path.realpath(path), os.path.realpath(os.environ.get("GITXP_ROOT") or os.getcwd()))
    return path if inside.startswith("..") else inside


def _inputs(shell: Any) -> list[Any]:
    """The texts of all cells by their number, as they were typed; number 0 is empty."""
    history = getattr(getattr(shell, "history_manager", None), "input_hist_raw", None)
    return list(history) if isinstance(history, list) else []
