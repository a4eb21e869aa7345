"""`gitxp pull`: the runs of others."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from gitxp.cli.network import Listener
from gitxp.cli.remarks import say
from gitxp.cli.repository import open_repo
from gitxp.cli.storage import exchange_options, storage_asker, tell_storing
from gitxp.cli.terminal import terminal_options
from gitxp.errors import UnknownRun, UsageError
from gitxp.format import RUN_REFS
from gitxp.git.remote import is_remote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.cli.terminal import Terminal
    from gitxp.repo import Repo


_PREFIXES = ("experiments/", RUN_REFS)


def split_words(repo: Repo, words: Sequence[str]) -> tuple[str | None, list[str]]:
    """The remote and the runs that `[REMOTE] [RUN…]` mean: the first word is a remote if it names or addresses one.

    A run may be called as git calls it, `experiments/<name>`.
    """
    is_run = bool(words) and words[0].startswith(_PREFIXES)
    if words and is_remote(repo.git, words[0]) and not is_run:
        return words[0], [_run_name(word) for word in words[1:]]
    return None, [_run_name(word) for word in words]


def _run_name(word: str) -> str:
    return word.removeprefix("refs/").removeprefix("experiments/") if word.startswith(_PREFIXES) else word


@click.command("pull", short_help="Bring the runs of others here.")
@click.option("--removed", is_flag=True, help="Runs that you removed here as well.")
@click.option("--large", is_flag=True, help="Their large files as well: from the storage of gitxp.yaml, or by git-lfs.")
@exchange_options
@click.option("--json", "as_json", is_flag=True, help="What came, by name, as JSON.")
@terminal_options
def pull_command(
    *,
    words: Sequence[str],
    removed: bool,
    large: bool,
    trust_storage: bool,
    quiet: bool,
    as_json: bool,
    terminal: Terminal,
) -> int:
    """Fetch runs from a remote: all, or those named, as they are called there. Branches and files stay as they are.

    New runs appear in 'gitxp list'; tags and notes that others gave to known ones come along, and are merged with
    yours. Without REMOTE it is the one of the current branch, else origin. Runs that you removed stay away, unless you
    name them. Nothing of yours is overwritten or deleted.

    \b
    Examples:
      gitxp pull
      gitxp pull origin calm-otter-7k3q
      gitxp pull --large calm-otter-7k3q
      gitxp pull https://example.com/team/project.git
    """  # noqa: D301  (click wants the backspace itself)
    with open_repo() as repo, Listener(quiet=quiet) as listener:
        name, runs = split_words(repo, words)
        remote = repo.remote(name)
        ask = storage_asker(trust=trust_storage)
        if large:
            repo.check_storage(ask)
        copied = None
        try:
            pulled = repo.pull(remote, runs, runs_removed_here=removed, said=listener, doing=listener.tell)
        except UnknownRun as error:
            if name is not None or repr(runs[0]) not in error.message:
                raise
            raise UnknownRun(
                f"There is no run {runs[0]!r} in {remote.name}, and no remote of that name.",
                hint=f"'gitxp remotes' has the remotes, and 'gitxp pull {remote.name}' brings all runs.",
            ) from error
        if large:
            came = [*pulled.created, *pulled.updated, *pulled.merged, *(here for _, here in pulled.renamed)]
            wanted = repo.get_all(list(dict.fromkeys([*came, *runs])))
            copied = repo.fetch_large(
                *(wanted, partial(tell_storing, listener), ask), remote=remote, said=listener, doing=listener.tell
            )
    from gitxp.render.sharing import large_lines, pulled_json, pulled_lines

    if as_json:
        terminal.print_json(pulled_json(pulled, copied))
    lines = list(pulled_lines(pulled, remote.label, quiet=quiet or as_json))
    for one in copied or ():
        lines += large_lines(one, quiet=quiet or as_json)
    say(lines)
    if copied == []:
        raise UsageError(
            "Large files did not come: gitxp.yaml names no storage, and git-lfs is not here to ask the remote.",
            hint="Install git-lfs, if the remote has LFS: https://git-lfs.com",
        )
    return 1 if any(one.failed for one in copied or ()) else 0
