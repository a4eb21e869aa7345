"""Who else may read and write what is made in a repository: `core.sharedRepository`, as git itself obeys it.

What git does to a file or folder after it made it is in its path.c (calc_shared_perm, adjust_shared_perm) and setup.c
(git_config_perm); the tests compare. git-lfs takes away what the umask gave to others beside the group, git does not: we do
as git does.
"""

from __future__ import annotations

import os
import stat
import sys

_NAMES = {"umask": 0, "group": 0o660, "all": 0o664, "world": 0o664, "everybody": 0o664}
_NUMBERS = {0: 0, 1: 0o660, 2: 0o664}  # what old gits wrote
_TRUE = ("true", "yes", "on")
# On other systems a new folder has the group of the one that it is in.
_SET_GROUP = stat.S_ISGID if sys.platform == "linux" else 0


def parse_shared(value: str) -> int:
    """Bits that are added to what the umask leaves; negative, where they replace it. 0 for what says nothing."""
    if value in _NAMES:
        return _NAMES[value]
    if not value or any(digit not in "01234567" for digit in value):
        return 0o660 if value.lower() in _TRUE else 0
    number = int(value, 8)
    return _NUMBERS.get(number, -(number & 0o666))


def share(path: str | int, shared: int) -> None:
    """Give a new file or folder, by its path or descriptor, the mode that it is to have. Raises `OSError`."""
    if not shared:
        return
    before = os.stat(path).st_mode
    bits = abs(shared)
    if not before & stat.S_IWUSR:
        bits &= ~0o222
    if before & stat.S_IXUSR:
        bits |= (bits & 0o444) >> 2
    mode = stat.S_IMODE(before) & ~0o777 | bits if shared < 0 else stat.S_IMODE(before) | bits
    if stat.S_ISDIR(before):
        mode |= (mode & 0o444) >> 2 | (_SET_GROUP if mode & 0o060 else 0)
    if mode != stat.S_IMODE(before):
        os.chmod(path, mode)


def make_folders(path: str, shared: int) -> None:
    """Make a folder and those that it is in, as far as they are not there. Raises `OSError`."""
    if os.path.isdir(path):
        return
    make_folders(os.path.dirname(path), shared)
    try:
        os.mkdir(path)
    except FileExistsError:
        return  # somebody else made it now
    share(path, shared)
