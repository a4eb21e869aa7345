"""The beginnings of the small files in which a system says what it is: /proc, /sys, /etc. `root` is where they are looked for."""

from __future__ import annotations

import os


def read_start(root: str, path: str, size: int = 16_384) -> str:
    """The beginning of a file, empty where there is none: /proc/cpuinfo of 256 cores takes long."""
    try:
        fd = os.open(place(root, path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(fd, size).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(fd)


def field(text: str, *keys: str, separator: str = ":") -> str | None:
    """The value of the first line that begins with one of these keys; None where there is none."""
    for line in text.splitlines():
        key, found, value = line.partition(separator)
        if found and key.strip() in keys and value.strip():
            return value.strip().strip("\"'")
    return None


def names_in(folder: str) -> list[str]:
    """The sorted names in a folder; none where it cannot be read."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def place(root: str, path: str) -> str:
    """Where a system's file is below this root."""
    return os.path.join(root, path.lstrip("/"))
