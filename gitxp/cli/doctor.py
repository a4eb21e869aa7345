"""`gitxp doctor`: what is not as it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitxp.cli.progress import show_progress
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options

if TYPE_CHECKING:
    from gitxp.cli.terminal import Terminal


@click.command("doctor", short_help="What is not as it should be, and the remedy.")
@click.option("--fix", is_flag=True, help="Mend what can be mended without harm.")
@click.option("--remote", metavar="REMOTE", help="Try a push to this remote, too, that sends nothing.")
@click.option("--deep", is_flag=True, help="Search all that runs hold for secrets, however much it is.")
@click.option("--json", "as_json", is_flag=True, help="What was found, as a JSON array.")
@terminal_options
def doctor_command(*, fix: bool, remote: str | None, deep: bool, as_json: bool, terminal: Terminal) -> int:
    """Look for what endangers runs: settings that prune them, secrets in them, what cannot be read, what is left over.

    Each finding is an error (something is lost, broken or public), a warning (it may come to that), or a note; with its
    remedy. The exit status is 0 if there are only notes, and 1 otherwise.

    --fix takes out refspecs that prune runs, deletes locks of runs that are hours old, packs refs, and tells git-lfs to
    keep what runs need. What it cannot mend it tells, and goes on.

    \b
    Examples:
      gitxp doctor
      gitxp doctor --fix
      gitxp doctor --remote origin
    """  # noqa: D301  (click wants the backspace itself)
    with open_repo() as repo, show_progress() as progress:
        found = repo.doctor(remote=remote, deep=deep, progress=progress)
        if fix:
            found = repo.mend(found)
    if as_json:
        terminal.print_json_array(one.to_json() for one in found)
    else:
        from gitxp.render.findings import render_findings

        terminal.print(render_findings(found, width=terminal.width, style=terminal.style))
    return 1 if any(one.is_wrong for one in found) else 0
