"""A git server on loopback, for one test each: smart HTTP by git's own `http-backend`, and LFS beside it."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lfs_server import LfsSide

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class HttpServer:
    """Repositories below a folder by smart HTTP; with a `password`, only for who has it. `asked` are the requests.

    `lfs` is its LFS side, which is not there before `lfs.is_here` is set.
    """

    def __init__(self, root: str, *, user: str = "ada", password: str | None = None) -> None:
        self.root = root
        self.allowed = None if password is None else base64.b64encode(f"{user}:{password}".encode()).decode()
        self.asked: list[tuple[str, str]] = []
        self.lfs = LfsSide()
        outer = self

        class Handler(_Handler):
            server_of_test = outer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def url(self, repository: str, credentials: str = "") -> str:
        """The address of a repository, by its path below the folder."""
        return f"http://{credentials and credentials + '@'}127.0.0.1:{self.port}/{repository}"

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    """One request: handed to `git http-backend` as CGI does (RFC 3875)."""

    server_of_test: HttpServer

    def do_GET(self) -> None:
        """Answer."""
        self._serve(b"")

    def do_POST(self) -> None:
        """Answer."""
        self._serve(self._read())

    def do_PUT(self) -> None:
        """Answer."""
        self._serve(self._read())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (what http.server calls it)
        """Say nothing."""

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def _serve(self, data: bytes) -> None:
        test = self.server_of_test
        address = urlsplit(self.path)
        test.asked.append((self.command, self.path))
        if test.allowed is not None and self.headers.get("Authorization") != f"Basic {test.allowed}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="runs"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        base = f"http://{self.headers['Host']}"
        reply = test.lfs.reply(self.command, address.path, data, base)
        if reply is not None:
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.kind)
            self.send_header("Content-Length", str(len(reply.data)))
            self.end_headers()
            self.wfile.write(reply.data)
            return
        environ = {
            **os.environ,
            "GIT_PROJECT_ROOT": test.root,
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": address.path,
            "QUERY_STRING": address.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(data)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "somebody",  # else it refuses to receive
            "REMOTE_ADDR": "127.0.0.1",
        }
        answer = subprocess.run(["git", "http-backend"], env=environ, input=data, capture_output=True, check=False)
        head, _, body = answer.stdout.partition(b"\r\n\r\n")
        lines = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n") if line)
        self.send_response(int(lines.pop("Status", "200 OK").split(" ")[0]))
        for name, value in {**lines, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
