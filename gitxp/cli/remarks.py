"""What gitxp says beside the answer, on stderr: remarks on what it did, warnings, and the command that shows more."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from gitxp.render.measure import width_of, wrap
from gitxp.render.safe import visible
from gitxp.render.words import count_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gitxp.model import Unread

_MOST_UNREAD = 20


def say(lines: Iterable[str]) -> None:
    """Write lines that are safe for a terminal."""
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    sys.stderr.flush()


def say_wrapped(text: str, width: int | None) -> None:
    """Write a text that is safe for a terminal, on as many lines as it takes."""
    say(wrap(text, width))


def remark(lines: Sequence[str], *, most: int | None = None) -> None:
    """Say what gitxp did or saw, some lines of it at the most; whatever they hold is made visible."""
    shown = lines if most is None else lines[:most]
    more = [f"… and {len(lines) - len(shown)} more"] if len(lines) > len(shown) else []
    say(f"gitxp: {visible(line)}" for line in (*shown, *more))


def warn(text: str) -> None:
    """Say what may make the answer other than expected; whatever it holds is made visible."""
    say([f"Warning: {visible(text)}"])


def warn_unread(unread: Iterable[Unread]) -> bool:
    """Say what cannot be read of which run, and what to do; whether there was anything."""
    told = list(unread)
    for one in told[:_MOST_UNREAD]:
        warn(one.words)
    if len(told) > _MOST_UNREAD:
        warn(f"{len(told) - _MOST_UNREAD:,} more parts of runs cannot be read.")
    if told:
        say(["Hint: All else is shown. What is damaged, and what can be done: gitxp doctor"])
    return bool(told)


def again(command: str, *words: str, **options: str | float | bool | None) -> str:
    """The command as it was given, to which an option is added that shows more; an option that says nothing is left out.

    `group_by="lr"` is `--group-by=lr`, True stands for an option without a value.
    """
    given = ["gitxp", command, *map(shlex.quote, words)]
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            given.append(option)
        elif value:
            given.append(f"{option}={shlex.quote(str(value))}")
    return " ".join(given)


def tell_left(command: str, width: int | None, *left: tuple[int, str, str]) -> None:
    """Say how many there are besides, of what, and the option behind the command that shows them."""
    for count, noun, option in left:
        if count:
            tell_command(f"… and {count_text(count, noun)}", f"{command} {option}", width)


def tell_command(words: str, command: str, width: int | None) -> None:
    """Say what there is besides, and the command that shows it: on a line of its own where both do not fit."""
    line = f"{words}: {command}"
    if width is None or width_of(line) <= width:
        say([line])
    else:
        say([*wrap(f"{words}:", width), f"  {command}"])
