"""`gitxp gc`: free space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitxp.cli.asking import confirm, yes_option
from gitxp.cli.progress import show_progress
from gitxp.cli.remarks import say
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options
from gitxp.errors import UsageError
from gitxp.render.safe import visible
from gitxp.render.words import count_text, size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.cli.terminal import Terminal
    from gitxp.keeping.collection import Collected, GcPlan


@click.command("gc", short_help="Free space: old trash, caches, runs by rule.")
@click.option(
    "--keep-best",
    "best",
    metavar="METRIC[:max|:min]",
    multiple=True,
    help="Keep the best run; without a direction, both ends.",
)
@click.option("--keep", "newest", type=click.IntRange(min=0), metavar="N", help="Keep the N newest runs.")
@click.option("--keep-tagged", "tagged", is_flag=True, help="Keep runs with a tag.")
@click.option("--older-than", "age", metavar="AGE", help="Keep what is younger: 90d, 12h, 8w, 1y.")
@click.option("--artifacts-only", is_flag=True, help="Leave the runs; take out large files that only they need.")
@click.option("--trash-days", type=click.FloatRange(min=0), metavar="DAYS", help="Instead of trash.days in gitxp.yaml.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="What was done, as JSON.")
@yes_option
@terminal_options
def gc_command(
    *,
    best: Sequence[str],
    newest: int | None,
    tagged: bool,
    age: str | None,
    artifacts_only: bool,
    trash_days: float | None,
    dry_run: bool,
    as_json: bool,
    yes: bool,
    terminal: Terminal,
) -> None:
    """Delete what is in the trash for 30 days, and caches that nobody used as long; pack refs.

    With rules, move runs to the trash as well: all that no rule keeps. Runs that are running, have a star or cannot be
    read always stay. With --artifacts-only the runs stay, and their large files (git-lfs) go, where nothing else needs
    them. 'gitxp undo' brings back either. The commits of a run are never changed.

    The space of git's own objects is freed by 'git gc', two weeks later.

    \b
    Examples:
      gitxp gc
      gitxp gc --older-than 90d --keep-tagged --keep-best accuracy:max --dry-run
      gitxp gc --older-than 30d --artifacts-only
    """  # noqa: D301  (click wants the backspace itself)
    from gitxp.keeping.rules import Rules, parse_age, parse_best

    rules = Rules(tuple(map(parse_best, best)), newest, tagged, None if age is None else parse_age(age))
    if artifacts_only and not rules.are_given:
        raise UsageError(
            "--artifacts-only wants a rule.", hint="Of which runs? gitxp gc --older-than 90d --artifacts-only"
        )
    with open_repo() as repo:
        with show_progress() as progress:
            plan = repo.plan_gc(rules, artifacts_only=artifacts_only, trash_days=trash_days, progress=progress)
        if not dry_run:
            if plan.is_early:
                gone = len(plan.expired) + len(plan.kept) + sum(len(taken.objects) for taken in plan.expired_large)
                confirm(
                    f"Delete {count_text(gone, 'thing')} for good, of which some were removed less than 30 days ago?",
                    yes=yes,
                )
            with show_progress() as progress:
                progress("removing what was planned, and packing refs")
                done = repo.gc(plan)
    if as_json:
        terminal.print_json((plan if dry_run else done).to_json())
    elif dry_run:
        terminal.print(visible("".join(f"{line}\n" for line in _planned(plan)), keep="\n"))
    else:
        say(map(visible, _done(done)))


def _planned(plan: GcPlan) -> list[str]:
    lines = [f"Would remove {run.name}" for run in plan.runs]
    lines += [f"Would take out {size_text(file.size)}: {file.path}" for file in plan.large_files]
    lines += [f"Would delete {entry.name} from the trash" for entry in plan.expired]
    large = sum(len(taken.objects) for taken in plan.expired_large)
    lines += [f"Would delete {count_text(large, 'large file')} from the trash"] if large else []
    lines += [f"Would delete {change.ref}" for change in plan.kept]
    lines += [f"Would delete {count_text(len(plan.caches), 'unused cache')}"] if plan.caches else []
    lines += [f"Would delete {place}, which a command that was killed left" for place in plan.folders]
    return lines or ["There is nothing to do but to pack refs."]


def _done(done: Collected) -> list[str]:
    lines = []
    if done.runs:
        lines.append(f"In the trash now: {count_text(len(done.runs), 'run')}. To bring back: gitxp undo")
    if done.large:
        lines.append(f"Large files in the trash now: {size_text(done.large)}. To bring back: gitxp undo")
    if done.expired:
        lines.append(
            f"Deleted from the trash: {count_text(len(done.expired), 'run')}. "
            f"Nothing leads to {count_text(done.unreachable, 'object')} any more: git gc frees the space."
        )
    if done.freed:
        lines.append(f"Deleted {size_text(done.freed)} of caches and large files.")
    lines += [f"Deleted {place}, which a command that was killed left." for place in done.folders]
    return lines or ["Packed refs; there was nothing else to do."]
