"""`gitxp logs`: what a run printed."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import click

from gitxp.cli.remarks import say
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options
from gitxp.errors import UsageError
from gitxp.format import RUNNING

if TYPE_CHECKING:
    from gitxp.cli.terminal import Terminal


@click.command("logs", short_help="What a run printed.")
@click.argument("run", metavar="[RUN]", default="@")
@click.option("-f", "--follow", is_flag=True, help="Go on with what it prints, until it ends.")
@click.option("--raw", is_flag=True, help="To a terminal, too, the exact bytes, with whatever they make it do.")
@click.option("--json", "as_json", is_flag=True, help="Name, id, status, number of bytes, and the output as text.")
@terminal_options
def logs_command(*, run: str, follow: bool, raw: bool, as_json: bool, terminal: Terminal) -> None:
    """Write what a run printed; without RUN, the newest.

    A pipe or a file gets the exact bytes. A terminal gets colours, tabs and carriage returns as they are; other control
    characters are shown instead of obeyed, unless --raw is given.

    \b
    Examples:
      gitxp logs @
      gitxp logs -f @
      gitxp logs calm-otter | grep loss
      gitxp logs @ --json | jq .bytes
    """  # noqa: D301  (click wants the backspace itself)
    if as_json and (follow or raw):
        raise UsageError("--json goes with neither --follow nor --raw.", hint="gitxp logs --help")
    with open_repo() as repo:
        found = repo.get(run)
        chunks = repo.logs(found, follow=follow)
        if as_json:
            output = b"".join(chunks)
            about = {"name": found.name, "id": found.id, "status": found.status, "bytes": len(output)}
            terminal.print_json({**about, "output": output.decode("utf-8", "backslashreplace")})
            return
        first = next(chunks, b"")
        chunks = itertools.chain([first], chunks)
        if terminal.is_terminal and not raw:
            from gitxp.render.output import visible_output

            chunks = visible_output(chunks, color=terminal.color)
        terminal.write(chunks)
        if not first and found.status == RUNNING and not repo.is_running_here(found):
            say([f"{found.name} is running elsewhere: its output comes with its end, by git push and fetch."])
