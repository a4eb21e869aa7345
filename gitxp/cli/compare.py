"""`gitxp compare`: several runs side by side."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from gitxp.cli.first_use import check_any
from gitxp.cli.progress import show_progress
from gitxp.cli.remarks import again, tell_left, warn, warn_unread
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options
from gitxp.compared import PARTS
from gitxp.errors import FormatError, UsageError
from gitxp.render.words import count_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.cli.terminal import Terminal
    from gitxp.model import Page, Run
    from gitxp.repo import Repo

_MOST = 20
_PARTS = {
    "params": ("params",),
    "metrics": ("metrics",),
    "data": ("data",),
    "env": ("packages", "environment"),
    "code": ("code",),
}


@click.command("compare", short_help="Several runs side by side: what differs, and what is best.")
@click.argument("texts", metavar="[RUN…]", nargs=-1)
@click.option("--where", metavar="WHERE", help="The runs of which this is true, as in 'gitxp list'.")
@click.option("--sort", metavar="KEY,…", help="With --where: in this order. [default: the newest first]")
@click.option(
    "-n", "count", type=click.IntRange(min=0), metavar="N", help=f"With --where: so many; 0: all. [default: {_MOST}]"
)
@click.option("-a", "--archived", is_flag=True, help="With --where: archived runs as well.")
@click.option("--all", "every", is_flag=True, help="What is equal, too, and every row.")
@click.option("--params", "parts", flag_value="params", multiple=True, help="Parameters.")
@click.option("--metrics", "parts", flag_value="metrics", multiple=True, help="Metrics: their last values.")
@click.option("--data", "parts", flag_value="data", multiple=True, help="Data, by path.")
@click.option("--env", "parts", flag_value="env", multiple=True, help="Packages, interpreter, machine.")
@click.option("--code", "parts", flag_value="code", multiple=True, help="Files, by the lines that came and went.")
@click.option("--better", multiple=True, metavar="KEY", help="More of this metric is better; -KEY or KEY:min: less.")
@click.option(
    "--rows",
    type=click.Choice(["auto", "keys", "runs"]),
    default="auto",
    metavar="WHAT",
    help="A row for each of the keys or of the runs; auto: what the terminal has room for.",
)
@click.option("--json", "as_json", is_flag=True, help="What differs, exact, as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values, not rounded.")
@click.option("--md", "as_markdown", is_flag=True, help="A Markdown table.")
@terminal_options
def compare_command(
    *,
    texts: Sequence[str],
    where: str | None,
    sort: str | None,
    count: int | None,
    archived: bool,
    every: bool,
    parts: Sequence[str],
    better: Sequence[str],
    rows: str,
    as_json: bool,
    as_csv: bool,
    as_markdown: bool,
    terminal: Terminal,
) -> int:
    """Show what differs among runs: parameters, metrics with their curves, data, packages, code by file.

    The best value of each metric has a *; whether more or less is better is told by its name (↑, ↓), or by --better.
    Code is shown against the first run: +12 -3 are lines that came and went. Curves of one metric share one scale.

    \b
    Examples:
      gitxp compare run-a run-b run-c
      gitxp compare --where 'params.opt == "adam"' --sort loss -n 5
      gitxp compare @ @~1 @~2 --metrics --better gain
      gitxp compare --where 'group == "sweep"' --csv > sweep.csv
    """  # noqa: D301  (click wants the backspace itself)
    if as_json + as_csv + as_markdown > 1:
        raise UsageError("--json, --csv and --md exclude each other.", hint="Give one of them.")
    if bool(texts) == (where is not None):
        raise UsageError("Which runs? Either their names, or --where.", hint="gitxp compare --help")
    if where is None and (sort is not None or count is not None or archived):
        raise UsageError(
            "--sort, -n and -a belong to --where.", hint="Named runs are shown in the order in which you name them."
        )
    from gitxp.render import many as rendering

    with open_repo() as repo:
        left: Sequence[tuple[int, str, str]] = ()
        if where is None:
            runs, command = _named(repo, texts), ""
        else:
            page = _find(repo, where, sort, _MOST if count is None else count, archived=archived)
            runs = page.runs
            hidden = 0 if as_json else page.hidden
            command = again("compare", where=where, sort=sort, archived=archived)
            left = (page.total - len(runs), "more run", "-n 0"), (hidden, "archived run", "--archived")
        points = 0 if as_json or as_csv or as_markdown else rendering.CURVE
        with show_progress() as tell:
            tell(f"comparing {count_text(len(runs), 'run')}")
            compared = repo.compare(runs, better=better, points=points)
    for text in compared.remarks:
        warn(text)
    chosen = [name for part in parts for name in _PARTS[part]]
    look = rendering.Look(chosen or PARTS, every, rows)
    warn_unread(one for one in compared.unread if one.concerns(look.parts))
    if as_json:
        from gitxp.render.compared_json import render_compared_json

        terminal.print_exact([render_compared_json(compared, rendering.chosen(compared, look), look.parts)])
    elif as_csv:
        terminal.print_exact([rendering.render_csv(compared, look, safe=terminal.is_terminal)])
    elif as_markdown:
        terminal.print_exact([rendering.render_markdown(compared, look, now=time.time())])
    else:
        text = rendering.render_compared(compared, look, width=terminal.width, now=time.time(), style=terminal.style)
        terminal.print(text or "Nothing of that differs among these runs.\n")
    tell_left(command, terminal.width, *left)
    return FormatError.exit_code if all(run.problem for run in compared.runs) else 0


def _named(repo: Repo, texts: Sequence[str]) -> Sequence[Run]:
    runs = repo.get_all(texts)
    if len(runs) < 2 <= len(texts):
        raise UsageError(f"These all mean the run {runs[0].name}: to compare takes two.", hint="gitxp list")
    return runs


def _find(repo: Repo, where: str, sort: str | None, limit: int, *, archived: bool) -> Page:
    page = repo.page(limit or None, archived=archived, where=where, sort=sort)
    if len(page.runs) < 2:
        check_any(repo)
        found = count_text(page.total, "run")
        raise UsageError(
            f"To compare takes two runs at least: {found} answer{'s' * (page.total == 1)} to that.",
            hint=f"-a takes {count_text(page.hidden, 'archived run')} as well." if page.hidden else "gitxp list",
        )
    return page
