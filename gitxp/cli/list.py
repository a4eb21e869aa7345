"""`gitxp list`: the runs, newest first; the best of them; groups of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from gitxp.cli.first_use import tell_first
from gitxp.cli.listing import Asked, tell_choice, tell_groups, tell_more, tell_nothing, tell_strange
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options
from gitxp.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.cli.terminal import Terminal
    from gitxp.listed import Choice
    from gitxp.model import Page
    from gitxp.render.runs import Wish
    from gitxp.repo import Repo

_NEWEST = 20
_MEASURE = 12  # columns of a terminal that the numbers of one metric take at least
_MOST_MEASURES = 100  # in a table; JSON has all


@click.command("list", short_help="The runs side by side, or those that a question means.")
@click.argument("words", metavar="[WHERE]", nargs=-1)
@click.option("--where", metavar="WHERE", help="WHERE, as the other commands take it.")
@click.option("--sort", metavar="KEY,…", help="In this order; -KEY turns it round. [default: the newest first]")
@click.option("--best", metavar="KEY", help="The run with the best KEY; -KEY: less is better.")
@click.option("--per", metavar="KEY,…", help="With --best: the best for each value of KEY.")
@click.option("--pareto", metavar="KEY,…", help="The runs that no other beats in all of these.")
@click.option("--group-by", metavar="KEY,…", help="A line for each value of KEY: how many runs, best, mean ± std.")
@click.option("--metric", metavar="KEY,…", help="With --group-by: of these. [default: all metrics]")
@click.option(
    "-n", "count", type=click.IntRange(min=0), metavar="N", help=f"So many lines; 0: all. [default: {_NEWEST}]"
)
@click.option("-a", "--all", "--archived", "archived", is_flag=True, help="Archived runs as well.")
@click.option("--columns", metavar="KEY,…", help="These columns, in this order.")
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
    where: str | None,
    sort: str | None,
    best: str | None,
    per: str | None,
    pareto: str | None,
    group_by: str | None,
    metric: str | None,
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

    WHERE takes those of which it is true, and is written as in Python: < <= > >= == != in, and, or, not. Put it in quotes:
    < and > are the shell's. `~` looks for a regular expression, has(…) asks whether there is such a value; a comparison with
    what a run does not have is false.

    A KEY is metrics.NAME, params.NAME (the name alone, where only one has it), metrics.NAME.min, .max, .count, .step,
    packages["…"], data["…"], or one of gitxp's own: name, id, commit, ref, status, started_at, finished_at, duration,
    age, exit_code, signal, command, cwd, branch, base, dirty, user, host, group, title, parent_run, starred, archived,
    tags, notes, data, outputs, python. `started`, `finished`, `parent` and `author` do as well.

    A * marks a run that began with uncommitted changes (they are kept with it), a ★ one that has a star. Columns that
    find no place on the terminal are left out; into a pipe goes everything.

    \b
    Examples:
      gitxp list -n 50
      gitxp list 'loss < 0.5 and params.opt == "adam"' --sort loss
      gitxp list 'started > "2 days ago" and "good" in tags'
      gitxp list 'status == "failed" or duration > "1h"' --sort=-duration
      gitxp list --columns name,lr,accuracy
      gitxp list --best accuracy --per params.model
      gitxp list --pareto accuracy,-duration
      gitxp list --group-by params.model --metric accuracy --sort=-accuracy
      gitxp list --csv > runs.csv
      gitxp list --json | jq -r '.[] | select(.status == "failed") | .name'
    """  # noqa: D301  (click wants the backspace itself)
    if as_json + as_csv + as_markdown > 1:
        raise UsageError("--json, --csv and --md exclude each other.", hint="Give one of them.")
    if where is not None and words:
        raise UsageError("WHERE is given twice.", hint="Give it as the argument, or with --where.")
    asked = Asked(where or " ".join(words) or None, sort, columns, group_by, metric, best, per, pareto, archived)
    asked.check(all_columns=all_columns, as_json=as_json)
    form = "json" if as_json else "csv" if as_csv else "md" if as_markdown else ""
    limit = (count if count is not None else None if as_json or as_csv else _NEWEST) or None
    if group_by is not None:
        _list_groups(asked, group_by, limit, form, terminal)
    else:
        _list_runs(asked, limit, form, terminal, all_columns=all_columns)


