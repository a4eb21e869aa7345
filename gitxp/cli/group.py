"""`gitxp group`: runs that belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitxp.cli.annotating import is_run, tell_annotated
from gitxp.cli.repository import open_repo
from gitxp.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command("group", short_help="Put runs into a group.")
@click.argument("words", metavar="RUN… GROUP", nargs=-1)
@click.option("--remove", is_flag=True, help="Take the runs out of their groups; then all words are runs.")
def group_command(*, words: Sequence[str], remove: bool) -> None:
    """Put runs into a group, which is the last word; a run is in one group or in none.

    \b
    Examples:
      gitxp group run-a run-b ablation
      gitxp group run-a --remove
    """  # noqa: D301  (click wants the backspace itself)
    least = 1 if remove else 2
    if len(words) < least:
        raise UsageError(
            "There is no run." if remove or not words else "There is no group.", hint="gitxp group RUN… GROUP"
        )
    runs, group = (words, "") if remove else (words[:-1], words[-1].strip())
    if not group and not remove:
        raise UsageError("The group has no name.", hint="To take runs out of their groups: gitxp group RUN… --remove")
    with open_repo() as repo:
        if not remove and is_run(repo, group):
            raise UsageError(
                f"{group!r} is a run, and the last word is the group.", hint=f"gitxp group {' '.join(words)} GROUP"
            )
        tell_annotated(repo.annotate(repo.get_all(runs), group=group))
