"""Hydra: the configuration that it composed for a job, and the overrides, before the job begins.

Of `${a.b}` the value is put in its place; what a resolver would say (`${now:%H}`) is left as it is written, for resolvers
are the user's code.
"""

from __future__ import annotations

import sys

from .after_import import dress
from .interpolation import resolve
from .params import say_params

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .said import Said

# Methods that give a composed configuration: for one job, and for each of a sweep.
_COMPOSERS = (("Hydra", "compose_config"), ("ConfigLoaderImpl", "load_sweep_config"))


def look(module: Any, said: Said) -> None:
    """Look at the configurations of Hydra from now on."""
    for kind, method in _COMPOSERS:
        owner = getattr(module, kind, None)
        if owner is not None and method in vars(owner):
            _wrap(owner, method, said)


def _wrap(owner: Any, method: str, said: Said) -> None:
    compose = getattr(owner, method)

    def wrapper(self: Any, *args: Any, **others: Any) -> Any:
        config = compose(self, *args, **others)
        try:
            _say(config, said)
        except Exception as error:
            said.problem("The configuration of Hydra", error)
        return config

    setattr(owner, method, dress(wrapper, compose))


def _say(config: Any, said: Said) -> None:
    whole = sys.modules["omegaconf"].OmegaConf.to_container(config, resolve=False)  # Hydra imports it
    hydra = whole.pop("hydra", None) or {}
    overrides = [str(word) for word in (hydra.get("overrides") or {}).get("task") or ()]
    given = [word.partition("=")[0].lstrip("+~") for word in overrides]
    say_params(said, "hydra", resolve(whole), given, overrides=overrides, complete=True)
