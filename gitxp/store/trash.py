"""Removed runs: annotated tags below refs/gitxp/trash/, which keep all that the run was until the trash is emptied.

The tag's time is when the run was removed, whatever the dates that a user's environment dictates to git: nothing may look
older than it is. Its message says which ref it was and with which others it was removed. A run moves in one transaction of
git's, so that it is never in both places or in none.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitxp.format import RUN_REFS, Oid, RefName, format_time
from gitxp.git.contents import check_objects, read_objects
from gitxp.git.refs import Change, change_refs, is_archive
from gitxp.git.scratch import PREFIX
from gitxp.names import RunName, is_name
from gitxp.store.writer import find_identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gitxp.git.program import Git

TRASH_REFS = "refs/gitxp/trash/"
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LARGEST_TAG = 64 * 1024
_BEGINNINGS = (8, 13, 36)  # of an id: up to a minute, to a millisecond, all of it


@dataclass(frozen=True, slots=True)
class Trashed:
    """A run in the trash: `name` is what it is called there, `run` the name that it had.

    `tag` is the value of its ref in the trash and `commit` the tip that the run had. `removal` is the same for all that
    one command removed, `removed_at` unix time in seconds; both are None where gitxp did not put it there. `command` is that
    of the record, where it can be read. `archive` is the ref of the archive where the run was, and still is.
    """

    name: str
    ref: RefName
    tag: Oid
    commit: Oid
    run: RunName
    removal: str | None = None
    removed_at: float | None = None
    id: str | None = None
    command: tuple[str, ...] = ()
    archive: RefName | None = None

    def to_json(self) -> dict[str, Any]:
        """The object that `gitxp trash --json` prints; what is not known is absent."""
        about = {
            "name": self.name,
            "ref": self.ref,
            "commit": self.commit,
            "run": self.run,
            "removal": self.removal,
            "removed_at": None if self.removed_at is None else format_time(int(self.removed_at * 1e9)),
            "id": self.id,
            "command": list(self.command) or None,
            "archive": self.archive,
        }
        return {key: value for key, value in about.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Doomed:
    """A run that is to be removed: its name, the value of `ref`, its id; `archive` is the ref of the one that has it.

    Without either it is not among the runs here.
    """

    name: RunName
    commit: Oid
    id: str | None = None
    ref: RefName | None = None
    archive: RefName | None = None


def list_trash(git: Git) -> list[Trashed]:
    """What is in the trash, newest first; what gitxp did not put there last."""
    where = [
        line.split(" ", 1) for line in _lines(git.run("for-each-ref", "--format=%(objectname) %(refname)", TRASH_REFS))
    ]
    tags = _read_tags(git, [oid for oid, _ in where])
    found = [_decode(RefName(ref), Oid(oid), tags.get(oid)) for oid, ref in where]
    return sorted(found, key=lambda one: (one.removed_at or 0, one.removal or "", one.name), reverse=True)


def throw_away(git: Git, runs: Sequence[Doomed], removal: str, now: float) -> list[Trashed]:
    """Move runs to the trash, all or none; what they are there. `GitxpError` where one of them is not as it was known."""
    taken = {_name_of(line).lower() for line in _lines(git.run("for-each-ref", "--format=%(refname)", TRASH_REFS))}
    names = []
    for run in runs:
        name = next(name for name in _free_names(run) if name.lower() not in taken)
        taken.add(name.lower())
        names.append(name)
    kinds = _kinds(git, [run.commit for run in runs])
    tagger = f"{find_identity(git, os.environ).committer} {int(now)} {time.strftime('%z', time.localtime(now))}"
    texts = [_encode(run, name, kinds[run.commit], removal, tagger) for run, name in zip(runs, names, strict=True)]
    tags = _write_tags(git, texts)
    changes = [Change(TRASH_REFS + name, None, tag) for name, tag in zip(names, tags, strict=True)]
    changes += [Change(run.ref, run.commit, None) for run in runs if run.ref]
    change_refs(git, changes, "gitxp: remove")
    return [
        Trashed(
            *(name, RefName(TRASH_REFS + name), tag, run.commit, run.name, removal, float(int(now)), _sound_id(run.id)),
            archive=None if run.ref else run.archive,
        )
        for run, name, tag in zip(runs, names, tags, strict=True)
    ]


def forget_for_good(git: Git, entries: Iterable[Trashed]) -> None:
    """Delete entries of the trash. What only they held is no longer reachable, and goes with git's next gc."""
    change_refs(git, [Change(entry.ref, entry.tag, None) for entry in entries], "gitxp: empty the trash")


