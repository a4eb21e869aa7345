"""click and typer: the parameters of each command of the line, when its words are parsed and before it is called."""

from __future__ import annotations

import os

from .after_import import dress, step_off
from .params import is_asked, say_params

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .said import Said

_REDACTED = "<redacted>"


def look(module: Any, said: Said) -> None:
    """Look at the commands of click from now on."""
    command = vars(module).get("BaseCommand", module.Command)  # before click 8.2; asking for it later warns
    make = command.make_context
    own = os.path.dirname(os.path.abspath(module.__file__)) + "/"

    def make_context(self: Any, info_name: Any, args: Any, *more: Any, **others: Any) -> Any:
        words = list(args)
        try:
            context = make(self, info_name, args, *more, **others)
        except BaseException as error:
            step_off(error)
            raise
        try:
            # of a subcommand the words are a part; whether the whole was asked for, the outermost context knows
            asked = context.find_root().meta.setdefault("_gitxp_probe.asked", is_asked(words, own))
            if asked is not None and not context.resilient_parsing:
                _say(said, self, context, is_own=asked)
        except Exception as error:
            said.problem("The options of click", error)
        return context

    command.make_context = dress(make_context, make)


def _say(said: Said, command: Any, context: Any, *, is_own: bool) -> None:
    source = "typer" if type(command).__module__.partition(".")[0] == "typer" else "click"
    sources = {name: _source(context, name) for name in context.params}
    given = [name for name, found in sources.items() if found == "COMMANDLINE"]
    hidden = [param.name for param in command.params if getattr(param, "hide_input", False)]
    # what was typed at a prompt stays there; what the command line shows has to be found there
    unsaid = set(hidden).difference(given)
    params = {name: _REDACTED if name in unsaid else value for name, value in context.params.items()}
    set_outside = {name: params.pop(name) for name, found in sources.items() if found == "ENVIRONMENT"}
    if set_outside:
        say_params(said, "env", set_outside, is_own=is_own, hidden=hidden)
    has_more = bool(context.args) and not hasattr(command, "commands")  # words that nobody took
    say_params(said, source, params, given, is_own=is_own, complete=is_own and not has_more, hidden=hidden)


def _source(context: Any, name: str) -> str:
    """Where click has a value from, by the name of its `ParameterSource`; empty before click 8, which does not tell."""
    ask = getattr(context, "get_parameter_source", None)
    return getattr(ask(name), "name", "") if ask is not None else ""
