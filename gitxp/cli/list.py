"""`gitxp list`: the runs, newest first."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options
from gitxp.errors import UsageError
from gitxp.render.safe import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.cli.terminal import Terminal

_NEWEST = 20
_NAMED = 3  # strange refs that are named; the others are counted


@click.command("list", short_help="The newest runs, side by side.")
@click.option(
    "-n", "count", type=click.IntRange(min=0), metavar="N", help=f"So many runs; 0: all. [default: {_NEWEST}]"
)
@click.option("--columns", metavar="C,…", help="These columns: gitxp's own, parameters, metrics.")
@click.option("--all-columns", is_flag=True, help="Every parameter and metric, and branch, base, host, user, …")
@click.option("--json", "as_json", is_flag=True, help="The records, exact, as a JSON array (all, unless -n is given).")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values, exact (all runs, unless -n is given).")
@click.option("--md", "as_markdown", is_flag=True, help="A Markdown table.")
@terminal_options
def list_command(
    *,
    count: int | None,
    columns: str | None,
    all_columns: bool,
    as_json: bool,
    as_csv: bool,
    as_markdown: bool,
    terminal: Terminal,
) -> None:
    """List the newest runs: how they ended, the parameters that differ among them, their metrics.

    A * marks a run that began with uncommitted changes (they are kept with it). Columns that find no place on the
    terminal are left out; into a pipe goes everything.

    \b
    Examples:
      gitxp list -n 50
      gitxp list --columns name,lr,accuracy
      gitxp list --columns name,params.loss,metrics.loss
      gitxp list --csv > runs.csv
      gitxp list --json | jq -r '.[] | select(.status == "failed") | .name'

    The columns of gitxp itself are name, status, age, started_at, finished_at, duration, command, exit_code, signal,
    branch, base, dirty, group, tags, notes, host, user, cwd, ref, commit, id.
    """  # noqa: D301  (click wants the backspace itself)
    if as_json + as_csv + as_markdown > 1:
        raise UsageError("--json, --csv and --md exclude each other.", hint="Give one of them.")
    if columns is not None and (all_columns or as_json):
        raise UsageError(
            f"--columns and {'--all-columns' if all_columns else '--json'} exclude each other.",
            hint="--columns is for tables and --csv.",
        )

    limit = count if count is not None else None if as_json or as_csv else _NEWEST
    with open_repo() as repo:
        page = repo.page(limit or None)
        if columns is None and not (all_columns or as_json or as_csv):
            columns = ",".join(repo.config.list_columns)
    _tell_strange(page.strange)
    from gitxp.render import runs as rendering

    if as_json:
        terminal.print_exact(rendering.render_json(page.runs))
        return
    names = [name for part in (columns or "").split(",") if (name := part.strip())]
    wish = rendering.Wish(names, every=all_columns)
    now = time.time()
    if as_csv:
        terminal.print_exact([rendering.render_csv(page.runs, wish, now=now)])
    elif not page.runs:
        sys.stderr.write("There are no runs yet. The first is made by: gitxp run python train.py\n")
    elif as_markdown:
        terminal.print_exact([rendering.render_markdown(page.runs, wish, now=now)])
        _tell(page.total - len(page.runs), 0)
    else:
        listing = rendering.render_table(page.runs, wish, width=terminal.width, now=now, style=terminal.style)
        terminal.print(listing.text, chop=bool(names or all_columns))
        _tell(page.total - len(page.runs), len(listing.left_out))


def _tell_strange(refs: Sequence[str]) -> None:
    """Say which refs stand where runs do and are none: somebody made them by hand."""
    if refs:
        named = ", ".join(map(visible, refs[:_NAMED]))
        more = f" and {len(refs) - _NAMED:,} more" if len(refs) > _NAMED else ""
        sys.stderr.write(f"Not listed, since they can be no runs: {named}{more}\n")


def _tell(runs: int, columns: int) -> None:
    """Say what was left out, and how to see it."""
    if runs > 0:
        sys.stderr.write(f"… and {runs:,} more run{'s' if runs > 1 else ''}: gitxp list -n 0\n")
    if columns > 0:
        sys.stderr.write(f"… and {columns:,} more column{'s' if columns > 1 else ''}: gitxp list --all-columns\n")
