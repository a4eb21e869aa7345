"""An S3 server on loopback (moto's), whose requests are seen, and can be held."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self


class Asked(NamedTuple):
    """One request: its method, the bucket and key, and the query's values."""

    method: str
    path: str
    query: dict[str, list[str]]
    range: str = ""

    @property
    def start(self) -> int:
        """The first byte that is asked for."""
        return int(self.range.removeprefix("bytes=").partition("-")[0] or 0)

    @property
    def part(self) -> int | None:
        """The number of the part that it brings of an object."""
        return int(self.query["partNumber"][0]) if "partNumber" in self.query else None


class S3Server:
    """`asked` are the requests in their order; `hold` tells of one that it is not to be answered before `release`."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Quiet(WSGIRequestHandler):
            def log_request(self, *_: Any) -> None:
                """Say nothing."""

        self.asked: list[Asked] = []
        self.hold: Callable[[Asked], bool] = lambda _: False
        self._changed = threading.Condition()
        self._is_held = False
        self._application = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def environ(self) -> dict[str, str]:
        """Variables by which S3's libraries find it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._server.server_port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def wait(self, condition: Callable[[list[Asked]], bool]) -> None:
        """Wait until the requests that came and were answered, but for those that are held, are such."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self.asked), 60), self.asked

    def release(self) -> None:
        """Answer what is held, and hold nothing more."""
        with self._changed:
            self.hold = lambda _: False
            self._changed.notify_all()

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.release()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        asked = Asked(environ["REQUEST_METHOD"], environ["PATH_INFO"], parse_qs(environ["QUERY_STRING"]))
        asked = asked._replace(range=environ.get("HTTP_RANGE", ""))
        with self._changed:
            if self.hold(asked):
                self.asked.append(asked)
                self._changed.notify_all()
                while self.hold(asked):
                    self._changed.wait(60)
                return self._application(environ, start)
        try:
            return self._application(environ, start)
        finally:
            with self._changed:
                self.asked.append(asked)
                self._changed.notify_all()
