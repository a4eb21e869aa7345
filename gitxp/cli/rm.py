"""`gitxp rm`: runs to the trash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitxp.cli.asking import confirm, yes_option
from gitxp.cli.network import Listener
from gitxp.cli.remarks import say
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options
from gitxp.errors import GitxpError, UsageError, some_of
from gitxp.render.safe import visible
from gitxp.render.words import count_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.cli.terminal import Terminal
    from gitxp.keeping.removal import Removal, RemovalPlan

_SHOWN = 10


@click.command("rm", short_help="Remove runs, to the trash.")
@click.argument("runs", metavar="RUN…", nargs=-1, required=True)
@click.option("--remote", metavar="REMOTE", help="Delete them at this remote, too, where there is no trash. Asks.")
@click.option("--keep", is_flag=True, help="With --remote: keep the runs here.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--json", "as_json", is_flag=True, help="What was removed, as JSON.")
@yes_option
@terminal_options
def rm_command(
    *, runs: Sequence[str], remote: str | None, keep: bool, dry_run: bool, as_json: bool, yes: bool, terminal: Terminal
) -> None:
    """Remove runs: all of them or none go to the trash, and 'gitxp undo' brings them back.

    A run that is running is not removed. Nothing is deleted at a remote, and 'gitxp pull' does not bring removed runs
    back by itself. With --remote, the runs are deleted there as well, in one connection and only as far as they are what
    is known here; a run in the trash can be named, too. Clones of other people may hold copies all the same. An archive
    (of 'gitxp archive-refs') only grows: a run in one is left out of it here, and its objects stay.

    \b
    Examples:
      gitxp rm calm-otter
      gitxp rm @ @~1
      gitxp rm calm-otter --remote origin
      gitxp rm calm-otter --remote origin --keep
    """  # noqa: D301  (click wants the backspace itself)
    if keep and remote is None:
        raise UsageError("--keep goes with --remote.", hint="Without a remote, nothing would be done.")
    with open_repo() as repo:
        plan = repo.plan_removal(runs, remote=remote, keep=keep)
        if dry_run:
            _show_plan(plan, terminal, as_json=as_json)
            return
        if remote is not None:
            confirm(
                f"Delete {_named([t.name for t in plan.targets])} at {remote} for everybody? Other clones may hold copies.",
                yes=yes,
            )
        with Listener(quiet=as_json) as listener:
            done = repo.remove(plan, said=listener)
    if as_json:
        terminal.print_json(done.to_json())
    else:
        _tell(done)
    if done.refused:
        reasons = "".join(f"\n  {one.name}: {one.reason}" for one in done.refused)
        hint = f"You need the right to delete refs/experiments/* in {remote}."
        if all(one.is_changed for one in done.refused):
            hint = f"Look first: gitxp pull {remote}"
        raise GitxpError(f"{remote} kept {count_text(len(done.refused), 'run')}:{reasons}", hint=hint)


def _named(names: Sequence[str]) -> str:
    return visible(some_of(names, _SHOWN))


def _show_plan(plan: RemovalPlan, terminal: Terminal, *, as_json: bool) -> None:
    if as_json:
        terminal.print_json(plan.to_json())
        return
    here = [target.name for target in plan.targets if target.is_here and not plan.keep]
    lines = [f"Would remove {name}\n" for name in here]
    if plan.remote is not None:
        lines += [f"Would delete {target.name} at {plan.remote.name}\n" for target in plan.targets]
    terminal.print(visible("".join(lines), keep="\n"))


def _tell(done: Removal) -> None:
    lines = []
    if done.gone:
        lines.append(f"Deleted at {done.remote}: {_named(done.gone)}. Clones that fetched them still have them.")
    if done.runs:
        names = [run.name if run.name == run.run else f"{run.run} (as {run.name})" for run in done.runs]
        lines.append(f"In the trash now: {_named(names)}. To bring back: gitxp undo")
    if done.archives:
        lines.append(
            f"The objects of what is in {' and '.join(done.archives)} stay as long as that does; other clones that have it "
            "list the runs as before."
        )
    lines += [
        f"{done.remote} has {ref}, which keeps its runs for everybody. Only deleting it there, with all of them, changes that: "
        f"git push {done.remote} :{ref}"
        for ref in done.archives_there
    ]
    say(map(visible, lines))
