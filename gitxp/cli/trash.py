"""`gitxp trash`: the runs that were removed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from gitxp.cli.asking import confirm, yes_option
from gitxp.cli.remarks import say
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options
from gitxp.errors import UsageError
from gitxp.render.words import count_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.cli.terminal import Terminal


@click.command("trash", short_help="The removed runs; --empty deletes them.")
@click.argument("runs", metavar="[RUN…]", nargs=-1)
@click.option("--empty", is_flag=True, help="Delete RUN, or all that is in the trash, for good. Asks.")
@click.option("--json", "as_json", is_flag=True, help="What is in the trash, as a JSON array.")
@yes_option
@terminal_options
def trash_command(*, runs: Sequence[str], empty: bool, as_json: bool, yes: bool, terminal: Terminal) -> None:
    """List the runs that were removed, newest first; 'gitxp undo RUN' brings one back.

    They are kept for 30 days (trash.days in gitxp.yaml), and longer until somebody calls 'gitxp gc'. What --empty
    deletes cannot be brought back by gitxp; git frees the space when it collects garbage.

    \b
    Examples:
      gitxp trash
      gitxp trash calm-otter --empty
    """  # noqa: D301  (click wants the backspace itself)
    if empty and as_json:
        raise UsageError("--empty and --json exclude each other.", hint="gitxp trash --json")
    with open_repo() as repo:
        entries = [repo.find_in_trash(text) for text in dict.fromkeys(runs)] if runs else repo.trash()
        days = repo.config.trash.days
        if empty and entries:
            confirm(f"Delete {count_text(len(entries), 'removed run')} for good?", yes=yes)
            repo.empty_trash(list(dict.fromkeys(entries)))
            say([f"Deleted {count_text(len(entries), 'removed run')}. git gc frees the space."])
            return
    if as_json:
        terminal.print_json_array(entry.to_json() for entry in entries)
    elif not entries:
        say(["The trash is empty."])
    else:
        from gitxp.render.trash import render_trash

        text = render_trash(entries, days=days, width=terminal.width, now=time.time(), style=terminal.style)
        terminal.print(text)
