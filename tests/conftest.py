"""The seal, and the few things that most tests need.

A test sees neither the developer's configuration nor their terminal, locale or clock zone: the environment is built
from a short list of what may stay and is not what is left after taking away what somebody thought of. HOME is an empty
folder of each test, and `~/.gitconfig` in it is what git, the program, and libgit2 both read, so a test may use
`git config --global`. tests/test_seal.py starts pytest in a poisoned environment to prove it.

git is the referee: whatever repository a test leaves below its `tmp_path` must please `git fsck --strict`. A test that
damages one on purpose says so with `@pytest.mark.damaged`.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pygit2
import pytest
from pygit2.enums import ConfigLevel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).resolve().parent.parent

# What may come in from outside: how programs and libraries are found, where temporary files go, what pytest and its
# plugins tell their workers, and CI, by which hypothesis chooses its profile.
KEPT = re.compile(r"PATH|TMPDIR|TMP|TEMP|CI|LD_LIBRARY_PATH|DYLD_\w+|PYTEST_\w+|HYPOTHESIS_\w+")
FIXED = {
    "LC_ALL": "C.UTF-8",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "TERM": "dumb",
    "COLUMNS": "80",
    "LINES": "24",
    "PAGER": "cat",
    "EDITOR": "true",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
}
WHO = ("USER", "LOGNAME")
# Commits of fixtures are made at this second, so that their ids are the same in every run.
DATES = {"GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z"}
GITCONFIG = """\
[user]
	name = Tester
	email = tester@example.com
[init]
	defaultBranch = main
[core]
	fsync = none
[gc]
	auto = 0
[maintenance]
	auto = false
[protocol "file"]
	allow = always
