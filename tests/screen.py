"""A command in this process, on a stand-in for a terminal or a pipe: as `gitxp` itself, without its start."""

from __future__ import annotations

import contextlib
import io
import os
from typing import NamedTuple
from unittest import mock

from gitxp.cli import app, progress

_NEVER = 1e6  # seconds: on a slow machine, too, no answer is mixed with what takes long

# Every way to look at a run named `bad`, beside one named `good`.
READING = (
    ("list",),
    ("list", "--all-columns"),
    ("list", "--md"),
    ("list", "--md", "--all-columns"),
    ("list", "--csv"),
    ("list", "--json"),
    ("show", "bad"),
    ("show", "bad", "--json"),
    ("diff", "good", "bad", "--params", "--metrics", "--data", "--env"),
    ("diff", "bad", "good", "--json"),
    ("compare", "good", "bad"),
    ("compare", "bad", "good", "--all", "--rows", "keys"),
    ("compare", "good", "bad", "--all", "--rows", "runs"),
    ("compare", "good", "bad", "--all", "--md"),
    ("compare", "good", "bad", "--all", "--csv"),
    ("compare", "bad", "good", "--all", "--json"),
    ("why", "good", "bad"),
    ("why", "bad", "good", "--json"),
    ("logs", "bad"),
    ("logs", "bad", "--json"),
    ("list", "--group-by", "params.lr,host"),
    ("list", "--group-by", "params.lr,host", "--csv"),
    ("list", "--group-by", "host,tags", "--md", "--metric", "metrics.m,duration,params.lr"),
    ("list", "--best", "metrics.m", "--per", "host,command"),
    ("list", "--pareto", "metrics.m,-duration,params.lr", "--columns", "name,params.lr,metrics.m.min,notes,host"),
)


class Answer(NamedTuple):
    """Exit status, and what was written."""

    status: int
    out: bytes
    err: str


class _Stream(io.TextIOWrapper):
    """A standard stream that keeps what it is given."""

    def __init__(self, *, is_terminal: bool) -> None:
        self.kept = io.BytesIO()
        super().__init__(self.kept, encoding="utf-8", write_through=True)
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        """Whether a person reads it."""
        return self._is_terminal


def ask(*args: str, width: int | None = None) -> Answer:
    """The answer of `gitxp ARGS`: on a terminal of so many columns, or into a pipe."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "" if width is None else str(width)
    out, err = _Stream(is_terminal=width is not None), _Stream(is_terminal=width is not None)
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            mock.patch.object(progress, "_SILENCE", _NEVER),
        ):
            status = app.main(args)
        return Answer(status, out.kept.getvalue(), err.kept.getvalue().decode())
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
