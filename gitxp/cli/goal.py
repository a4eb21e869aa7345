"""`gitxp goal`: what is to be reached, and how near the runs came to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitxp.cli.remarks import say
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options
from gitxp.errors import UsageError
from gitxp.render.safe import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.capture.config import Goal
    from gitxp.cli.terminal import Terminal


@click.command("goal", short_help="What is to be reached, and how near the runs came to it.")
@click.argument("words", metavar="[set GOAL | clear]", nargs=-1)
@click.option("--where", default="", metavar="WHERE", help="Only runs of which this is true count, as in 'gitxp list'.")
@click.option("--budget", default="", metavar="TIME", help="So much time may the runs take together: 40h, '3 days'.")
@click.option("--runs", type=click.IntRange(min=0), default=0, metavar="N", help="So many runs may there be.")
@click.option("--since", default="", metavar="DAY", help="Runs that began before this day do not count.")
@click.option("--until", default="", metavar="DAY", help="The last day: 2026-12-31.")
@click.option("--json", "as_json", is_flag=True, help="The progress, exact, as JSON; null where there is no goal.")
@terminal_options
def goal_command(
    *,
    words: Sequence[str],
    where: str,
    budget: str,
    runs: int,
    since: str,
    until: str,
    as_json: bool,
    terminal: Terminal,
) -> None:
    """Show the goal of this repository: the best so far, what is missing, what was spent, and the improvements.

    'gitxp goal set' writes the goal into gitxp.yaml, in place of the one there, so that it is versioned with the code;
    all else in that file stays as it is, and nothing is committed. GOAL compares one metric with a number. Every run
    counts, archived and failed ones, too, but for --where and --since.

    \b
    Examples:
      gitxp goal set 'metrics.acc >= 0.95' --budget 40h --until 2026-12-31
      gitxp goal set 'val/loss < 0.2' --where 'group == "tuning"' --runs 200
      gitxp goal
      gitxp goal --json | jq .gap
      gitxp goal clear
    """  # noqa: D301  (click wants the backspace itself)
    action, *rest = words or ("",)
    options = {"where": where, "budget": budget, "since": since, "until": until}
    if action not in {"", "set", "clear"} or (action == "clear" and rest) or (action == "set" and not rest):
        raise UsageError("A goal is shown, set or cleared.", hint="gitxp goal set 'metrics.acc >= 0.95'")
    if action != "set" and (runs or any(options.values())):
        raise UsageError("These options belong to 'gitxp goal set'.", hint="gitxp goal --help")
    with open_repo() as repo:
        if action == "set":
            before = repo.config.goal
            plan = repo.set_goal(" ".join(rest), runs=runs, **options)
            say([visible(f"gitxp.yaml has the goal {plan.reach}{_in_place_of(before)}")])
            return
        if action == "clear":
            say(["The goal is gone from gitxp.yaml" if repo.clear_goal() else "There was no goal"])
            return
        progress = repo.goal()
    if as_json:
        terminal.print_json(progress and progress.to_json())
        return
    if progress is None:
        say(["There is no goal yet: gitxp goal set 'metrics.acc >= 0.95'"])
        return
    from gitxp.render.goal import render_goal

    terminal.print(render_goal(progress, width=terminal.width, style=terminal.style))


def _in_place_of(goal: Goal) -> str:
    """What of gitxp.yaml is gone now, so that it can be set again."""
    if not goal.reach:
        return ""
    limits = [f"{key} {value}" for key, value in goal._asdict().items() if value and key != "reach"]
    return f", in place of {goal.reach}" + (f" ({', '.join(limits)})" if limits else "")
