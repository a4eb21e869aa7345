"""Where large objects can be copied to: a folder, or what fsspec opens; content-addressed.

The address comes from gitxp.yaml, which in a clone is somebody else's. So the kinds of places are a short list (fsspec has
protocols that chain others, cache, or run code), and neither passwords nor options stand in an address: credentials come
from where the libraries find them (environment, ~/.aws, ssh's agent and keys). An ssh host must be a known one.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol, cast
from urllib.parse import unquote, urlsplit

from gitxp.errors import ConfigError, GitxpError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGES = {"s3": "gitxp[storage]", "gs": "gcsfs", "ssh": "sshfs"}
_SAME = {"sftp": "ssh", "gcs": "gs"}
_BLOCK = 4 << 20
_PART = 16 << 20
_STEP = 1 << 20  # Google takes parts of whole 256 KiB only
_MAX_PARTS = 10_000  # of one object in S3
_PARTS_AT_ONCE = 3
_HINT = "storage in gitxp.yaml is a folder, s3://bucket/prefix, gs://bucket/prefix, or ssh://user@host/folder."


class Address(NamedTuple):
    """Kind of place (`folder`, `s3`, `gs`, `ssh`), its host or bucket, user and port where they are said, and the path."""

    kind: str
    host: str
    path: str
    user: str | None = None
    port: int | None = None


class Place(Protocol):
    """Files by names with slashes. All methods raise what their library raises."""

    is_atomic: bool
    """Whether nobody sees a file that is not yet complete."""

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none."""

    def put(self, source: str, name: str, check: Callable[[], None] = lambda: None) -> None:
        """Copy a local file there, in pieces; `check` is called between them, and what it raises ends it."""

    def read(self, name: str) -> contextlib.AbstractContextManager[BinaryIO]:
        """A file, opened."""

    def move(self, name: str, target: str) -> None:
        """Give a file another name."""

    def delete(self, name: str) -> None:
        """Take a file away, if it is there."""


def parse_address(url: str, toplevel: str) -> Address:
    """The place that an address means; a folder is relative to the top of the working tree. Raises `ConfigError`."""
    if not url.isprintable():
        raise ConfigError("The address of the storage has control characters in it.", hint=_HINT)
    if "::" in url:
        raise ConfigError(f"The storage {url} is a chain of addresses, which gitxp does not follow.", hint=_HINT)
    scheme, separator, rest = url.partition("://")
    if not separator:
        return Address("folder", "", os.path.normpath(os.path.join(toplevel, os.path.expanduser(url))))
    kind = _SAME.get(scheme, scheme)
    if kind == "file":
        if not rest.startswith("/"):
            raise ConfigError(f"The storage {url} is no file:///absolute/path.", hint=_HINT)
        return Address("folder", "", os.path.normpath(unquote(rest)))
    if kind not in PACKAGES:
        raise ConfigError(f"gitxp copies nothing to {scheme}://.", hint=_HINT)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ConfigError(f"The address of the storage cannot be read: {error}.", hint=_HINT) from error
    if parts.password is not None or (parts.username is not None and kind != "ssh"):
        raise ConfigError(
            "The address of the storage has a user or password in it.",
            hint="Leave them out: they are found in the environment, in ~/.aws, or by ssh.",
        )
    is_odd = parts.query or parts.fragment or ".." in parts.path.split("/") or (port is not None and kind != "ssh")
    if not host or host.startswith("-") or is_odd or (kind == "ssh" and not parts.path.strip("/")):
        raise ConfigError(f"The storage {url} is no address that gitxp knows.", hint=_HINT)
    return Address(kind, host, parts.path.rstrip("/"), parts.username, port)


def identify(url: str, toplevel: str) -> str:
    """What an address is remembered by: of a folder its real path, for a repository can have links in it.

    Raises `ConfigError`.
    """
    address = parse_address(url, toplevel)
    return os.path.realpath(address.path) if address.kind == "folder" else url


