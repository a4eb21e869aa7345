"""`gitxp init`: a gitxp.yaml to begin with, and a look at what endangers runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from gitxp.cli.progress import show_progress
from gitxp.cli.remarks import say
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options

if TYPE_CHECKING:
    from gitxp.cli.terminal import Terminal


@click.command("init", short_help="Write a gitxp.yaml to begin with. Optional.")
@terminal_options
def init_command(*, terminal: Terminal) -> int:
    """Write gitxp.yaml with every key as a comment, and say what in git's configuration endangers runs.

    gitxp works without it: 'gitxp run' needs no preparation. A gitxp.yaml that is there stays as it is, and git's
    configuration, too; in particular no refspec is added with which a fetch could prune runs.

    \b
    Examples:
      gitxp init
      gitxp init && git add gitxp.yaml
    """  # noqa: D301  (click wants the backspace itself)
    with open_repo() as repo:
        path = repo.init()
        with show_progress() as progress:
            found = [one for one in repo.doctor(progress=progress) if one.is_wrong]
    if path is None:
        say(["gitxp.yaml is there already, and stays as it is."])
    else:
        say([f"Wrote {os.path.relpath(path)}: every key is in it, as a comment."])
    if found:
        from gitxp.render.findings import render_findings

        terminal.print(render_findings(found, width=terminal.width, style=terminal.style))
    return 1 if found else 0
