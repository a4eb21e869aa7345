"""`gitxp run`: record a command. The click command, made from the table in start.py, for help and for mistakes."""

from __future__ import annotations

from typing import Any

import click

from gitxp.cli.start import OPTIONS, start

_HELP = """Run COMMAND and record it.

What is kept: the exact files of the working tree (uncommitted and untracked ones, too), the command and its parameters,
what it prints, how it ends, and the environment. It runs in the current directory, with your terminal, and gitxp exits
as it exits. gitxp's own words go to stderr.

\b
Examples:
  gitxp run python train.py --lr 0.1
  gitxp run --name tuned --tag good --note "half the rate" python train.py
  gitxp run --metrics-from metrics.json --out model.pkl python train.py
  gitxp run --data data/train -- ./train.sh --epochs 3

Exit status: the command's; 125 where gitxp could not begin, 126 where the command cannot be executed, 127 where it is
not found.
"""


def _run(**arguments: Any) -> int:
    given = {key: list(value) if isinstance(value, tuple) else value for key, value in arguments.items()}
    return start(given)


def _option(number: int) -> click.Option:
    option = OPTIONS[number]
    if option.opposite is not None:
        return click.Option([f"{option.opposite}/{option.flag}", option.key], default=None, help=option.help)
    if option.metavar is None:
        return click.Option([option.flag, option.key], is_flag=True, flag_value=False, default=True, help=option.help)
    return click.Option([option.flag, option.key], metavar=option.metavar, multiple=option.multiple, help=option.help)


class _RunCommand(click.Command):
    """A command whose own options end where the user's command begins."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.allow_interspersed_args = False
        return super().parse_args(ctx, args)


run_command = _RunCommand(
    "run",
    callback=_run,
    params=[
        *(_option(number) for number in range(len(OPTIONS))),
        click.Argument(["command"], metavar="[--] COMMAND…", nargs=-1, required=True, type=click.UNPROCESSED),
    ],
    help=_HELP,
    short_help="Run a command and record it.",
)
