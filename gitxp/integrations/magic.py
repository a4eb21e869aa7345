"""`%load_ext gitxp`: a cell of a notebook as a run (`%%gitxp`), and the command line in a cell (`%gitxp list`).

The cell is executed by the shell that the user has, in their namespace, so that what it defines is there afterwards. The
run begins before it and ends with it, as the cell ended; an error is raised once more, so that "Run All" stops at it.
Nothing here imports IPython before somebody has loaded it: it is they who hand us its shell.
"""

from __future__ import annotations

import argparse
import ast
import os
import shlex
import signal
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn

from gitxp.capture.params.constants import find_constants
from gitxp.current.process import begin_apart
from gitxp.errors import GitxpError, UsageError
from gitxp.recording.live import Live
from gitxp.recording.output import OutputLog
from gitxp.render.output import visible_output

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitxp.current.active import ActiveRun

_NAME = "gitxp"
_WIDTH = "120"  # columns of a table in a notebook, which tells nobody how wide it is
_MAX_OUTPUT = 256 * 1024 * 1024
_PIECE = 1 << 16


def load_ipython_extension(shell: Any) -> None:
    """Add `%gitxp` and `%%gitxp` to an IPython shell; what `%load_ext gitxp` calls."""
    magics = _Magics(shell)
    shell.register_magic_function(magics.line, "line", _NAME)
    shell.register_magic_function(magics.cell, "cell", _NAME)


def unload_ipython_extension(shell: Any) -> None:
    """Take them away; what `%unload_ext gitxp` calls."""
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop(_NAME, None)


class _Magics:
    """The two magics of one shell."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def line(self, line: str) -> None:
        """Run the gitxp command line and show its answer; `_exit_code` is its exit status.

        %gitxp list
        %gitxp show @
        %gitxp diff @~1 @
        """
        with _told():
            words = [sys.executable, "-P", "-m", "gitxp", *_split(line)]
        self._shell.user_ns["_exit_code"] = _run(words)

    def cell(self, line: str, cell: str) -> None:
        """Execute the cell as a run: its parameters are its constants (`LR = 0.1`), and it ends as the cell ends.

        %%gitxp [--name NAME] [--note TEXT]... [--tag TAG]... [--group GROUP] [--param K=V]...
        """
        with _told():
            options = _parse(line)
            code = self._shell.transform_cell(cell)
            is_program = _is_program(code)
            if self._shell.should_run_async(cell, transformed_cell=code):
                raise UsageError(
                    "%%gitxp cannot execute a cell that awaits at its top level.",
                    hint="Begin the run by gitxp.init() and end it by gitxp.finish(), in cells of their own.",
                )
            note = "\n\n".join(options.note) or None
            if is_program:
                run, is_ours = begin_apart(options.name, note, options.tag, options.group, options.param)
        if not is_program:  # and no run: the shell says why
            error = self._execute(cell, None)
        else:
            run.say_params(find_constants(code.encode("utf-8", "surrogatepass")), "constant")
            error = self._record(cell, run) if is_ours else self._execute(cell, None)
        if error is not None:
            raise error

    def _record(self, cell: str, run: ActiveRun) -> BaseException | None:
        """Execute the cell in a run that ends with it; the error with which it ended."""
        error: BaseException | None
        try:
            error = self._execute(cell, None if run.disabled else run)
        except BaseException as raised:  # noqa: BLE001  (a Ctrl-C before or behind the cell; the caller raises it)
            error = raised
        run.is_held = False
        run.__exit__(None if error is None else type(error), error, None)
        return error

    def _execute(self, cell: str, run: ActiveRun | None) -> BaseException | None:
        """Execute the cell, and keep in the run, if there is one, what it prints; the error with which it ended."""
        with ExitStack() as stack:
            log = None if run is None else stack.enter_context(_logged(run))
            shown = stack.enter_context(_withheld(self._shell))
            result = self._shell.run_cell(cell)
            error: BaseException | None = result.error_before_exec or result.error_in_exec
            if error is None:
                return None
            text = "\n".join(shown)
            if log is not None:
                log.write(f"{text}\n")
        # the shell shows it when it is raised again: as it would have been without us, and not our frames in it
        with suppress(AttributeError):  # an exception that has slots only
            error._render_traceback_ = lambda: shown  # type: ignore[attr-defined]
        return error


def _is_program(code: str) -> bool:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


class _Parser(argparse.ArgumentParser):
    """Its complaints are ours: a cell must not end the kernel."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}.", hint="%%gitxp? says which options there are.")


