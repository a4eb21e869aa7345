"""Artifacts that processes handed in (`log_artifact`, `log_image`, images of TensorBoard's): put beside what was found.

They are in the live folder since they were handed in, so that this is done for a run whose recorder died as well. The
path that each asks for is only a wish: what git refuses, or would lead out of the folder, is not followed.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from gitxp.capture.data.hashing import hash_file, make_buffer
from gitxp.capture.outputs import MAX_ENTRIES, MAX_FILE, MAX_TOTAL, is_refused, put_large
from gitxp.capture.untracked import size_words
from gitxp.git.lfs import Store
from gitxp.pointer import encode_pointer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gitxp.pointer import Pointer
    from gitxp.recording.statements import Statement

API = "api"
_MAX_PATH = 1_000
_MAX_WORD = 500


def staged_artifacts(
    statements: Iterable[Statement],
    entries: Sequence[dict[str, Any]],
    artifacts: Sequence[dict[str, str]],
    large: dict[str, Any] | None = None,
) -> tuple[list[dict[str, Any]], list[dict[str, str]], list[str]]:
    """The record's outputs and the run's artifacts, to which those of the statements were added; sentences on what is amiss.

    `entries` and `artifacts` are those found until now (capture/outputs.py). Where both have a path, the one with the
    same bytes is one; of two that differ, the one that was handed in is kept, unless the user named the other (`--out`).
    `large` is the live folder's: the `root` of the LFS store to which files over the limits go, and bytes at the `most`.
    """
    table = _Table(entries, artifacts, large or {})
    last: dict[str, Statement] = {}
    refused = 0
    for statement in statements:
        if statement.kind != "artifact" or not {"path", "source"} <= statement.facts.keys():
            continue
        path = statement.facts["path"]
        if _is_safe(path):
            last.pop(path, None)  # in the order of their last statements
            last[path] = statement
        else:
            refused += 1
    for path, statement in list(last.items())[:MAX_ENTRIES]:
        table.add(path, statement)
    if refused:
        table.problems.append(
            f"Artifacts refused: {refused:,}. Their paths lead out of their folder, or are none for git."
        )
    if len(last) > MAX_ENTRIES:
        table.problems.append(f"Artifacts left out: {len(last) - MAX_ENTRIES:,}. {MAX_ENTRIES:,} are the most.")
    return table.entries, table.artifacts, table.problems


def _is_safe(path: str) -> bool:
    parts = path.split("/")
    if not path or len(path) > _MAX_PATH or not all(parts) or not path.isprintable() or "\\" in path:
        return False
    return not any(map(is_refused, parts))


class _Table:
    def __init__(
        self, entries: Sequence[dict[str, Any]], artifacts: Sequence[dict[str, str]], large: dict[str, Any]
    ) -> None:
        self._store = Store(large["root"], shared=large.get("shared", 0)) if large else None
        self._room_large: int = large.get("most", 0)
        self.entries = list(entries)
        self.artifacts = list(artifacts)
        self.problems: list[str] = []
        self._at = {entry.get("artifact", entry["path"]): entry for entry in entries}
        self._buffer = make_buffer()
        self._stored = 0

    def add(self, path: str, statement: Statement) -> None:
        """Take one in, as it was said."""
        facts = statement.facts
        about = {key: facts[key][:_MAX_WORD] for key in ("type", "key") if facts.get(key)}
        if "step" in facts:
            about["step"] = facts["step"]
        content, pointer, reason = self._look(facts["source"], statement.at)
        entry: dict[str, Any] = {"path": path, **about, "source": API, "stored": False, **content}
        other = self._at.get(path)
        if other is not None and other.get("stored"):
            if other.get("xxh3_128") == entry.get("xxh3_128"):
                other |= about
                return
            if "source" not in other:  # the user named it
                reason = reason or "another artifact has its path"
            elif not reason:
                self._displace(path, other)
        if reason:
            entry.pop("lfs_oid", None)
            self.problems.append(f"{path} is not kept as an artifact: {reason}.")
            self.entries.append({**entry, "reason": reason})
            return
        self.entries.append({**entry, "stored": True})
        if pointer is not None:
            self._room_large -= pointer.size
            self.artifacts.append({"path": path, "pointer": encode_pointer(pointer).decode("ascii")})
        else:
            self._stored += entry["size"]
            self.artifacts.append({"path": path, "source": facts["source"]})

    def _look(self, source: str, at: float) -> tuple[dict[str, Any], Pointer | None, str]:
        """What a file that was handed in at this time is, its pointer if it is in the store now, and why it is not kept."""
        content: dict[str, Any] = {}
        try:
            status = os.lstat(source)
            content["size"] = status.st_size
            reason = self._objection(status)
            if reason and stat.S_ISREG(status.st_mode) and self._store is not None:
                reason = self._objection_to_large(status, at)
                if not reason:
                    stored = put_large(self._store, source)
                    pointer = stored.pointer
                    digests = {"xxh3_128": stored.digest.hex(), "lfs_oid": pointer.lfs_oid}
                    return {"size": pointer.size, **digests}, pointer, ""
            elif not reason:
                found = hash_file(os.fsencode(source), self._buffer)
                content = {"size": found.facts[0], "xxh3_128": found.digest.hex()}
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
        return content, None, reason

    def _objection_to_large(self, status: os.stat_result, at: float) -> str:
        if status.st_mtime > at:
            return "too large to be copied when it was handed in, and it changed since"
        return "more than large.max_total_size of large artifacts" if status.st_size > self._room_large else ""

    def _objection(self, status: os.stat_result) -> str:
        if not stat.S_ISREG(status.st_mode):
            return "it is no regular file"
        if status.st_size > MAX_FILE:
            return f"larger than {size_words(MAX_FILE)}"
        if self._stored + status.st_size > MAX_TOTAL:
            return f"more than {size_words(MAX_TOTAL)} of artifacts"
        return ""

    def _displace(self, path: str, other: dict[str, Any]) -> None:
        """List a file that was found, and do not keep it: an artifact of its path was handed in."""
        other |= {"stored": False, "reason": "an artifact that was handed in has its path"}
        self.artifacts = [artifact for artifact in self.artifacts if artifact["path"] != path]
