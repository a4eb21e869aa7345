"""The one module that runs git, the program.

Processes are started by `posix_spawn` and read by one `poll` loop, so that several of them work at the same time, and
so that this module stays light: `import subprocess` costs 8 ms more than this needs, on the way from `gitxp run` to
the start of the user's command, where a whole git process costs 2.

Never a shell; arguments are lists. What git inherits is sealed: variables that point it elsewhere are cleared, hooks
and the fsmonitor are off, gc does not start, locks wait, nothing prompts.
"""

from __future__ import annotations

import os
import select
import time

from gitxp.csignal import signal
from gitxp.errors import GitFailed, GitxpError
from gitxp.git.beside import write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any, NamedTuple
else:
    from gitxp.light import NamedTuple

_DEFAULT_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGTERM)
# What schedulers and terminals send to every process of a job.
_TO_ALL = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)

# `git rev-parse --local-env-vars` (a test compares), and what else would change what git answers.
LOCAL_VARIABLES = frozenset(
    "GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_CONFIG GIT_CONFIG_PARAMETERS GIT_CONFIG_COUNT GIT_OBJECT_DIRECTORY GIT_DIR "
    "GIT_WORK_TREE GIT_IMPLICIT_WORK_TREE GIT_GRAFT_FILE GIT_INDEX_FILE GIT_NO_REPLACE_OBJECTS GIT_REPLACE_REF_BASE "
    "GIT_PREFIX GIT_SHALLOW_FILE GIT_COMMON_DIR GIT_INTERNAL_SUPER_PREFIX GIT_ATTR_SOURCE GIT_DIFF_OPTS "
    "GIT_EXTERNAL_DIFF GIT_GLOB_PATHSPECS GIT_ICASE_PATHSPECS GIT_INDEX_VERSION GIT_LITERAL_PATHSPECS GIT_NAMESPACE "
    "GIT_NOGLOB_PATHSPECS GIT_QUARANTINE_PATH GIT_REFLOG_ACTION GIT_TEST_SPLIT_INDEX GIT_TEST_FSMONITOR".split()
)
SEALED = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
    "LANGUAGE": "",
}
SETTINGS = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.safecrlf=false",
    "core.splitIndex=false",
    "core.logAllRefUpdates=always",
    "core.filesRefLockTimeout=10000",
    "core.packedRefsTimeout=10000",
    "core.fsync=loose-object,pack,reference",
    "core.fsyncMethod=batch",
    "fastimport.unpackLimit=100",
    "gc.auto=0",
    "maintenance.auto=false",
)
# git 2.34 and 2.35 know only this name for it; newer ones warn about it on stderr, which nobody sees.
_SETTINGS_BEFORE_2_36 = ("core.fsyncObjectFiles=true",)


_CHUNK = 1 << 16
_VERSION_FILE = "git-version"


class Answer(NamedTuple):
    """What a finished git process left: exit status (-n: killed by signal n), stdout, stderr."""

    status: int
    stdout: bytes
    stderr: bytes


