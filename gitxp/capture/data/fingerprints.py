r"""Fingerprints of the data that a run is given: what was read, told by content, for any size.

A file is its xxh3-128. A folder is the xxh3-128 of its manifest: one line for each file below it, sorted by the bytes
of the path (relative to the folder, `/` between components):

    <32 hex digits>  <path>\n     a regular file: xxh3-128 of its content
    <32 hex digits> @<path>\n     a symbolic link: xxh3-128 of the bytes of its target; it is never followed
    ????????????????????????????????  <path>\n     a file or a folder that cannot be read

Where a path has a backslash or a newline in it, the line begins with a backslash, and the two are written `\\` and
`\n`, as sha256sum does it. Empty folders, FIFOs, sockets, devices, permissions and times are not part of it, nor are
folders named `.git`. So `cd FOLDER && find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 xxh128sum | xxh128sum`
gives the same 32 digits wherever there are no links and no such names.

Two walks: a fast one, unsorted, that only digests names and stats and ends everything if the cache knows that digest;
and, where something changed, a sorted one that goes along the old cache and hashes what is new, in threads, a bounded
number of files at a time.
"""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, Any

import xxhash

from gitxp.capture.data.hash_threads import Cancelled, Watch, hash_items
from gitxp.capture.data.hashing import FileHash
from gitxp.capture.data.manifests import Manifest, reuse
from gitxp.capture.data.stat_cache import UNTRUSTED, Answer, Cache, Writer, is_trusted
from gitxp.capture.data.walk import FILE, LINK, UNLISTED, Item, Listing, Walk, scan
from gitxp.capture.secrets.redaction import redact_path
from gitxp.format import DATA_FOLDER, data_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

__all__ = ["fingerprint", "fingerprint_files", "manifest_line", "shown_path"]

_CHUNK = 2048
_UNREADABLE = "?" * 32


def fingerprint(
    paths: Sequence[str],
    toplevel: str,
    cache_path: str | None,
    *,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    clock: Callable[[], int] = time.time_ns,
    manifests: str | None = None,
) -> list[dict[str, Any]]:
    """The record's `data` entries for files and folders, one for each path, in order, each path once.

    Relative paths are from `toplevel`. An entry has `path` (relative to `toplevel` if inside it, else absolute),
    `kind` (`file`, `folder`, `missing`, `other`: a device, a FIFO), and for a file and a folder `size` in bytes and
    `xxh3_128`; for a folder `files`, the number of files and links in it; `changed` is true where a file would not
    hold still while it was read twice; `unreadable` counts what could not be read.

    `cache_path` is a folder for stat caches, made if it is not there; None does without. `progress` is called in this
    thread, some 10 times a second, with the bytes and files read so far, `cancelled` as often; where that says true, the
    entries that are not finished have `path` and `kind` alone, and the cache has what was hashed for the next time. Of what the
    cache does not know, some files are hashed before it is asked.

    `manifests` is a folder, made if it is not there, for the folders' manifests, each where it is to be in the tree below
    `.gitxp/data`; an entry that has one there says `manifest`: true.
    """
    watch = Watch(progress, cancelled)
    entries: dict[str, dict[str, Any]] = {}
    for path in paths:
        full = os.path.normpath(os.path.join(toplevel, path))
        shown = shown_path(full, toplevel)
        if shown not in entries:
            named = redact_path(shown)
            place = _place(manifests, named)
            entries[shown] = {"path": named, **_fingerprint(os.fsencode(full), cache_path, watch, clock, place)}
    return list(entries.values())