def _parse(line: str) -> argparse.Namespace:
    parser = _Parser(prog="%%gitxp", add_help=False, allow_abbrev=False)
    parser.add_argument("--name")
    parser.add_argument("--group")
    for option in ("--note", "--tag", "--param"):
        parser.add_argument(option, action="append", default=[])
    return parser.parse_args(_split(line))


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"{line!r} cannot be taken apart: {error}.", hint="A quote is closed by its like.") from error


@contextmanager
def _told() -> Iterator[None]:
    """Let the shell tell what the user can cause in one line, without a traceback."""
    try:
        yield
    except GitxpError as error:
        from IPython.core.error import UsageError as Told

        raise Told(f"{error.message}" + (f"\nHint: {error.hint}" if error.hint else "")) from None


class _Log:
    """What a cell prints, in the run's log; several threads may print."""

    def __init__(self, run: ActiveRun) -> None:
        self._log = OutputLog(Live(run.folder).output, _MAX_OUTPUT)
        self._lock = threading.Lock()

    def write(self, text: str) -> None:
        with self._lock:
            self._log.write(text.encode("utf-8", "backslashreplace"))

    def close(self) -> str | None:
        """Bring it to the disk; what is missing of it."""
        self._log.sync()
        return self._log.problem


@contextmanager
def _logged(run: ActiveRun) -> Iterator[_Log]:
    """Keep what is printed in here, too. The streams stay the objects that they are, and do what they did."""
    log = _Log(run)
    streams = [stream for stream in dict.fromkeys((sys.stdout, sys.stderr)) if stream is not None]
    before = [vars(stream).get("write") for stream in streams]
    for stream in streams:
        stream.write = _both(stream.write, log)  # type: ignore[method-assign]
    try:
        yield log
    finally:
        for stream, write in zip(streams, before, strict=True):
            del stream.write
            if write is not None:  # somebody else was listening
                stream.write = write  # type: ignore[method-assign]
        problem = log.close()
        if problem:
            run.add_problem(problem)


def _both(write: Any, log: _Log) -> Any:
    def write_both(text: str) -> Any:
        written = write(text)
        log.write(text)
        return written

    return write_both


@contextmanager
def _withheld(shell: Any) -> Iterator[list[str]]:
    """Take the tracebacks that the shell would show in here: the last one's lines."""
    lines: list[str] = []

    def take(kind: Any, error: Any, traceback: Any) -> None:
        del kind, error
        lines[:] = traceback if isinstance(traceback, list) else [str(traceback)]

    before = vars(shell).get("_showtraceback")
    shell._showtraceback = take  # noqa: SLF001  (what shells of other kinds override)
    try:
        yield lines
    finally:
        del shell._showtraceback  # noqa: SLF001
        if before is not None:  # a cell within a cell, or somebody else
            shell._showtraceback = before  # noqa: SLF001


def _run(words: list[str]) -> int:
    """Run a command, its output in the cell and safe for whoever shows it; its exit status (-n: by signal n).

    Where the shell has a terminal, the command has it, too.
    """
    if sys.stdout.isatty():
        return _wait(os.posix_spawn(words[0], words, os.environ))
    ours, theirs = os.pipe()
    actions: list[Any] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, theirs, 1),
        (os.POSIX_SPAWN_DUP2, theirs, 2),
    ]
    environ = {"COLUMNS": _WIDTH, **os.environ}
    # in a group of its own, so that an interrupt reaches it once, by us, whoever sent it to the kernel's group
    pid = os.posix_spawn(words[0], words, environ, file_actions=actions, setpgroup=0, setsigdef=[signal.SIGINT])
    os.close(theirs)
    try:
        _show(ours)
    except KeyboardInterrupt:
        os.killpg(pid, signal.SIGINT)
        _show(ours)
        _wait(pid)
        raise
    finally:
        os.close(ours)
    return _wait(pid)


def _show(pipe: int) -> None:
    for chunk in visible_output(iter(lambda: os.read(pipe, _PIECE), b""), color=True):
        sys.stdout.write(chunk.decode("utf-8", "replace"))


def _wait(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
