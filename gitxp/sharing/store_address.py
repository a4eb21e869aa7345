"""The address of a storage, as gitxp.yaml has it.

In a clone that is somebody else's. So the kinds of places are a short list (fsspec has protocols that chain others, cache,
or run code), and neither passwords nor options stand in an address: credentials come from where the libraries find them
(environment, ~/.aws, ssh's agent and keys). An ssh host must be a known one.
"""

from __future__ import annotations

import os
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from gitxp.errors import ConfigError

PACKAGES = {"s3": "gitxp[storage]", "gs": "gcsfs", "ssh": "sshfs"}
_SAME = {"sftp": "ssh", "gcs": "gs"}
_HINT = "storage in gitxp.yaml is a folder, s3://bucket/prefix, gs://bucket/prefix, or ssh://user@host/folder."


class Address(NamedTuple):
    """Kind of place (`folder`, `s3`, `gs`, `ssh`), its host or bucket, user and port where they are said, and the path."""

    kind: str
    host: str
    path: str
    user: str | None = None
    port: int | None = None


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
