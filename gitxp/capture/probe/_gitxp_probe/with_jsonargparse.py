"""jsonargparse, and LightningCLI on top of it: the configuration that it made of the command line and its files."""

from __future__ import annotations

import os
import sys

from .after_import import dress, step_off
from .params import is_asked, say_params

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .said import Said


def look(module: Any, said: Said) -> None:
    """Look at the parsers of jsonargparse from now on."""
    parser = module.ArgumentParser
    parse = parser.parse_args
    own = os.path.dirname(os.path.abspath(module.__file__)) + "/"

    def parse_args(self: Any, args: Any = None, *more: Any, **others: Any) -> Any:
        try:
            found = parse(self, args, *more, **others)
        except BaseException as error:
            step_off(error)
            raise
        try:
            is_own = is_asked(args, own)
            if is_own is not None:
                words = sys.argv[1:] if args is None else args
                given = {word[2:].partition("=")[0] for word in words if word.startswith("--")}
                values = found if isinstance(found, dict) else found.as_dict()
                say_params(said, "argparse", values, given, is_own=is_own, complete=is_own)
        except Exception as error:
            said.problem("The options of jsonargparse", error)
        return found

    parser.parse_args = dress(parse_args, parse)