"""
OUR_REFS = ("refs/experiments/", "refs/gitxp/")


def sealed_environment(home: Path) -> dict[str, str]:
    """The whole environment of a test whose HOME is `home`."""
    environ = {name: value for name, value in os.environ.items() if KEPT.fullmatch(name) or name in WHO}
    # `python` in a test is the one that runs the tests: a shim of a version manager would want the real HOME.
    here = os.path.dirname(sys.executable)
    others = [folder for folder in environ.get("PATH", os.defpath).split(os.pathsep) if folder != here]
    environ["PATH"] = os.pathsep.join([here, *others])
    environ |= FIXED
    environ["HOME"] = str(home)
    for name, folder in {
        "CONFIG": ".config",
        "CACHE": ".cache",
        "DATA": ".local/share",
        "STATE": ".local/state",
    }.items():
        environ[f"XDG_{name}_HOME"] = str(home / folder)
    if not _is_installed():
        environ["PYTHONPATH"] = str(ROOT)
    return environ


def _is_installed() -> bool:
    """Whether `python -m gitxp` finds gitxp by itself; otherwise this checkout is put on its path."""
    try:
        importlib.metadata.distribution("gitxp")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _replace_environment(environ: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(environ):
        del os.environ[name]
    os.environ.update(environ)
    time.tzset()


# Modules under test are imported before any fixture runs, and libgit2 reads HOME when it is loaded.
_replace_environment(sealed_environment(Path(os.devnull)))
os.umask(0o022)


pytest.register_assert_rewrite("probed", "programs")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Make known the option that `scripts/test --integration` passes on."""
    parser.addoption(
        "--integration", action="store_true", help="run the tests that need other projects' packages, alone"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make known the markers."""
    config.addinivalue_line("markers", "damaged: leaves a repository that git fsck refuses, on purpose")
    config.addinivalue_line("markers", "integration: needs packages and programs that only --integration installs")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave only the integration tests with --integration, and skip them without."""
    if config.getoption("--integration"):
        others = [item for item in items if not item.get_closest_marker("integration")]
        items[:] = [item for item in items if item.get_closest_marker("integration")]
        config.hook.pytest_deselected(items=others)
        return
    for item in items:
        if item.get_closest_marker("integration"):
            item.add_marker(pytest.mark.skip(reason="only in scripts/test --integration"))


@pytest.fixture(autouse=True)
def seal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give each test its own HOME (this fixture's value) with a known git identity, and nothing from outside."""
    before, folder, mask = dict(os.environ), os.getcwd(), os.umask(0o022)
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text(GITCONFIG)
    environ = sealed_environment(home)
    # Not before there is a test: pytest names its folder after the user, and refuses one that another user owns.
    environ |= dict.fromkeys(WHO, "tester")
    # A temporary folder inside of some repository must not make a test without one find that.
    environ["GIT_CEILING_DIRECTORIES"] = os.path.realpath(tmp_path_factory.getbasetemp())
    _replace_environment(environ)
    nowhere = str(home / "nowhere")
    paths = pygit2.settings.search_path
    for level, path in {
        ConfigLevel.GLOBAL: str(home),
        ConfigLevel.XDG: str(home / ".config" / "git"),
        ConfigLevel.SYSTEM: nowhere,
        ConfigLevel.PROGRAMDATA: nowhere,
    }.items():
        paths[level] = path
    yield home
    os.chdir(folder)
    os.umask(mask)
    _replace_environment(before)


@pytest.fixture(autouse=True)
def _referee(seal: Path, request: pytest.FixtureRequest) -> Iterator[None]:
    """Let git check every repository that the test leaves below its `tmp_path`."""
    del seal
    if "tmp_path" not in request.fixturenames or request.node.get_closest_marker("damaged"):
        yield
        return
    tmp_path: Path = request.getfixturevalue("tmp_path")
    yield
    for repository in find_repositories(tmp_path):
        answer = fsck(repository)
        assert answer.returncode == 0, f"git fsck --strict {repository}:\n{answer.stdout}{answer.stderr}"


def fsck(repository: str) -> subprocess.CompletedProcess[str]:
    """What `git fsck --strict` says of a git directory."""
    command = ["git", f"--git-dir={repository}", "fsck", "--strict", "--no-dangling", "--no-progress"]
    return subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")


def find_repositories(top: Path) -> Iterator[str]:
    """The git directories below a folder: repositories, bare ones, submodules; not those of linked worktrees."""
    for folder, folders, files in os.walk(top):
        if "HEAD" in files and "objects" in folders and "refs" in folders:
            yield folder
            folders[:] = [name for name in folders if name == "modules"]


class Git:
    """git, the program: `git("rev-parse", "HEAD")` gives its stdout, stripped; `raw` gives the bytes."""

    def raw(
        self,
        *args: str | os.PathLike[str],
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        input: bytes | str = b"",  # noqa: A002  (what subprocess calls it)
        check: bool = True,
    ) -> bytes:
        """The stdout; `env` is added to the environment; a failure is an AssertionError with git's own words."""
        data = os.fsencode(input)
        answer = subprocess.run(
            ["git", *args], cwd=cwd, env={**os.environ, **(env or {})}, input=data, capture_output=True, check=False
        )
        if check and answer.returncode:
            words = (answer.stdout + answer.stderr).decode(errors="replace")
            pytest.fail(f"git {' '.join(map(str, args))}: exit status {answer.returncode}\n{words}")
        return answer.stdout

    def __call__(self, *args: str | os.PathLike[str], **options: Any) -> str:
        """The stdout as text without the newline at its end; options as in `raw`."""
        return os.fsdecode(self.raw(*args, **options)).rstrip("\n")


class Gitxp:
    """The real command in a process of its own: `gitxp("run", "true")`."""

    # -P: what lies in the current folder must not stand in for a module of gitxp's, as it cannot for the installed
    # command; children do not inherit it.
    command = (sys.executable, "-P", "-m", "gitxp")

    def __call__(
        self,
        *args: str | os.PathLike[str],
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        input: str = "",  # noqa: A002  (what subprocess calls it)
        check: bool = True,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end, its output as text; with `check`, an exit status that is not 0 fails the test."""
        answer = subprocess.run(
            [*self.command, *args],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            input=input,
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=timeout,
        )
        if check and answer.returncode:
            words = " ".join(map(str, args))
            pytest.fail(f"gitxp {words}: exit status {answer.returncode}\n{answer.stdout}{answer.stderr}")
        return answer

    def start(
        self,
        *args: str | os.PathLike[str],
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        **options: Any,
    ) -> subprocess.Popen[bytes]:
        """Start it and go on; stdin is empty and the outputs are pipes unless `options` say otherwise."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [*self.command, *args], cwd=cwd, env={**os.environ, **(env or {})}, **{**streams, **options}
        )


@pytest.fixture
def git() -> Git:
    """git, the program."""
    return Git()


@pytest.fixture
def gitxp() -> Gitxp:
    """The command under test."""
    return Gitxp()


@pytest.fixture
def repo(tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> str:
    """A repository with one commit of one file (train.py, two lines), and the current folder: its path."""
    path = tmp_path / "repo"
    git("init", "--quiet", path)
    (path / "train.py").write_text('"""A training script."""\nprint("loss: 0.5")\n')
    git("add", "--all", cwd=path)
    git("commit", "--quiet", "--message=First", cwd=path, env=DATES)
    monkeypatch.chdir(path)
    return str(path)


@pytest.fixture
def untouched(git: Git) -> Callable[..., contextlib.AbstractContextManager[None]]:
    """Hold that nothing of the user's changes in the repository of the current folder.

    It is called: `with untouched(): …`. What must stay is the working tree (names, types, modes, times, bytes), every
    file of the git directory outside of objects and of gitxp's own folder (HEAD, index with its time, configuration,
    reflogs, MERGE_HEAD, …), and every ref outside of gitxp's. `untouched(path)` looks at another repository;
    `but=("out.txt",)` names files of the working tree that may change.
    """

    @contextlib.contextmanager
    def hold(path: str | os.PathLike[str] | None = None, *, but: tuple[str, ...] = ()) -> Iterator[None]:
        top = git("rev-parse", "--show-toplevel", cwd=path)
        before = _state(git, top, but)
        yield
        after = _state(git, top, but)
        changed = {key: (before.get(key), after.get(key)) for key in before.keys() | after.keys()}
        assert {key: pair for key, pair in changed.items() if pair[0] != pair[1]} == {}

    return hold


def _state(git: Git, top: str, but: tuple[str, ...]) -> dict[str, object]:
    """All that a user may call their own in a repository: what it is, by a name to report it with."""
    state: dict[str, object] = {}
    for folder, folders, files in os.walk(top):
        place = os.path.relpath(folder, top)
        for name in [*folders, *files]:
            path = os.path.normpath(os.path.join(place, name))
            if name != ".git" and path not in but:
                state[f"worktree {path}"] = _entry(os.path.join(folder, name))
        folders[:] = [name for name in folders if name != ".git"]
    common = git("rev-parse", "--path-format=absolute", "--git-common-dir", cwd=top)
    for folder, folders, files in os.walk(common):
        place = os.path.relpath(folder, common)
        folders[:] = [name for name in folders if not _is_ours(os.path.normpath(os.path.join(place, name)))]
        for name in files:
            path = os.path.normpath(os.path.join(place, name))
            # Refs are compared below, wherever they are kept; git touches a shared index that it reads.
            if name != "packed-refs" and not name.startswith("sharedindex."):
                state[f"gitdir {path}"] = _entry(os.path.join(folder, name))
    for line in git("for-each-ref", "--format=%(refname) %(objectname) %(symref)", cwd=top).splitlines():
        if not line.startswith(OUR_REFS):
            state[f"ref {line.split()[0]}"] = line
    return state


def _is_ours(folder: str) -> bool:
    """Whether a folder of the git directory is no part of what must stay as it is."""
    if os.path.basename(folder) in {"objects", "lfs"}:
        return True
    return folder in {"refs", "gitxp", "logs/refs/experiments", "logs/refs/gitxp"}


def _entry(path: str) -> tuple[object, ...]:
    """Type, mode, time and content of one file; of a folder only its mode."""
    status = os.lstat(path)
    if stat.S_ISDIR(status.st_mode):
        return (oct(status.st_mode),)
    content: str | bytes = b""
    if stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)
    elif stat.S_ISREG(status.st_mode):
        with contextlib.suppress(PermissionError), open(path, "rb") as file:
            content = file.read()
    return oct(status.st_mode), status.st_mtime_ns, content
