"""`gitxp logs`: what a run printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options

if TYPE_CHECKING:
    from gitxp.cli.terminal import Terminal


@click.command("logs", short_help="What a run printed.")
@click.argument("run", metavar="RUN")
@click.option("-f", "--follow", is_flag=True, help="Go on with what it prints, until it ends.")
@click.option("--raw", is_flag=True, help="To a terminal, too, the exact bytes, with whatever they make it do.")
@terminal_options
def logs_command(*, run: str, follow: bool, raw: bool, terminal: Terminal) -> None:
    """Write what a run printed.

    A pipe or a file gets the exact bytes. A terminal gets colours, tabs and carriage returns as they are; other control
    characters are shown instead of obeyed, unless --raw is given.

    \b
    Examples:
      gitxp logs @
      gitxp logs -f @
      gitxp logs calm-otter | grep loss
    """  # noqa: D301  (click wants the backspace itself)
    with open_repo() as repo:
        chunks = repo.logs(repo.get(run), follow=follow)
        if terminal.is_terminal and not raw:
            from gitxp.render.output import visible_output

            chunks = visible_output(chunks, color=terminal.color)
        terminal.write(chunks)
