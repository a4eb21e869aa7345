"""What data tools already know of a file's content: DVC's `.dvc` files beside it, and git-lfs's pointers.

A team that versions its data by one of them knows it by that tool's hash; with it in the record, a run's data can be
found there again. Both files are small texts of a fixed form; anything else says nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

LFS_SIZE = 1024  # bytes: a pointer is always smaller (git-lfs's docs/spec.md)
_LFS_VERSION = b"version https://git-lfs.github.com/spec/v1\n"
_HEX = frozenset("0123456789abcdef")
_DVC_HASHES = ("md5", "etag", "checksum")


def lfs_oid(data: bytes) -> str | None:
    """`sha256:<64 hex digits>` from the bytes of a git-lfs pointer; None where they are none."""
    if len(data) > LFS_SIZE or not data.startswith(_LFS_VERSION):
        return None
    for line in data.decode("utf-8", "replace").splitlines():
        key, _, value = line.partition(" ")
        kind, _, digits = value.partition(":")
        if key == "oid" and kind == "sha256" and len(digits) == 64 and _HEX.issuperset(digits):
            return value
    return None


def read_lfs_oid(path: str) -> str | None:
    """That of a file on disk which is a pointer, because nobody fetched its content."""
    try:
        if os.stat(path).st_size > LFS_SIZE:
            return None
        with open(path, "rb") as file:
            return lfs_oid(file.read(LFS_SIZE + 1))
    except OSError:
        return None


def read_dvc_md5(path: str) -> str | None:
    """The hash that the `.dvc` file beside a file or folder has of it (`.dir` at its end for a folder); None without one."""
    from gitxp.capture.params.documents import DocumentError, read_document

    place = path.rstrip("/") + ".dvc"
    if not os.path.isfile(place):
        return None
    try:
        document = read_document(place)
    except (DocumentError, OSError):
        return None
    name = os.path.basename(path.rstrip("/"))
    for out in _outs(document):
        if out.get("path") == name:
            for key in _DVC_HASHES:
                digest = out.get(key)
                if isinstance(digest, str) and 0 < len(digest) <= 128 and digest.isprintable():
                    return digest
    return None


def _outs(document: Any) -> Iterator[dict[str, Any]]:
    outs = document.get("outs") if isinstance(document, dict) else None
    for out in outs if isinstance(outs, list) else ():
        if isinstance(out, dict):
            yield out
