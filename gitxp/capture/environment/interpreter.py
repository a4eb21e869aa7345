"""Which Python a command runs on, and where its packages are.

The program itself where it is a Python; the one in its first line where it is a script (`./train.py`, `torchrun`);
the project's `.venv` under `uv run`; else what `python3` or `python` means on the PATH. Of a virtual environment
`pyvenv.cfg` tells all; another interpreter is asked once, isolated and without site, with a time limit, and the answer
is kept for as long as the program is the same file.
"""

from __future__ import annotations

import os

from gitxp.capture.asking import ask, which
from gitxp.capture.kept import MustAsk, keep, load_kept
from gitxp.capture.params.launchers import is_python

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, NamedTuple
else:
    from gitxp.light import NamedTuple

TIMEOUT = 5.0
_CACHE = "interpreters"
# What tells version managers (pyenv, asdf, mise) which Python a folder wants.
_VERSION_FILES = (".python-version", ".tool-versions", "mise.toml", ".mise.toml")
_WRAPPERS = frozenset("env nice nohup time timeout setsid stdbuf".split())
_UV = "uv"
# Runs in the user's interpreter, which may be an old one. site is imported, not run: no .pth file is read.
_QUESTION = """
import sys, site, json
user = []
try:
    user = [site.getusersitepackages()]
except (AttributeError, KeyError, OSError, TypeError):
    pass  # old virtual environments have a site of their own; a user may have no home
name = sys.implementation.name
json.dump({
    "executable": sys.executable,
    "version": "%d.%d.%d" % sys.version_info[:3],
    "implementation": {"cpython": "CPython", "pypy": "PyPy"}.get(name, name),
    "prefix": sys.prefix,
    "site": site.getsitepackages(),
    "user": user,
}, sys.stdout)
"""


class Interpreter(NamedTuple):
    """A Python: the path that starts it, its version (`3.11.7`), its prefix, and the folders of its packages."""

    executable: str
    version: str | None
    implementation: str | None
    prefix: str
    site_packages: tuple[str, ...]
    is_virtual: bool

    def to_json(self) -> dict[str, str]:
        """`python` in environment.json."""
        facts = {
            "executable": self.executable,
            "version": self.version,
            "implementation": self.implementation,
            "prefix": self.prefix,
        }
        return {key: value for key, value in facts.items() if value}


class _Asker(NamedTuple):
    """How an interpreter may be asked: where answers are kept, for how long it may think, in seconds (0: not at all)."""

    environ: Mapping[str, str]
    cwd: str
    cache_path: str | None
    timeout: float
    is_guess: bool


def find_interpreter(
    command: Sequence[str], cwd: str, environ: Mapping[str, str], cache_path: str | None, *, timeout: float = TIMEOUT
) -> Interpreter | None:
    """The Python of a command that is run in `cwd` with `environ`, or None where there is none or it does not answer.

    `cache_path` is a folder for answers; None asks each time. `timeout` is in seconds; with 0 no interpreter is run, and
    `MustAsk` is raised where one would have to be.
    """
    executable = _executable(command, cwd, environ)
    is_guess = executable is None
    executable = executable or which("python3", cwd, environ) or which("python", cwd, environ)
    if executable is None:
        return None
    asker = _Asker(environ, cwd, cache_path, timeout, is_guess)
    config = _find_config(executable)
    if config is not None:
        return _from_config(executable, *config, asker)
    found = _asked(executable, asker)
    # a shim of a version manager led to another program, maybe that of a virtual environment
    config = _find_config(found.executable) if found and found.executable != executable else None
    return _from_config(found.executable, *config, asker) if found and config else found


def _executable(command: Sequence[str], cwd: str, environ: Mapping[str, str]) -> str | None:
    """The Python that the command itself names; None where it names none, and the PATH must do."""
    words = list(command)
    while words and os.path.basename(words[0]) in _WRAPPERS:
        words = _unwrap(words)
    if words:
        if os.path.basename(words[0]) == _UV:
            project = _project_python(cwd)
            if project:
                return project
        program = which(words[0], cwd, environ)
        if program and is_python(os.path.basename(program)):
            return program
        named = program and _first_line(program)
        if named:
            found = which(named, cwd, environ)
            if found:
                return found
    return None


def _unwrap(words: list[str]) -> list[str]:
    """`env A=b nice -n 5 python` without its first word, and on to the next that may be a program."""
    words = words[1:]
    while words and (words[0].startswith("-") or "=" in words[0] or words[0].replace(".", "").rstrip("smhd").isdigit()):
        words = words[1:]
    return words


def _project_python(cwd: str) -> str | None:
    folder = cwd
    while True:
        path = os.path.join(folder, ".venv", "bin", "python")
        if os.access(path, os.X_OK):
            return path
        if folder == os.path.dirname(folder):
            return None
        folder = os.path.dirname(folder)


def _first_line(path: str) -> str | None:
    """The Python that a script's `#!` names: `#!/usr/bin/env -S python3 -u`, `#!/venv/bin/python`."""
    try:
        with open(path, "rb") as file:
            line = file.read(512)
    except OSError:
        return None
    if not line.startswith(b"#!"):
        return None
    words = os.fsdecode(line[2:].split(b"\n", 1)[0]).split()
    return next((word for word in words if is_python(os.path.basename(word))), None)


