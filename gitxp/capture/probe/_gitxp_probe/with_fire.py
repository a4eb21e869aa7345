"""fire: the arguments of each function that the command line calls, before it is called."""

from __future__ import annotations

import inspect
import os

from .after_import import dress, step_off
from .params import is_asked, say_params

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .said import Said


def look(module: Any, said: Said) -> None:
    """Look at what fire parses from now on."""
    make = module._MakeParseFn
    own = os.path.dirname(os.path.abspath(module.__file__)) + "/"

    def make_parse_fn(fn: Any, metadata: Any) -> Any:
        parse = make(fn, metadata)

        def parse_fn(args: Any) -> Any:
            words = list(args)
            try:
                found = parse(args)
            except BaseException as error:
                step_off(error)
                raise
            try:
                if is_asked(None, own) is not None:
                    _say(said, fn, words, *found[0])
            except Exception as error:
                said.problem("The arguments of fire", error)
            return found

        return parse_fn

    module._MakeParseFn = dress(make_parse_fn, make)


def _say(said: Said, fn: Any, words: list[str], values: Any, named: Any) -> None:
    target = fn.__init__ if inspect.isclass(fn) else fn
    known = [
        parameter
        for parameter in inspect.signature(target).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    if inspect.isclass(fn) and known:
        known = known[1:]
    params = {parameter.name: value for parameter, value in zip(known, values)}
    defaults = {parameter.name: parameter.default for parameter in known}
    others = {
        parameter.name: parameter.default
        for parameter in inspect.signature(target).parameters.values()
        if parameter.kind == parameter.KEYWORD_ONLY and parameter.default is not parameter.empty
    }
    flags = {word.lstrip("-").partition("=")[0].replace("-", "_") for word in words if word.startswith("-")}
    given = [
        name
        for name, value in params.items()
        if name in flags or f"no{name}" in flags or name[:1] in flags or value is not defaults[name]
    ]
    say_params(said, "fire", {**params, **others, **named}, [*given, *named], complete=True)
