"""`gitxp reproduce`: whether a run gives the same once more."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

import click

from gitxp.cli.remarks import remark
from gitxp.cli.repository import open_repo
from gitxp.cli.rerun import allow, rerun_options, tell_ready
from gitxp.cli.start import tell_start
from gitxp.cli.terminal import terminal_options
from gitxp.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitxp.cli.terminal import Terminal
    from gitxp.restoring.verdict import Finding

EXIT_NOT_REPRODUCED = 20


@click.command("reproduce", short_help="Whether a run gives the same once more.")
@click.argument("run", metavar="RUN")
@click.option(
    "--tolerance", type=float, default=0.0, metavar="REL", help="How far metrics may differ: 0.01 is 1%. [default: 0]"
)
@click.option(
    "--ignore", metavar="GLOB", multiple=True, help="Metrics and outputs that do not count: 'time/*'. May be repeated."
)
@click.option("--json", "as_json", is_flag=True, help="The verdict on each thing, as JSON.")
@rerun_options
@terminal_options
def reproduce_command(
    *,
    run: str,
    tolerance: float,
    ignore: Sequence[str],
    as_json: bool,
    env: bool,
    trust: bool,
    name: str | None,
    metrics_from: Sequence[str],
    to: str | None,
    keep: bool,
    terminal: Terminal,
) -> int:
    """Run a run again, as 'gitxp rerun' does, and tell whether it gave the same.

    The data are compared first: those that the run read, with those that are there now. Then how it ended, each metric
    (last, smallest and largest value) and each output (its bytes); where there is neither, what was printed. What the
    command prints goes to stderr.

    \b
    Examples:
      gitxp reproduce @
      gitxp reproduce calm-otter --tolerance 0.001 --ignore 'time/*'
      gitxp reproduce calm-otter --env --trust --json

    Exit status: 0 only if it is reproduced, 20 if it ran and is not. Ctrl-C ends it as it ends 'gitxp run'.
    """  # noqa: D301  (click wants the backspace itself)
    if to == "":
        raise UsageError("--to is empty.", hint="Give the folder to restore into.")
    with open_repo() as repo:
        found = repo.get(run)
        allow(repo.plan_rerun(found, env=env), trust=trust)
        with _output_on_stderr():
            done = repo.reproduce(
                found,
                tolerance=tolerance,
                ignore=ignore,
                env=env,
                trust=True,
                name=name,
                metrics_from=metrics_from,
                to=to,
                keep=keep,
                on_ready=tell_ready,
                on_data=_tell_data,
                on_start=tell_start,
            )
    if done.place is not None:
        remark([f"the worktree stays: {os.path.relpath(done.place)}"])
    from gitxp.render.reproduction import as_object, render_reproduction

    about = as_object(done.run, done.rerun, done.findings, reproduced=done.reproduced)
    if as_json:
        terminal.print_json(about)
    else:
        terminal.print(render_reproduction(about, style=terminal.style))
    if done.interrupted:  # by whoever wants this to end: a loop in a shell around it, too
        from gitxp.recording.signals import die_by

        sys.stdout.flush()
        return die_by(signal.SIGINT)
    return 0 if done.reproduced else EXIT_NOT_REPRODUCED


def _tell_data(findings: Sequence[Finding]) -> None:
    words = {"different": "the data changed", "missing": "the data are missing"}
    remark([f"{words[finding.verdict]}: {finding.name}" for finding in findings if finding.verdict in words])


@contextlib.contextmanager
def _output_on_stderr() -> Iterator[None]:
    """What is written to stdout meanwhile, by this process and those that it starts, goes to stderr."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
