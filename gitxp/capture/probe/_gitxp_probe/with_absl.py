"""absl.flags: all flags that the program and its modules define, when the command line has been parsed."""

from __future__ import annotations

import os

from .after_import import dress, step_off
from .params import is_asked, say_params

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .said import Said


def look(module: Any, said: Said) -> None:
    """Look at the flags of absl from now on."""
    values = module.FlagValues
    call = values.__call__
    own = os.path.dirname(os.path.dirname(os.path.abspath(module.__file__))) + "/"

    def parse(self: Any, argv: Any, *more: Any, **others: Any) -> Any:
        words = list(argv)[1:]
        try:
            found = call(self, argv, *more, **others)
        except BaseException as error:
            step_off(error)
            raise
        try:
            is_own = is_asked(words, own)
            if is_own is not None:
                _say(said, self, is_own=is_own)
        except Exception as error:
            said.problem("The flags of absl", error)
        return found

    values.__call__ = dress(parse, call)


def _say(said: Said, values: Any, *, is_own: bool) -> None:
    params, given = {}, []
    for module, flags in values.flags_by_module_dict().items():
        if module.partition(".")[0] == "absl":  # its own: logging, help
            continue
        for flag in flags:
            params[flag.name] = flag.value
            if hasattr(flag.value, "to_dict"):  # a whole configuration: each part that was given has a flag of its own
                given += [name for name in values if name.startswith(f"{flag.name}.") and values[name].present]
            elif flag.present:
                given.append(flag.name)
    say_params(said, "absl", params, given, is_own=is_own, complete=is_own)
