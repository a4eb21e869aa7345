"""`gitxp tag`: words that runs can be found by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from gitxp.cli.annotating import annotate
from gitxp.cli.remarks import say
from gitxp.cli.repository import open_repo
from gitxp.cli.terminal import terminal_options
from gitxp.errors import UnknownRun, UsageError
from gitxp.render.safe import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.cli.terminal import Terminal
    from gitxp.model import Run
    from gitxp.repo import Repo


class _Signs(click.Command):
    """A command whose arguments may begin with + and -: `-bad` is a tag to take away, and not the option -b."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        options = {name for param in self.get_params(ctx) for name in param.opts}
        words = []
        for word in args:
            is_change = word[:1] == "-" and word[:2] != "--" and len(word) > 1 and word not in options
            words.append(f"{_MINUS}{word[1:]}" if is_change else word)
        return super().parse_args(ctx, words)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """The options, and the tags to take away."""
        from gitxp.cli.completed import find_tags

        items = super().shell_complete(ctx, incomplete)
        return items if incomplete.startswith("--") else [*(CompletionItem(f"-{tag}") for tag in find_tags()), *items]


_MINUS = "\0"  # stands for the sign while click looks at the words: no argument has it


@click.command("tag", cls=_Signs, short_help="Tag runs: +good -bad.")
@click.argument("words", metavar="[RUN…] [+TAG -TAG…]", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="The tags as JSON, each with the names of its runs.")
@terminal_options
def tag_command(*, words: Sequence[str], as_json: bool, terminal: Terminal) -> None:
    """Give tags to runs (+TAG) or take them away (-TAG); without either, list the tags of RUN, or all.

    Tags travel with push and pull. Two people who tag the same run at the same time both keep theirs.

    \b
    Examples:
      gitxp tag @ +good
      gitxp tag run-a run-b +paper -draft
      gitxp tag
      gitxp tag run-a
    """  # noqa: D301  (click wants the backspace itself)
    texts = [word for word in words if word[:1] not in {"+", _MINUS}]
    added = [word[1:] for word in words if word[:1] == "+"]
    removed = [word[1:] for word in words if word[:1] == _MINUS]
    if not added and not removed:
        _list_tags(texts, terminal, as_json=as_json)
        return
    if as_json:
        raise UsageError("--json is for the list of tags.", hint="gitxp tag --json")
    if not texts:
        raise UsageError("There is no run to tag.", hint=f"Name it first: gitxp tag @ {_signed(added, removed)}")
    if both := [tag for tag in added if tag in removed]:
        raise UsageError(f"The tag {both[0]!r} is to be given and taken away.", hint="Say one of them.")
    annotate(texts, add_tags=added, remove_tags=removed)


def _signed(added: Sequence[str], removed: Sequence[str]) -> str:
    return " ".join([*(f"+{tag}" for tag in added), *(f"-{tag}" for tag in removed)])


def _get_all(repo: Repo, texts: Sequence[str]) -> list[Run]:
    """The runs that are meant. Who forgot the sign of a tag is told of it."""
    try:
        return repo.get_all(texts)
    except UnknownRun as error:
        if len(texts) == 1:
            raise
        raise UnknownRun(error.message, hint=f"To give a tag: gitxp tag {texts[0]} +{texts[-1]}") from error


def _list_tags(texts: Sequence[str], terminal: Terminal, *, as_json: bool) -> None:
    runs_by_tag: dict[str, list[str]] = {}
    with open_repo() as repo:
        for run in _get_all(repo, texts) if texts else repo.runs(archived=True):
            for tag in run.tags:
                runs_by_tag.setdefault(tag, []).append(run.name)
    if as_json:
        terminal.print_json(runs_by_tag)
        return
    if not runs_by_tag:
        say([f"{'It has no tag' if texts else 'No run has a tag'} yet: gitxp tag {visible((*texts, '@')[0])} +good"])
        return
    from gitxp.render.tags import render_tags

    terminal.print(render_tags(runs_by_tag, width=terminal.width, style=terminal.style))
