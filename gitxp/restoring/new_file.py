"""A file of the user's choice, written whole or not at all, and never over what is there unless that is wished."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from gitxp.errors import UsageError
from gitxp.git.beside import Beside

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO


def write_new_file(chunks: Iterable[bytes], target: str, *, force: bool = False) -> int:
    """Write bytes to a path, which must not be there unless `force`; the number of bytes.

    A symbolic link that is there is replaced and not followed; a folder, a device or a pipe is not, whatever is wished:
    it is no file, and others use it. Raises `UsageError`; what fails leaves nothing behind.
    """
    if force and os.path.exists(target) and not os.path.isfile(target):
        raise UsageError(f"{target} is there, and is no file.", hint="Give the name of a file.")
    try:
        beside = Beside(target) if force else None
        descriptor = -1 if beside else os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError as error:
        raise UsageError(f"{target} is there already.", hint="--force replaces it, or give another name.") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"There is no folder {os.path.dirname(target)}.", hint="Make it first: mkdir -p") from error
    if beside:
        with beside as file:
            return _write(chunks, file)
    try:
        with open(descriptor, "wb") as file:
            return _write(chunks, file)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(target)
        raise


def _write(chunks: Iterable[bytes], file: BinaryIO) -> int:
    written = 0
    for chunk in chunks:
        file.write(chunk)
        written += len(chunk)
    return written
