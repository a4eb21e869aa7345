"""What data tools already know of a file's content: DVC's `.dvc` files beside it, and git-lfs's pointers.

A team that versions its data by one of them knows it by that tool's hash; with it in the record, a run's data can be
found there again. Both files are small texts of a fixed form; anything else says nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from gitxp.pointer import MAX_POINTER, read_pointer

if TYPE_CHECKING:
    from collections.abc import Iterator

_DVC_HASHES = ("md5", "etag", "checksum")


def read_lfs_oid(path: str) -> str | None:
    """What a file on disk is a pointer to, because nobody fetched its content: `sha256:<64 digits>`; None where it is none."""
    try:
        if os.stat(path).st_size > MAX_POINTER:
            return None
        with open(path, "rb") as file:
            pointer = read_pointer(file.read(MAX_POINTER + 1))
    except OSError:
        return None
    return pointer and pointer.lfs_oid


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
