"""The command's standard streams: what it is given, and the passing on of what it prints.

Each stream is to the command what it would be without gitxp: a terminal where the user has one (through a
pseudo-terminal, so that colours, progress bars, the window's size and Ctrl-C are as ever), a pipe where not. What it
prints goes to the log first and to the user then. Nobody's stdout is made non-blocking: the descriptor is shared with
other processes, which would not expect it; instead no more is written than `poll` says can be taken.
"""

from __future__ import annotations

import errno
import os
import select
import stat

from gitxp.recording.posix import (
    copy_window_size,
    end_of_input,
    foreground_of,
    is_foreground,
    make_raw,
    open_terminal,
    restore,
    suspend_key,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gitxp.recording.output import OutputLog

_READ = 1 << 16
_PENDING = 1 << 18
_HUNG_UP = frozenset({errno.EPIPE, errno.EIO, errno.ENXIO, errno.EBADF})


class Channel:
    """One way from the command to the user: what is read from `source` goes to the log and to `target`."""

    def __init__(self, source: int, target: int, *, terminal: bool, is_stdout: bool) -> None:
        self.source = source
        self.target = target
        self.terminal = terminal
        self.is_stdout = is_stdout
        self.pending = bytearray()
        self.held = b""
        self.open = True
        self.chunk = _READ if stat.S_ISREG(os.fstat(target).st_mode) else select.PIPE_BUF
        self.listening = True
        self.last = b"\n"


class Streams:
    """What the command gets as stdin, stdout and stderr (`child`), and our ends of them.

    stdin is the user's own, unless both it and the output are a terminal (`relays_input`). It stays the user's own where
    stdout is a pipe, too: the terminal is shared then with the other programs of a pipeline, such as a pager, whose keys
    and line ends are not ours. Where the user's stdout and stderr are one file, so are the command's, or their order
    would be lost.
    """

    def __init__(self) -> None:
        self.child = [0, 1, 2]
        self.channels: list[Channel] = []
        self.theirs: list[int] = []
        self.master: int | None = None
        self.user_terminal = 1 if os.isatty(1) else 2
        self.relays_input = False
        terminals = [fd for fd in (1, 2) if os.isatty(fd)]
        if terminals:
            self.master, slave = open_terminal(self.user_terminal)
            self.theirs.append(slave)
            for fd in terminals:
                self.child[fd] = slave
            self.channels.append(Channel(self.master, self.user_terminal, terminal=True, is_stdout=1 in terminals))
            if os.isatty(0) and not _is_pipe(1):
                self.child[0] = slave
                self.relays_input = True
        for fd in (1, 2):
            if fd not in terminals:
                if fd == 2 and 1 not in terminals and os.path.samestat(os.fstat(1), os.fstat(2)):
                    self.child[2] = self.child[1]
                    continue
                source, theirs = os.pipe()
                os.set_blocking(source, False)
                self.theirs.append(theirs)
                self.child[fd] = theirs
                self.channels.append(Channel(source, fd, terminal=False, is_stdout=fd == 1))

    def close_theirs(self) -> None:
        """Let go of the command's ends, so that their closing can be seen."""
        for fd in self.theirs:
            os.close(fd)
        self.theirs.clear()


class Relay:
    """Moves the bytes.

    `problem` is why something could not be passed on, where that is not the reader's own doing.
    `feed` gets what the command prints on stdout, `suspend` is called when the user types Ctrl-Z, `deaf` with a
    channel's number when nobody reads any more what it passes on.
    """

    def __init__(
        self,
        streams: Streams,
        log: OutputLog,
        feed: Callable[[bytes], None] | None,
        suspend: Callable[[], None],
        deaf: Callable[[int], None],
    ) -> None:
        self.streams = streams
        self.log = log
        self.feed = feed
        self.suspend = suspend
        self.deaf = deaf
        self._attributes: list[object] | None = None
        self._to_child = bytearray()
        self._has_input = streams.relays_input
        self.command_pid = 0
        self.problem: str | None = None

    def take_terminal(self) -> None:
        """Put the user's terminal into raw mode, if we are in its foreground; otherwise leave it alone."""
        if self._has_input and self._attributes is None and is_foreground(0):
            self._attributes = make_raw(0)

    def give_terminal_back(self) -> None:
        """Make the terminal what it was."""
        if self._attributes is not None:
            restore(0, self._attributes)
            self._attributes = None

    def forget_input(self) -> None:
        """Read no more from the user: whoever did the typing is gone."""
        self.give_terminal_back()
        self._has_input = False

    def resize(self) -> None:
        """The user's window has another size."""
        if self.streams.master is not None:
            copy_window_size(self.streams.user_terminal, self.streams.master)

    @property
    def waits_for_terminal(self) -> bool:
        """Whether we would read from the user, but are in the background."""
        return self._has_input and self._attributes is None

    @property
    def is_open(self) -> bool:
        """Whether the command, or somebody whom it started, can still print."""
        return any(channel.open for channel in self.streams.channels)

    @property
    def is_mid_line(self) -> bool:
        """Whether what the user sees where we speak (a terminal, or stderr) ends in the middle of a line."""
        spoken = [channel for channel in self.streams.channels if channel.terminal or channel.target == 2]
        return any(channel.last not in b"\r\n" for channel in spoken)

    @property
    def is_flushed(self) -> bool:
        """Whether everything that was read has been passed on."""
        return not any(channel.pending for channel in self.streams.channels)

    def wants(self) -> dict[int, int]:
        """The descriptors to poll, and for what."""
        wanted: dict[int, int] = {}
        for channel in self.streams.channels:
            if channel.open and len(channel.pending) < _PENDING:
                wanted[channel.source] = wanted.get(channel.source, 0) | select.POLLIN
            if channel.pending:
                wanted[channel.target] = wanted.get(channel.target, 0) | select.POLLOUT
        if self._to_child and self.streams.master is not None:
            wanted[self.streams.master] = wanted.get(self.streams.master, 0) | select.POLLOUT
        if self._attributes is not None and len(self._to_child) < _READ:
            wanted[0] = wanted.get(0, 0) | select.POLLIN
        return wanted

    def handle(self, fd: int, events: int) -> bool:
        """Do what can be done with a descriptor that is ready; whether the command printed something."""
        printed = False
        readable = events & (select.POLLIN | select.POLLHUP | select.POLLERR)
        for number, channel in enumerate(self.streams.channels):
            if fd == channel.source and channel.open and readable:
                printed = self._read(channel) or printed
            if fd == channel.target and channel.pending and events & ~select.POLLIN:
                self._write(number, channel)
        if fd == self.streams.master and self._to_child and events & select.POLLOUT:
            self._type()
        if fd == 0 and self._attributes is not None and readable:
            self._read_keys()
        return printed

    def finish(self) -> None:
        """Nothing more will come: let the log have what was held back."""
        for channel in self.streams.channels:
            self._keep(channel, b"")
            channel.open = False

    def _read(self, channel: Channel) -> bool:
        try:
            data = os.read(channel.source, _READ)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _HUNG_UP:
                raise
            data = b""  # the last program on the pseudo-terminal has closed it
        if not data:
            self._keep(channel, b"")
            channel.open = False
            os.close(channel.source)
            if channel.source == self.streams.master:
                self.streams.master = None
            return False
        channel.last = data[-1:]
        self._keep(channel, data)
        if channel.listening:
            channel.pending += data
            # most of the time the user's end takes it at once: save a round
            if len(channel.pending) == len(data) and _is_writable(channel.target):
                self._write(self.streams.channels.index(channel), channel)
        return True

    def _keep(self, channel: Channel, data: bytes) -> None:
        r"""To the log. A terminal makes `\r\n` of every `\n`: in the log stands what the command printed."""
        if channel.terminal:
            is_end = not data
            data = channel.held + data
            channel.held = b""
            if data.endswith(b"\r") and not is_end:
                channel.held, data = b"\r", data[:-1]
            data = data.replace(b"\r\n", b"\n")
        if data:
            self.log.write(data)
            if channel.is_stdout and self.feed is not None:
                self.feed(data)

    def _write(self, number: int, channel: Channel) -> None:
        try:
            written = os.write(channel.target, channel.pending[: channel.chunk])
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno not in _HUNG_UP:  # a full disk, say
                self.problem = f"What the command printed could not all be passed on: {error.strerror}."
            # The reader is gone. A pipe is closed, too, so that the command learns of it as it would without us; a
            # terminal that went away is no reason to stop.
            channel.pending.clear()
            channel.listening = False
            if not channel.terminal:
                self._keep(channel, b"")
                channel.open = False
                os.close(channel.source)
                self.deaf(number)
            return
        del channel.pending[:written]

    def _read_keys(self) -> None:
        try:
            keys = os.read(0, 4096)
        except OSError:
            keys = b""
        if not keys:
            self.forget_input()
            if self.streams.master is not None:
                self._to_child += end_of_input(self.streams.master)
            return
        # where a shell runs in there and has put a job into its foreground, the kernel stops that job
        is_alone = self.streams.master is not None and foreground_of(self.streams.master) == self.command_pid
        key = suspend_key(self.streams.master) if self.streams.master is not None and is_alone else b""
        if key and key in keys:
            before, _, after = keys.partition(key)
            self._to_child += before
            self.suspend()
            self._to_child += after
        else:
            self._to_child += keys

    def _type(self) -> None:
        assert self.streams.master is not None
        try:
            written = os.write(self.streams.master, self._to_child)
        except BlockingIOError:
            return
        except OSError:
            self._to_child.clear()
            return
        del self._to_child[:written]


def _is_pipe(fd: int) -> bool:
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _is_writable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(0))
