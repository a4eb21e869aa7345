"""argparse: what the outermost parser made of the command line, and which of it was given there.

A parser asks others for its subcommands; the outermost has the whole in the end. That a value was given and is no default
shows in the words that the parser took for it.
"""

from __future__ import annotations

import os
from _thread import get_ident

from .after_import import dress, step_off
from .params import is_asked, say_params

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Set

    from .said import Said

_SUPPRESSED = "==SUPPRESS=="


def look(module: Any, said: Said) -> None:
    """Look at the parsers of argparse from now on."""
    parser = module.ArgumentParser
    own = os.path.abspath(module.__file__)
    given_by_thread: Dict[int, Set[str]] = {}

    def wrap(parse: Any) -> Any:
        def wrapper(self: Any, args: Any = None, namespace: Any = None, *more: Any, **others: Any) -> Any:
            thread = get_ident()
            is_part = thread in given_by_thread  # a subcommand's
            given = given_by_thread.setdefault(thread, set())
            try:
                found = parse(self, args, namespace, *more, **others)
            except BaseException as error:
                step_off(error)
                raise
            finally:
                if not is_part:
                    del given_by_thread[thread]
            if is_part:
                return found
            try:
                is_own = is_asked(args, own)
                if is_own is not None:
                    values = dict(vars(found[0]))
                    say_params(said, "argparse", values, given, is_own=is_own, complete=is_own and not found[1])
            except Exception as error:
                said.problem("The options of argparse", error)
            return found

        return dress(wrapper, parse)

    parser.parse_known_args = wrap(parser.parse_known_args)
    parser.parse_known_intermixed_args = wrap(parser.parse_known_intermixed_args)
    _watch_words(parser, given_by_thread)


def _watch_words(parser: Any, given_by_thread: Dict[int, Set[str]]) -> None:
    """Learn which options are given, while a thread parses."""
    take = parser._get_values

    def get_values(self: Any, action: Any, words: Any, *more: Any, **others: Any) -> Any:
        given = given_by_thread.get(get_ident())
        if given is not None and (words or action.option_strings) and action.dest != _SUPPRESSED:
            given.add(action.dest)
        try:
            return take(self, action, words, *more, **others)
        except BaseException as error:
            step_off(error)
            raise

    parser._get_values = dress(get_values, take)
