"""`gitxp remotes`: where runs are shared."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from gitxp.cli.remarks import say
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options

if TYPE_CHECKING:
    from gitxp.cli.terminal import Terminal


@click.command("remotes", short_help="Where runs are shared, and what is not yet there.")
@click.option("--json", "as_json", is_flag=True, help="The remotes as a JSON array.")
@terminal_options
def remotes_command(*, as_json: bool, terminal: Terminal) -> None:
    """List git's remotes: the runs that each had when it was last asked, and how many of yours it lacks.

    Nobody is asked: 'gitxp pull' and 'gitxp push' do that. Remotes are made by 'git remote add'.

    \b
    Examples:
      gitxp remotes
      gitxp remotes --json
    """  # noqa: D301  (click wants the backspace itself)
    with open_repo() as repo:
        found = repo.remotes()
    if as_json:
        terminal.print_json([asdict(remote) for remote in found])
        return
    if not found:
        say(["There are no remotes. Add one: git remote add origin URL"])
        return
    from gitxp.render.sharing import render_remotes

    terminal.print(render_remotes([asdict(remote) for remote in found], style=terminal.style))