def open_place(url: str, toplevel: str) -> Place:
    """The place that gitxp.yaml names. Raises `ConfigError`, and `GitxpError` where a package for it is missing."""
    address = parse_address(url, toplevel)
    return Folder(address.path) if address.kind == "folder" else Remote(address)


class Folder:
    """A folder of this machine, or one that is mounted."""

    is_atomic = False

    def __init__(self, path: str) -> None:
        self._path = path

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none."""
        try:
            return os.stat(self._full(name)).st_size
        except FileNotFoundError:
            return None

    def put(self, source: str, name: str, check: Callable[[], None] = lambda: None) -> None:
        """Copy a local file there; it survives a power cut. `check` is called between pieces, and may raise."""
        os.makedirs(os.path.dirname(self._full(name)), exist_ok=True)
        with open(source, "rb") as reader, open(self._full(name), "wb") as writer:
            while chunk := reader.read(_BLOCK):
                check()
                writer.write(chunk)
            writer.flush()
            os.fsync(writer.fileno())

    def read(self, name: str) -> BinaryIO:
        """A file, opened."""
        return open(self._full(name), "rb")

    def move(self, name: str, target: str) -> None:
        """Give a file another name."""
        os.makedirs(os.path.dirname(self._full(target)), exist_ok=True)
        os.replace(self._full(name), self._full(target))

    def delete(self, name: str) -> None:
        """Take a file away, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._full(name))

    def _full(self, name: str) -> str:
        return os.path.join(self._path, name)


class Remote:
    """What fsspec opens."""

    def __init__(self, address: Address) -> None:
        self._kind = kind = address.kind
        options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
        self.is_atomic = kind != "ssh"
        self._top = address.path if kind == "ssh" else address.host + address.path
        try:
            if kind == "ssh":
                from sshfs import SSHFileSystem

                # its own default is to trust whatever answers; () is ~/.ssh/known_hosts
                options = {"known_hosts": (), "skip_instance_cache": True}
                options |= {key: value for key in ("user", "port") if (value := getattr(address, key))}
                if address.user:
                    options["username"] = options.pop("user")
                self._system: Any = SSHFileSystem(address.host, **options)
            else:
                import fsspec

                self._system = fsspec.filesystem(kind, **options)
        except ImportError as error:
            package = PACKAGES[kind]
            raise GitxpError(
                f"The storage is at {kind}://, and a package for that is missing: {error}.",
                hint=f"Install it: pip install '{package}'",
            ) from error

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none."""
        try:
            return int(self._system.info(self._full(name))["size"])
        except FileNotFoundError:
            return None

    def put(self, source: str, name: str, check: Callable[[], None] = lambda: None) -> None:
        """Copy a local file there, in parts where it is large. `check` is called between them, and may raise."""
        from fsspec.callbacks import Callback

        callback = Callback(hooks={"check": lambda _size, _done, **_: check()})
        if not self.is_atomic:
            self._system.makedirs(self._full(name).rpartition("/")[0], exist_ok=True)
        self._system.put_file(source, self._full(name), callback=callback, **self._parts(os.path.getsize(source)))

    def _parts(self, size: int) -> dict[str, int]:
        """How the library is to cut a file of this size: by itself it would hold up to 500 MiB of one in memory."""
        if self._kind == "ssh":
            return {}
        part = max(_PART, -(-size // _MAX_PARTS) + _STEP & -_STEP)
        return {"chunksize": part, **({"max_concurrency": _PARTS_AT_ONCE} if self._kind == "s3" else {})}

    @contextlib.contextmanager
    def read(self, name: str) -> Iterator[BinaryIO]:
        """A file, opened."""
        with self._system.open(self._full(name), "rb", block_size=_BLOCK) as file:
            yield cast("BinaryIO", file)

    def move(self, name: str, target: str) -> None:
        """Give a file another name."""
        self._system.makedirs(self._full(target).rpartition("/")[0], exist_ok=True)
        self._system.mv(self._full(name), self._full(target))

    def delete(self, name: str) -> None:
        """Take a file away, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self._system.rm_file(self._full(name))

    def _full(self, name: str) -> str:
        return f"{self._top}/{name}"
