"""Artifacts that processes handed in (`log_artifact`, `log_image`, images of TensorBoard's): put beside what was found.

They are in the live folder since they were handed in, so that this is done for a run whose recorder died as well. The
path that each asks for is only a wish: what git refuses, or would lead out of the folder, is not followed.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from gitxp.capture.hashing import hash_file, make_buffer
from gitxp.capture.outputs import MAX_ENTRIES, MAX_FILE, MAX_TOTAL, is_refused, size_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gitxp.recording.statements import Statement

API = "api"
_MAX_PATH = 1_000
_MAX_WORD = 500


def staged_artifacts(
    statements: Iterable[Statement], entries: Sequence[dict[str, Any]], artifacts: Sequence[dict[str, str]]
) -> tuple[list[dict[str, Any]], list[dict[str, str]], list[str]]:
    """The record's outputs and the run's artifacts, to which those of the statements were added; sentences on what is amiss.

    `entries` and `artifacts` are those found until now (capture/outputs.py). Where both have a path, the one with the
    same bytes is one; of two that differ, the one that was handed in is kept, unless the user named the other (`--out`).
    """
    table = _Table(entries, artifacts)
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
        table.add(path, statement.facts)
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
    def __init__(self, entries: Sequence[dict[str, Any]], artifacts: Sequence[dict[str, str]]) -> None:
        self.entries = list(entries)
        self.artifacts = list(artifacts)
        self.problems: list[str] = []
        self._at = {entry.get("artifact", entry["path"]): entry for entry in entries}
        self._buffer = make_buffer()
        self._stored = 0

    def add(self, path: str, facts: dict[str, Any]) -> None:
        """Take one in; its `facts` are those of the statement."""
        source = facts["source"]
        about = {key: facts[key][:_MAX_WORD] for key in ("type", "key") if facts.get(key)}
        if "step" in facts:
            about["step"] = facts["step"]
        entry: dict[str, Any] = {"path": path, **about, "source": API, "stored": False}
        try:
            status = os.lstat(source)
            reason = self._objection(status)
            if not reason:
                found = hash_file(os.fsencode(source), self._buffer)
                entry |= {"xxh3_128": found.digest.hex()}
                status_size = found.facts[0]
            else:
                status_size = status.st_size
        except OSError as error:
            reason, status_size = (error.strerror or str(error)).lower(), None
        if status_size is not None:
            entry["size"] = status_size
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
            self.problems.append(f"{path} is not kept as an artifact: {reason}.")
            self.entries.append({**entry, "reason": reason})
            return
        self._stored += entry["size"]
        self.entries.append({**entry, "stored": True})
        self.artifacts.append({"path": path, "source": source})

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
