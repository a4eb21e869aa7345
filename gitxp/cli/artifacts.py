"""`gitxp artifacts`: the files that a run produced."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from gitxp.cli.remarks import remark
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options
from gitxp.errors import UsageError

if TYPE_CHECKING:
    from gitxp.cli.terminal import Terminal

_STDOUT = "-"


@click.command("artifacts", short_help="The files that a run produced.")
@click.argument("run", metavar="RUN")
@click.option(
    "--get", "path", metavar="PATH", help="Write this one to a file; PATH is as listed, or how only one ends."
)
@click.option("--to", metavar="DEST", help="To this file or folder, or '-' for stdout. [default: its name, here]")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="All that is known of them, as a JSON array.")
@terminal_options
def artifacts_command(
    *, run: str, path: str | None, to: str | None, force: bool, as_json: bool, terminal: Terminal
) -> None:
    """List the files that a run produced, or get one. Those that are stored can be got; of the others, the run knows size
    and fingerprint.

    Symbolic links among them are listed with where they lead, and never followed.

    \b
    Examples:
      gitxp artifacts @
      gitxp artifacts @ --get model.pkl --to /tmp
      gitxp artifacts calm-otter --get figures/loss.png --to - | display
    """  # noqa: D205, D301  (click wants the backspace itself)
    if path is None and (to is not None or force):
        raise UsageError("--to and --force are for --get.", hint="gitxp artifacts --help")
    if path is not None and as_json:
        raise UsageError("--get goes without --json.", hint="gitxp artifacts --help")
    if "" in (path, to):
        raise UsageError("--get and --to want a path.", hint="gitxp artifacts --help")
    with open_repo() as repo:
        found = repo.get(run)
        if path is None:
            artifacts = repo.artifacts(found)
        elif to == _STDOUT:
            terminal.write(repo.read_artifact(found, path))
            return
        else:
            target, size = repo.get_artifact(found, path, to, force=force)
            remark([f"{os.path.relpath(target)}: {size:,} bytes"])
            return
    if as_json:
        terminal.print_json_array(item.to_json() for item in artifacts)
        return
    from gitxp.render.artifacts import render_artifacts

    terminal.print(render_artifacts([item.to_json() for item in artifacts], style=terminal.style))
    if not artifacts:
        remark([f"{found.name} produced no files that gitxp knows of"])
