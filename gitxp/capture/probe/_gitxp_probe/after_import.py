"""Have a look at a module when the program imports it, and not before: what is not used is not loaded.

For as long as a package of ours to look at is being loaded, a finder stands before Python's own; what it finds is found
by the others, with a loader that calls us when the module is there. Then the loader is the module's own again.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Sequence

    from .process import Imports
    from .said import Said

# The modules that parse command lines and configurations, and ours that look at them.
_LOOKS = {
    "argparse": "with_argparse",
    "click.core": "with_click",
    "typer._click.core": "with_click",
    "absl.flags._flagvalues": "with_absl",
    "fire.core": "with_fire",
    "jsonargparse._core": "with_jsonargparse",
    "hydra._internal.hydra": "with_hydra",
    "hydra._internal.config_loader_impl": "with_hydra",
    "omegaconf.omegaconf": "with_omegaconf",
}
_PACKAGES = frozenset(name.partition(".")[0] for name in _LOOKS)


class Watch:
    """What happens at imports: `on_import` is called before each."""

    def __init__(self, said: Said, imports: Imports) -> None:
        self._said = said
        self._imports = imports
        self._finder = _Finder(self)

    def on_import(self, args: Any) -> None:
        """Make ready for a module that is about to be loaded."""
        name = args[0]
        self._imports.add(name)
        if name.partition(".")[0] in _PACKAGES and self._finder not in sys.meta_path and self._finder.waiting:
            sys.meta_path.insert(0, self._finder)

    def look(self, name: str, module: Any) -> None:
        """Look at a module that has been loaded."""
        try:
            __import__(f"{__package__}.{_LOOKS[name]}", fromlist=["look"]).look(module, self._said)
        except Exception as error:  # another version of it than we know
            self._said.problem(f"What {name} parses", error)


class _Finder:
    """Finds what it is `waiting` for, and nothing else; with nothing to wait for in a package, it is not there."""

    def __init__(self, watch: Watch) -> None:
        self.waiting = set(_LOOKS)
        self._watch = watch

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> Any:
        """The spec of the other finders, with a loader of ours."""
        if name not in self.waiting:
            return None
        self.waiting.discard(name)
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            spec = None if finder is self or find is None else find(name, path, target)
            if spec is not None:
                break
        else:
            spec = None
        if not any(other.partition(".")[0] in sys.modules for other in self.waiting):
            sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader, self._watch)
        return spec


class _Loader:
    """Loads by another loader, which is the module's own, and looks at what was loaded."""

    def __init__(self, loader: Any, watch: Watch) -> None:
        self._loader = loader
        self._watch = watch

    def create_module(self, spec: Any) -> Any:
        """The other loader's module."""
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        """Execute the module, then look at it."""
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._watch.look(module.__spec__.name, module)


def step_off(error: BaseException) -> None:
    """Take the frame that caught this error out of its traceback: a plain `raise` adds none, from Python 3.11 on."""
    traceback = error.__traceback__
    if traceback is not None:
        BaseException.with_traceback(error, traceback.tb_next)


def dress(wrapper: Any, original: Any) -> Any:
    """Give a function of ours the looks of the one that it calls."""
    for name in ("__module__", "__name__", "__qualname__", "__doc__", "__annotations__"):
        setattr(wrapper, name, getattr(original, name))
    wrapper.__wrapped__ = original
    return wrapper
