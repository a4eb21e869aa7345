"""`gitxp archive-refs`: many runs under one ref."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from gitxp.cli.asking import confirm, yes_option
from gitxp.cli.network import Listener
from gitxp.cli.progress import show_progress
from gitxp.cli.repository import open_repo
from gitxp.cli.storage import storage_asker, storage_option
from gitxp.cli.terminal import terminal_options
from gitxp.errors import GitxpError, UsageError, some_of
from gitxp.render.safe import visible
from gitxp.render.words import count_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.cli.terminal import Terminal
    from gitxp.model import Run
    from gitxp.repo import Repo
    from gitxp.sharing.folded_there import FoldedThere, FoldPlan

_SHOWN = 10


@click.command("archive-refs", short_help="Fold old runs into one ref, so that a push stays quick.")
@click.argument("runs", metavar="[RUN]…", nargs=-1)
@click.option(
    "--older-than",
    metavar="AGE",
    default=None,
    help="Runs that began longer ago, such as 12h, 90d, 2w, 1y. [default: 90d]",
)
@click.option("--take-out", is_flag=True, help="Give these runs refs of their own again.")
@click.option(
    "--remote",
    metavar="[REMOTE]",
    is_flag=False,
    flag_value="",
    help="Push the archives, and delete at the remote the refs that they cover. Asks.",
)
@click.option("-n", "--dry-run", is_flag=True, help="Say which runs it would be, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="What was done, as JSON.")
@storage_option
@yes_option
@terminal_options
def archive_refs_command(
    *,
    runs: Sequence[str],
    older_than: str | None,
    take_out: bool,
    remote: str | None,
    dry_run: bool,
    trust_storage: bool,
    as_json: bool,
    yes: bool,
    terminal: Terminal,
) -> None:
    """Fold runs into archives: refs/experiments/@archive-2026-03 for all that began in that month.

    git tells every ref in each fetch and push, which thousands of runs make slow. Runs in archives are listed, shown,
    compared and found by name as before; only git itself does not know their names. Nothing is removed.

    With --remote, nothing is folded here: the archives that are here (or those that have RUN) go to the remote, and the
    refs of their runs are deleted there, in the same connection, as far as they are what the archive has or an earlier
    state of it. From then on everybody gets these runs by refs/experiments/@archive-*. Without REMOTE it is the one of
    the current branch, else origin.

    \b
    Examples:
      gitxp archive-refs --dry-run
      gitxp archive-refs --older-than 1y
      gitxp archive-refs calm-otter brave-fox
      gitxp archive-refs --take-out calm-otter
      gitxp archive-refs --remote origin --dry-run
      gitxp archive-refs --remote
    """  # noqa: D301  (click wants the backspace itself)
    if remote is not None and (older_than is not None or take_out):
        raise UsageError("--remote goes with neither --older-than nor --take-out.", hint="Fold here first, then there.")
    if older_than is not None and (runs or take_out):
        raise UsageError("--older-than and names of runs exclude each other.", hint="Give one of them.")
    if take_out and not runs:
        raise UsageError("--take-out wants the runs.", hint="gitxp archive-refs --take-out RUN…")
    from gitxp.keeping.rules import parse_age

    age = parse_age(older_than or "90d")
    with open_repo() as repo:
        chosen = repo.get_all(runs)
        if remote is not None:
            plan = _plan_there(repo, remote, chosen, dry_run=dry_run, quiet=as_json)
            about: dict[str, object] = plan.to_json()
            lines = _plan_lines(plan)
            if not dry_run:
                done_there = _fold_there(repo, plan, yes=yes, trust_storage=trust_storage, quiet=as_json)
                about |= done_there.to_json()
                lines = _done_lines(plan, done_there)
        elif take_out:
            out = sorted({run.name for run in chosen if run.is_folded}) if dry_run else sorted(repo.take_out(chosen))
            about = {"taken_out": out}
            words = "would be taken out" if dry_run else "taken out"
            lines = [f"{count_text(len(out), 'run')} {words}{_some(out)}"]
        else:
            with show_progress() as progress:
                progress("folding the refs of runs")
                done = repo.archive_refs(chosen or None, older_than=age, dry_run=dry_run)
            about = {"archives": done.archives, "taken_in": done.names, "left": done.left}
            words = "would be folded" if dry_run else "folded"
            lines = [f"{count_text(len(done.names), 'run')} {words}{_some(done.names)}"]
            lines += [f"  {ref}" for ref in done.archives]
            lines += [f"{name} stays where it is: {reason}." for name, reason in sorted(done.left.items())]
    if as_json:
        terminal.print_json(about)
    else:
        sys.stdout.write("".join(f"{visible(line)}\n" for line in lines))
    if remote is not None and not dry_run and done_there.refused:
        reasons = "".join(f"\n  {visible(left.name)}: {visible(left.reason)}" for left in done_there.refused)
        raise GitxpError(
            f"{plan.remote.label} refused {count_text(len(done_there.refused), 'ref')}:{reasons}",
            hint="Nothing is lost: what was not deleted there is still there. Pull, and try again.",
        )


def _plan_there(repo: Repo, name: str, runs: Sequence[Run], *, dry_run: bool, quiet: bool) -> FoldPlan:
    with Listener(quiet=quiet) as listener:
        return repo.plan_fold_there(repo.remote(name or None, to_push=True), runs, said=listener, dry_run=dry_run)


def _fold_there(repo: Repo, plan: FoldPlan, *, yes: bool, trust_storage: bool, quiet: bool) -> FoldedThere:
    """Do what was planned, once somebody said yes to what is deleted."""
    if plan.covered:
        confirm(
            f"Delete {count_text(len(plan.covered), 'ref')} at {plan.remote.label}, for which everybody gets "
            f"{' and '.join(sorted(plan.archives))} from now on? Old gitxp, and plain git, have to fetch "
            "refs/experiments/@archive-* for these runs.",
            yes=yes,
        )
    with Listener(quiet=quiet) as listener:
        return repo.fold_there(plan, said=listener, allow_storage=storage_asker(trust=trust_storage))


def _plan_lines(plan: FoldPlan) -> list[str]:
    lines = [f"{count_text(len(plan.going), 'archive')} would go to {plan.remote.label}{_some(plan.going)}"]
    lines.append(f"{count_text(len(plan.covered), 'ref')} would be deleted there{_some(sorted(plan.covered))}")
    return lines + [f"{left.name} would stay there: {left.reason}." for left in plan.stays]


def _done_lines(plan: FoldPlan, done: FoldedThere) -> list[str]:
    lines = [f"{count_text(len(done.archives), 'archive')} went to {plan.remote.label}{_some(done.archives)}"]
    lines.append(f"{count_text(len(done.deleted), 'ref')} deleted there{_some(done.deleted)}")
    return lines + [f"{left.name} stays there: {left.reason}." for left in plan.stays]


def _some(names: Sequence[str]) -> str:
    return f": {some_of(names, _SHOWN)}" if names else ""
