"""Hydra: the configuration that it composed for a job, and the overrides, before the job begins.

With `--multirun`, one configuration is composed for the whole, and is no job's; then one for each job, some twice. Of
`${a.b}` the value is put in its place; what a resolver would say (`${now:%H}`) is left as it is written, for resolvers are
the user's code.
"""

from __future__ import annotations

import sys

from .after_import import dress, step_off
from .interpolation import resolve
from .params import say_params

_OF_JOB = "load_sweep_config"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Set, Tuple

    from .said import Said

# Methods that give a composed configuration: for the program, and for each job of a multirun.
_COMPOSERS = (("Hydra", "compose_config"), ("ConfigLoaderImpl", _OF_JOB))
_MULTIRUN = "MULTIRUN"
_first: Dict[str, Any] = {}  # the configuration of the first job
_jobs: Set[Tuple[str, ...]] = set()  # by their overrides
_MISSING: Any = object()


def look(module: Any, said: Said) -> None:
    """Look at the configurations of Hydra from now on."""
    for kind, method in _COMPOSERS:
        owner = getattr(module, kind, None)
        if owner is not None and method in vars(owner):
            _wrap(owner, method, said)


def _wrap(owner: Any, method: str, said: Said) -> None:
    compose = getattr(owner, method)

    def wrapper(self: Any, *args: Any, **others: Any) -> Any:
        try:
            config = compose(self, *args, **others)
        except BaseException as error:
            step_off(error)
            raise
        try:
            if getattr(others.get("run_mode"), "name", "") != _MULTIRUN:
                _say(config, said, is_job=method == _OF_JOB)
            elif others.get(
                "with_log_configuration"
            ):  # else it only wants to know which mode the configuration asks for
                say_params(said, "hydra", {"hydra": {"mode": _MULTIRUN}})
        except Exception as error:
            said.problem("The configuration of Hydra", error)
        return config

    setattr(owner, method, dress(wrapper, compose))


def _say(config: Any, said: Said, *, is_job: bool) -> None:
    whole = sys.modules["omegaconf"].OmegaConf.to_container(config, resolve=False)  # Hydra imports it
    hydra = whole.pop("hydra", None) or {}
    overrides = [str(word) for word in (hydra.get("overrides") or {}).get("task") or ()]
    given = [word.partition("=")[0].lstrip("+~") for word in overrides]
    params = resolve(whole)
    if not is_job:
        say_params(said, "hydra", params, given, overrides=overrides, complete=True)
        return
    if tuple(overrides) in _jobs:
        return
    _jobs.add(tuple(overrides))
    new = {name: value for name, value in params.items() if _first.get(name, _MISSING) != value}
    if not _first:
        _first.update(params)
    say_params(said, "hydra", new, given, overrides=overrides, complete=True, job=True)
