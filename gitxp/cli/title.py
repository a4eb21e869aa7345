"""`gitxp title`: one line that says what a run is."""

from __future__ import annotations

import click

from gitxp.cli.annotating import annotate
from gitxp.errors import UsageError


@click.command("title", short_help="Say in one line what a run is.")
@click.argument("run", metavar="RUN")
@click.argument("text", metavar="[TEXT]", required=False)
@click.option("--remove", is_flag=True, help="Take the title away.")
def title_command(*, run: str, text: str | None, remove: bool) -> None:
    """Give a run a title: one line for people. Its name, which commands want, never changes.

    \b
    Examples:
      gitxp title @ "Baseline with the new tokenizer"
      gitxp title calm-otter --remove
    """  # noqa: D301  (click wants the backspace itself)
    if remove is bool(text and text.strip()):
        raise UsageError("Give either a title or --remove.", hint="gitxp title RUN 'Baseline, long schedule'")
    annotate([run], title=text or "")
