"""A file of the user's choice, written whole or not at all, and never over what is there unless that is wished."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from gitxp.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable


def write_new_file(chunks: Iterable[bytes], target: str, *, force: bool = False) -> int:
    """Write bytes to a path, which must not be there unless `force`; the number of bytes.

    A symbolic link that is there is replaced and not followed; a folder, a device or a pipe is not, whatever is wished:
    it is no file, and others use it. Raises `UsageError`; what fails leaves nothing behind.
    """
    if force and os.path.exists(target) and not os.path.isfile(target):
        raise UsageError(f"{target} is there, and is no file.", hint="Give the name of a file.")
    temporary = f"{target}.{os.getpid()}.gitxp-tmp" if force else target
    written = 0
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    except FileExistsError as error:
        raise UsageError(f"{target} is there already.", hint="--force replaces it, or give another name.") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"There is no folder {os.path.dirname(target)}.", hint="Make it first: mkdir -p") from error
    try:
        with open(descriptor, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
                written += len(chunk)
        if force:
            os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    return written
