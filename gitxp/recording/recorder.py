"""The recorder: the process that starts the command, passes on what it prints, sees its end, and commits it.

Two processes look after a run: the front, which the user started and which ends as the command ended (front.py), and
the recorder, the front's child and the command's parent. Either can be killed: the recorder goes on alone and finishes
the run; the front takes the recorder's place. Both hold the pipes, so the command notices neither.

They also tell apart the signals that were meant for one process from those that reached the whole group: what only one
of the two got is passed on to the command, what both got the command got as well. (With a session of its own, which it
has when the user types into its terminal through us, it is in no group of ours; then it is given each signal once.)
"""

from __future__ import annotations

import os
import select
import time

from gitxp.csignal import signal
from gitxp.format import format_time
from gitxp.recording.output import OutputLog
from gitxp.recording.posix import signal_group, spawn
from gitxp.recording.relay import Relay
from gitxp.recording.signals import PASSED_ON
from gitxp.store.writer import discard, prepare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NamedTuple

    from gitxp.format import Oid
    from gitxp.git.program import Git, Process
    from gitxp.recording.ending import Ending
    from gitxp.recording.facts import Facts
    from gitxp.recording.live import Live
    from gitxp.recording.relay import Streams
    from gitxp.recording.signals import Signals
else:
    from gitxp.light import NamedTuple

_TICK = 5.0  # seconds between two syncs of what was logged: what a power cut may cost
_PARTNER = 0.05  # a signal to the whole group reaches both processes within this many seconds
_QUIET = 0.2  # after the command's end: how long to wait for more from others who hold its output open
_DRAIN = 2.0  # … and how long at the most
_REACTION = 0.2  # nobody answers the command's end within so many seconds: what comes by then was sent before it
_LOOK = 0.25  # how often to look whether we have come to the foreground
_KEEP_READY = 1.0  # how long the process that is to write the last commit waits for a short command
_FROM_KEYBOARD = (signal.SIGINT, signal.SIGQUIT)
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


class Task(NamedTuple):
    """What the recorder is to do: everything that was settled before the command's start."""

    git: Git
    live: Live
    tip: Oid
    executable: str
    command: Sequence[str]
    cwd: str
    environ: Mapping[str, str]
    facts: Facts
    output_limit: int