def _list_groups(asked: Asked, by: str, limit: int | None, form: str, terminal: Terminal) -> None:
    metrics = asked.metric if asked.metric is not None else asked.columns
    width = terminal.width if not form else None
    most = None if form == "json" else _MOST_MEASURES if width is None else max(1, width // _MEASURE)
    with open_repo() as repo, repo.at_one_moment():
        groups = repo.groups(by, metrics, limit, where=asked.where, sort=asked.sort, archived=asked.archived, most=most)
        has_runs = bool(groups.groups or groups.hidden) or _has_runs(repo)
    from gitxp.render import groups as rendering

    left_out: Sequence[str] = groups.more
    if form == "json":
        terminal.print_exact(rendering.render_groups_json(groups))
        return
    if form == "csv":
        terminal.print_exact([rendering.render_groups_csv(groups, safe=terminal.is_terminal)])
    elif not groups.groups:
        if has_runs:
            tell_nothing(groups.hidden, asked, terminal.width)
        else:
            tell_first(repo, terminal.width)
        return
    elif form == "md":
        text, left_out = rendering.render_groups_markdown(groups)
        terminal.print_exact([text])
    else:
        text, left_out = rendering.render_groups(groups, width=width, style=terminal.style)
        terminal.print(text)
    tell_groups(groups, asked, left_out, terminal.width, whole=form == "csv")


def _list_runs(asked: Asked, limit: int | None, form: str, terminal: Terminal, *, all_columns: bool) -> None:
    with open_repo() as repo, repo.at_one_moment():
        choice = _choose(repo, asked)
        if choice is not None:
            page = repo.chosen(choice, limit)
        else:
            page = repo.page(limit, archived=asked.archived, where=asked.where, sort=asked.sort)
        wish = _wish(repo, asked, page, form, all_columns=all_columns)
        has_runs = bool(page.runs or page.hidden) or _has_runs(repo)
    tell_strange(page.strange, terminal.width)
    from gitxp.render import runs as rendering

    if form == "json":
        terminal.print_exact(rendering.render_json(page.runs))
    elif page.runs or form == "csv":
        left_out = _print_table(page, wish, form, terminal)
        every = "--json" if all_columns or form == "csv" else "--all-columns"
        tell_more(page, asked, left_out, every, terminal.width, whole=form == "csv")
    elif not has_runs:
        tell_first(repo, terminal.width)
    elif choice is None or not choice.runs:
        tell_nothing(page.hidden, asked, terminal.width)
    if choice is not None and choice.runs:
        tell_choice(choice, terminal.width)


def _choose(repo: Repo, asked: Asked) -> Choice | None:
    where, sort, archived = asked.where, asked.sort, asked.archived
    if asked.best is not None:
        return repo.best(asked.best, asked.per, where=where, sort=sort, archived=archived)
    if asked.pareto is not None:
        return repo.pareto(asked.pareto, where=where, sort=sort, archived=archived)
    return None


def _wish(repo: Repo, asked: Asked, page: Page, form: str, *, all_columns: bool) -> Wish:
    """The columns that are wanted, by the command line or by gitxp.yaml."""
    from gitxp.render.runs import Wish

    if form == "json":
        return Wish()
    if asked.columns is not None:
        return Wish(repo.columns(asked.columns, page.runs))
    if all_columns or form == "csv":
        return Wish(every=all_columns)
    if repo.config.list_columns:
        return Wish(repo.columns(repo.config.list_columns, page.runs))
    return Wish(also=repo.compared_columns(page.runs, **asked.compared))


def _print_table(page: Page, wish: Wish, form: str, terminal: Terminal) -> Sequence[str]:
    """Print the runs; the headings of the columns that found no place."""
    from gitxp.render import runs as rendering

    now = time.time()
    if form == "csv":
        listing = rendering.render_csv(page.runs, wish, now=now, safe=terminal.is_terminal)
        terminal.print_exact([listing.text])
    elif form == "md":
        listing = rendering.render_markdown(page.runs, wish, now=now)
        terminal.print_exact([listing.text])
    else:
        listing = rendering.render_table(page.runs, wish, width=terminal.width, now=now, style=terminal.style)
        terminal.print(listing.text, chop=bool(wish.keys or wish.every))
    return listing.left_out


def _has_runs(repo: Repo) -> bool:
    return bool(repo.page(1, archived=True).runs)
