"""`gitxp tree`: runs as they grew out of one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitxp.cli.first_use import tell_first
from gitxp.cli.progress import show_progress
from gitxp.cli.remarks import again, say, say_wrapped, tell_command, tell_left
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.cli.terminal import Terminal

_NEWEST = 50


@click.command("tree", short_help="Runs as they grew out of one another, and what each gained.")
@click.argument("runs", metavar="[RUN]…", nargs=-1)
@click.option("--where", metavar="WHERE", help="Only runs of which this is true, as in 'gitxp list'.")
@click.option(
    "-n",
    "count",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"The newest N; 0: all. [default: {_NEWEST}; with RUN: all]",
)
@click.option("--metric", metavar="KEY", help="What a gain is told of; -KEY: less is better. [default: what most have]")
@click.option("-a", "--all", "--archived", "archived", is_flag=True, help="Archived runs as well.")
@click.option("--json", "as_json", is_flag=True, help="A JSON array, exact (all, unless -n is given).")
@terminal_options
def tree_command(
    *,
    runs: Sequence[str],
    where: str | None,
    count: int | None,
    metric: str | None,
    archived: bool,
    as_json: bool,
    terminal: Terminal,
) -> None:
    """Show which run grew out of which, what was changed, and what that gained.

    A run stands below the one that it grew out of: the one that it repeats, where its record says so, else the earlier
    run with the fewest differences of the same code or the same commit, else one of an earlier commit. ○ begins a line,
    ● goes on, ├─ branches off, ◌ grew out of a run that is not shown. With RUN, only these, where they came from, and what came of them. Runs that are not
    meant (--where) are as if they were not there.

    \b
    Examples:
      gitxp tree
      gitxp tree -n 0 --metric=-loss
      gitxp tree --where 'group == "tuning"'
      gitxp tree calm-otter
      gitxp tree --json | jq '.[] | select(.improved)'
    """  # noqa: D301  (click wants the backspace itself)
    limit = count if count is not None else None if as_json or runs else _NEWEST
    with open_repo() as repo, show_progress() as progress:
        progress("what grew out of what")
        lineage = repo.tree(runs, limit or None, archived=archived, where=where, metric=metric)
    command = again("tree", *runs, where=where, metric=metric, all=archived)
    from gitxp.render.tree import metric_words, render_json, render_tree

    if as_json:
        terminal.print_exact(render_json(lineage))
        return
    if not lineage.runs:
        if lineage.hidden:
            words = "Only archived runs answer to that" if where else "All runs are archived"
            tell_command(words, f"{command} --all", terminal.width)
        elif where:
            say(["No run answers to that."])
        else:
            tell_first(repo, terminal.width)
        return
    terminal.print(render_tree(lineage, width=terminal.width, style=terminal.style))
    if lineage.metric is not None:
        say_wrapped(metric_words(lineage.metric, lineage.chosen), terminal.width)
    older = lineage.total - len(lineage.runs)
    tell_left(command, terminal.width, (older, "older run", "-n 0"), (lineage.hidden, "archived run", "--all"))
