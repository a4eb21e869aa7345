"""`gitxp restore`: the files of a run on disk again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from gitxp.cli.progress import show_progress
from gitxp.cli.remarks import remark
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options
from gitxp.errors import UsageError
from gitxp.render.safe import visible

if TYPE_CHECKING:
    from gitxp.cli.terminal import Terminal
    from gitxp.restoring.checkout import Restored

_TOLD = 10


@click.command("restore", short_help="The files of a run on disk again.")
@click.argument("run", metavar="RUN")
@click.option(
    "--to",
    metavar="DIR",
    help="Into this folder, which is new or empty. [default: beside the repository, with the name]",
)
@click.option("--plain", is_flag=True, help="Files only, in a folder that is no worktree of git's.")
@click.option("--here", is_flag=True, help="Onto this working tree, which is kept as it is first: 'gitxp undo'.")
@click.option("--json", "as_json", is_flag=True, help="What was restored where, as JSON.")
@terminal_options
def restore_command(*, run: str, to: str | None, plain: bool, here: bool, as_json: bool, terminal: Terminal) -> None:
    """Write the files of a run, byte for byte as they were, into a git worktree, and print where that is.

    The worktree stands as the run began: HEAD is at the run's base, and what differed from that is staged. It is a folder
    of its own; nothing is ever written over. Take it away with 'git worktree remove'.

    \b
    Examples:
      gitxp restore calm-otter
      cd "$(gitxp restore @ --to ../again)"
      gitxp restore @ --plain --to /tmp/files
      gitxp restore @~1 --here
    """  # noqa: D301  (click wants the backspace itself)
    if here and (to is not None or plain):
        raise UsageError("--here goes with neither --to nor --plain.", hint="gitxp restore --help")
    if to == "":
        raise UsageError("--to is empty.", hint="Give the folder to restore into.")
    with open_repo() as repo:
        found = repo.get(run)
        with show_progress() as progress:
            progress(f"the files of {found.name}")
            restored = repo.restore(found, to, worktree=not plain, here=here)
    remark(_lines(restored), most=_TOLD)
    if as_json:
        terminal.print_json(to_json(restored))
    elif terminal.is_terminal:
        terminal.print(f"{visible(restored.path)}\n")
    else:
        terminal.write([os.fsencode(restored.path) + b"\n"])


def to_json(restored: Restored) -> dict[str, object]:
    """The object of --json."""
    names = ("run", "path", "base", "worktree", "differing", "submodules", "left_out", "notices", "undo")
    values = {name: getattr(restored, name) for name in names}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items() if value is not None
    }


def _lines(restored: Restored) -> list[str]:
    base = f"HEAD is at {restored.base[:7]}" if restored.base else "HEAD is at no commit"
    if restored.undo is not None:
        told = f"{restored.run}: its files are here; what was here before is kept: gitxp undo"
    elif restored.worktree:
        told = f"{restored.run}: restored to a worktree; {base}, what differed from it is staged"
    else:
        told = f"{restored.run}: restored to a folder"
    differing = [f"could not be as it was: {path}: another file has its name here" for path in restored.differing]
    how = "git submodule update --init, there" if restored.worktree else "its commit is not here"
    submodules = [f"a submodule, left empty: {path} ({how})" for path in restored.submodules]
    left_out = [f"not in the snapshot: {path}" for path in restored.left_out]
    return [told, *differing, *submodules, *left_out, *restored.notices]
