"""`gitxp list`: the runs, newest first."""

from __future__ import annotations

import shlex
import sys
import time
from typing import TYPE_CHECKING

import click

from gitxp.cli.first_use import tell_first
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options
from gitxp.errors import UsageError
from gitxp.render.measure import shorten, width_of, wrap
from gitxp.render.safe import visible
from gitxp.render.words import count_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.cli.terminal import Terminal
    from gitxp.model import Page

_NEWEST = 20
_NAMED = 3  # strange refs that are named; the others are counted
_LONGEST_REF = 80


@click.command("list", short_help="The runs side by side, or those that a question means.")
@click.argument("words", metavar="[WHERE]", nargs=-1)
@click.option("--sort", metavar="KEY,…", help="In this order; -KEY turns it round. [default: the newest first]")
@click.option(
    "-n", "count", type=click.IntRange(min=0), metavar="N", help=f"So many runs; 0: all. [default: {_NEWEST}]"
)
@click.option("-a", "--all", "archived", is_flag=True, help="Archived runs as well.")
@click.option("--columns", metavar="C,…", help="These columns: gitxp's own, parameters, metrics.")
@click.option("--all-columns", is_flag=True, help="Every parameter and metric, and branch, base, host, user, …")
@click.option("--json", "as_json", is_flag=True, help="The records, exact, as a JSON array (all, unless -n is given).")
@click.option(
    "--csv", "as_csv", is_flag=True, help="Comma-separated values, not rounded (all runs, unless -n is given)."
)
@click.option("--md", "as_markdown", is_flag=True, help="A Markdown table.")
@terminal_options
def list_command(
    *,
    words: Sequence[str],
    sort: str | None,
    count: int | None,
    archived: bool,
    columns: str | None,
    all_columns: bool,
    as_json: bool,
    as_csv: bool,
    as_markdown: bool,
    terminal: Terminal,
) -> None:
    """List the newest runs: how they ended, the parameters that differ among them, their metrics.

    WHERE takes those of which it is true, and is written as in Python: < <= > >= == != in, and, or, not. Names are
    metrics.NAME, params.NAME (the name alone, where only one has it), and gitxp's own: name, status, started, finished,
    duration, age, command, branch, dirty, user, host, group, title, tags, notes, data, outputs, exit_code, python,
    packages["…"]. `~` looks for a regular expression, has(…) asks whether there is such a value; a comparison with what
    a run does not have is false. Put it in quotes: < and > are the shell's.

    A * marks a run that began with uncommitted changes (they are kept with it), a ★ one that has a star. Columns that
    find no place on the terminal are left out; into a pipe goes everything.

    \b
    Examples:
      gitxp list -n 50
      gitxp list 'loss < 0.5 and params.opt == "adam"' --sort loss
      gitxp list 'started > "2 days ago" and "good" in tags'
      gitxp list 'status == "failed" or duration > "1h"' --sort=-duration
      gitxp list --columns name,lr,accuracy
      gitxp list --columns name,params.loss,metrics.loss
      gitxp list --csv > runs.csv
      gitxp list --json | jq -r '.[] | select(.status == "failed") | .name'

    The columns of gitxp itself are name, status, age, started_at, finished_at, duration, command, exit_code, signal,
    branch, base, dirty, title, group, tags, starred, archived, notes, host, user, cwd, ref, commit, id.
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
        page = repo.page(limit or None, archived=archived, where=" ".join(words) or None, sort=sort)
        again = _again(words, sort=sort, columns=columns, archived=archived)
        has_runs = bool(page.runs or page.hidden or repo.page(1, archived=True).runs)
        if columns is None and not (all_columns or as_json or as_csv):
            columns = ",".join(repo.config.list_columns)
    _tell_strange(page.strange, terminal.width)
    from gitxp.render import runs as rendering

    if as_json:
        terminal.print_exact(rendering.render_json(page.runs))
        return
    names = [name for part in (columns or "").split(",") if (name := part.strip())]
    wish = rendering.Wish(names, every=all_columns)
    now = time.time()
    if as_csv:
        listing = rendering.render_csv(page.runs, wish, now=now, safe=terminal.is_terminal)
        terminal.print_exact([listing.text])
    elif not page.runs:
        if has_runs:
            _tell_nothing(page, again, terminal.width, is_asked=bool(words))
        else:
            tell_first(repo, terminal.width)
        return
    elif as_markdown:
        listing = rendering.render_markdown(page.runs, wish, now=now)
        terminal.print_exact([listing.text])
    else:
        listing = rendering.render_table(page.runs, wish, width=terminal.width, now=now, style=terminal.style)
        terminal.print(listing.text, chop=bool(names or all_columns))
    every = "--json" if all_columns or as_csv else "--all-columns"
    _tell_more(page, again, listing.left_out, every, terminal.width, whole=as_csv)


def _again(words: Sequence[str], *, sort: str | None, columns: str | None, archived: bool) -> str:
    """The command with its question, to which an option is added that shows more."""
    asked = [shlex.quote(" ".join(words))] if words else []
    options = [f"--{name}={shlex.quote(value)}" for name, value in (("sort", sort), ("columns", columns)) if value]
    return " ".join(["gitxp list", *asked, *(["--all"] if archived else []), *options])


def _tell_nothing(page: Page, again: str, width: int | None, *, is_asked: bool) -> None:
    if page.hidden:
        _tell("Only archived runs answer to that" if is_asked else "All runs are archived", f"{again} --all", width)
    else:
        _tell("No run answers to that. What there is", "gitxp list --all-columns", width)


def _tell_more(page: Page, again: str, left_out: Sequence[str], every: str, width: int | None, *, whole: bool) -> None:
    """Say what the table does not show, and how `again` shows it; the file of values is `whole`."""
    more = page.total - len(page.runs)
    if more and not whole:
        _tell(f"… and {count_text(more, 'more run')}", f"{again} -n 0", width)
    if page.hidden:
        _tell(f"… and {count_text(page.hidden, 'archived run')}", f"{again} --all", width)
    if left_out:
        _tell(f"… and {count_text(len(left_out), 'more column')}", f"{again} {every}", width)


def _tell_strange(refs: Sequence[str], width: int | None) -> None:
    """Say which refs stand where runs do and are none: somebody made them by hand."""
    if refs:
        named = ", ".join(shorten(visible(ref), _LONGEST_REF) for ref in refs[:_NAMED])
        more = f" and {len(refs) - _NAMED:,} more" if len(refs) > _NAMED else ""
        text = f"Not listed, since they can be no runs: {named}{more}"
        sys.stderr.write("".join(f"{line}\n" for line in ([text] if width is None else wrap(text, width))))


def _tell(words: str, command: str, width: int | None) -> None:
    """Say what there is besides, and the command that shows it: on a line of its own where both do not fit."""
    line = f"{words}: {command}"
    lines = [line] if width is None or width_of(line) <= width else [*wrap(f"{words}:", width), f"  {command}"]
    sys.stderr.write("".join(f"{line}\n" for line in lines))