def fingerprint_files(
    folder: str,
    files: Mapping[str, os.stat_result],
    toplevel: str,
    cache_path: str | None,
    *,
    cancelled: Callable[[], bool] | None = None,
    manifests: str | None = None,
) -> dict[str, Any]:
    """One entry, as of a folder, for these regular files below it alone, by their paths from `folder`; see `fingerprint`.

    None of them may be a symbolic link; what lies between them and the folder may.
    """
    shown = shown_path(folder, toplevel)
    root = os.fsencode(folder)
    cache = Cache(cache_path, os.path.realpath(root) + b"\0opened")
    place = _place(manifests, shown)
    watch = Watch(None, cancelled)
    try:
        listing = Listing((os.fsencode(path), about) for path, about in files.items())
        if cache.answer and cache.stats == listing.stats and (found := _known("folder", cache, place)):
            return {"path": shown, **found}
        return {"path": shown, **_hash_root(root, listing, cache, watch, time.time_ns, place)}
    except Cancelled:
        return {"path": shown, "kind": "folder"}
    finally:
        cache.close()


def manifest_line(path: bytes, kind_mark: bytes, digest: str) -> bytes:
    r"""One line of a folder's manifest; `kind_mark` is a space or an @."""
    escaped = path.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
    return b"%s%s %s%s\n" % (b"\\" if escaped != path else b"", digest.encode("ascii"), kind_mark, escaped)


def shown_path(full: str, toplevel: str) -> str:
    """A normal absolute path as a record has it: from the top of the working tree, absolute outside of it."""
    for path in (full, os.path.join(os.path.realpath(os.path.dirname(full)), os.path.basename(full))):
        if path == toplevel:
            return "."
        if path.startswith(toplevel.rstrip("/") + "/"):
            return path[len(toplevel.rstrip("/")) + 1 :]
    return full


def _place(manifests: str | None, shown: str) -> str | None:
    """Where on disk the manifest of an entry goes."""
    return manifests and os.path.join(manifests, data_path(shown).removeprefix(DATA_FOLDER + "/"))


def _known(kind: str, cache: Cache, place: str | None) -> dict[str, Any] | None:
    """The entry from the cache, whose answer still holds; None where its manifest is wanted and was not kept."""
    assert cache.answer
    is_there = reuse(place, cache.manifest, cache.answer) if place and kind == "folder" else False
    if is_there is None:
        return None
    return _entry(kind, cache.answer) | ({"manifest": True} if is_there else {})


def _fingerprint(
    root: bytes, cache_path: str | None, watch: Watch, clock: Callable[[], int], place: str | None
) -> dict[str, Any]:
    try:
        about = os.stat(root)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return {"kind": "missing"}
    is_folder = stat.S_ISDIR(about.st_mode)
    if not is_folder and not stat.S_ISREG(about.st_mode):
        return {"kind": "other"}
    kind = "folder" if is_folder else "file"
    cache = Cache(cache_path, os.path.realpath(root))  # a rerun has a link to the same data
    try:
        is_same = cache.answer and cache.stats != UNTRUSTED and scan(root, watch.look) == cache.stats
        if is_same and (found := _known(kind, cache, place)):
            return found
        return _hash_root(root, Walk(root), cache, watch, clock, place)
    except FileNotFoundError:  # the root went away just now
        return {"kind": "missing"}
    except Cancelled:
        return {"kind": kind}
    finally:
        cache.close()


def _entry(kind: str, answer: Answer, unreadable: int = 0, *, changed: bool = False) -> dict[str, Any]:
    entry: dict[str, Any] = {"kind": kind, "size": answer.size, "xxh3_128": answer.digest.hex()}
    if kind == "folder":
        entry["files"] = answer.files
    elif unreadable:
        del entry["xxh3_128"]
    if changed:
        entry["changed"] = True
    if unreadable:
        entry["unreadable"] = unreadable
    return entry