class Process:
    """A git process that works while we do something else; `gather` or `result` ends it."""

    def __init__(
        self, args: Sequence[str], directory: str, pid: int, stdin: int | None, stdout: int, stderr: int
    ) -> None:
        self.args = args
        self.directory = directory
        self.pid = pid
        self.stdin = stdin
        self.out = {stdout: bytearray(), stderr: bytearray()}
        self._stdout, self._stderr = stdout, stderr
        self.answer: Answer | None = None
        self._open = len(self.out)

    def send(self, data: bytes) -> None:
        """Write to its stdin now. Only for what fits into a pipe (a few KB) or is read at once."""
        assert self.stdin is not None
        view = memoryview(data)
        while view:
            view = view[os.write(self.stdin, view) :]

    def result(self, data: bytes = b"") -> Answer:
        """Feed `data` to its stdin, close that, and wait for the end."""
        return gather(self, data=data)[0]

    def check(self, data: bytes = b"") -> bytes:
        """Like `result`; the stdout, or `GitFailed`."""
        return checked(self.args, self.result(data))

    def stream(self) -> Iterator[bytes]:
        """Its stdout in pieces, as it comes; `GitFailed` at the end where it failed. Whoever stops early ends it."""
        poll = select.poll()
        for fd in self.out:
            poll.register(fd, select.POLLIN)
        self.close_stdin()
        try:
            while self.answer is None:
                for fd, _ in poll.poll():
                    if not self.read(fd):
                        poll.unregister(fd)
                    elif fd == self._stdout:
                        chunk = bytes(self.out[fd])
                        self.out[fd].clear()
                        yield chunk
            checked(self.args, self.answer)
        finally:
            self.close()

    def watch(self, on_stderr: Callable[[bytes], None], data: bytes = b"") -> Answer:
        """Feed `data` to its stdin and wait for the end, handing on what it says on stderr as it comes; all that it left.

        Whoever is interrupted meanwhile ends it.
        """
        poll = select.poll()
        for fd in self.out:
            poll.register(fd, select.POLLIN)
        writer = _Writer(self, data)
        if writer.fd is not None:
            poll.register(writer.fd, select.POLLOUT)
        said = 0
        left = set(self.out)
        try:
            while self.answer is None:
                for fd, _ in poll.poll():
                    if fd not in self.out:
                        if writer.write():
                            poll.unregister(fd)
                            writer.close()
                    elif not self.read(fd):
                        poll.unregister(fd)
                        left.remove(fd)
                    elif fd == self._stderr:
                        on_stderr(bytes(self.out[fd][said:]))
                        said = len(self.out[fd])
        finally:
            if self.answer is None:
                self._end(left)
        return self.answer

    def _end(self, left: Iterable[int]) -> None:
        """Let it take its lock files away, which a kill would leave, and do not wait for those that it started."""
        os.kill(self.pid, signal.SIGTERM)
        self.close_stdin()
        for fd in left:
            os.close(fd)
        self._reap()

    def close(self) -> None:
        """Kill it, if it still lives, and forget it."""
        if self.answer is None:
            os.kill(self.pid, signal.SIGKILL)
            gather(self)

    def close_stdin(self) -> None:
        """Tell it that there is no more to read."""
        if self.stdin is not None:
            os.close(self.stdin)
            self.stdin = None

    def result_within(self, timeout: float) -> Answer | None:
        """What it leaves, if it ends within so many seconds; else it is killed, with all of its group, and this is None.

        It wants to have been started with a group of its own, and has no stdin.
        """
        until = time.monotonic() + timeout
        poll = select.poll()
        left = set(self.out)
        for fd in left:
            poll.register(fd, select.POLLIN)
        while self.answer is None:
            ready = poll.poll(max(0.0, until - time.monotonic()) * 1000)
            if not ready:
                os.killpg(self.pid, signal.SIGKILL)
                for fd in left:
                    os.close(fd)
                os.waitpid(self.pid, 0)
                return None
            for fd, _ in ready:
                if not self.read(fd):
                    poll.unregister(fd)
                    left.remove(fd)
        return self.answer

    def read(self, fd: int) -> bool:
        """Take what it wrote to this one of its two outputs; False at the end, and at the end of both it is reaped."""
        chunk = os.read(fd, 1 << 20)
        if chunk:
            self.out[fd] += chunk
            return True
        os.close(fd)
        self._open -= 1
        if not self._open:
            self._reap()
        return False

    def _reap(self) -> None:
        _, status = os.waitpid(self.pid, 0)
        self.answer = Answer(
            os.waitstatus_to_exitcode(status), bytes(self.out[self._stdout]), bytes(self.out[self._stderr])
        )