def _find_config(executable: str) -> tuple[str, dict[str, str]] | None:
    """The prefix and the pyvenv.cfg of a virtual environment: beside the program or one folder up (PEP 405)."""
    folder = os.path.dirname(executable)
    for prefix in (folder, os.path.dirname(folder)):
        try:
            with open(os.path.join(prefix, "pyvenv.cfg"), encoding="utf-8", errors="replace") as file:
                lines = file.read(65_536).splitlines()
        except OSError:
            continue
        pairs = [line.partition("=") for line in lines]
        return prefix, {key.strip().lower(): value.strip() for key, equals, value in pairs if equals}
    return None


def _from_config(
    executable: str,
    prefix: str,
    config: Mapping[str, str],
    asker: _Asker,
) -> Interpreter | None:
    version = ".".join((config.get("version") or config.get("version_info") or "").split(".")[:3]) or None
    folders = []
    for lib in ("lib", "lib64"):
        for name in _listed(os.path.join(prefix, lib)):
            folder = os.path.realpath(os.path.join(prefix, lib, name, "site-packages"))
            if name.startswith(("python", "pypy")) and os.path.isdir(folder) and folder not in folders:
                folders.append(folder)
    base = None
    if version is None or config.get("include-system-site-packages", "").lower() == "true":
        base = _asked(executable, asker)
    if base:
        version = version or base.version
        folders += [folder for folder in base.site_packages if folder not in folders]
    implementation = config.get("implementation") or (base.implementation if base else None)
    if not implementation:  # venv does not say; PyPy's folder does
        implementation = "PyPy" if any("/pypy" in folder for folder in folders) else "CPython"
    return Interpreter(executable, version, implementation, prefix, tuple(folders), is_virtual=True)


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _asked(executable: str, asker: _Asker) -> Interpreter | None:
    """What an interpreter says of itself, from the cache where the program is still the same file."""
    try:
        about = os.stat(executable)
    except OSError:
        return None
    environ = asker.environ
    cache_path = asker.cache_path
    same: list[object] = [about.st_mtime_ns, about.st_size, environ.get("HOME"), environ.get("PYTHONUSERBASE")]
    if _is_script(executable):
        # A shim of a version manager: its answer hangs on the folder and on variables. Where the command names that
        # Python, it is asked each time; where it is a guess from the PATH, what usually decides is good enough.
        same += [asker.cwd, environ.get("PYENV_VERSION"), *_version_files(asker)]
        cache_path = cache_path if asker.is_guess else None
    facts = _load(cache_path, executable, repr(same))
    if not _is_answer(facts):
        if not asker.timeout:
            raise MustAsk(executable)
        facts = _ask(executable, environ, asker.timeout)
        if not _is_answer(facts):
            return None
        _save(cache_path, executable, repr(same), facts)
    # Python puts the user's own folder before the installation's
    sites = facts["site"] if environ.get("PYTHONNOUSERSITE") else [*facts["user"], *facts["site"]]
    return Interpreter(
        facts["executable"] or executable,
        facts["version"],
        facts["implementation"],
        facts["prefix"],
        tuple(sites),
        is_virtual=False,
    )


def _version_files(asker: _Asker) -> Iterator[tuple[str, int]]:
    folder = asker.cwd
    places = [os.path.join(asker.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv"), "version")]
    while True:
        places += [os.path.join(folder, name) for name in _VERSION_FILES]
        if folder == os.path.dirname(folder):
            break
        folder = os.path.dirname(folder)
    for place in places:
        try:
            yield place, os.stat(place).st_mtime_ns
        except OSError:
            continue


def _is_script(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return True


def _is_answer(facts: Any) -> bool:
    return (
        isinstance(facts, dict)
        and all(isinstance(facts.get(key), str) for key in ("executable", "version", "implementation", "prefix"))
        and all(
            isinstance(facts.get(key), list) and all(isinstance(item, str) for item in facts[key])
            for key in ("site", "user")
        )
    )


def _ask(executable: str, environ: Mapping[str, str], timeout: float) -> Any:
    answer = ask([executable, "-I", "-S", "-c", _QUESTION], environ, timeout)
    return _decode(answer) if answer else None


def _decode(data: bytes) -> Any:
    import json

    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


_TEXTS = ("executable", "version", "implementation", "prefix")


def _load(cache_path: str | None, executable: str, same: str) -> Any:
    """The answer that was kept for this file."""
    fields = load_kept(cache_path, _CACHE, executable, same)
    if fields is None or len(fields) < 5 or not fields[4].isdecimal():
        return None
    sites = 5 + int(fields[4])
    return dict(zip(_TEXTS, fields[:4], strict=True)) | {"site": fields[5:sites], "user": fields[sites:]}


def _save(cache_path: str | None, executable: str, same: str, facts: Mapping[str, Any]) -> None:
    texts = [facts[key] for key in _TEXTS]
    keep(cache_path, _CACHE, executable, same, [*texts, str(len(facts["site"])), *facts["site"], *facts["user"]])
