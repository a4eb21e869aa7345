"""`gitxp branch`: the code of a run as an ordinary branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitxp.cli.remarks import remark
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options

if TYPE_CHECKING:
    from gitxp.cli.terminal import Terminal


@click.command("branch", short_help="The code of a run as an ordinary branch.")
@click.argument("run", metavar="RUN")
@click.argument("name", metavar="NAME")
@click.option("--json", "as_json", is_flag=True, help="The branch's ref, commit and base, as JSON.")
@terminal_options
def branch_command(*, run: str, name: str, as_json: bool, terminal: Terminal) -> None:
    """Make the branch NAME with the files of a run, without what gitxp recorded: one commit on the run's base, by you.

    Nothing is checked out, and a branch that is there is never moved. Where the run had no changes, the branch is at its
    base.

    \b
    Examples:
      gitxp branch calm-otter try-larger-steps
      gitxp branch @ rescue && git switch rescue
      git push -u origin try-larger-steps
    """  # noqa: D301  (click wants the backspace itself)
    with open_repo() as repo:
        found = repo.get(run)
        made = repo.branch(found, name)
    if found.record.get("snapshot") is False:
        remark([f"{found.name} has no snapshot: of its code, only the commit HEAD was at is known"])
    if made.large:
        remark(
            [
                *(f"a git-lfs pointer there, and not its content: {path}" for path in made.large),
                "leave them out (git rm), or let git-lfs have them (git lfs track), before others check the branch out",
            ]
        )
    if as_json:
        about: dict[str, object] = {"ref": made.ref, "commit": made.commit, "base": made.base, "is_new": made.is_new}
        about |= {"large": list(made.large)} if made.large else {}
        terminal.print_json({key: value for key, value in about.items() if value is not None})
        return
    what = f"one commit on {made.base[:7]}" if made.base else "one commit without a parent"
    if not made.is_new:
        what = "the run's base: it had no changes"
    terminal.print(f"{name} is at {made.commit[:7]}, {what}\n")
