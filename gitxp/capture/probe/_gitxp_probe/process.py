"""Who this process is, said when its main program begins, and what it imports.

When `sitecustomize` runs, Python knows its arguments, and not yet what they mean (`-m` is still to be looked up). The
first code that is executed with a `__main__` that has a file is the main program's.
"""

from __future__ import annotations

import os
import sys
from os import getpid, getppid
from time import monotonic

from .files import where

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List

    from .said import Said

_MAX_ARGUMENTS = 100
_MAX_ARGUMENT = 300
_MAX_MODULES = 5_000
_PYTHONS_OWN = frozenset(getattr(sys, "stdlib_module_names", sys.builtin_module_names)) | {
    "sitecustomize",
    "usercustomize",
}
_PAUSE = 0.05  # seconds between two statements about imports


def watch(said: Said, on_begin: Callable[[], None]) -> Dict[str, Callable[[Any], None]]:
    """Handlers of the events with which a main program begins; `on_begin` is called when it does."""
    said.introduce = about_process
    is_main = False

    def begin(_: Any) -> None:
        nonlocal is_main
        is_main = True
        if not said.begin():  # something was said before, of which program it could not say
            said.say("process", **about_process())
        on_begin()

    def on_exec(_: Any) -> None:
        if not is_main and main_file():
            begin(None)

    return {"exec": on_exec, "cpython.run_command": begin, "cpython.run_stdin": begin}


def main_file() -> str | None:
    """The file of the main program, if it has one yet."""
    found = getattr(sys.modules.get("__main__"), "__file__", None)
    return found if isinstance(found, str) else None


def about_process() -> Dict[str, Any]:
    """The facts of a statement of the kind `process`."""
    info, implementation = sys.version_info, sys.implementation.name
    facts: Dict[str, Any] = {
        "pid": getpid(),
        "ppid": getppid(),
        "argv": [argument[:_MAX_ARGUMENT] for argument in sys.argv[:_MAX_ARGUMENTS]],
        "executable": sys.executable,
        "version": f"{info[0]}.{info[1]}.{info[2]}",
        "implementation": {"cpython": "CPython", "pypy": "PyPy"}.get(implementation, implementation),
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
    }
    cwd = where()
    if cwd:
        facts["cwd"] = cwd
    root = os.environ.get("GITXP_ROOT")
    main = main_file()
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if root:
        facts["root"] = root
    if main:
        facts["main"] = os.path.normpath(os.path.join(cwd, main))
    if spec is not None:
        facts["module"] = spec.name
    return facts


class Imports:
    """The top-level modules that this process imports, said a few at a time, and where they lie when they are loaded."""

    def __init__(self, said: Said) -> None:
        self._said = said
        self._seen: set[str] = set()
        self._new: list[str] = []
        self._loading: list[str] = []
        self._last = 0.0

    def add(self, name: str) -> None:
        """Know of one more."""
        top = name.partition(".")[0]
        if top not in self._seen and len(self._seen) < _MAX_MODULES:
            self._seen.add(top)
            if top not in _PYTHONS_OWN:
                self._loading.append(top)
                if top[:1] != "_":
                    self._new.append(top)
                if self._said.has_begun and monotonic() > self._last + _PAUSE:
                    self.flush()

    def finish(self) -> None:
        """Say also what was imported in ways that are not heard of."""
        for name in list(sys.modules):
            self.add(name)
        self.flush()

    def flush(self) -> None:
        """Say what is new."""
        self._last = monotonic()
        new, self._new = self._new, []
        places = self._places()
        if new or places:
            self._said.say_all("imported", {"modules": new, "places": places})

    def _places(self) -> List[str]:
        """The files and folders of what is loaded by now; those of packages that were installed are known without that."""
        found: List[str] = []
        for name in self._loading[:]:
            module = sys.modules.get(name)
            if issubclass(type(module), type(sys)):
                self._loading.remove(name)
                facts = object.__getattribute__(module, "__dict__")  # for a lazy module's own would load it
                found += [path for path in _paths(facts) if "/site-packages/" not in path]
        return found


def _paths(facts: Dict[str, Any]) -> Iterator[str]:
    """A package's folders, or a module's file."""
    folders = facts.get("__path__")
    folders = getattr(folders, "_path", folders)  # of a namespace package, as they are
    paths = folders if isinstance(folders, list) else [facts.get("__file__")]
    for path in paths:
        if isinstance(path, str) and path:
            yield os.path.abspath(path)
