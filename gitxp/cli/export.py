"""`gitxp export`: runs, or their series, for other programs."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from gitxp.cli.progress import show_progress
from gitxp.cli.remarks import again, remark, tell_left
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options
from gitxp.errors import UsageError
from gitxp.render.safe import visible
from gitxp.render.words import count_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gitxp.cli.terminal import Terminal
    from gitxp.frames.frame import Frame
    from gitxp.model import Run
    from gitxp.repo import Repo

_FORMATS = ("csv", "json", "parquet")


@click.command("export", short_help="Runs, or their series, as CSV, JSON or Parquet.")
@click.argument("texts", metavar="[RUN…]", nargs=-1)
@click.option("--format", "form", type=click.Choice(_FORMATS), help="[default: by the ending of FILE, else csv]")
@click.option("-o", "--output", metavar="FILE", help="Into this file, which must not be there.")
@click.option("--force", is_flag=True, help="Replace FILE.")
@click.option("--where", metavar="WHERE", help="The runs of which this is true, as in 'gitxp list'.")
@click.option("--sort", metavar="KEY,…", help="In this order. [default: the newest first]")
@click.option("-a", "--all", "--archived", "archived", is_flag=True, help="Archived runs as well.")
@click.option("--stats", is_flag=True, help="The min, max, count and step of each metric, too.")
@click.option("--series", "metrics", metavar="METRIC,…", help="The points of these metrics, a row each; '*': of all.")
@terminal_options
def export_command(
    *,
    texts: Sequence[str],
    form: str | None,
    output: str | None,
    force: bool,
    where: str | None,
    sort: str | None,
    archived: bool,
    stats: bool,
    metrics: str | None,
    terminal: Terminal,
) -> None:
    """Write all runs, or these, as a table for other programs: one row a run, one type a column, values exact.

    Columns are named as long as gitxp lives: name, id, status, exit_code, signal, started_at, finished_at, duration,
    command, cwd, branch, base, user, host, group, title, parent_run, commit, ref, dirty, starred, archived, tags, notes,
    then params.NAME and metrics.NAME (its last value), sorted. With --series, a row for each point: run, metric, step,
    time (unix seconds), value.

    \b
    Examples:
      gitxp export > runs.csv
      gitxp export -o runs.parquet --where 'status == "completed"'
      gitxp export --series loss,val/loss --format json
    """  # noqa: D301  (click wants the backspace itself)
    if texts and (where is not None or sort is not None):
        raise UsageError("Runs are named and asked for.", hint="Give RUN…, or --where and --sort.")
    if metrics is not None and stats:
        raise UsageError("--stats and --series exclude each other.", hint="--series has every point.")
    form = form or _form_of(output)
    if form == "parquet" and output is None and sys.stdout.isatty():
        raise UsageError("Parquet is nothing for a terminal.", hint="Give a file: -o runs.parquet")
    with open_repo() as repo:
        page = None if texts else repo.page(where=where, sort=sort, archived=archived)
        runs = repo.get_all(texts) if page is None else page.runs
        with show_progress() as progress:
            frame = _frame(repo, runs, metrics, stats=stats, progress=progress)
    if output is None:
        _print(frame, form, terminal)
    else:
        _write(frame, form, output, force=force)
    if page is not None and page.hidden and form != "json":
        asked: dict[str, str | None] = {"where": where, "sort": sort, "series": metrics, "output": output}
        command = again("export", **asked, stats=stats, force=bool(output))
        tell_left(command, terminal.width, (page.hidden, "archived run", "--all"))


def _frame(
    repo: Repo, runs: Sequence[Run], metrics: str | None, *, stats: bool, progress: Callable[[str], None]
) -> Frame:
    import time

    from gitxp.frames.of_runs import frame_of_runs, frame_of_series
    from gitxp.query.expression import split_list

    if metrics is None:
        progress(f"a table of {count_text(len(runs), 'run')}")
        return frame_of_runs(runs, time.time(), stats=stats)
    texts = [part.text for part in split_list(metrics)]
    if not texts:
        raise UsageError("METRIC is empty.", hint="gitxp export --series loss; '*' is all of them.")
    names = [] if texts == ["*"] else list(dict.fromkeys(repo.series_names(texts)))

    def counted() -> Iterator[Run]:
        for number, run in enumerate(runs):
            progress(f"reading the series of {count_text(len(runs), 'run')}: {number * 100 // len(runs)} %")
            yield run

    told: list[str] = []
    frame = frame_of_series(repo.all_series(counted(), names, tell=told.append))
    progress("")
    sys.stderr.writelines(f"Warning: {visible(sentence)}\n" for sentence in told)
    return frame


def _form_of(output: str | None) -> str:
    ending = os.path.splitext(output or "")[1].lower().removeprefix(".")
    return {"pq": "parquet"}.get(ending, ending if ending in _FORMATS else "csv")


def _print(frame: Frame, form: str, terminal: Terminal) -> None:
    if form == "parquet":
        sys.stdout.buffer.write(frame.parquet())
    else:
        terminal.print_exact(_pieces(frame, form, safe=terminal.is_terminal))


def _write(frame: Frame, form: str, output: str, *, force: bool) -> None:
    from gitxp.restoring.new_file import write_new_file

    if form == "parquet":
        write_new_file([frame.parquet()], output, force=force)
    else:
        pieces = _pieces(frame, form, safe=False)
        write_new_file((piece.encode("utf-8", "surrogateescape") for piece in pieces), output, force=force)
    remark([f"{len(frame):,} rows, {len(frame.columns)} columns: {output}"])


def _pieces(frame: Frame, form: str, *, safe: bool) -> Iterator[str]:
    from gitxp.render.frames import frame_csv, frame_json

    return frame_csv(frame.columns, safe=safe) if form == "csv" else frame_json(frame.columns)
