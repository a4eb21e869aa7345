"""`gitxp plot`: metrics as curves, runs as points, in the terminal or in a file."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from gitxp.cli.first_use import check_any
from gitxp.cli.progress import show_progress
from gitxp.cli.remarks import again, tell_left
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options
from gitxp.errors import GitxpError, UsageError
from gitxp.plots import Drawing
from gitxp.render.words import count_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from gitxp.cli.terminal import Terminal
    from gitxp.model import Page, Run
    from gitxp.plots import Plot
    from gitxp.repo import Repo

_MOST_RUNS = 50
_PICTURE_COLUMNS = 1000  # of points in a file


@click.command("plot", short_help="Metrics as curves, runs as points.")
@click.argument("metric", metavar="METRIC,…")
@click.argument("runs", metavar="[RUN]…", nargs=-1)
@click.option("--where", metavar="WHERE", help="The runs of which this is true, as in 'gitxp list'.")
@click.option(
    "-n",
    "count",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"With --where or --group-by: so many; 0: all. [default: {_MOST_RUNS}]",
)
@click.option("-a", "--all", "--archived", "archived", is_flag=True, help="Archived runs as well.")
@click.option("--against", metavar="KEY", help="A point for each run: the last METRIC against this value.")
@click.option("--group-by", metavar="KEY,…", help="Runs with the same values as one: their mean, least and greatest.")
@click.option("--x", "x", metavar="X", default="step", show_default=True, help="step, time, or a metric: epoch.")
@click.option("--smooth", type=float, default=0.0, metavar="WEIGHT", help="A moving average, as in TensorBoard: 0.9.")
@click.option("--log", is_flag=True, help="A logarithmic y axis.")
@click.option("--logx", "log_x", is_flag=True, help="A logarithmic x axis.")
@click.option("-f", "--follow", is_flag=True, help="Draw anew while the runs go on, until they end.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Into a .png, .svg, .pdf or .html, which must not be there. With gitxp[plot].",
)
@click.option("--force", is_flag=True, help="Replace FILE.")
@click.option("--title", metavar="TEXT", help="Another title.")
@click.option(
    "--sampling",
    type=click.Choice(["minmax", "lttb"]),
    default="minmax",
    metavar="WAY",
    help="Of many points, minmax keeps each peak (the default), lttb the shape.",
)
@click.option("--json", "as_json", is_flag=True, help="The points that would be drawn, exact, as JSON.")
@terminal_options
def plot_command(
    *,
    metric: str,
    runs: Sequence[str],
    where: str | None,
    count: int | None,
    archived: bool,
    against: str | None,
    group_by: str | None,
    follow: bool,
    output: str | None,
    force: bool,
    title: str | None,
    as_json: bool,
    terminal: Terminal,
    **how: Any,
) -> None:
    """Draw metrics of runs: those that are named, those of which --where is true, or else the newest one.

    Several curves have letters, as well as colors. Of a running run what it logged so far is drawn; --follow goes on.
    A series of any length is drawn whole: of each column of the picture the least and the greatest value. With --against,
    each run is a point (without RUN and --where: all runs), and text parameters are categories. --group-by without RUN and
    --where takes the newest runs.

    \b
    Examples:
      gitxp plot loss
      gitxp plot loss,val/loss calm-otter --smooth 0.9 --log
      gitxp plot loss --where 'lr < 0.1' --group-by params.model
      gitxp plot loss @ --x time --follow
      gitxp plot acc --against lr --logx
      gitxp plot loss --where 'started >= "today"' --output loss.png
    """  # noqa: D301  (click wants the backspace itself)
    _check(locals())
    x, smooth, log, log_x = how["x"], how["smooth"], how["log"], how["log_x"]
    drawn = {
        "x": x if x != "step" else None,
        "smooth": smooth,
        "log": log,
        "logx": log_x,
        "output": output,
        "force": bool(output),
    }
    with open_repo() as repo:
        with repo.at_one_moment():  # a scatter asks for its points apart from the runs
            asks = where is not None or group_by is not None or against is not None
            every = against is not None and not count
            chosen, more, hidden = _choose(repo, runs, where, count, archived=archived, asks=asks, every=every)
            if against is not None:
                how = {"archived": archived, "log": how["log"], "log_x": how["log_x"], "group_by": group_by}
                plot = repo.scatter(metric, against, chosen or None, where=where, **how)
                plots, hidden = iter([plot]), hidden + plot.hidden
        if against is None:
            metrics = _split(metric)
            columns = _columns(terminal, in_terminal=not (output or as_json))
            drawing = Drawing(**how, columns=columns, group_by=group_by)
            if follow:
                plots = repo.follow_plot(chosen, metrics, drawing)
            else:
                with show_progress() as tell:
                    tell(f"reading the series of {count_text(len(chosen), 'run')}")
                    plots = iter([repo.plot(chosen, metrics, drawing)])
        if title:
            plots = (plot._replace(title=title) for plot in plots)
        if output is not None:
            _write_file(next(plots), output, force=force)
        elif as_json:
            from gitxp.render.plot_json import plot_json

            terminal.print_exact([plot_json(next(plots))])
        else:
            _show(plots, terminal)
    again_words = again("plot", metric, where=where, group_by=group_by, against=against, all=archived, **drawn)
    hidden = 0 if as_json else hidden
    tell_left(again_words, terminal.width, (more, "more run", "-n 0"), (hidden, "archived run", "--all"))


def _check(given: dict[str, Any]) -> None:
    """Raise `UsageError` for words that do not go together."""
    if given["runs"] and given["where"] is not None:
        raise UsageError("RUN and --where exclude each other.", hint='--where \'name in ["a", "b"]\' names runs, too.')
    asks = any(given[name] is not None for name in ("where", "group_by", "against"))
    if given["count"] is not None and (given["runs"] or not asks):
        raise UsageError("-n goes with --where, --group-by or --against.", hint="gitxp plot --help")
    if given["archived"] and (given["runs"] or not asks):
        raise UsageError("--all goes with --where, --group-by or --against; a run that is named need not be asked for.")
    if given["follow"] and (given["output"] is not None or given["as_json"] or given["against"] is not None):
        raise UsageError("--follow goes with none of --output, --json and --against.", hint="gitxp plot --help")
    if given["output"] is not None and given["as_json"]:
        raise UsageError("--output and --json exclude each other.", hint="gitxp plot --help")
    if given["against"] is not None and (given["how"]["smooth"] or given["how"]["x"] != "step"):
        raise UsageError("--against goes with neither --smooth nor --x.", hint="gitxp plot --help")


def _choose(
    repo: Repo, texts: Sequence[str], where: str | None, count: int | None, *, archived: bool, asks: bool, every: bool
) -> tuple[Sequence[Run], int, int]:
    """The runs that are meant (none stand for all that answer), and how many more answer, and how many archived ones."""
    if texts:
        return repo.get_all(texts), 0, 0
    if not asks:
        return [repo.get("@")], 0, 0
    check_any(repo)
    if every:
        return (), 0, 0
    page = _newest(repo, where, count, archived=archived)
    return page.runs, page.total - len(page.runs), page.hidden


def _newest(repo: Repo, where: str | None, count: int | None, *, archived: bool) -> Page:
    """The newest runs of which `where` is true."""
    page = repo.page((_MOST_RUNS if count is None else count) or None, archived=archived, where=where)
    if not page.runs and where is None:
        repo.get("@")  # says that there are none
    if not page.runs and page.hidden:
        raise GitxpError(
            "Only archived runs answer to that.", hint=f"--all takes {count_text(page.hidden, 'archived run')} as well."
        )
    if not page.runs:
        raise GitxpError("No run answers to that.", hint="What there is: gitxp list --all-columns")
    return page


def _split(metric: str) -> list[str]:
    from gitxp.query.expression import split_names

    names = split_names(metric)
    if not names:
        raise UsageError("METRIC is empty.", hint="gitxp plot loss")
    return names


def _room(terminal: Terminal) -> Any:
    from gitxp.render.plot import WIDTH, Room

    height = terminal.height
    return Room(terminal.width or WIDTH, None if height is None else height - 1, not terminal.has_unicode)


def _columns(terminal: Terminal, *, in_terminal: bool) -> int:
    return int(_room(terminal).dots) if in_terminal else _PICTURE_COLUMNS


def _show(plots: Iterator[Plot], terminal: Terminal) -> None:
    from gitxp.render.plot import render_plot, render_remarks

    last: Plot | None = None

    def texts() -> Iterator[str]:
        nonlocal last
        for last in plots:
            if terminal.can_redraw:
                yield render_plot(last, _room(terminal), terminal.style)
        if last is not None and not terminal.can_redraw:
            yield render_plot(last, _room(terminal), terminal.style)

    terminal.show(texts())
    if last is not None:
        sys.stderr.write(render_remarks(last, terminal.width))


def _write_file(plot: Plot, path: str, *, force: bool) -> None:
    from gitxp.render.figure import render_figure
    from gitxp.render.plot import render_remarks
    from gitxp.restoring.new_file import write_new_file

    write_new_file([render_figure(plot, os.path.splitext(path)[1].lstrip("."))], path, force=force)
    sys.stderr.write(render_remarks(plot, None))
