"""Before large files go to a storage or come from it: what is told, and what is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gitxp.cli.asking import ask, can_ask
from gitxp.render.safe import visible
from gitxp.render.words import count_text, size_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitxp.cli.network import Listener


def storage_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--trust-storage`."""
    words = "Do not ask about a storage of gitxp.yaml that was not used from here before."
    return click.option("--trust-storage", is_flag=True, help=words)(command)


def exchange_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that exchanges runs with a remote the words `[REMOTE] [RUN…]`, `--trust-storage` and `--quiet`."""
    quiet = click.option("-q", "--quiet", is_flag=True, help="Say only what needs attention.")
    words = click.argument("words", metavar="[REMOTE] [RUN…]", nargs=-1)
    return words(storage_option(quiet(command)))


def storage_asker(*, trust: bool) -> Callable[[str], bool]:
    """What decides on a storage that was not used from here before: `trust`, or else the user, where there is a terminal."""

    def decide(address: str) -> bool:
        named = f"gitxp.yaml names the storage {address}, which was never used from here."
        return trust or (can_ask() and ask(f"{named} Use it, with your credentials?"))

    return decide


def tell_storing(listener: Listener, address: str, count: int, size: int) -> None:
    """Say, before it is done, that large files go to a storage, or come from one or a remote."""
    listener.say([f"{count_text(count, 'large file')} ({size_text(size)}), with {visible(address)}"])
