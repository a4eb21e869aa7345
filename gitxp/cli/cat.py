"""`gitxp cat`: one file of a run."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import click

from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options
from gitxp.errors import UsageError

if TYPE_CHECKING:
    from gitxp.cli.terminal import Terminal


@click.command("cat", short_help="One file of a run.")
@click.argument("run", metavar="RUN")
@click.argument("path", metavar="PATH")
@click.option("--stored", is_flag=True, help="As git keeps it: a git-lfs pointer, line ends as in the repository.")
@click.option("--raw", is_flag=True, help="To a terminal, too, the exact bytes, with whatever they make it do.")
@click.option("--json", "as_json", is_flag=True, help="Name, path, number of bytes, and the content as text.")
@terminal_options
def cat_command(*, run: str, path: str, stored: bool, raw: bool, as_json: bool, terminal: Terminal) -> None:
    """Write a file of a run as it was on disk when the run began. PATH is seen from the current folder.

    A pipe or a file gets the exact bytes. On a terminal, control characters are shown instead of obeyed, unless --raw is
    given. '.gitxp/…' is what gitxp recorded.

    \b
    Examples:
      gitxp cat @ train.py
      gitxp cat calm-otter data/labels.csv > labels.csv
      gitxp cat @ .gitxp/run.json | jq .params
    """  # noqa: D301  (click wants the backspace itself)
    if as_json and raw:
        raise UsageError("--json goes without --raw.", hint="gitxp cat --help")
    with open_repo() as repo:
        found = repo.get(run)
        chunks = repo.cat(found, path, stored=stored)
        if as_json:
            data = b"".join(chunks)
            about = {"name": found.name, "id": found.id, "path": path, "bytes": len(data)}
            terminal.print_json({**about, "content": data.decode("utf-8", "backslashreplace")})
            return
        if terminal.is_terminal and not raw:
            from gitxp.render.output import visible_diff

            chunks = itertools.chain(
                [next(chunks, b"")], chunks
            )  # before a pager is there, it is known that there is a file
            with terminal.paged("show"):
                terminal.write(visible_diff(chunks, ()))
            return
        terminal.write(chunks)
