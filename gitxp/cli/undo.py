"""`gitxp undo`: back to before the last removal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitxp.cli.remarks import say
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options
from gitxp.render.words import count_text

if TYPE_CHECKING:
    from gitxp.cli.terminal import Terminal


@click.command("undo", short_help="Take back the last rm, gc or restore --here.")
@click.argument("run", metavar="[RUN]", required=False)
@click.option("--json", "as_json", is_flag=True, help="What was brought back, as JSON.")
@terminal_options
def undo_command(*, run: str | None, as_json: bool, terminal: Terminal) -> None:
    """Take back what 'gitxp rm', 'gitxp gc' or 'gitxp restore --here' did last. Again: what was done before that.

    With RUN, bring back that run of the trash.

    A run whose name was given to another meanwhile comes back with the beginning of its id behind its name.

    \b
    Examples:
      gitxp undo
      gitxp undo calm-otter
    """  # noqa: D301  (click wants the backspace itself)
    with open_repo() as repo:
        done = repo.undo(run)
    if as_json:
        terminal.print_json(done.to_json())
        return
    for back in done.runs:
        name = back.name if back.name == back.was else f"{back.was}, as {back.name}"
        say([f"Brought back {name}"])
    if done.kept is not None:
        say([f"The files are what they were before; what was here until now is kept: {done.kept}"])
    if done.large_files:
        say([f"Brought back {count_text(done.large_files, 'large file')}"])
    for lost in done.missing:
        say([f"Stays in the trash: {lost}, whose commit is not in the repository any more"])
