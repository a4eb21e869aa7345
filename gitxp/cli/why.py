"""`gitxp why`: what changed between two runs, or what goes with a metric over many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitxp.cli.first_use import check_any
from gitxp.cli.progress import show_progress
from gitxp.cli.remarks import warn_unread
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options
from gitxp.errors import FormatError, GitxpError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.cli.terminal import Terminal
    from gitxp.repo import Repo


@click.command("why", short_help="What changed between two runs, or goes with a metric.")
@click.argument("words", metavar="A B | [WHERE]", nargs=-1)
@click.option("--where", metavar="WHERE", help="The runs of which this is true, as in 'gitxp list'.")
@click.option("--metric", metavar="KEY", help="What goes with this metric; -KEY or KEY:min: less of it is better.")
@click.option(
    "--better", multiple=True, metavar="KEY", help="With A B: more of this metric is better; -KEY or KEY:min: less."
)
@click.option("-a", "--all", "--archived", "archived", is_flag=True, help="Archived runs as well.")
@click.option("--json", "as_json", is_flag=True, help="The same, exact, as JSON.")
@terminal_options
def why_command(
    *,
    words: Sequence[str],
    where: str | None,
    metric: str | None,
    better: Sequence[str],
    archived: bool,
    as_json: bool,
    terminal: Terminal,
) -> int:
    """Show what changed between the runs A and B, what touches most first, beside the metrics that changed.

    First come parameters: those given for the run, from files, defaults, constants; then other words of the command; code,
    what it runs before the rest, by lines; data; packages that the program imported; interpreter, machine, other packages.

    With --metric, and an expression or none in place of A and B: which parameters go with the metric over many runs. For
    each of them Spearman's rank correlation, and how much a random forest relies on it, on runs that it has not seen;
    with the number of runs, and a warning where that is too few. It takes scikit-learn: pip install 'gitxp[analysis]'.
    Neither says what caused what.

    \b
    Examples:
      gitxp why @~1 @
      gitxp why --metric acc
      gitxp why 'params.opt == "adam" and status == "completed"' --metric=-loss
      gitxp why --where 'group == "sweep"' --metric acc --json
    """  # noqa: D301  (click wants the backspace itself)
    with open_repo() as repo:
        if metric is None:
            return _two(repo, words, where, better, terminal, as_json=as_json)
        if better:
            raise UsageError("--better belongs to A B.", hint=f"Say it with --metric: --metric=-{metric.lstrip('-')}")
        if where is not None and words:
            raise UsageError("WHERE is given twice.", hint="Give it as the argument, or with --where.")
        if len(words) == 2 and all(_is_run(repo, word) for word in words):
            raise UsageError(
                "--metric asks over many runs, and not of A B.",
                hint="gitxp why A B has all metrics that changed; --better says which way one is better.",
            )
        _many(repo, where or " ".join(words) or None, metric, terminal, archived=archived, as_json=as_json)
        return 0


def _is_run(repo: Repo, word: str) -> bool:
    try:
        repo.get(word)
    except GitxpError:
        return False
    return True


def _two(
    repo: Repo, words: Sequence[str], where: str | None, better: Sequence[str], terminal: Terminal, *, as_json: bool
) -> int:
    if where is not None or len(words) == 1:
        raise UsageError("Over many runs, say which metric: --metric KEY.", hint="gitxp why --help")
    if len(words) != 2:
        raise UsageError("Two runs are needed, or --metric.", hint="gitxp why @~1 @, or gitxp why --metric KEY")
    from gitxp.render import why as rendering

    why = repo.why(repo.get(words[0]), repo.get(words[1]), better=better)
    lacks = warn_unread(why.comparison.unread)
    if as_json:
        terminal.print_exact([rendering.render_why_json(why)])
    else:
        terminal.print(rendering.render_why(why, width=terminal.width, style=terminal.style))
    return FormatError.exit_code if lacks else 0


def _many(repo: Repo, where: str | None, metric: str, terminal: Terminal, *, archived: bool, as_json: bool) -> None:
    from gitxp.render import associations as rendering

    check_any(repo)
    with show_progress() as tell:

        def growing(done: int, total: int) -> None:
            tell(f"growing random forests: {done * 100 // total} %")

        told = repo.goes_with(metric, where=where, archived=archived, progress=growing)
    if as_json:
        terminal.print_exact([rendering.render_associations_json(told)])
    else:
        terminal.print(rendering.render_associations(told, width=terminal.width, style=terminal.style))
