"""Where an answer goes: a terminal with its width, colours and pager, or a pipe that wants plain text.

The rules are git's, because its users have them in their fingers: colour only on a terminal, long answers through
`$GIT_PAGER`, `core.pager`, `$PAGER` or `less -FRX`, and neither of them in a pipe. Core code never comes here: it
returns facts, `render/` makes text of them, and a command hands that text to a `Terminal`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from gitxp.render.style import Style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_FALLBACK_WIDTH, _FALLBACK_HEIGHT = 80, 24


class Terminal:
    """Standard output as it was found, and what the options say of it.

    `color` tells whether to colour.
    """

    def __init__(self, color: str = "auto") -> None:
        self.is_terminal = sys.stdout.isatty()
        capable = self.is_terminal and os.environ.get("TERM") != "dumb"
        self._choice = color
        self.color = color == "always" or (color == "auto" and capable and not os.environ.get("NO_COLOR"))
        self.can_redraw = capable
        if isinstance(getattr(sys.stdout, "errors", None), str):
            sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]

    @property
    def width(self) -> int | None:
        """The columns to fit into, as they are now; None where nothing limits a line (a pipe or a file, unless `COLUMNS`)."""
        return _columns() or (_size()[0] if self.is_terminal else None)

    @property
    def height(self) -> int | None:
        """The lines of the terminal as it is now; None in a pipe or a file."""
        return _size()[1] if self.is_terminal else None

    @property
    def has_unicode(self) -> bool:
        """Whether standard output takes more than ASCII."""
        try:
            "\u2800─│".encode(sys.stdout.encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def show(self, texts: Iterable[str]) -> None:
        """Write texts as they come, on a terminal each in the place of the one before.

        Where the terminal has another width by then, or cannot move its cursor, each comes below the one before. No state
        is left in the terminal, whenever this ends.
        """
        lines, width = 0, 0
        try:
            for text in texts:
                now = _size()[0]
                back = f"\x1b[{lines}A\r" if lines and now == width and self.can_redraw else ""
                erased = text.replace("\n", "\x1b[K\n") + "\x1b[J" if self.can_redraw else text
                sys.stdout.write(back + erased)
                sys.stdout.flush()
                lines, width = text.count("\n"), now
        except KeyboardInterrupt:
            if self.can_redraw:
                sys.stdout.write("\n")  # behind the ^C that the terminal wrote
            raise

    @property
    def style(self) -> Style:
        """The inks of this terminal."""
        many = "256color" in os.environ.get("TERM", "") or os.environ.get("COLORTERM") in {"truecolor", "24bit"}
        return Style(color=self.color, many=many)

    def git_color(self, key: str) -> str:
        """The option that makes git colour its part as it would on this terminal; `key` is git's, like `color.diff`.

        git does not know `NO_COLOR`, and takes our pager for a file.
        """
        wanted = self.color
        if wanted and self._choice == "auto":
            wanted = _ask_git("config", "--get-colorbool", key, "true") == "true"
        return f"--color={'always' if wanted else 'never'}"

    def print(self, text: str, *, chop: bool = False) -> None:
        """Write a whole answer, through the pager where it is higher than the screen.

        `chop` asks the pager to cut lines at the edge instead of wrapping them.
        """
        if self.is_terminal and text.count("\n") >= _size()[1]:
            with self.paged(chop=chop):
                sys.stdout.write(text)
        else:
            sys.stdout.write(text)
            sys.stdout.flush()

    def print_exact(self, texts: Iterable[str]) -> None:
        """Write what programs read (JSON, comma-separated values): UTF-8 whatever the locale, and never a pager."""
        self.write(text.encode("utf-8", "backslashreplace") for text in texts)

    def print_json(self, value: object) -> None:
        """Write a JSON document (see `render.as_json`)."""
        from gitxp.render.as_json import json_text

        self.print_exact([json_text(value)])

    def print_json_array(self, values: Iterable[object]) -> None:
        """Write a JSON array, an item at a time."""
        from gitxp.render.as_json import json_array

        self.print_exact(json_array(values))

    def write(self, chunks: Iterable[bytes]) -> None:
        """Write bytes as they come, each chunk at once."""
        sys.stdout.flush()
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()

    @contextlib.contextmanager
    def paged(self, command: str | None = None, *, chop: bool = False) -> Iterator[None]:
        """Standard output goes through the user's pager in here, also that of processes that are started meanwhile.

        `command` is git's name of what is shown, for `pager.<command>`. Without a terminal nothing changes. Leaving
        the pager early is no error.
        """
        words = find_pager(command) if self.is_terminal else None
        if words is None:
            yield
            sys.stdout.flush()
            return
        sys.stdout.flush()
        pid, pipe = _start(words, chop=chop)
        screen = os.dup(1)
        os.dup2(pipe, 1)
        # Ctrl-C is the pager's: less stops a search by it, and must not lose its terminal to the shell
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            # A stream of its own: what it could not write when the pager was left must not be flushed to the screen
            with (
                contextlib.suppress(BrokenPipeError),
                os.fdopen(pipe, "w", errors="backslashreplace") as stream,
                contextlib.redirect_stdout(stream),
            ):
                yield
        finally:
            os.dup2(screen, 1)
            os.close(screen)
            os.waitpid(pid, 0)
            signal.signal(signal.SIGINT, before)


def terminal_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--color` and `--no-pager`; it gets a `Terminal` as its argument `terminal`."""

    @functools.wraps(command)
    def with_terminal(*args: Any, color: str, **options: Any) -> Any:
        return command(*args, terminal=Terminal(color), **options)

    choice = click.Choice(["auto", "always", "never"])
    option = click.option(
        "--color", type=choice, default="auto", metavar="WHEN", help="auto (on a terminal), always or never."
    )
    return option(no_pager_option(with_terminal))


