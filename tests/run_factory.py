"""Runs made by `git fast-import` from plain data, independent of gitxp's own writer: what reading is tested with."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

START = 1_700_000_000
IDENTITY = b"Tester <tester@example.com>"


def make_id(number: int) -> str:
    """A UUIDv7 that is the same for the same number, and differs from others' within the first 8 characters."""
    return f"{0x01900000 + number:08x}-0000-7000-8000-{number:012x}"


def make_record(name: str, number: int = 0, **keys: Any) -> dict[str, Any]:
    """A sound record of a completed run that started `number` minutes after START; `keys` are added, None takes away."""
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(START + 60 * number))
    record: dict[str, Any] = {
        "format": 1,
        "id": make_id(number),
        "name": name,
        "status": "completed",
        "exit_code": 0,
        "command": ["python", "train.py"],
        "cwd": ".",
        "started_at": at,
        "finished_at": at,
        "duration": 1.5,
        "host": "host",
        "user": "tester",
        "git": {"version": "2.39.5"},
        "gitxp_version": "0.1.0",
    }
    return {key: value for key, value in {**record, **keys}.items() if value is not None}


class Factory:
    """Makes runs in one repository; each call is one fast-import process."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._number = 0

    def make(
        self,
        name: str,
        *,
        files: Mapping[str, str | bytes] | None = None,
        raw: bytes | None = None,
        base: str | None = "HEAD",
        **keys: Any,
    ) -> str:
        """One run of one commit, one minute younger than the one before: the commit.

        `files` lie beside the record, by path in the tree (None for the value of `raw` means the record made of `keys`).
        """
        self._number += 1
        data = raw if raw is not None else encode(make_record(name, self._number, **keys))
        content = {".gitxp/run.json": data, **(files or {})}
        self.commit(f"refs/experiments/{name}", content, parent=base, at=START + 60 * self._number)
        return self._git("rev-parse", f"refs/experiments/{name}")

    def advance(self, name: str, record: Mapping[str, Any], files: Mapping[str, str | bytes] | None = None) -> str:
        """One more commit on a run, with this record: the commit."""
        ref = f"refs/experiments/{name}"
        self.commit(ref, {".gitxp/run.json": encode(record), **(files or {})}, parent=ref, at=START + 100_000)
        return self._git("rev-parse", ref)

    def skip(self, count: int) -> None:
        """Make the next run as if so many had been made: with another id and time than those of another factory."""
        self._number += count

    def make_many(self, count: int) -> None:
        """`count` runs named run-0001 and so on, one commit each."""
        stream = bytearray()
        for _ in range(count):
            self._number += 1
            name = f"run-{self._number:04d}"
            content = {".gitxp/run.json": encode(make_record(name, self._number))}
            stream += _commit(f"refs/experiments/{name}", content, None, START + 60 * self._number)
        self._import(bytes(stream))

    def make_of(self, records: Sequence[Mapping[str, Any]]) -> None:
        """A run of one commit for each of these records, by the names that they have, in one process."""
        commits = (
            _commit(f"refs/experiments/{record['name']}", {".gitxp/run.json": encode(record)}, None, START)
            for record in records
        )
        self._import(b"".join(commits))

    def commit(self, ref: str, files: Mapping[str, str | bytes], *, parent: str | None, at: int = START) -> None:
        """A commit whose tree is the parent's with these files, and the ref moved to it."""
        parent = parent and self._git("rev-parse", f"{parent}^0")
        self._import(_commit(ref, files, parent, at))

    def _import(self, stream: bytes) -> None:
        self._git("fast-import", "--quiet", "--force", data=stream)

    def _git(self, *args: str, data: bytes = b"") -> str:
        answer = subprocess.run(["git", "-C", self.path, *args], input=data, capture_output=True, check=True)
        return answer.stdout.decode().strip()


def make_live_folder(repo: str, record: Mapping[str, Any], metrics: Mapping[str, Sequence[float]]) -> str:
    """The live folder of a run that begins with this record, and has logged these values at steps from 0 on: its path."""
    folder = f"{repo}/.git/gitxp/live/{record['name']}"
    os.makedirs(f"{folder}/journal")
    with open(f"{folder}/state.json", "wb") as file:
        file.write(encode({"record": record}))
    with open(f"{folder}/journal/1-00000000.tsv", "w") as file:
        for name, values in metrics.items():
            file.writelines(
                f"{quote(name)}.tsv\t{step}\t{START + step}\t{value!r}\n" for step, value in enumerate(values)
            )
    return folder


def encode(value: object) -> bytes:
    """JSON as the format wants it, by the standard library alone."""
    return json.dumps(value, sort_keys=True, indent=1).encode() + b"\n"


def _commit(ref: str, files: Mapping[str, str | bytes], parent: str | None, at: int) -> bytes:
    lines: list[bytes] = [f"commit {ref}".encode(), b"committer %s %d +0000" % (IDENTITY, at), _data(ref.encode())]
    if parent:
        lines.append(f"from {parent}".encode())
    for path, content in files.items():
        lines.append(b'M 100644 inline "%s"' % _quote(path))
        lines.append(_data(content if isinstance(content, bytes) else content.encode()))
    return b"\n".join(lines) + b"\n"


def _data(content: bytes) -> bytes:
    return b"data %d\n%s" % (len(content), content)


def _quote(path: str) -> bytes:
    raw = path.encode("utf-8", "surrogateescape")
    return b"".join(bytes([c]) if 32 <= c < 127 and c not in b'"\\' else b"\\%03o" % c for c in raw)


def names(runs: Sequence[Any]) -> list[str]:
    """The names of runs, in their order."""
    return [run.name for run in runs]
