"""The command of a rerun: that of the run, with other values for some of its options.

`--lr 0.2` replaces the value of an option that the command has, in the way in which it stands there (`--lr=0.1` stays one
word), and is added at the end of the program's options where it has none; `key=value`, as Hydra takes it, likewise. Words that name no option
change nothing that could be told, and another command is no rerun: both are refused.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from gitxp.capture.params.launchers import is_launcher, is_python, program_arguments
from gitxp.capture.secrets.redaction import REDACTED
from gitxp.errors import FormatError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.model import Run

_SCRIPTS = (".py", ".sh")
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "fish"})


class Change(NamedTuple):
    """An option or key and its new values; `is_pair` is whether it was given as one word, `name=value`."""

    name: str
    values: tuple[str, ...]
    is_pair: bool


def changed_command(run: Run, words: Sequence[str]) -> list[str]:
    """The command of a run with these changes. Raises `UsageError` for changes that are none, and for secrets in it.

    A secret is in no record: whoever reruns it has to give it anew. Raises `FormatError` where the record cannot be read.
    """
    if run.problem is not None and not run.command:
        raise FormatError(
            f"{run.name} cannot be run again. {run.problem}", hint=f"Its files can be had: gitxp restore {run.name}"
        )
    command = list(run.command)
    if not command:
        raise UsageError(f"{run.name} has no command in its record.", hint="Restore it, and run what you want there.")
    changes = parse_changes(words)
    if changes and _is_shell_line(command):
        raise UsageError(
            f"The command of {run.name} is a line for a shell, in which no option can be changed.",
            hint=f"Restore it, and run what you want there: gitxp restore {run.name}",
        )
    for change in changes:
        command = _apply(command, change)
    _refuse_secrets(run, command)
    return command


def parse_changes(words: Sequence[str]) -> list[Change]:
    """The changes that these words say. `UsageError` for a word that belongs to no option."""
    changes: list[Change] = []
    for word in words:
        name, equals, value = word.partition("=")
        if is_option(word):
            changes.append(Change(name, (value,) if equals else (), bool(equals)))
        elif changes and not changes[-1].is_pair:
            changes[-1] = changes[-1]._replace(values=(*changes[-1].values, word))
        elif equals and name and not any(c.isspace() for c in name):
            changes.append(Change(name, (value,), is_pair=True))
        else:
            raise UsageError(
                f"{word!r} changes no option.",
                hint="Give options with their values, '--lr 0.2' or 'lr=0.2'; for another command: gitxp restore",
            )
    return changes


def is_option(word: str) -> bool:
    """Whether a word is an option: it begins with a dash, and is no number."""
    if not word.startswith("-") or word in {"-", "--"}:
        return False
    try:
        float(word)
    except ValueError:
        return True
    return False


def _apply(command: list[str], change: Change) -> list[str]:
    places = [n for n, word in enumerate(command) if n and (word == change.name or word.startswith(f"{change.name}="))]
    if not is_option(change.name):
        places = [n for n in places if command[n] != change.name]
    if len(places) > 1:
        raise UsageError(
            f"{change.name} stands {len(places)} times in the command.",
            hint="Which one is meant cannot be told: restore the run, and run the command there.",
        )
    if not places:
        end = _end_of_options(command)
        return [*command[:end], *_as_words(change), *command[end:]]
    (place,) = places
    if command[place] != change.name:  # one word
        if len(change.values) != 1:
            raise UsageError(f"{change.name} has one value in the command.", hint=f"Give one: {change.name}=VALUE")
        return [*command[:place], f"{change.name}={change.values[0]}", *command[place + 1 :]]
    if not change.values:
        return command
    end = place + 1
    while end < len(command) and not is_option(command[end]) and command[end] != "--":
        end += 1
    count = len(change.values)
    if count > 1 and end - place - 1 != count:
        raise UsageError(
            f"{change.name} has {end - place - 1} values in the command, and {count} were given.",
            hint="Which words are its values cannot be told then: restore the run, and run the command there.",
        )
    if change.is_pair and is_option(change.name) and change.values[0].startswith("-"):
        # in a word of its own it could be taken for an option, as argparse takes -1e-3
        return [*command[:place], *_as_words(change), *command[min(place + 2, end) :]]
    # one value takes the place of the first word: what follows may be an argument of its own
    return [*command[: place + 1], *change.values, *command[min(place + 1 + count, end) :]]


def _end_of_options(command: Sequence[str]) -> int:
    """Where options of the user's program end: at its `--`, behind which it takes no word for one, or at the end."""
    start = len(command) - len(program_arguments(command, "."))
    while "--" in command[start:]:
        end = command.index("--", start)
        if not _is_program(command[end + 1 : end + 2]):
            return end
        # what stands before it is a launcher that we do not know
        start = len(command) - len(program_arguments(command[end + 1 :], "."))
    return len(command)


def _is_program(words: Sequence[str]) -> bool:
    names = [os.path.basename(word) for word in words]
    return any(is_python(name) or is_launcher(name) or name.endswith(_SCRIPTS) for name in names)


def _as_words(change: Change) -> list[str]:
    if change.is_pair:
        return [f"{change.name}={change.values[0]}"]
    return [change.name, *change.values]


def _is_shell_line(command: Sequence[str]) -> bool:
    return os.path.basename(command[0]) in _SHELLS and any(
        word.startswith("-") and not word.startswith("--") and word.endswith("c") for word in command[1:3]
    )


def _refuse_secrets(run: Run, command: Sequence[str]) -> None:
    for number, word in enumerate(command):
        if REDACTED not in word:
            continue
        before = command[number - 1] if number else ""
        name = word.partition("=")[0] if "=" in word else before
        if is_option(name) or ("=" in word and word.partition("=")[2] == REDACTED):
            example = f"{name}=…" if "=" in word else f"{name} …"
            raise UsageError(
                f"The command of {run.name} has a secret, which was not recorded: {example}",
                hint=f"Give it anew: gitxp rerun {run.name} -- {example}",
            )
        raise UsageError(
            f"The command of {run.name} has a secret, which was not recorded: {word!r}.",
            hint=f"Restore it, and run the command there: gitxp restore {run.name}",
        )
