"""Commits on several runs through one `git fast-import`, each moving its ref forward.

fast-import moves no ref to what does not contain the ref's value, and tells at the end which it could not move: the
others are moved. What is written here is small (edits, merges); a run's own commits are writer.py's.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import GitFailed
from gitxp.format import RUN_REFS, Oid, RefName, command_line
from gitxp.git.outbox import Outbox
from gitxp.store.writer import clear_crash_report, prepare, quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from gitxp.git.program import Git
    from gitxp.store.writer import Identity

_SMALL = 95  # objects: from 100 on fast-import keeps a pack
_OBJECTS = 6  # a commit, its tree, and those of two folders and two files
_SUBJECT_WIDTH = 100


class Signature(NamedTuple):
    """Author and committer of a commit as git has them: `Name <email> 1700000000 +0000`."""

    author: str
    committer: str

    @classmethod
    def of(cls, identity: Identity) -> Signature:
        """An identity, now or at the dates that the environment dictates."""
        now = f"{int(time.time())} {time.strftime('%z')}"
        return cls(
            f"{identity.author} {identity.author_date or now}", f"{identity.committer} {identity.committer_date or now}"
        )


class NewCommit(NamedTuple):
    """A commit to be: its tree is that of the first parent, or `tree`, with `files` (bytes by path) and `blobs` (objects by path)."""

    ref: RefName
    message: bytes
    signature: Signature
    parents: tuple[Oid, ...]
    files: Mapping[str, bytes] = {}
    blobs: Mapping[str, Oid] = {}
    tree: Oid | None = None


def message_of(record: Mapping[str, Any], name: str, what: str) -> bytes:
    """The message of a commit that says something about a run: `<name>: <what>` and the run's trailers."""
    subject = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in f"{name}: {what}")
    if len(subject) > _SUBJECT_WIDTH:
        subject = subject[: _SUBJECT_WIDTH - 1] + "…"
    trailers = [f"Gitxp-Run: {name}"]
    said = {key: record[key] for key in ("id", "status") if isinstance(record.get(key), str)}
    trailers += [f"Gitxp-{key.capitalize()}: {command_line([value])}" for key, value in said.items()]
    return "\n".join([subject, "", *trailers, ""]).encode("utf-8", "backslashreplace")


def write_commits(git: Git, commits: Sequence[NewCommit]) -> tuple[dict[RefName, Oid], GitFailed | None]:
    """Write them and move their refs: the commits whose refs were moved, and why others were not. `GitFailed` if none could be."""
    if not commits:
        return {}, None
    stream = bytearray(b"feature done\n")
    for number, commit in enumerate(commits, 1):
        stream += _encode(number, commit)
    stream += b"".join(b"get-mark :%d\n" % number for number in range(1, len(commits) + 1)) + b"done\n"
    process = prepare(git, is_small=_OBJECTS * len(commits) <= _SMALL)
    answer = process.result(bytes(stream))
    oids = [Oid(line) for line in answer.stdout.decode("ascii").split()]
    made = {commit.ref: oid for commit, oid in zip(commits, oids, strict=False)}
    if not answer.status:
        return made, None
    stderr = answer.stderr.decode("utf-8", "replace")
    clear_crash_report(process, stderr)
    failure = GitFailed(process.args, answer.status, stderr)
    there = _where(git, list(made))
    moved = {ref: oid for ref, oid in made.items() if there.get(ref) == oid}
    if not moved and "does not contain" not in stderr and "but expected" not in stderr:
        raise failure
    return moved, failure


def write_commit(git: Git, commit: NewCommit) -> Oid:
    """Write one commit that no ref is to lead to yet; `commit.ref` is not looked at."""
    with Outbox(git) as outbox:
        ref = outbox.will_have("commit")
        moved, failure = write_commits(git, [commit._replace(ref=ref)])
    if failure is not None:
        raise failure
    return moved[ref]


def _where(git: Git, refs: Sequence[RefName]) -> dict[str, str]:
    listed = git.run("for-each-ref", "--format=%(refname) %(objectname)", RUN_REFS).decode("utf-8", "replace")
    wanted = set(refs)
    pairs = (line.split(" ") for line in listed.splitlines())
    return {ref: oid for ref, oid in pairs if ref in wanted}


def _encode(number: int, commit: NewCommit) -> bytes:
    lines = [
        f"commit {commit.ref}",
        f"mark :{number}",
        f"author {commit.signature.author}",
        f"committer {commit.signature.committer}",
        f"data {len(commit.message)}",
    ]
    head = "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n" + commit.message + b"\n"
    body = [f"from {commit.parents[0]}", *(f"merge {parent}" for parent in commit.parents[1:])]
    if commit.tree:
        body.append(f'M 040000 {commit.tree} ""')
    body += [f"M 100644 {oid} {quote(path)}" for path, oid in commit.blobs.items()]
    text = "".join(f"{line}\n" for line in body).encode("utf-8", "surrogateescape")
    files = (
        f"M 100644 inline {quote(path)}\ndata {len(data)}\n".encode() + data + b"\n"
        for path, data in commit.files.items()
    )
    return head + text + b"".join(files)
