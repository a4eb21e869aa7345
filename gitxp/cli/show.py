"""`gitxp show`: all about one run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options
from gitxp.errors import AmbiguousRun, UnknownRun
from gitxp.store.trash import is_sound_id

if TYPE_CHECKING:
    from gitxp.cli.terminal import Terminal
    from gitxp.repo import Repo


@click.command("show", short_help="All about one run.")
@click.argument("run", metavar="[RUN]", default="@")
@click.option("--json", "as_json", is_flag=True, help="The record with environment and series names, exact, as JSON.")
@click.option("--history", is_flag=True, help="What was said of it, by whom and when: tags, notes, titles, …")
@terminal_options
def show_command(*, run: str, as_json: bool, history: bool, terminal: Terminal) -> None:
    """Show one run: how it ended, its command, parameters, metrics, data, outputs and environment.

    RUN is a name or the unique beginning of one, an id, '@' for the newest run, '@~1' for the one before it, or a
    commit; without it, it is the newest.

    \b
    Examples:
      gitxp show
      gitxp show calm-otter --history
      gitxp show @ --json | jq .params
    """  # noqa: D301  (click wants the backspace itself)
    with open_repo() as repo:
        found = repo.get(run)
        about = repo.show(found)
        if history:
            edits, said = repo.history(found)
            about["history"] = [edit.to_json(name) for name, edit in edits.items()]
            if said.problems:
                about["passed_over"] = list(said.problems)
        if "parent_run" in about and not as_json:
            about["parent_run"] = _name_of(repo, about["parent_run"])
    if as_json:
        terminal.print_json(about)
        return
    from gitxp.render.page import render_page

    terminal.print(render_page(about, width=terminal.width, now=time.time(), style=terminal.style))


def _name_of(repo: Repo, parent: Any) -> Any:
    """The name of the run with this id, which people know it by; the id where it is not here."""
    if not isinstance(parent, str) or not is_sound_id(parent):
        return parent
    try:
        found = repo.get(parent)
    except (AmbiguousRun, UnknownRun):
        return parent
    return found.name if found.id == parent else parent