def _hash_root(
    root: bytes, walk: Walk | Listing, cache: Cache, watch: Watch, clock: Callable[[], int], place: str | None
) -> dict[str, Any]:
    """Walk in manifest order, hash what the cache does not know, and write the next cache."""
    looked = clock()
    kind = "folder" if walk.is_folder else "file"
    sums = _Sums(Writer(cache), Manifest(place if walk.is_folder else None, cache.manifest))
    try:
        for items in _chunks(walk):
            known = [None if item.kind == UNLISTED else cache.find(item.path, item.facts) for item in items]
            unknown = [item for item, digest in zip(items, known, strict=True) if digest is None]
            try:  # where all is known, nobody is asked whether to go on: so each time gets further than the last
                found = iter(hash_items(root, unknown, watch) if unknown else ())
            except Cancelled as stop:
                _keep_part(sums.writer, cache, zip(items, known, strict=True), iter(stop.found), (looked, clock()))
                raise
            now = clock()
            for item, digest in zip(items, known, strict=True):
                if digest is not None:
                    sums.add(item, FileHash(digest, item.facts, changed=False), trusted=True)
                elif fresh := next(found):
                    sums.add(item, fresh, trusted=not fresh.changed and is_trusted(fresh.facts, looked, now))
                else:
                    sums.add_unreadable(item)
            sums.flush()
        answer = sums.answer(kind)
        sums.writer.publish(walk.stats if sums.steady else UNTRUSTED, answer)
    except BaseException:
        sums.writer.discard()
        sums.manifest.discard()
        raise
    entry = _entry(kind, answer, sums.unreadable, changed=sums.changed)
    return entry | ({"manifest": True} if sums.manifest.publish() else {})


def _keep_part(
    writer: Writer,
    cache: Cache,
    items: Iterable[tuple[Item, bytes | None]],
    found: Iterator[FileHash | None],
    when: tuple[int, int],
) -> None:
    """Put what was hashed into the next cache, though not all was: so that the next time gets further.

    `items` are the ones that were last at work, with what the old cache knows of them; of the others, `found` has what
    was hashed. What the old cache knows of the items behind them is taken along.
    """
    last = b""
    for item, digest in items:
        last = item.path
        if digest is not None:
            writer.add(item.path, item.facts, digest)
        elif (fresh := next(found)) and not fresh.changed and is_trusted(fresh.facts, *when):
            writer.add(item.path, fresh.facts, fresh.digest)
    for record in cache.after(last):
        writer.add(*record)
    writer.publish_part()


class _Sums:
    """What grows while the items of one root go by; `steady` is whether the whole answer may be taken again."""

    def __init__(self, writer: Writer, manifest: Manifest) -> None:
        self.writer = writer
        self.manifest = manifest
        self.steady = True
        self.changed = False
        self.unreadable = 0
        self._hasher = xxhash.xxh3_128()
        self._lines: list[bytes] = []
        self._size = 0
        self._files = 0
        self._last = bytes(16)

    def add(self, item: Item, found: FileHash, *, trusted: bool) -> None:
        """A file or a link, and the hash of its content; `trusted`: an equal stat will mean an equal content."""
        if item.kind == LINK:
            self._lines.append(manifest_line(item.path, b"@", found.digest.hex()))
        else:
            self._lines.append(manifest_line(item.path, b" ", found.digest.hex()))
            self._size += found.facts[0]
        self._files += 1
        self._last = found.digest
        self.changed = self.changed or found.changed
        self.steady = self.steady and trusted and found.facts == item.facts
        if trusted:
            self.writer.add(item.path, found.facts, found.digest)

    def add_unreadable(self, item: Item) -> None:
        """A file or a folder that could not be read, or is gone."""
        self.unreadable += 1
        self.steady = False
        self._files += item.kind == FILE
        self._lines.append(manifest_line(item.path, b" ", _UNREADABLE))

    def flush(self) -> None:
        """Let go of the lines."""
        lines = b"".join(self._lines)
        self._hasher.update(lines)
        self.manifest.add(lines, len(self._lines))
        self._lines.clear()

    def answer(self, kind: str) -> Answer:
        """The fingerprint of a folder, or of the one file."""
        return Answer(self._hasher.digest() if kind == "folder" else self._last, self._size, self._files)


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    chunk: list[Item] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
