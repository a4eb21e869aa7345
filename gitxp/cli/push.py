"""`gitxp push`: your runs to others."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from gitxp.cli.network import Listener
from gitxp.cli.pull import split_words
from gitxp.cli.remarks import say
from gitxp.cli.repository import open_repo
from gitxp.cli.storage import exchange_options, storage_asker, tell_storing
from gitxp.cli.terminal import terminal_options
from gitxp.errors import UnknownRun

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitxp.cli.terminal import Terminal
    from gitxp.exchange import Pushed
    from gitxp.git.remote import Remote
    from gitxp.leaving import Leaving
    from gitxp.repo import Repo

_WIDTH = 120  # where nothing limits a line


@click.command("push", short_help="Bring your runs to others.")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would go, and send nothing.")
@click.option("--force-secrets", is_flag=True, help="Send what looks like a secret, too.")
@click.option("--no-verify", is_flag=True, help="Pass over the hook pre-push, as 'git push' does.")
@exchange_options
@click.option("--json", "as_json", is_flag=True, help="What went, by name, as JSON.")
@terminal_options
def push_command(
    *,
    words: Sequence[str],
    dry_run: bool,
    force_secrets: bool,
    no_verify: bool,
    trust_storage: bool,
    quiet: bool,
    as_json: bool,
    terminal: Terminal,
) -> int:
    """Send runs to a remote: all that it lacks, or those named. It is 'git push' of refs/experiments/, never forced.

    With a run goes all that it holds: the files of its snapshot (untracked ones, too), its record and its output, and
    the commits below it that the remote does not have. Before anything goes you are told how much that is, and which
    files leave this machine for the first time; where something looks like a secret, nothing goes without
    --force-secrets. What others said of the same runs meanwhile is merged first. Without REMOTE it is the one of the
    current branch, else origin.

    \b
    Examples:
      gitxp push
      gitxp push origin calm-otter-7k3q
      gitxp push --dry-run
    """  # noqa: D301  (click wants the backspace itself)
    with open_repo() as repo, Listener(quiet=quiet, with_hook=True) as listener:
        name, texts = split_words(repo, words)
        remote = repo.remote(name, to_push=True)
        runs = _find_runs(repo, texts, is_first=name is None)
        before = _tell_leaving(listener, terminal.width, quiet=quiet)
        pushed = repo.push(
            *(remote, runs),
            said=listener,
            doing=listener.tell,
            before=before,
            dry_run=dry_run,
            verify=not no_verify,
            force_secrets=force_secrets,
            storing=partial(tell_storing, listener),
            allow_storage=storage_asker(trust=trust_storage),
        )
    from gitxp.render.sharing import pushed_json, pushed_lines

    if as_json:
        terminal.print_json(pushed_json(pushed, dry_run=dry_run))
    for part in pushed.parts:
        say(pushed_lines(part, part.to, dry_run=dry_run, quiet=quiet or as_json))
    error = next((part.error for part in pushed.parts if part.error), None)
    if error is not None:
        raise error
    return 1 if any(_is_incomplete(part, dry_run=dry_run) for part in pushed.parts) else 0


def _is_incomplete(pushed: Pushed, *, dry_run: bool) -> bool:
    is_stuck = bool(pushed.outgoing.fetch_first or pushed.outgoing.broken) and not dry_run
    return bool(pushed.refused or is_stuck or (pushed.large and pushed.large.failed))


def _find_runs(repo: Repo, texts: Sequence[str], *, is_first: bool) -> list[str]:
    """The names of the runs that are meant; the first word may have been meant as a remote."""
    try:
        return [repo.get(text).name for text in texts]
    except UnknownRun as error:
        if not is_first or not error.message.startswith(f"There is no run {texts[0]!r}"):
            raise
        raise UnknownRun(
            f"There is no run {texts[0]!r}, and no remote of that name.",
            hint="'gitxp remotes' and 'gitxp list' show what there is.",
        ) from error


def _tell_leaving(listener: Listener, width: int | None, *, quiet: bool) -> Callable[[Leaving, Remote], None]:
    """What says, before anything goes, what will leave the machine, and what of it looks like a secret."""

    def tell(leaving: Leaving, remote: Remote) -> None:
        from gitxp.capture.secrets.redaction import redact_url
        from gitxp.render.leaving import leaving_lines, secret_lines

        lines = [] if quiet else leaving_lines(leaving, remote.label, redact_url(remote.url), width or _WIDTH)
        listener.say([*lines, *secret_lines(leaving)])

    return tell