def _lines(data: bytes) -> list[str]:
    # not splitlines: a ref may have U+2028 in its name, which git takes for a letter
    return [line for line in data.decode("utf-8", "surrogateescape").split("\n") if line]


def _name_of(ref: str) -> str:
    return ref.removeprefix(TRASH_REFS)


def is_sound_id(text: str | None) -> bool:
    """Whether this is an id by which a removed run can be remembered."""
    return _sound_id(text) is not None


def _sound_id(text: str | None) -> str | None:
    """An id as it may stand in a tag; None for what a record has in its place that is none."""
    return text.lower() if text is not None and _ID.fullmatch(text.lower()) else None


def _free_names(run: Doomed) -> Iterator[str]:
    """The run's name, and names that tell it from others of the same name."""
    yield run.name
    id_ = _sound_id(run.id) or run.commit
    for length in _BEGINNINGS:
        yield f"{run.name}-{id_[:length]}"
    number = 2
    while True:
        yield f"{run.name}-{id_}-{number}"
        number += 1


def _encode(run: Doomed, name: str, kind: str, removal: str, tagger: str) -> str:
    trailers = [f"Gitxp-Ref: {RUN_REFS}{run.name}", f"Gitxp-Removal: {removal}"]
    if id_ := _sound_id(run.id):
        trailers.append(f"Gitxp-Id: {id_}")
    if run.archive and not run.ref:
        trailers.append(f"Gitxp-Archive: {run.archive}")
    head = f"object {run.commit}\ntype {kind}\ntag {name}\ntagger {tagger}\n"
    return f"{head}\nRemove {run.name}\n\n" + "\n".join(trailers) + "\n"


def _decode(ref: RefName, oid: Oid, text: str | None) -> Trashed:
    """What a ref in the trash is; one that leads to no tag of ours stands for itself."""
    name = _name_of(ref)
    if text is None:
        return Trashed(name, ref, oid, oid, RunName(name))
    head, _, message = text.partition("\n\n")
    facts = dict(line.partition(" ")[::2] for line in head.split("\n"))
    trailers = dict(line.partition(": ")[::2] for line in message.rpartition("\n\n")[2].split("\n"))
    run = trailers.get("Gitxp-Ref", "").removeprefix(RUN_REFS)
    removal = _sound_id(trailers.get("Gitxp-Removal"))
    archive = trailers.get("Gitxp-Archive", "")
    return Trashed(
        name,
        ref,
        oid,
        Oid(facts.get("object", oid)),
        RunName(run if is_name(run) else name),
        removal,
        _time_of(facts.get("tagger", "")) if removal else None,
        _sound_id(trailers.get("Gitxp-Id")),
        archive=RefName(archive) if is_archive(archive) else None,
    )


def _time_of(tagger: str) -> float | None:
    seconds = tagger.rpartition("> ")[2].partition(" ")[0]
    return float(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) < 12 else None


def _kinds(git: Git, oids: Sequence[Oid]) -> dict[str, str]:
    """The kind of each object; what is missing was a commit, as far as anybody can say."""
    return {**dict.fromkeys(oids, "commit"), **{oid: kind for oid, kind, _ in check_objects(git, oids)}}


def _read_tags(git: Git, oids: Sequence[str]) -> dict[str, str]:
    """The texts of those objects that are tags of a sensible size."""
    tags = [(oid, size) for oid, kind, size in check_objects(git, oids) if kind == "tag" and size <= _LARGEST_TAG]
    return {oid: data.decode("utf-8", "surrogateescape") for oid, data in read_objects(git, tags)}


def _write_tags(git: Git, texts: Sequence[str]) -> list[Oid]:
    """Write tag objects by one process, which takes them from files."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
        paths = []
        for number, text in enumerate(texts):
            paths.append(os.path.join(folder, str(number)))
            with open(paths[-1], "wb") as file:
                file.write(text.encode("utf-8", "surrogateescape"))
        asked = "".join(f"{_quote(path)}\n" for path in paths).encode("utf-8", "surrogateescape")
        answer = git.run("hash-object", "-t", "tag", "-w", "--no-filters", "--stdin-paths", data=asked)
    return [Oid(line) for line in _lines(answer)]


def _quote(path: str) -> str:
    """A path as git takes one that has anything in it."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
