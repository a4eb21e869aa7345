"""`gitxp completion`: what makes a shell complete gitxp's commands, and what the shell then asks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from gitxp.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitxp.cli.completed import Completion

_MOST = 1000  # words that a shell is given


@click.command(
    "completion",
    short_help="Let bash, zsh or fish complete commands, runs, questions.",
    context_settings={"allow_interspersed_args": False},
)
@click.argument("words", metavar="bash|zsh|fish", nargs=-1, type=click.UNPROCESSED)
def completion_command(*, words: Sequence[str]) -> None:
    """Print the script that makes bash, zsh or fish complete gitxp when Tab is pressed.

    It completes commands, options, runs, keys and values in questions, tags, groups, remotes, and paths of a run.

    For bash, a line in ~/.bashrc, or a file that bash-completion loads when it is needed; for zsh, a line in ~/.zshrc
    after compinit; for fish, a file. Then open a new shell.

    \b
    Examples:
      eval "$(gitxp completion bash)"
      gitxp completion bash > ~/.local/share/bash-completion/completions/gitxp
      eval "$(gitxp completion zsh)"
      gitxp completion fish > ~/.config/fish/completions/gitxp.fish

    A key asks the index as it is: it never reads more than a few runs, and says nothing where something is wrong.
    """  # noqa: D301  (click wants the backspace itself)
    shell, *asked = words or ("",)
    if shell not in _ANSWERS:
        raise UsageError(
            f"There is no completion for {shell!r}." if shell else "Which shell is it?",
            hint="gitxp completion bash, zsh or fish",
        )
    if not asked:
        with open(os.path.join(os.path.dirname(__file__), "shells", f"gitxp.{shell}"), encoding="utf-8") as file:
            click.echo(file.read(), nl=False)
        return
    for line in _ANSWERS[shell](*asked):
        click.echo(line.encode("utf-8", "surrogateescape"))


def _answer_bash(line: str, replaced: str, *_: str) -> list[str]:
    """For bash: `line` is what stands before the cursor, `replaced` the end of it that bash will put a word in place of."""
    from gitxp.cli.shell_words import quote_rest, split_line

    *before, last = split_line(line)
    if last.is_expanded:
        return []
    found = _complete([word.text for word in before], last.text)
    if found.command is not None:
        return ["command", *(word.raw for word in before[found.command : found.command + 1])]
    lines = []
    for item in found.items[:_MOST]:
        rest = quote_rest(item.value[len(last.text) :], last)
        if rest is not None:
            lines.append(f"{replaced}{rest}{'' if last.quote or item.is_open else ' '}")
    return ["files"] if found.files else ["words", *lines]


def _answer_zsh(text: str, *before: str) -> list[str]:
    """For zsh: the beginning of the last word, and the words before it, all without their quotes."""
    return _tabled(_complete(before, text), lambda is_open: "open\t" if is_open else "whole\t")


def _answer_fish(raw: str, *before: str) -> list[str]:
    """For fish: the last word as it was typed, and the words before it without their quotes."""
    from gitxp.cli.shell_words import split_line

    last = split_line(raw)[-1]
    return [] if last.is_expanded else _tabled(_complete(before, last.text), lambda _: "")


_ANSWERS: dict[str, Callable[..., list[str]]] = {"bash": _answer_bash, "zsh": _answer_zsh, "fish": _answer_fish}


def _tabled(found: Completion, mark: Callable[[bool], str]) -> list[str]:
    """A word on each line, and behind a tab what is said of it."""
    if found.command is not None:
        return ["command", str(found.command)]
    lines = [
        f"{mark(bool(item.is_open))}{item.value}" + (f"\t{item.help}" if item.help else "")
        for item in found.items[:_MOST]
    ]
    return ["files"] if found.files else ["words", *lines]


def _complete(words: Sequence[str], text: str) -> Completion:
    from gitxp.cli.app import cli
    from gitxp.cli.completing import complete

    return complete(cli, words, text)
