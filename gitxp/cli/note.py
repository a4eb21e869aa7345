"""`gitxp note`: what people found out about a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitxp.cli.annotating import is_run, tell_annotated
from gitxp.cli.editor import edit_text
from gitxp.cli.repository import open_repo
from gitxp.errors import GitxpError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_TEMPLATE = """
# A note for {names}.
# Lines that begin with # are left out; an empty note is none.
"""


@click.command("note", short_help="Write down what was found out about a run.")
@click.argument("words", metavar="RUN… [TEXT]", nargs=-1, required=True)
@click.option("-m", "--message", metavar="TEXT", help="The note; then all words are runs.")
@click.option("--remove", type=click.IntRange(min=1), multiple=True, metavar="N", help="Take away the Nth note.")
def note_command(*, words: Sequence[str], message: str | None, remove: Sequence[int]) -> None:
    """Add a note to runs. Of several words the last is the text; with RUN alone, your editor opens (git's).

    Notes are added one to another. 'gitxp show' numbers them; --remove 2 takes away the second.

    \b
    Examples:
      gitxp note @ "The learning rate was too high after step 9000"
      gitxp note run-a
      gitxp note run-a run-b -m "Wrong validation split"
      gitxp note run-a --remove 2
    """  # noqa: D301  (click wants the backspace itself)
    if remove and message is not None:
        raise UsageError("--remove and --message exclude each other.", hint="Give one of them.")
    with open_repo() as repo:
        if remove:
            if len(words) > 1:
                raise UsageError("Notes have their numbers in one run.", hint=f"gitxp note {words[0]} --remove 1")
            tell_annotated(repo.annotate(repo.get_all(words), remove_notes=remove))
            return
        texts = words
        if message is None and len(words) > 1:
            if is_run(repo, words[-1]):
                raise UsageError(
                    f"{words[-1]!r} is a run, and the last word is the text of the note.",
                    hint="For several runs: gitxp note RUN… -m TEXT",
                )
            texts, message = words[:-1], words[-1]
        runs = repo.get_all(texts)
        if message is None:
            message = edit_text(_TEMPLATE.format(names=", ".join(run.name for run in runs)), repo.git)
            if not message:
                raise GitxpError("The note is empty, so none was added.", hint="gitxp note RUN 'What you found out'")
        tell_annotated(repo.annotate(runs, note=message))
