"""How this program ends: Python tells its exit handlers nothing of it.

An exception that nobody caught passes `sys.excepthook`, which is looked at and passed on. Of an exit status, Python from
3.12 on tells when it is raised; before that, what passes `sys.exit` is seen, and the number of a `raise SystemExit(2)`
is not. Whether the program ended by what was seen last, or caught it and went on to its own end, the frame of the main
module tells: one that ran to its end stands at its return.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Any, NoReturn

_SIGINT = 2
_exit = sys.exit
_hook = sys.excepthook
_status: int | None = None
_signal: int | None = None
_main: FrameType | None = None


def watch() -> None:
    """Begin to look; from the main module's frame, if it is below us."""
    global _exit, _hook, _main  # noqa: PLW0603  (a process has one end)
    _hook, sys.excepthook = sys.excepthook, _on_exception
    if not _watch_raises():
        _exit, sys.exit = sys.exit, _on_exit
    frame: FrameType | None = sys._getframe()  # noqa: SLF001  (there is no other way to it)
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == "__main__":
            _main = frame
        frame = frame.f_back


def forget() -> None:
    """In a forked child: what its parent did is not its own end."""
    global _status, _signal, _main  # noqa: PLW0603
    _status = _signal = _main = None


def how() -> tuple[int | None, int | None]:
    """(exit status, None), or (None, the signal that is to end this process); (None, None) where nobody can know."""
    if hasattr(sys, "ps1"):  # somebody typed: no mistake of theirs ended the program
        return 0, None
    if _signal is not None:
        return None, _signal
    if _main is not None and _ran_to_its_end(_main):
        return 0, None
    return (0 if _main is None else None) if _status is None else _status, None


def remain_interrupted() -> None:
    """Let Python end this program by SIGINT, as it would have without us.

    It remembers that of the last code which it compiled from a text, and making a named tuple compiles one. So we let
    it see the same end once more.
    """
    try:
        exec("raise KeyboardInterrupt")  # noqa: S102  (a text of ours)
    except KeyboardInterrupt:
        return


def _ran_to_its_end(frame: FrameType) -> bool:
    import dis

    if frame.f_lasti < 0:
        return False
    return dis.opname[frame.f_code.co_code[frame.f_lasti]] in {"RETURN_VALUE", "RETURN_CONST"}


def _on_exit(status: Any = None, /) -> NoReturn:
    global _status  # noqa: PLW0603
    from gitxp.current.active import exit_status

    _status = exit_status(status)
    _exit(status)


def _on_exception(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    global _status, _signal  # noqa: PLW0603
    _status = 1
    if issubclass(kind, KeyboardInterrupt):
        _signal = _SIGINT
    _hook(kind, error, traceback)


def _watch_raises() -> bool:
    """Let the interpreter tell of each exception that is raised, where it can; whether it does."""
    if sys.version_info >= (3, 12):
        monitoring = sys.monitoring
        free = [tool for tool in (4, 3) if monitoring.get_tool(tool) is None]  # the others are debuggers and profilers
        if free:
            monitoring.use_tool_id(free[0], "gitxp")
            monitoring.register_callback(free[0], monitoring.events.RAISE, _on_raise)
            monitoring.set_events(free[0], monitoring.events.RAISE)
            return True
    return False


def _on_raise(_code: object, _offset: int, error: BaseException) -> None:
    global _status  # noqa: PLW0603
    if isinstance(error, SystemExit):
        from gitxp.current.active import exit_status

        _status = exit_status(error.code)
