"""Questions before what cannot be taken back: on a terminal they are asked, elsewhere --yes is the answer or there is none."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from gitxp.errors import GitxpError, UsageError
from gitxp.render.safe import visible

if TYPE_CHECKING:
    from collections.abc import Callable


def yes_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--yes`; it gets it as its argument `yes`."""
    return click.option("-y", "--yes", is_flag=True, help="Do not ask before what cannot be taken back.")(command)


def confirm(question: str, *, yes: bool) -> None:
    """Go on only if that is wanted. `UsageError` where nobody can be asked, `GitxpError` where the answer is no."""
    if yes:
        return
    if not can_ask():
        raise UsageError(f"{question} There is no terminal to ask on.", hint="Add --yes if that is wanted.")
    if not ask(question):
        raise GitxpError("Nothing was done.")


def can_ask() -> bool:
    """Whether there is a terminal to ask on."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str) -> bool:
    """Ask on the terminal that there is; no is the default. `KeyboardInterrupt` for Ctrl-C, and for an end of input."""
    try:
        return click.confirm(visible(question), default=False, err=True)
    except click.Abort:
        raise KeyboardInterrupt from None
