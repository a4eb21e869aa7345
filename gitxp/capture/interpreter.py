"""Which Python a command runs on, and where its packages are.

The program itself where it is a Python; the one in its first line where it is a script (`./train.py`, `torchrun`);
the project's `.venv` under `uv run`; else what `python3` or `python` means on the PATH. Of a virtual environment
`pyvenv.cfg` tells all; another interpreter is asked once, isolated and without site, with a time limit, and the answer
is kept for as long as the program is the same file.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from gitxp.capture.launchers import is_python

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TIMEOUT = 5.0
_MAX_ANSWER = 65_536
_CACHE = "interpreters.json"
_MAX_CACHED = 50
_WRAPPERS = frozenset("env nice nohup time timeout setsid stdbuf".split())
_UV = "uv"
# Runs in the user's interpreter, which may be an old one. site is imported, not run: no .pth file is read.
_QUESTION = """
import sys, site, json
user = []
try:
    user = [site.getusersitepackages()]
except Exception:
    pass
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


def find_interpreter(
    command: Sequence[str], cwd: str, environ: Mapping[str, str], cache_path: str | None, *, timeout: float = TIMEOUT
) -> Interpreter | None:
    """The Python of a command that is run in `cwd` with `environ`, or None where there is none or it does not answer.

    `cache_path` is a folder for answers; None asks each time. `timeout` is in seconds.
    """
    executable = _executable(command, cwd, environ)
    if executable is None:
        return None
    config = _find_config(executable)
    if config is not None:
        return _from_config(executable, *config, environ, cache_path, timeout)
    found = _asked(executable, environ, cache_path, timeout)
    # a shim of a version manager led to another program, maybe that of a virtual environment
    config = _find_config(found.executable) if found and found.executable != executable else None
    return _from_config(found.executable, *config, environ, cache_path, timeout) if found and config else found


def _executable(command: Sequence[str], cwd: str, environ: Mapping[str, str]) -> str | None:
    words = list(command)
    while words and os.path.basename(words[0]) in _WRAPPERS:
        words = _unwrap(words)
    if words:
        if os.path.basename(words[0]) == _UV:
            project = _project_python(cwd)
            if project:
                return project
        program = _which(words[0], cwd, environ)
        if program and is_python(os.path.basename(program)):
            return program
        named = program and _first_line(program)
        if named:
            found = _which(named, cwd, environ)
            if found:
                return found
    return _which("python3", cwd, environ) or _which("python", cwd, environ)


def _unwrap(words: list[str]) -> list[str]:
    """`env A=b nice -n 5 python` without its first word, and on to the next that may be a program."""
    words = words[1:]
    while words and (words[0].startswith("-") or "=" in words[0] or words[0].replace(".", "").rstrip("smhd").isdigit()):
        words = words[1:]
    return words


def _which(name: str, cwd: str, environ: Mapping[str, str]) -> str | None:
    folders = [""] if "/" in name else environ.get("PATH", os.defpath).split(os.pathsep)
    for folder in folders:
        path = os.path.normpath(os.path.join(cwd, folder, name))
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


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
    environ: Mapping[str, str],
    cache_path: str | None,
    timeout: float,
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
        base = _asked(executable, environ, cache_path, timeout)
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


def _asked(executable: str, environ: Mapping[str, str], cache_path: str | None, timeout: float) -> Interpreter | None:
    """What an interpreter says of itself, from the cache where the program is still the same file."""
    try:
        about = os.stat(executable)
    except OSError:
        return None
    same = [about.st_mtime_ns, about.st_size, environ.get("HOME"), environ.get("PYTHONUSERBASE")]
    if _is_script(executable):  # a shim: its answer hangs on the folder and on variables
        cache_path = None
    cache = _load(cache_path)
    known = cache.get(executable)
    facts: Any = None
    if isinstance(known, dict) and known.get("same") == same:
        facts = known.get("facts")
    if not _is_answer(facts):
        facts = _ask(executable, environ, timeout)
        if not _is_answer(facts):
            return None
        cache.pop(executable, None)
        _save(cache_path, {**dict(list(cache.items())[-_MAX_CACHED:]), executable: {"same": same, "facts": facts}})
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
    """Run the interpreter, in a process group of its own so that a Ctrl-C is the command's, and read its answer."""
    ours, theirs = os.pipe()
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        pid = os.posix_spawn(
            executable,
            [executable, "-I", "-S", "-c", _QUESTION],
            environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, theirs, 1),
                (os.POSIX_SPAWN_DUP2, null, 2),
            ],
            setpgroup=0,
        )
    except OSError:
        os.close(ours)
        return None
    finally:
        os.close(theirs)
        os.close(null)
    answer = bytearray()
    end = time.monotonic() + timeout
    poll = select.poll()
    poll.register(ours, select.POLLIN)
    try:
        while len(answer) < _MAX_ANSWER:
            left = end - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                break
            piece = os.read(ours, _MAX_ANSWER)
            if not piece:
                return _decode(bytes(answer))
            answer += piece
        return None
    finally:
        os.close(ours)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # it has answered, or it had its time
        os.waitpid(pid, 0)


def _decode(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _load(cache_path: str | None) -> dict[str, Any]:
    if cache_path is None:
        return {}
    try:
        with open(os.path.join(cache_path, _CACHE), "rb") as file:
            cache = _decode(file.read(1 << 20))
    except OSError:
        return {}
    return cache if isinstance(cache, dict) else {}


def _save(cache_path: str | None, cache: Mapping[str, Any]) -> None:
    if cache_path is None:
        return
    path = os.path.join(cache_path, _CACHE)
    temporary = f"{path}.{os.getpid()}"
    try:
        os.makedirs(cache_path, exist_ok=True)
        with open(temporary, "w", encoding="ascii") as file:
            json.dump(cache, file)
        os.replace(temporary, path)
    except OSError:  # a cache that cannot be written is no cache
        with contextlib.suppress(OSError):
            os.unlink(temporary)
