"""`gitxp du`: what takes the space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitxp.cli.progress import show_progress
from gitxp.cli.remarks import say
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options

if TYPE_CHECKING:
    from gitxp.cli.terminal import Terminal

_LARGEST = 20


@click.command("du", short_help="What takes the space, by run and path.")
@click.argument("run", metavar="[RUN]", required=False)
@click.option(
    "-n", "count", type=click.IntRange(min=0), metavar="N", help=f"So many runs or paths; 0: all. [default: {_LARGEST}]"
)
@click.option("--json", "as_json", is_flag=True, help="All sizes, in bytes, as JSON.")
@terminal_options
def du_command(*, run: str | None, count: int | None, as_json: bool, terminal: Terminal) -> None:
    """Show what each run alone holds, the largest first, and what takes space besides; with RUN, the paths of that run.

    'own' is what removing that run alone would make free, once it left the trash and git collected its garbage: bytes
    on the disk, compressed. What several runs hold is counted once, as shared. What branches hold is not counted to
    runs.

    \b
    Examples:
      gitxp du
      gitxp du calm-otter -n 5
    """  # noqa: D301  (click wants the backspace itself)
    limit = (_LARGEST if count is None else count) or None
    with open_repo() as repo, show_progress() as progress:
        usage = repo.usage(progress=progress) if run is None else None
        paths = [] if run is None else repo.usage_of(repo.get(run), progress=progress)
    if as_json:
        if usage is None:
            terminal.print_json_array(one.to_json() for one in paths)
        else:
            terminal.print_json(usage.to_json())
        return
    from gitxp.render.usage import render_paths, render_usage

    if usage is not None:
        terminal.print(render_usage(usage, limit=limit, width=terminal.width, style=terminal.style))
    elif paths:
        terminal.print(render_paths(paths, limit=limit, width=terminal.width, style=terminal.style))
    else:
        say(["It holds nothing that a branch does not hold as well."])
