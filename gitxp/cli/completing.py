"""What may follow at the end of a command line, word by word, told to a shell that completes it.

click knows the commands, their options and their choices. What else a word can be is told by what `--help` calls it
(`RUN`, `WHERE`, `KEY,…`), so that a command is completed as soon as it is written: see `completed`. click's own way from
the shell to here is not used: its scripts insert words without quoting them, and split them at `=` and `@`.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from gitxp.cli.completed import Completion, Place, complete_value
from gitxp.render.safe import is_safe, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.cli.completed import Item

_LONGEST = 500  # characters of a word that is offered


def complete(group: click.Group, words: Sequence[str], text: str) -> Completion:
    """What the last word, of which `text` is the beginning, may be after these words, the first being `gitxp`."""
    with click.Context(group, info_name="gitxp", resilient_parsing=True) as context:
        rest = list(words[1:])
        while rest and rest[0].startswith("-"):
            option = rest.pop(0)
            if option == "-C":
                if not rest:
                    return Completion([], files=True)
                with contextlib.suppress(OSError):
                    os.chdir(rest.pop(0))
        if not rest:
            return Completion(_sound(group.shell_complete(context, text), ""))
        command = group.get_command(context, rest[0])
        if command is None:
            return Completion([])
        return _complete_command(context, command, rest, text, len(words) - len(rest))


def _complete_command(
    context: click.Context, command: click.Command, words: list[str], text: str, skipped: int
) -> Completion:
    begins = _find_command(command, words)
    if begins is not None and (begins < len(words) or not text.startswith("-")):
        return Completion([], command=skipped + begins)
    is_option = text.startswith("-") and "--" not in words
    head, value = "", text
    if is_option and "=" in text:
        name, _, value = text.partition("=")
        head, param = f"{name}=", _find_option(command, name)
        parsed = words
    else:
        param = _find_option(command, words[-1]) if "--" not in words else None
        parsed = words[:-1] if param else words  # an option without its value would end what click reads
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(click.ClickException))
        sub = stack.enter_context(command.make_context(parsed[0], parsed[1:], context, resilient_parsing=True))
        if param is None and is_option:
            return Completion(_sound(command.shell_complete(sub, text), text))
        place = param or _find_argument(command, sub)
        if place is not None:
            return _named(complete_value(Place(sub, place, value)), head, text)
    return Completion([])


def _named(found: Completion, head: str, text: str) -> Completion:
    """The words with what stands before them in the same word: `--sort=`."""
    for item in found.items:
        item.value = head + item.value
    return found._replace(items=_sound(found.items, text))


def _sound(items: Sequence[Item], text: str) -> list[Item]:
    """Those that go on as the word began and are harmless in any terminal; with what is said of them on one line."""
    kept = []
    for item in items:
        value = item.value
        if value.startswith(text) and 0 < len(value) <= _LONGEST and all(map(is_safe, value)):
            item.help = visible(item.help or "")
            kept.append(item)
    return kept


def _find_option(command: click.Command, name: str) -> click.Parameter | None:
    """The option of this name that wants a value."""
    for param in command.params:
        if isinstance(param, click.Option) and name in param.opts and not (param.is_flag or param.count):
            return param
    return None


def _find_argument(command: click.Command, context: click.Context) -> click.Argument | None:
    """The first argument that has no value yet, or takes any number of them."""
    for param in command.params:
        if isinstance(param, click.Argument):
            source = context.get_parameter_source(param.name or "")
            if param.nargs == -1 or source is not ParameterSource.COMMANDLINE:
                return param
    return None


def _find_command(command: click.Command, words: Sequence[str]) -> int | None:
    """Where the user's own command begins, of `gitxp run`: the number of its first word; None for other commands."""
    if command.name != "run":
        return None
    at = 1
    while at < len(words) and words[at].startswith("-"):
        if words[at] == "--":
            return at + 1
        if _find_option(command, words[at]) is not None:
            at += 1
            if at == len(words):
                return None  # the option's value is being typed
        at += 1
    return at
