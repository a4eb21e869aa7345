"""What a run produced, as `--out` names it: fingerprints for the record, and copies that no later change can reach.

A file is copied into the live folder, and the copy is fingerprinted: so the artifact and its fingerprint cannot disagree,
and a file that the next run overwrites, before this one is committed, is kept all the same. Over the limits there is the
fingerprint only.

Where that is wanted, a file over the limits goes into the LFS store instead of the live folder, and its artifact is a pointer.

A path that was named is followed where it is a link: `results -> /scratch/results` means what is there. Links inside of
a folder are kept as links, as git keeps them, and never followed, whether they lead to the next file, out of the
repository, or in a circle. What cannot be kept (FIFOs, sockets, unreadable files and folders, names that git refuses) has
an entry with the reason. Folders without files are none of it: git stores none.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

import xxhash

from gitxp.capture.data.hash_threads import Cancelled
from gitxp.capture.data.hashing import Facts, facts_of, hash_file, make_buffer
from gitxp.capture.untracked import size_words
from gitxp.pointer import encode_pointer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from gitxp.git.lfs import Store, Stored

MAX_FILE = 50 * 1024 * 1024
MAX_TOTAL = 500 * 1024 * 1024
MAX_ENTRIES = 10_000
_MAX_CHARACTERS = 2 * 1024 * 1024  # of all paths: a record is refused from 16 MiB on
# The folder of artifacts from outside of the working tree, whose absolute paths follow.
_OUTSIDE = "@"
_NAMED = 3  # in one sentence
_CHUNK = 1024 * 1024
INTERRUPTED = "interrupted"
GONE = "not there"
_REFUSED = "git refuses its name"
_IGNORED_BY_HFS = "\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u206a\u206b\u206c\u206d\u206e\u206f\ufeff"
_KINDS = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}


class Kept(NamedTuple):
    """The record's `outputs`; the artifacts as `{path, source}`, `{path, link}` or `{path, pointer}`; sentences about what is missing.

    `source` is a path from the folder of the copies, or an absolute one where there was no room for a copy.
    """

    entries: list[dict[str, Any]]
    artifacts: list[dict[str, str]]
    problems: list[str]


class Room(NamedTuple):
    """What is kept: bytes of one file, bytes of all; a file is not if `objection` has a reason, by its name in the record.

    What is over these goes to the store of `large` files, if there is one, up to `all_large` bytes.
    """

    file: int
    all: int
    objection: Callable[[str], str] = lambda _: ""
    large: Store | None = None
    all_large: int = 0


def keep(
    paths: Sequence[str], toplevel: str, folder: str, cancelled: Callable[[], bool], room: Room | None = None
) -> Kept:
    """Fingerprint and copy the files at and below these absolute paths into `folder`, which need not be there.

    Where `cancelled` says true, the rest is left out. Raises nothing for what a file or folder can do.
    """
    keeper = _Keeper(paths, toplevel, folder, cancelled, room or Room(MAX_FILE, MAX_TOTAL))
    for number, path in enumerate(paths):
        try:
            for found in _find(path, keeper.name_of(path)):
                keeper.take(found, path)
        except Cancelled:
            for rest in paths[number:]:
                keeper.leave_out(keeper.name_of(rest), INTERRUPTED)
            break
    return keeper.result()


class _Found(NamedTuple):
    """What stands below a path that was named, or there: a file with its facts, a link, or what is neither and why."""

    path: str
    facts: os.stat_result | None = None
    link: str | None = None
    reason: str = ""


def _find(root: str, name: str) -> Iterator[_Found]:
    if any(map(is_refused, name.split("/"))):
        yield _Found(root, reason=_REFUSED)
        return
    try:
        facts = os.stat(root)
    except OSError as error:
        yield _Found(root, reason="a link that leads nowhere" if os.path.islink(root) else _reason(error))
        return
    if not stat.S_ISDIR(facts.st_mode):
        yield _Found(root, facts, reason=_objection(facts.st_mode))
        return
    is_empty = True
    for found in _walk(root):
        is_empty = False
        yield found
    if is_empty:
        yield _Found(root + "/", reason="a folder without files")


def _walk(root: str) -> Iterator[_Found]:
    """What stands below a folder, sorted within each; of a folder that is passed over, its path with a slash."""
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            yield _Found(folder + "/", reason=_reason(error))
            continue
        inner = []
        for entry in entries:
            try:
                facts = entry.stat(follow_symlinks=False)
                link = os.readlink(entry.path) if stat.S_ISLNK(facts.st_mode) else None
            except OSError as error:
                yield _Found(entry.path, reason=_reason(error))
                continue
            is_folder = stat.S_ISDIR(facts.st_mode)
            if is_refused(entry.name) or (link is not None and _is_refused_as_link(entry.name)):
                yield _Found(entry.path + "/" * is_folder, reason=_REFUSED)
            elif is_folder:
                inner.append(entry.path)
            elif link is not None:
                yield _Found(entry.path, link=link)
            else:
                yield _Found(entry.path, facts, reason=_objection(facts.st_mode))
        folders += reversed(inner)


class _Keeper:
    """Takes what was found, one after the other, as long as there is room for it."""

    def __init__(
        self, named: Sequence[str], toplevel: str, folder: str, cancelled: Callable[[], bool], room: Room
    ) -> None:
        self._named = frozenset(named)
        self._room = room
        self._toplevel = toplevel
        self._folder = folder
        self._cancelled = cancelled
        self._buffer = make_buffer()
        self._seen: set[str] = set()
        self._entries: list[dict[str, Any]] = []
        self._artifacts: list[dict[str, str]] = []
        self._astray: list[str] = []  # links that lead to what is not kept
        self._real = sorted({os.path.realpath(path) for path in named})
        self._stored = 0
        self._stored_large = 0
        self._characters = 0
        self._over: dict[str, list[int]] = {}

    def name_of(self, path: str) -> str:
        """The path from the top of the working tree; of a file outside of it, the absolute path."""
        inside = os.path.relpath(path, self._toplevel)
        slash = "/" if path.endswith("/") else ""
        return path if inside.startswith("../") or inside == ".." else inside + slash

    def take(self, found: _Found, root: str) -> None:
        """Fingerprint and copy it, or say why not; `root` is the named path that it stands below."""
        self._tick()
        if found.path in self._seen:
            return
        if found.link is not None and found.path in self._named:
            return  # it comes by itself, and is followed then
        self._seen.add(found.path)
        name = self.name_of(found.path)
        self._characters += len(name) + len(found.link or "")
        if len(self._entries) >= MAX_ENTRIES or self._characters > _MAX_CHARACTERS:
            over = self._over.setdefault(root, [0, 0])
            over[0] += 1
            over[1] += found.facts.st_size if found.facts else 0
        elif found.link is not None:
            self._take_link(found.path, name, found.link)
        elif found.reason or found.facts is None:
            self.leave_out(name, found.reason)
        else:
            self._take_file(found.path, name, found.facts)

    def leave_out(self, name: str, reason: str) -> None:
        """An entry for what is not kept."""
        self._entries.append({"path": name, "stored": False, "reason": reason})

    def _take_link(self, path: str, name: str, link: str) -> None:
        if any(named.startswith(path + "/") for named in self._named):
            self.leave_out(name, "a link, and what is behind it was named by itself")
            return
        target = os.path.realpath(path)
        if os.path.exists(target) and not any(f"{target}/".startswith(f"{real}/") for real in self._real):
            self._astray.append(name)
        entry = {"path": name, "link": link, "stored": True}
        self._artifacts.append({"path": self._place(entry), "link": link})
        self._entries.append(entry)

    def _take_file(self, path: str, name: str, facts: os.stat_result) -> None:
        is_named = path in self._named
        reason = self._room.objection(name)
        if not reason and (reason := self._excess(facts.st_size)) and self._room.large is not None:
            if self._stored_large + facts.st_size <= self._room.all_large:
                self._take_large(path, name, self._room.large, follow=is_named)
                return
            reason = f"more than {size_words(self._room.all_large)} of large artifacts"
        try:
            source, changed = ("", False) if reason else self._copy(path, follow=is_named)
            copied = os.path.join(self._folder, source) if source else path  # `join` lets an absolute path alone
            found = hash_file(os.fsencode(copied), self._buffer, follow=is_named, tick=self._tick)
        except OSError as error:
            self.leave_out(name, _reason(error))
            return
        size = found.facts[0]
        entry = {"path": name, "size": size, "xxh3_128": found.digest.hex(), "stored": not reason}
        if changed or found.changed:
            entry["changed"] = True
        if reason:
            entry["reason"] = reason
        else:
            self._stored += size
            self._artifacts.append({"path": self._place(entry), "source": source})
        self._entries.append(entry)

    def _excess(self, size: int) -> str:
        """Why a file of this size is too large; empty if there is room for it."""
        if size > self._room.file:
            return f"larger than {size_words(self._room.file)}"
        return f"more than {size_words(self._room.all)} of artifacts" if self._stored + size > self._room.all else ""

    def _take_large(self, path: str, name: str, store: Store, *, follow: bool) -> None:
        try:
            stored = put_large(store, path, follow=follow, tick=self._tick)
        except OSError as error:
            self.leave_out(name, _reason(error))
            return
        pointer = stored.pointer
        entry = {"path": name, "size": pointer.size, "xxh3_128": stored.digest.hex(), "stored": True}
        entry |= {"lfs_oid": pointer.lfs_oid, **({"changed": True} if stored.changed else {})}
        self._stored_large += pointer.size
        self._artifacts.append({"path": self._place(entry), "pointer": encode_pointer(pointer).decode("ascii")})
        self._entries.append(entry)

    def _copy(self, path: str, *, follow: bool) -> tuple[str, bool]:
        """Copy a file: (the copy's name, or the path itself on a full disk; whether it changed during both attempts)."""
        name = str(len(self._artifacts))
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
        try:
            before = _facts(fd)
            os.makedirs(self._folder, exist_ok=True)
            for _ in range(2):
                self._copy_bytes(fd, before[0], os.path.join(self._folder, name))
                after = _facts(fd)
                if after == before:
                    return name, False
                before = after
                os.lseek(fd, 0, os.SEEK_SET)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            return path, False
        finally:
            os.close(fd)
        return name, True

    def _copy_bytes(self, fd: int, size: int, target: str) -> None:
        """At most `size` bytes: whoever goes on writing would not let us end."""
        with open(target, "wb") as file:
            while size > 0 and (chunk := os.read(fd, min(size, _CHUNK))):
                file.write(chunk)
                size -= len(chunk)
                self._tick(len(chunk))

    def _tick(self, _size: int = 0) -> None:
        if self._cancelled():
            raise Cancelled

    @staticmethod
    def _place(entry: dict[str, Any]) -> str:
        """Where in the artifacts; an entry from outside of the working tree says so."""
        name: str = entry["path"]
        if os.path.isabs(name):
            entry["artifact"] = name = _OUTSIDE + name
        return name

    def result(self) -> Kept:
        """Everything that was taken, and the sum of what was too much."""
        for root, (files, size) in self._over.items():
            entry = {"path": self.name_of(root), "files": files, "size": size, "stored": False}
            self._entries.append({**entry, "reason": f"more than {MAX_ENTRIES:,} files"})
        return Kept(self._entries, self._artifacts, [*_tell_missing(self._entries), *self._tell_others()])

    def _tell_others(self) -> Iterator[str]:
        changed = [entry["path"] for entry in self._entries if entry.get("changed")]
        if changed:
            yield f"{_listed(changed)} changed while being kept as {_articles(changed)}."
        if self._astray:
            links = "a link" if len(self._astray) == 1 else "links"
            yield f"{_listed(self._astray)} {_are(self._astray)} kept as {links}: what is behind is not kept."


def put_large(store: Store, path: str, *, follow: bool = False, tick: Callable[[int], None] | None = None) -> Stored:
    """Put a file into the LFS store, with its xxh3-128 as the other digest. Raises `OSError`, and what `tick` does."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
    try:
        return store.put(fd, hasher=xxhash.xxh3_128, tick=tick)
    finally:
        os.close(fd)


def _tell_missing(entries: Iterable[dict[str, Any]]) -> Iterator[str]:
    by_reason: dict[str, list[str]] = {}
    for entry in entries:
        if not entry["stored"]:
            by_reason.setdefault(entry["reason"], []).append(entry["path"])
    for reason, names in by_reason.items():
        yield f"{_listed(names)} {_are(names)} not kept as {_articles(names)}: {reason}."


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    if more > 0:
        return f"{', '.join(names[:_NAMED])} and {more:,} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _articles(names: Sequence[str]) -> str:
    return "an artifact" if len(names) == 1 else "artifacts"


def _objection(mode: int) -> str:
    """Why something of this kind is not kept; empty for a regular file."""
    return "" if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "a device")


def _facts(fd: int) -> Facts:
    """What tells that a file is the same; `OSError` where it became something else since the folder was listed."""
    about = os.fstat(fd)
    if reason := _objection(about.st_mode):
        raise OSError(errno.EINVAL, reason)
    return facts_of(about)


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return GONE
    return "not readable" if isinstance(error, PermissionError) else str(error.strerror)


def _plain(name: str) -> str:
    """A name as the file systems see it that drop characters (HFS+) or ends (NTFS)."""
    return "".join(c for c in name if c not in _IGNORED_BY_HFS).lower().rstrip(". ").partition(":")[0]


def is_refused(name: str) -> bool:
    """Whether git takes a name for `.git` on some file system."""
    return name in {"..", "."} or _plain(name) in {".git", "git~1"}


def _is_refused_as_link(name: str) -> bool:
    """Whether `git fsck` refuses a link of that name."""
    return _plain(name).startswith((".gitmodules", "gitmod~", "gi7eba~"))