def gather(*processes: Process, data: bytes = b"") -> list[Answer]:
    """Read them (one at the least) to their ends at once, none blocking another; `data` is for the stdin of the first."""
    poll = select.poll()
    readers = {fd: process for process in processes if process.answer is None for fd in process.out}
    for fd in readers:
        poll.register(fd, select.POLLIN)
    writer = _Writer(processes[0], data)
    if writer.fd is not None:
        poll.register(writer.fd, select.POLLOUT)
    for process in processes[1:]:
        process.close_stdin()
    while readers or writer.fd is not None:
        for fd, _ in poll.poll():
            if fd in readers:
                if not readers[fd].read(fd):
                    poll.unregister(fd)
                    del readers[fd]
            elif writer.write():
                poll.unregister(fd)
                writer.close()
    return [process.answer for process in processes if process.answer is not None]


class _Writer:
    """The stdin of a process, fed as it takes it."""

    def __init__(self, process: Process, data: bytes) -> None:
        self.process = process
        self.view = memoryview(data)
        if process.stdin is not None and data:
            os.set_blocking(process.stdin, False)
        else:
            process.close_stdin()

    @property
    def fd(self) -> int | None:
        return self.process.stdin

    def write(self) -> bool:
        """Write what it takes now; whether that was the last of it."""
        assert self.fd is not None
        try:
            self.view = self.view[os.write(self.fd, self.view[:_CHUNK]) :]
        except BlockingIOError:
            return False
        except BrokenPipeError:  # it wants no more; its exit status says why
            return True
        return not self.view

    def close(self) -> None:
        self.process.close_stdin()


def checked(args: Sequence[str], answer: Answer) -> bytes:
    """The stdout of an answer, or `GitFailed` with what git said."""
    if answer.status:
        raise GitFailed(args, answer.status, answer.stderr.decode("utf-8", "replace"))
    return answer.stdout


class Git:
    """git, run in one directory with a sealed environment.

    `environ` is what the user's environment was (default: `os.environ`); `extra` is added to it, and `settings` to
    `-c`, in every call. With `own_group`, no key reaches it, nor anything else that is sent to every process there is:
    what is being committed is committed. (Slurm signals each process of a job by itself; git would catch a signal that is
    ignored, to take its lock files away, but not one that is blocked.) With `own_session` it has no terminal.
    """

    def __init__(
        self,
        directory: str,
        *,
        environ: Mapping[str, str] | None = None,
        extra: Mapping[str, str] | None = None,
        settings: Sequence[str] = (),
        own_group: bool = False,
        own_session: bool = False,
    ) -> None:
        self.directory = directory
        self.environ = {k: v for k, v in (environ or os.environ).items() if k not in LOCAL_VARIABLES}
        self.environ.update(SEALED)
        self.environ.update(extra or {})
        self.settings = (*SETTINGS, *settings)
        self.own_group = own_group
        self.own_session = own_session

    def durable_for(self, version: tuple[int, ...]) -> None:
        """Make writes durable with an old git, too: `core.fsync` came with 2.36."""
        if version < (2, 36):
            self.settings = (*self.settings, *_SETTINGS_BEFORE_2_36)

    def with_keys(self, settings: Mapping[str, str]) -> Git:
        """The same git with settings besides, whose keys may have any text in them: for `-c`, a key ends at the first `=`."""
        import copy

        git = copy.copy(self)
        git.environ = {**self.environ, "GIT_CONFIG_COUNT": str(len(settings))}
        for number, (key, value) in enumerate(settings.items()):
            git.environ |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return git

    def command(self, args: Sequence[str]) -> list[str]:
        """The whole argument list of one call."""
        command = ["git", "-C", self.directory, "--no-pager"]
        for setting in self.settings:
            command += ("-c", setting)
        return [*command, *args]

    def start(self, *args: str, stdin: bool = False, index: str | None = None) -> Process:
        """Start git; it works while we go on. `index` is a private index file for it."""
        environ = {**self.environ, "GIT_INDEX_FILE": index} if index else self.environ
        ours: list[int] = []
        theirs: list[int] = []
        try:
            if stdin:
                read, write = os.pipe()
                ours.append(write)
                theirs.append(read)
            else:
                theirs.append(os.open(os.devnull, os.O_RDONLY))
            for _ in range(2):
                read, write = os.pipe()
                ours.append(read)
                theirs.append(write)
            # dup2 of a descriptor onto itself would leave it close-on-exec; ours are never 0, 1, 2 in a sane process
            actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(theirs)]
            group: dict[str, Any] = {"setpgroup": 0} if self.own_group else {}
            if self.own_session:
                group = {"setsid": True}
            pid = os.posix_spawn(
                find_git(),
                self.command(args),
                environ,
                file_actions=actions,
                setsigmask=_TO_ALL if self.own_group else (),
                setsigdef=_DEFAULT_SIGNALS,
                **group,
            )
        except BaseException:
            for fd in ours:
                os.close(fd)
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        while args[:1] == ("-c",):  # settings are not what was asked
            args = args[2:]
        return Process(args, self.directory, pid, ours[0] if stdin else None, *ours[-2:])

    def run(self, *args: str, data: bytes = b"", index: str | None = None) -> bytes:
        """Run git to its end and give its stdout; `GitFailed` where it fails."""
        return self.start(*args, stdin=bool(data), index=index).check(data)

    def ask(self, *args: str, data: bytes = b"", index: str | None = None) -> Answer:
        """Run git to its end and give all that it left, whatever its exit status."""
        return self.start(*args, stdin=bool(data), index=index).result(data)

    def ask_within(self, timeout: float, *args: str) -> Answer | None:
        """Run git, which has `own_group`, for at most so many seconds; None where that was not enough."""
        assert self.own_group
        return self.start(*args).result_within(timeout)


