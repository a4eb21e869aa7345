"""Questions before what cannot be taken back: on a terminal they are asked, elsewhere --yes is the answer or there is none."""

from __future__ import annotations

import select
import sys
from typing import TYPE_CHECKING, Any

import click

from gitxp.errors import GitxpError, UsageError
from gitxp.render.safe import visible

if TYPE_CHECKING:
    from collections.abc import Callable

ANSWERS = {"y": True, "yes": True, "n": False, "no": False, "": False}
STEP = 0.1  # seconds


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
    while True:
        click.echo(f"{visible(question)} [y/N]: ", nl=False, err=True)
        # In steps: a Ctrl-C just before a read that waits would be seen only after the next line, as with input().
        while not select.select([sys.stdin], [], [], STEP)[0]:
            pass
        line = sys.stdin.buffer.readline()
        if not line:
            raise KeyboardInterrupt
        answer = line.decode("utf-8", "replace").strip().lower()
        if answer in ANSWERS:
            return ANSWERS[answer]
        click.echo("Please answer y or n.", err=True)