def no_pager_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command or the group `--no-pager`, which says so to git's processes as well, as git's own does."""

    def set_pager(_: click.Context, __: click.Parameter, value: bool) -> None:
        if value:
            os.environ["GIT_PAGER"] = "cat"

    option = click.option(
        "--no-pager", is_flag=True, expose_value=False, callback=set_pager, help="Write straight to the terminal."
    )
    return option(command)


def find_pager(command: str | None = None) -> str | None:
    """The shell command of the user's pager, chosen as git chooses it; None where none is wanted."""
    pager = os.environ.get("GIT_PAGER")
    if pager is None and command:
        pager = _ask_git("config", "--get", f"pager.{command}")
        if pager is not None and pager.lower() in {"false", "no", "off", "0"}:
            return None
        if pager is not None and pager.lower() in {"", "true", "yes", "on", "1"}:
            pager = None
    if pager is None:
        pager = _ask_git("config", "--get", "core.pager")
    if pager is None:
        pager = os.environ.get("PAGER")
    if pager is None:
        pager = "less"
    return None if pager in {"", "cat"} else pager


def _ask_git(*args: str) -> str | None:
    """What git answers to this, None where it has no answer."""
    from gitxp.git.program import Git

    answer = Git(".").ask(*args)
    return os.fsdecode(answer.stdout).rstrip("\n") if answer.status == 0 else None


def _start(pager: str, *, chop: bool) -> tuple[int, int]:
    """Start the pager; its process id and the descriptor to write to."""
    environ = dict(os.environ)
    environ.setdefault("LESS", "FRSX" if chop else "FRX")
    environ.setdefault("LV", "-c")
    read, write = os.pipe()
    try:
        pid = os.posix_spawnp(
            "sh",  # as git does: the setting is a shell command, and it is the user's own
            ["sh", "-c", pager],
            environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, read, 0)],
            setsigdef=(signal.SIGPIPE, signal.SIGINT),
        )
    except OSError:
        os.close(write)
        raise
    finally:
        os.close(read)
    return pid, write


def _columns() -> int | None:
    """`COLUMNS`, where it holds a sensible number."""
    text = os.environ.get("COLUMNS", "")
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else None


def _size() -> tuple[int, int]:
    """Columns and lines of the terminal that stdout is."""
    try:
        columns, lines = os.get_terminal_size(sys.stdout.fileno())
    except (OSError, ValueError):
        return _FALLBACK_WIDTH, _FALLBACK_HEIGHT
    return columns or _FALLBACK_WIDTH, lines or _FALLBACK_HEIGHT
