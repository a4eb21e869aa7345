"""`gitxp star`: runs to come back to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitxp.cli.annotating import annotate

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command("star", short_help="Mark runs to come back to.")
@click.argument("runs", metavar="RUN…", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Take the star away.")
def star_command(*, runs: Sequence[str], remove: bool) -> None:
    """Give runs a star. Starred runs stay when others are removed by rule.

    \b
    Examples:
      gitxp star @
      gitxp star run-a run-b --remove
    """  # noqa: D301  (click wants the backspace itself)
    annotate(runs, star=not remove)
