"""OmegaConf without Hydra: the configurations that the user's own code loads and merges."""

from __future__ import annotations

import os
import sys

from .after_import import dress, step_off
from .interpolation import resolve
from .params import is_users_frame, say_params

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .said import Said

_METHODS = ("load", "merge", "from_cli")


def look(module: Any, said: Said) -> None:
    """Look at the configurations of OmegaConf from now on."""
    owner = module.OmegaConf
    own = os.path.dirname(os.path.abspath(module.__file__)) + "/"
    for method in _METHODS:
        _wrap(owner, method, own, said)


def _wrap(owner: Any, method: str, own: str, said: Said) -> None:
    make = getattr(owner, method)

    def wrapper(*args: Any, **others: Any) -> Any:
        try:
            config = make(*args, **others)
        except BaseException as error:
            step_off(error)
            raise
        try:
            if is_users_frame(sys._getframe(1), own):
                container = owner.to_container(config, resolve=False)
                if isinstance(container, dict):
                    say_params(said, "omegaconf", resolve(container))
        except Exception as error:
            said.problem("The configuration of OmegaConf", error)
        return config

    setattr(owner, method, staticmethod(dress(wrapper, make)))
