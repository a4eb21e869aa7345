"""A terminal with one program in it, as a user has it: a pty, of which the program is the foreground job."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING

from states import GITXP, prepared

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

PATIENCE = 30.0  # seconds until a test gives up; nothing waits that long when all is well


class Terminal:
    """`gitxp` in a terminal; what it shows is kept in `seen`."""

    def __init__(
        self,
        *args: str,
        cwd: str,
        env: Mapping[str, str] | None = None,
        size: tuple[int, int] = (24, 80),
        command: list[str] | None = None,
        piped: tuple[str, ...] = (),
    ) -> None:
        self.fd, theirs = os.openpty()
        self.seen = b""
        self.resize(*size)
        streams = {name: subprocess.PIPE if name in piped else theirs for name in ("stdin", "stdout", "stderr")}
        self.process = subprocess.Popen(
            prepared(f"fcntl.ioctl({theirs}, termios.TIOCSCTTY, 0)", [*(command or GITXP), *args]),
            cwd=cwd,
            env={**os.environ, **(env or {})},
            start_new_session=True,
            pass_fds=[theirs],
            **streams,
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        """The terminal, open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the terminal; nothing that was started in it stays."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        if self.fd >= 0:
            os.close(self.fd)

    def resize(self, rows: int, columns: int) -> None:
        """Give the terminal another size; the kernel tells the foreground job."""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        """Press keys: byte 3 is Ctrl-C."""
        os.write(self.fd, keys)

    def expect(self, pattern: bytes) -> re.Match[bytes]:
        """Wait until what was shown matches, and give the match."""
        deadline = time.monotonic() + PATIENCE
        while not (match := re.search(pattern, self.seen)):
            if not self._read(deadline):
                msg = f"the terminal closed without {pattern!r}: {self.seen!r}"
                raise AssertionError(msg)
        return match

    def wait(self) -> int:
        """Read all that is shown until the program ends; its exit status (-n: by signal n)."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            if self.process.poll() is not None and not select.select([self.fd], [], [], 0)[0]:
                break
        return self.process.wait(PATIENCE)

    def hang_up(self) -> None:
        """Close the terminal's window."""
        os.close(self.fd)
        self.fd = -1

    def drain(self) -> None:
        """Read what is shown by now, so that nobody waits for us."""
        while select.select([self.fd], [], [], 0)[0] and self._read(time.monotonic() + PATIENCE):
            pass

    def _read(self, deadline: float) -> bool:
        if not select.select([self.fd], [], [], 0.2)[0]:
            assert time.monotonic() < deadline, f"nothing more came after {self.seen!r}"
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: nobody has the other end open
            return False
        self.seen += data
        return bool(data)
