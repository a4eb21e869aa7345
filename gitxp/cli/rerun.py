"""`gitxp rerun`: the command of a run once more, on its snapshot."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from gitxp.cli.asking import ask, can_ask
from gitxp.cli.remarks import remark
from gitxp.cli.repository import open_repo
from gitxp.cli.start import recorded, tell_start
from gitxp.errors import UsageError
from gitxp.format import command_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from gitxp.recording.begin import Outcome
    from gitxp.repo.rerun import Prepared, Rerun
    from gitxp.restoring.plan import Plan
    from gitxp.restoring.requirements import Recipe

_SHOWN = 20


def rerun_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that `rerun` and `reproduce` have in common."""
    for option in (
        click.option("--keep", is_flag=True, help="Leave the worktree there in any case."),
        click.option(
            "--to", metavar="DIR", help="The worktree's folder. [default: beside the repository, with the new name]"
        ),
        click.option(
            "--metrics-from", metavar="SOURCE", multiple=True, help="As for 'gitxp run'; besides what the run was told."
        ),
        click.option("--name", metavar="NAME", help="The new run's name; without it, one is made."),
        click.option("--trust", is_flag=True, help="Do not ask before executing a run that was not made here."),
        click.option("--env", is_flag=True, help="First rebuild the environment that was recorded, with uv or pip."),
    ):
        command = option(command)
    return command


@click.command("rerun", short_help="The command of a run once more, on its files.")
@click.argument("run", metavar="RUN")
@click.argument("changes", metavar="[-- CHANGED ARGUMENTS…]", nargs=-1, type=click.UNPROCESSED)
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be run, and run nothing.")
@rerun_options
def rerun_command(
    *,
    run: str,
    changes: Sequence[str],
    dry_run: bool,
    env: bool,
    trust: bool,
    name: str | None,
    metrics_from: Sequence[str],
    to: str | None,
    keep: bool,
) -> int:
    """Run the command of a run again, on the files of that run, and record it as a run that names the other as its parent.

    It runs in a git worktree beside the repository. Data that git ignores are linked there from your working tree. When the
    command has ended, the worktree goes, unless there are files or commits in it that are nowhere else. Arguments behind --
    change options: '--lr 0.2' or 'lr=0.2' replaces the value that the command has, or is added to it.

    A run that was not made here is shown, and executed only if you say so, which is remembered.

    \b
    Examples:
      gitxp rerun @
      gitxp rerun calm-otter -- --lr 0.2
      gitxp rerun calm-otter --env --name again

    Exit status: as of 'gitxp run'.
    """  # noqa: D301  (click wants the backspace itself)

    def execute() -> Outcome:
        with open_repo() as repo:
            found = repo.get(run)
            plan = repo.plan_rerun(found, changes, env=env)
            allow(plan, trust=trust)
            done = repo.rerun(
                found,
                changes,
                env=env,
                trust=True,
                name=name,
                metrics_from=metrics_from,
                to=to,
                keep=keep,
                on_ready=tell_ready,
                on_start=tell_start,
            )
        tell_place(done)
        return done.outcome

    if to == "":
        raise UsageError("--to is empty.", hint="Give the folder to restore into.")
    if dry_run:
        with open_repo() as repo:
            remark(describe(repo.plan_rerun(repo.get(run), changes, env=env)))
        return 0
    return recorded(execute)


def describe(plan: Plan) -> list[str]:
    """What a rerun would do, in sentences."""
    told = [f"command: {command_line(plan.command)}", f"in the folder: {plan.cwd}"]
    told += [f"imported from the snapshot, in place of what is installed: {folder}" for folder in plan.own_folders]
    if not plan.is_own:
        record = plan.run.record
        by = f"{record.get('user', 'somebody')} on {record.get('host', 'some machine')}"
        origin = f"{plan.run.name} was not made here, as far as is known: it says that it is by {by}"
        told[:0] = [origin, f"files: those of commit {plan.run.commit}"]
    recipe = plan.recipe
    if recipe is None:
        return [*told, "environment: as it is here"]
    kind = f"{len(recipe.lines):,} packages" if recipe.kind == "packages" else f"what {recipe.path} says"
    version = f"Python {recipe.python}, " if recipe.python else ""
    lines = recipe.lines if plan.is_own else (*recipe.lines, *_lines_of(recipe))
    installed = [f"installed: {line}" for line in lines if " @ " in line or not plan.is_own]
    return [*told, f"environment: {version}{kind}, in a virtual environment", *installed, *recipe.notices]


def _lines_of(recipe: Recipe) -> list[str]:
    """What a lock file names, and from where, without its digests."""
    lines = (line.strip() for line in (recipe.content or b"").decode("utf-8", "replace").splitlines())
    wanted = (line for line in lines if not line.startswith(("#", "--hash=")))
    if recipe.kind != "uv.lock":
        return list(filter(None, wanted))
    return [line for line in wanted if line.startswith(("name = ", "version = ", "source = "))]


def allow(plan: Plan, *, trust: bool) -> None:
    """Ask whether a run of somebody else's may be executed. `UsageError` where nobody can be asked, or says no."""
    if plan.is_own or trust:
        return
    remark(describe(plan))
    hint = f"Look at it: gitxp show {plan.run.name}; gitxp diff; and if you trust it: --trust"
    if not can_ask():
        raise UsageError(f"{plan.run.name} is not executed: nobody is here to be asked.", hint=hint)
    if not ask("Execute this?"):
        raise UsageError(f"{plan.run.name} is not executed.", hint=hint)


def tell_ready(prepared: Prepared) -> None:
    """Say what is about to run where, and on what."""
    links = prepared.links
    told = [f"{prepared.name}: {prepared.plan.run.name} again, in {os.path.relpath(prepared.place)}"]
    told.append(f"command: {command_line(prepared.plan.command)}")
    told += [f"linked to your working tree: {path}" for path in _some(links.links)]
    told += [f"copied from your working tree, since the run wrote it: {path}" for path in _some(links.copies)]
    told += [f"imported from the snapshot: {os.path.relpath(path, prepared.place)}" for path in prepared.own]
    if prepared.environment is not None and prepared.plan.recipe is not None:
        told += [f"environment: {prepared.environment}", *_some(list(prepared.plan.recipe.notices))]
    remark([*told, *_some(links.problems), *_some(prepared.notices)])


def tell_place(done: Rerun) -> None:
    """Say where the worktree is, if it is still there, and why."""
    if done.place is None:
        return
    place = os.path.relpath(done.place)
    if done.left:
        told = [
            f"{place} stays, since not all that is there is stored with the run: {', '.join(_some(list(done.left)))}"
        ]
        remark([*told, f"take it away: git worktree remove --force {place}"])
    else:
        remark([f"the worktree stays: {place}"])


def _some(items: Sequence[str]) -> list[str]:
    more = [f"… and {len(items) - _SHOWN:,} more"] if len(items) > _SHOWN else []
    return [*items[:_SHOWN], *more]
