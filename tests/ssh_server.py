"""A real sshd on loopback, for one test: its own host key, its own authorized key, and no configuration of the machine's.

It may be root's or anybody's: it serves the user who runs the tests. What it starts has the test's HOME, so that git on
the other side is as sealed as on this one.
"""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import socket
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
PASSPHRASE = "of the key 4711"  # noqa: S105  (a test's own)
_TRIES = 5  # somebody else may take the port before sshd does
needs_sshd = pytest.mark.skipif(not os.access(SSHD, os.X_OK), reason="there is no sshd")


class SshServer:
    """Serves whoever has the key `user` in its folder; `locked` is one more key, with a passphrase."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        os.mkdir(folder, 0o700)
        for name, passphrase in (("host", ""), ("user", ""), ("locked", PASSPHRASE)):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", self.path(name)], check=True, timeout=60
            )
        with open(self.path("authorized"), "wb") as file:
            for name in ("user", "locked"):
                with open(self.path(f"{name}.pub"), "rb") as key:
                    file.write(key.read())
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.port = 0

    def path(self, name: str) -> str:
        """A file of the server's folder."""
        return os.path.join(self.folder, name)

    def url(self, path: str, scheme: str = "ssh") -> str:
        """The address of a folder of this machine."""
        return f"{scheme}://{self.user}@127.0.0.1:{self.port}{path}"

    def client(self, key: str = "user", *, known: bool = True) -> str:
        """An ssh command that uses this key and nothing of the machine's; with `known` it knows the server."""
        with open(self.path("known"), "w", encoding="ascii") as file:
            if known:
                file.write(self.host_line())
        options = {
            "IdentityFile": self.path(key),
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "UserKnownHostsFile": self.path("known"),
            "GlobalKnownHostsFile": "none",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return shlex.join(["ssh", "-F", "none", *words])

    def host_line(self) -> str:
        """The line of known_hosts that makes it known."""
        with open(self.path("host.pub"), encoding="ascii") as file:
            return f"[127.0.0.1]:{self.port} {file.read()}"

    def __enter__(self) -> Self:
        """Serve."""
        if os.getuid() == 0:  # root's sshd wants this folder, which the init script makes where there is one
            os.makedirs("/run/sshd", 0o755, exist_ok=True)
        for _ in range(_TRIES):
            if self._start():
                return self
        raise AssertionError("sshd does not listen: " + self.log.decode(errors="replace"))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._process.terminate()
        self._process.wait(60)
        self._reader.join()

    def _start(self) -> bool:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        options = {
            "ListenAddress": f"127.0.0.1:{self.port}",
            "HostKey": self.path("host"),
            "AuthorizedKeysFile": self.path("authorized"),
            "StrictModes": "no",
            "PidFile": "none",
            "UsePAM": "yes" if os.geteuid() == 0 else "no",  # without, a root whose password is locked stays out
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "Subsystem": "sftp internal-sftp",
            "SetEnv": f"HOME={os.environ['HOME']} GIT_CONFIG_NOSYSTEM=1",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        self._process = subprocess.Popen([SSHD, "-D", "-e", "-f", "none", *words], stderr=subprocess.PIPE)
        assert self._process.stderr is not None
        self.log = b""
        for line in self._process.stderr:
            self.log += line
            if b"listening" in line:
                self._reader = threading.Thread(target=self._read)
                self._reader.start()
                return True
        self._process.stderr.close()
        self._process.wait(60)
        return False

    def _read(self) -> None:
        """Take what it says, so that it never waits for a reader."""
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            for line in stream:
                self.log += line
