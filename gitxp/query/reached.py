"""Which files of a snapshot a run's command leads to: what it names, and what that imports, as far as the text tells.

The record says which packages were imported, and not which files of the project, which are in the snapshot anyway. So the
import statements are followed, from the script or the module that the command names, without running or parsing anything:
a line that looks like an import and means a file of the snapshot is taken for one. It puts changes in an order and decides
nothing; what is imported by other ways (importlib, plugins) is missed.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from gitxp.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitxp.git.objects import Objects
    from gitxp.git.program import Git
    from gitxp.model import Run

_MOST_WORDS = 200
_MOST_FILES, _MOST_BYTES, _MOST_IN_ALL = 500, 1 << 20, 16 << 20
_IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]+(?:\(([^)]{0,4000})\)|([^\n#;]{0,1000}))|import[ \t]+([^\n#;]{1,1000}))",
    re.MULTILINE,
)
_NAME = re.compile(rb"[\w.]+")


def find_reached(objects: Objects, git: Git, run: Run) -> set[str]:
    """The paths of the files of a run that its command names or imports, directly or through others. Raises `GitFailed`."""
    listed = git.run("ls-tree", "-r", "-z", "--name-only", "--full-tree", run.commit)
    files = {path.decode("utf-8", "surrogateescape") for path in listed.split(b"\0")}
    waiting = list(_named(run, files))
    reached = set(waiting)
    roots = list(dict.fromkeys([*map(posixpath.dirname, waiting), _normal(run.record.get("cwd", "")), "", "src"]))
    room = _MOST_IN_ALL
    while waiting and room > 0 and len(reached) < _MOST_FILES:
        path = waiting.pop()
        if not path.endswith(".py"):
            continue
        try:
            source = objects.read_file(run.commit, path, _MOST_BYTES) or b""
        except FormatError:
            continue
        room -= len(source)
        for module in _imports(source, path):
            for found in _files_of(module, path, roots, files):
                if found not in reached:
                    reached.add(found)
                    waiting.append(found)
    return reached


def _named(run: Run, files: set[str]) -> Iterator[str]:
    """The files that the words of the command name."""
    cwd = _normal(run.record.get("cwd", ""))
    words = run.command[:_MOST_WORDS]
    for before, word in zip(("", *words), words, strict=False):
        path = _normal(posixpath.join(cwd, word))
        if before == "-m":
            tail = word.replace(".", "/")
            candidates = [f"{tail}/__main__.py", f"{tail}.py"]
            yield from (found for name in candidates if (found := _normal(posixpath.join(cwd, name))) in files)
        elif path in files:
            yield path


def _normal(path: str) -> str:
    normal = posixpath.normpath(path) if path else ""
    return "" if normal == "." else normal


def _imports(source: bytes, path: str) -> Iterator[str]:
    """The modules that a source imports, dotted; relative ones as paths from the top, which begin with `/`."""
    for match in _IMPORT.finditer(source):
        start, several, single, plain = match.groups()
        if plain is not None:
            for part in plain.split(b","):
                if name := _NAME.match(part.strip()):
                    yield name[0].decode()
            continue
        module = start.decode()
        dots = len(module) - len(module.lstrip("."))
        base = module.lstrip(".")
        if dots:
            folder = posixpath.dirname(path)
            for _ in range(dots - 1):
                folder = posixpath.dirname(folder)
            base = "/" + posixpath.join(folder, base.replace(".", "/"))
        yield base
        separator = "/" if dots else "."
        for name in _NAME.findall(several or single or b"")[:200]:
            yield f"{base.rstrip('/')}{separator}{name.decode()}"


def _files_of(module: str, path: str, roots: Sequence[str], files: set[str]) -> Iterator[str]:
    """The files of a module, and those that make its parents packages."""
    if module.startswith("/"):
        bases = [module[1:]]
    else:
        bases = [posixpath.join(root, module.replace(".", "/")) for root in (posixpath.dirname(path), *roots)]
    for base in bases:
        if f"{base}.py" in files or f"{base}/__init__.py" in files:
            yield from (found for found in (f"{base}.py", f"{base}/__init__.py") if found in files)
            parent = posixpath.dirname(base)
            while parent:
                if f"{parent}/__init__.py" in files:
                    yield f"{parent}/__init__.py"
                parent = posixpath.dirname(parent)
            return
