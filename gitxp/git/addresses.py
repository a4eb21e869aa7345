"""Addresses of repositories: which words are some, which two lead to one place, and how one is called among refs."""

from __future__ import annotations

import hashlib
import os
import re

# What an address may have before its host; of ssh the user alone is no secret.
_CREDENTIALS = re.compile(r"(?i)(https?://)[^/@\s]+@|([a-z][a-z0-9+.-]*://)[^/@\s:]*:[^/@\s]*@")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<host>[^/]*)(?P<path>.*)", re.DOTALL)
_SSH = re.compile(r"[^/:]+:(?P<path>.*)", re.DOTALL)  # host:path, as scp has it


def is_address(text: str) -> bool:
    """Whether a word is an address of a repository: a URL, `host:path`, or a folder's path with a slash in it."""
    return not text.startswith("-") and ("/" in text or ":" in text)


def hide_credentials(text: str) -> str:
    """The text with the users and passwords of addresses in it made unreadable."""
    return _CREDENTIALS.sub(lambda match: f"{match[1] or match[2]}<redacted>@", text)


def key_of_address(address: str) -> str:
    """What it is called below refs/gitxp/remotes/."""
    return "url-" + hashlib.blake2b(os.fsencode(address), digest_size=6).hexdigest()


def key_of_name(name: str) -> str:
    """The same of a remote: its name may have slashes, and that of another remote at its beginning."""
    return name.replace("%", "%25").replace("/", "%2F")


def is_one_place(a: str, b: str) -> bool:
    """Whether two addresses seem to lead to one repository: as https and ssh of one host do.

    Paths are compared and hosts are not, which have other names in ~/.ssh/config: the fork of somebody else has
    another path.
    """
    return a == b or _path_of(a) == _path_of(b)


def _path_of(address: str) -> str:
    match = _URL.fullmatch(address) or _SSH.fullmatch(address)
    path = match["path"] if match else os.path.abspath(address)
    return path.strip("/").removesuffix(".git").rstrip("/").lower()
