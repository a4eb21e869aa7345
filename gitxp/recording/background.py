"""What a program reads without anybody meaning it as data: its modules and packages, the system's files, caches of tools.

Of the caches below the user's cache folder, those are meant that are told here by their names, and no others: a library
may keep there what it downloaded, and `~/.cache/huggingface/datasets` is data. In the repository nothing is passed over for
its place: what lies there and is not in the snapshot may be anything.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitxp.recording.statements import Statement

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # gitxp itself: the probe loads parts of it
_SYSTEM = tuple(
    "/proc/ /sys/ /dev/ /etc/ /run/ /bin/ /sbin/ /lib/ /lib64/ /usr/ /opt/intel/ /System/ /Library/".split()
)
# Tools whose caches hold what can be made anew at any time: fonts that were found, compiled code, packages.
_CACHES = (
    "black fontconfig jedi matplotlib mesa_shader_cache mesa_shader_cache_db mypy numba nvidia parso pip pre-commit pypoetry "
    "ruff torch_extensions uv"
).split()
_CODE = (".py", ".pyi", ".so", ".pyd")
_FONTS = "fontlist-v"  # matplotlib's, which may lie elsewhere


def background(statements: Sequence[Statement], environ: Mapping[str, str]) -> Callable[[str], bool]:
    """Whether a file that was read, by its absolute path, is in the background of these processes with these variables."""
    processes = [statement.facts for statement in statements if statement.kind == "process"]
    roots = tuple({f"{facts['root'].rstrip('/')}/" for facts in processes if "root" in facts})
    prefixes = {_PACKAGE} | {
        facts[key].rstrip("/") for facts in processes for key in ("prefix", "base_prefix") if key in facts
    }
    # an environment inside of the repository is passed over there for what lies in it
    kept = [prefix for prefix in prefixes if prefix and not any(root.startswith(prefix + "/") for root in roots)]
    places = (*_SYSTEM, *(f"{prefix}/" for prefix in kept), *_caches(environ))
    modules = {
        place
        for statement in statements
        if statement.kind == "imported"
        for place in statement.facts.get("places", ())
        if place.startswith("/")
    }
    packages = tuple(f"{place}/" for place in modules if not place.endswith(_CODE))

    def is_background(path: str) -> bool:
        if path.endswith(".pyc"):
            return True
        if path.startswith(roots):
            return False
        return (
            path.startswith(places)
            or path in modules
            or (path.endswith(_CODE) and path.startswith(packages))
            or os.path.basename(path).startswith(_FONTS)
        )

    return is_background


def _caches(environ: Mapping[str, str]) -> list[str]:
    home = environ.get("HOME", "")
    folder = environ.get("XDG_CACHE_HOME") or (f"{home}/.cache" if home else "")
    return [f"{os.path.normpath(folder)}/{name}/" for name in _CACHES] if folder.startswith("/") else []
