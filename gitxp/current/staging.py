"""Files that a program gives to its run, kept in the live folder until they are stored with it.

A file is written under a temporary name and renamed, so that nobody finds half of one. What is given is copied, since a
program may write the next checkpoint over it; what is too large to be stored anyhow is only pointed at.
"""

from __future__ import annotations

import os
import stat

from gitxp.current.said import make_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_MAX_COPY = 50 * 1024 * 1024
_MAX_COPIES = 500 * 1024 * 1024
_MAX_PART = 120
_REFUSED = frozenset({".git", "git~1"})
# A kind by the end of a file's name, for what a browser can show.
_KINDS = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".svg"), "image"),
    **dict.fromkeys((".wav", ".mp3", ".flac", ".ogg"), "audio"),
    **dict.fromkeys((".mp4", ".webm", ".mov"), "video"),
    **dict.fromkeys((".html", ".htm"), "html"),
    **dict.fromkeys((".txt", ".log", ".md"), "text"),
}


class Staging:
    """The staged files of one process; `say` gets the statement of each: path, source, type, and what is said `about` it."""

    def __init__(self, folder: str, say: Callable[..., None]) -> None:
        self.folder = os.path.join(folder, "artifacts")
        self.say = say
        self._ours: dict[str, int] = {}  # sizes

    def add_bytes(self, path: str, data: bytes, kind: str, **about: Any) -> str:
        """Keep these bytes as an artifact at `path`, or beside it where another process has that; where it was. `OSError`."""
        temporary = self._temporary()
        with open(temporary, "wb") as file:
            file.write(data)
        return self._publish(temporary, safe_path(path), {"type": kind, **about}, len(data))

    def add_file(self, source: str, path: str, kind: str | None = None, **about: Any) -> str:
        """Keep a file as it is now; where it was. Raises `OSError` where it cannot be read."""
        about = {"type": kind or kind_of(source), **about}
        facts = os.stat(source)
        if not stat.S_ISREG(facts.st_mode):
            msg = "it is no regular file"
            raise OSError(0, msg, source)
        target = safe_path(path)
        others = sum(size for name, size in self._ours.items() if name != target)
        if facts.st_size > _MAX_COPY or others + facts.st_size > _MAX_COPIES:
            self._tell(target, os.path.abspath(source), about)
            return target
        import shutil

        temporary = self._temporary()
        shutil.copyfile(source, temporary)
        return self._publish(temporary, target, about, facts.st_size)

    def _temporary(self) -> str:
        make_folder(self.folder)
        return os.path.join(self.folder, f".{os.getpid()}-{os.urandom(8).hex()}.tmp")

    def _publish(self, temporary: str, path: str, about: dict[str, Any], size: int) -> str:
        """Give it its name: our own older one is replaced, another process's is not."""
        stem, end = os.path.splitext(path)
        names = [path, *(f"{stem}.{number}{end}" for number in range(2, 1000))]
        os.makedirs(os.path.dirname(os.path.join(self.folder, path)), exist_ok=True)
        try:
            for name in names:
                target = os.path.join(self.folder, name)
                if name in self._ours:
                    os.replace(temporary, target)
                else:
                    try:
                        os.link(temporary, target)
                    except FileExistsError:
                        continue
                    os.unlink(temporary)
                self._ours[name] = size
                self._tell(name, target, about)
                return name
        except BaseException:
            os.unlink(temporary)
            raise
        os.unlink(temporary)
        msg = "too many processes gave an artifact of that name"
        raise OSError(0, msg, path)

    def _tell(self, path: str, source: str, about: dict[str, Any]) -> None:
        known = {key: value for key, value in about.items() if value is not None}
        self.say("artifact", path=path, source=source, **known)

    def renew(self) -> None:
        """In a forked child: what was staged so far is the parent's."""
        self._ours.clear()


def safe_path(path: str) -> str:
    """A relative path that git takes and that stays in its folder, as close to this one as can be."""
    parts = []
    for part in path.replace("\\", "/").split("/"):
        if part in {"", ".", ".."}:
            continue
        # what is not printable goes, and with it what HFS+ drops from names
        clean = "".join(c if c.isprintable() and c not in ':*?"<>|' else "_" for c in part)
        clean = clean.encode("utf-8", "replace").decode().strip(" ").rstrip(".")
        if clean.lower().rstrip(". ") in _REFUSED or not clean:
            clean = f"_{clean.lstrip('.')}"
        stem, end = os.path.splitext(clean)
        parts.append(clean if len(clean) <= _MAX_PART else stem[: _MAX_PART - len(end[:20])] + end[:20])
    return "/".join(parts) or "artifact"


def kind_of(path: str) -> str:
    """What kind of artifact a file is, by its name: `file` if nothing better is known."""
    return _KINDS.get(os.path.splitext(path)[1].lower(), "file")


def files_below(folder: str) -> Iterator[tuple[str, str]]:
    """The regular files of a folder: (path, path from the folder), sorted."""
    for top, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(files):
            path = os.path.join(top, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                yield path, os.path.relpath(path, folder)
