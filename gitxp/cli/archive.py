"""`gitxp archive`: runs that are over and need not be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitxp.cli.annotating import annotate

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command("archive", short_help="Hide runs from the list; nothing is removed.")
@click.argument("runs", metavar="RUN…", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Show them again.")
def archive_command(*, runs: Sequence[str], remove: bool) -> None:
    """Archive runs: 'gitxp list' shows them only with --all, and '@' passes them over. All else works as before.

    \b
    Examples:
      gitxp archive run-a run-b
      gitxp list --all
      gitxp archive run-a --remove
    """  # noqa: D301  (click wants the backspace itself)
    annotate(runs, archive=not remove)
