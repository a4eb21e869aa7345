"""`gitxp archive-refs`: many runs under one ref."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from gitxp.cli.progress import show_progress
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options
from gitxp.errors import UsageError
from gitxp.render.safe import visible
from gitxp.render.words import count_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.cli.terminal import Terminal

_SHOWN = 10


@click.command("archive-refs", short_help="Fold old runs into one ref, so that a push stays quick.")
@click.argument("runs", metavar="[RUN]…", nargs=-1)
@click.option(
    "--older-than",
    metavar="AGE",
    default=None,
    help="Runs that began longer ago, such as 12h, 90d, 2w, 1y. [default: 90d]",
)
@click.option("--take-out", is_flag=True, help="Give these runs refs of their own again.")
@click.option("--dry-run", is_flag=True, help="Say which runs it would be, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="What was done, as JSON.")
@terminal_options
def archive_refs_command(
    *,
    runs: Sequence[str],
    older_than: str | None,
    take_out: bool,
    dry_run: bool,
    as_json: bool,
    terminal: Terminal,
) -> None:
    """Fold runs into archives: refs/experiments/@archive-2026-03 for all that began in that month.

    git tells every ref in each fetch and push, which thousands of runs make slow. Runs in archives are listed, shown,
    compared and found by name as before; only git itself does not know their names. Nothing is removed.

    \b
    Examples:
      gitxp archive-refs --dry-run
      gitxp archive-refs --older-than 1y
      gitxp archive-refs calm-otter brave-fox
      gitxp archive-refs --take-out calm-otter
    """  # noqa: D301  (click wants the backspace itself)
    if older_than is not None and (runs or take_out):
        raise UsageError("--older-than and names of runs exclude each other.", hint="Give one of them.")
    if take_out and not runs:
        raise UsageError("--take-out wants the runs.", hint="gitxp archive-refs --take-out RUN…")
    from gitxp.keeping.rules import parse_age

    age = parse_age(older_than or "90d")
    with open_repo() as repo, show_progress() as progress:
        progress("the refs of runs")
        chosen = [repo.get(text) for text in runs]
        if take_out:
            out = sorted({run.name for run in chosen if run.is_folded}) if dry_run else sorted(repo.take_out(chosen))
            about: dict[str, object] = {"taken_out": out}
            words = "would be taken out" if dry_run else "taken out"
            lines = [f"{count_text(len(out), 'run')} {words}{_some(out)}"]
        else:
            done = repo.archive_refs(chosen or None, older_than=age, dry_run=dry_run)
            about = {"archives": done.archives, "taken_in": done.names, "left": done.left}
            words = "would be folded" if dry_run else "folded"
            lines = [f"{count_text(len(done.names), 'run')} {words}{_some(done.names)}"]
            lines += [f"  {ref}" for ref in done.archives]
            lines += [f"{name} stays where it is: {reason}." for name, reason in sorted(done.left.items())]
    if as_json:
        from gitxp.render.as_json import json_text

        terminal.print_exact([json_text(about)])
    else:
        sys.stdout.write("".join(f"{visible(line)}\n" for line in lines))


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f": {', '.join(names[:_SHOWN])}{more}" if names else ""