_found: dict[str, str] = {}


def find_git() -> str:
    """The program on the PATH. `GitxpError` where there is none."""
    search = os.environ.get("PATH", os.defpath)
    if search not in _found:
        for folder in search.split(os.pathsep):
            path = os.path.join(folder or ".", "git")
            if os.access(path, os.X_OK) and os.path.isfile(path):
                _found[search] = path
                break
        else:
            msg = "git, the program, is not on the PATH."
            raise GitxpError(msg, hint="Install git 2.34 or newer: https://git-scm.com/downloads")
    return _found[search]


def find_version(git: Git, cache: str) -> str:
    """What `git version` says, from the folder `cache` where it is still the same program."""
    path = find_git()
    try:
        facts = os.stat(path)
        same = f"{path}\0{facts.st_mtime_ns}\0{facts.st_size}\0"
        with open(os.path.join(cache, _VERSION_FILE), encoding="utf-8", errors="surrogateescape") as file:
            kept = file.read()
        if kept.startswith(same):
            return kept.removeprefix(same)
    except OSError:
        pass  # not kept yet
    version = git.run("version").decode("utf-8", "replace").strip()
    try:
        os.makedirs(cache, exist_ok=True)
        facts = os.stat(path)
        text = f"{path}\0{facts.st_mtime_ns}\0{facts.st_size}\0{version}"
        write_whole(os.path.join(cache, _VERSION_FILE), text.encode("utf-8", "surrogateescape"))
    except OSError:
        return version  # a cache that cannot be written is no cache
    return version


def parse_version(text: str) -> tuple[int, ...]:
    """`git version 2.39.5 (Apple Git-154)` as (2, 39, 5)."""
    numbers: list[int] = []
    words = text.split()
    for part in (words[2] if len(words) > 2 else "").split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def lines_of(data: bytes) -> Iterable[str]:
    """NUL-separated output of a `-z` command, as paths that keep bytes which are no UTF-8 (surrogateescape)."""
    return (os.fsdecode(item) for item in data.split(b"\0") if item)