class Recorder:
    """The state machine of a run from the command's start to the run's last commit.

    `partner` is the pipe on which the front sends the signals that it gets, `report` the one on which it is told things,
    a line each: `pid 123`, `deaf 0`, the lines of an `Ending`, and `over`. In the front, when it takes the recorder's place, both are None.
    """

    def __init__(
        self, task: Task, streams: Streams, signals: Signals, partner: int | None = None, report: int | None = None
    ) -> None:
        self.task = task
        self.streams = streams
        self.signals = signals
        self.partner = partner
        self.report = report
        self.log = OutputLog(task.live.output, task.output_limit)
        self.relay = Relay(streams, self.log, task.facts.feed, self._suspend, self._tell_deaf)
        self.pid = 0
        self.is_over = False
        self.ended: dict[str, Any] = {}
        self._started = time.monotonic()
        self._over_since = 0.0
        self._heard = 0.0
        self._lone: dict[int, tuple[bool, float]] = {}
        self._measure_at: float | None = None
        self._ready: Process | None = None
        self._impatient = False

    def run(self) -> Ending:
        """Start the command, see it to its end, and commit the run; what `conclude` gives."""
        self.relay.take_terminal()
        self._ready = prepare(self.task.git, is_small=True)
        self._start()
        self.streams.close_theirs()
        self.relay.command_pid = self.pid
        self._tell(f"pid {self.pid}")
        self._note_own()
        self.task.facts.start(self.task.live)
        _import_the_end()
        if not self.is_over:
            self._watch()
        return self.conclude()

    def take_over(self, pid: int, started_at: float) -> Ending:
        """Go on in the place of a recorder that died; the command's process is `pid`, our child by now or nobody's."""
        self.pid = self.relay.command_pid = pid
        self._started = started_at
        self.ended = self.task.live.read_ended()
        self.is_over = bool(self.ended)
        self.relay.take_terminal()
        self.task.facts.start(self.task.live)
        _import_the_end()
        if not self.is_over:
            self._reap()
            self._watch()
        return self.conclude()

    def _start(self) -> None:
        task = self.task
        self._started = time.monotonic()
        try:
            self.pid = spawn(
                task.executable,
                task.command,
                task.cwd,
                task.environ,
                self.streams.child,
                own_terminal=self.streams.relays_input,
                caught=self.signals.caught,
            )
        except OSError as error:  # 127 and 126, as shells have it
            words = f"gitxp: {task.executable}: {error.strerror}\n".encode("utf-8", "surrogateescape")
            self.log.write(words)
            os.write(2, words)
            self._end({"exit_code": _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE})

    def _note_own(self) -> None:
        from gitxp.store.own import note_own  # the command is on its way by now

        note_own(self.task.live.common_dir, self.task.tip)

    def _watch(self) -> None:
        """Until the command is over and what it printed has been passed on."""
        tick = time.monotonic() + _TICK
        interval = self.task.facts.wanted.system_interval
        self._measure_at = max(time.monotonic(), self._started + interval) if interval else None
        while not self._is_done():
            self._wait(self._patience(tick))
            now = time.monotonic()
            self.relay.take_terminal()  # a shell that brings us to its foreground does not say so
            for number in [n for n, (_, until) in self._lone.items() if until <= now]:
                self._on_lone(number)
            if self._ready is not None and not self.is_over and now - self._started > _KEEP_READY:
                discard(self._ready)
                self._ready = None
            if self._measure_at is not None and now >= self._measure_at:
                self._measure_at = None
                if not self.is_over:
                    self.task.facts.measure(self.task.live, self.pid, self._started)
            if now >= tick:
                tick = now + _TICK
                self._on_tick()

    def _wait(self, milliseconds: float) -> None:
        """Do what comes up next, if anything does in this time."""
        poll = select.poll()
        poll.register(self.signals.fd, select.POLLIN)
        if self.partner is not None:
            poll.register(self.partner, select.POLLIN)
        for fd, events in self.relay.wants().items():
            poll.register(fd, events)
        for fd, events in poll.poll(milliseconds):
            if fd == self.signals.fd:
                for number in self.signals.take():
                    self._on_signal(number, from_front=False)
            elif fd == self.partner:
                self._listen()
            elif self.relay.handle(fd, events):
                self._heard = time.monotonic()

    def _is_done(self) -> bool:
        if not self.is_over:
            return False
        now = time.monotonic()
        if self.relay.is_open and now - max(self._over_since, self._heard) < _QUIET and now - self._over_since < _DRAIN:
            return False
        return self.relay.is_flushed or self._impatient

    def _patience(self, tick: float) -> float:
        """For how many milliseconds there is nothing to do unless something happens."""
        now = time.monotonic()
        until = [tick, *(until for _, until in self._lone.values())]
        if self._ready is not None and not self.is_over:
            until.append(self._started + _KEEP_READY)
        if self._measure_at is not None:
            until.append(self._measure_at)
        if self.is_over:
            until.append(now + _QUIET / 4)
        if self.relay.waits_for_terminal:
            until.append(now + _LOOK)
        return max(0.0, (min(until) - now) * 1000)

    def _on_tick(self) -> None:
        self.log.sync()
        self.task.facts.sync()
        self.task.live.touch()
        if not self.is_over:
            self._reap()

    def _reap(self) -> None:
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            # Not our child: where orphans go to init, nobody can say how it ended.
            if not _exists(self.pid):
                self._end({})
            return
        if pid:
            code = os.waitstatus_to_exitcode(status)
            self._end({"exit_code": code} if code >= 0 else {"signal": -code})

    def _end(self, how: dict[str, Any]) -> None:
        self.is_over = True
        self._over_since = time.monotonic()
        if how:
            how["duration"] = round(self._over_since - self._started, 3)
            how["finished_at"] = format_time(time.time_ns())
        self.ended = how

    def _listen(self) -> None:
        assert self.partner is not None
        numbers = os.read(self.partner, 64)
        for number in numbers:
            self._on_signal(number, from_front=True)
        if not numbers:  # the front is gone, and with it whoever typed and read
            os.close(self.partner)
            self.partner = None
            self.relay.forget_input()

    def _on_signal(self, number: int, *, from_front: bool) -> None:
        if number == signal.SIGCHLD:
            if not self.is_over:
                self._reap()
        elif number == signal.SIGWINCH:
            self.relay.resize()
        elif number == signal.SIGCONT:
            self._resume()
        elif number in PASSED_ON:
            self._impatient = self._impatient or self._is_answer()
            self._match(number, from_front=from_front)

    def _match(self, number: int, *, from_front: bool) -> None:
        """Pass a signal on once, and only where the command has not got it by itself."""
        now = time.monotonic()
        other, until = self._lone.pop(number, (from_front, 0.0))
        if other != from_front and now <= until:
            return  # both of us got it: it went to the whole group, or has been passed on already
        if self.streams.relays_input:
            self._pass_on(number)
            self._lone[number] = (from_front, now + _PARTNER)
        elif self.partner is None and number in _FROM_KEYBOARD:
            return  # alone we cannot tell; the keyboard reaches the group
        else:
            self._lone[number] = (from_front, now + _PARTNER)

    def _on_lone(self, number: int) -> None:
        del self._lone[number]
        if not self.streams.relays_input:
            self._pass_on(number)

    def _pass_on(self, number: int) -> None:
        if not self.is_over and self.pid:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return  # it is over, and its end will be seen in a moment

    def _suspend(self) -> None:
        """Ctrl-Z: the kernel does not stop a program that is alone on its terminal, so we do, and ourselves with it."""
        if self.streams.master is None:
            return
        signal_group(self.streams.master, signal.SIGSTOP)
        self.relay.give_terminal_back()
        os.kill(0, signal.SIGTSTP)
        self._resume()

    def _resume(self) -> None:
        self.relay.resize()
        if self.streams.master is not None and self.streams.relays_input:
            self.relay.take_terminal()
            signal_group(self.streams.master, signal.SIGCONT)

    def _tell(self, *lines: str) -> None:
        if self.report is not None:
            try:
                os.write(self.report, "".join(f"{line}\n" for line in lines).encode("ascii"))
            except OSError:
                self.report = None  # the front is gone; there is nobody to tell

    def _tell_deaf(self, channel: int) -> None:
        self._tell(f"deaf {channel}")

    def conclude(self) -> Ending:
        """After the command's end: keep what is known of it, commit it, and clear away.

        Where the last commit could not be written, the live folder stays, and a later command tries again.
        """
        from gitxp.recording.conclusion import conclude

        self.relay.finish()
        self.relay.give_terminal_back()
        task = self.task
        ending = conclude(
            task.git,
            task.live,
            task.tip,
            task.facts,
            self.ended,
            self._is_impatient,
            problems=(self.log.problem, self.relay.problem),
            ready=self._ready,
        )._replace(is_mid_line=self.relay.is_mid_line)
        self._tell(*ending.lines(), "over")
        return ending

    def _is_impatient(self) -> bool:
        """Whether the user pressed Ctrl-C since the command's end: what takes long is left out then."""
        if not self._impatient and any(number in PASSED_ON for number in self.signals.take()):
            self._impatient = self._is_answer()
        return self._impatient

    def _is_answer(self) -> bool:
        """Whether a signal of now is somebody's answer to the command's end, and not what ended it or came along."""
        return self.is_over and time.monotonic() - self._over_since > _REACTION


def _import_the_end() -> None:
    """Import what every end of a run needs: while the command runs it delays nothing, and gitxp may be upgraded meanwhile."""
    import gitxp.recording.conclusion
    import gitxp.recording.logged  # noqa: F401


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
