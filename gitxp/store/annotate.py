"""Writing edits: a commit for each run, on top of its tip, with one file more in its tree.

All runs of one command go through one `git fast-import`. It moves no ref to what does not contain the ref's value, so a
run that somebody moved meanwhile (a finish, a fetch) is the only one that fails, and is done anew on what is there.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from gitxp.annotations import (
    ANNOTATIONS_FOLDER,
    Annotations,
    decode_edits,
    edit_name,
    edit_path,
    encode_edit,
    find_edit_name,
    fold,
    next_clock,
)
from gitxp.errors import FormatError, UnknownRun
from gitxp.format import RECORD_PATH
from gitxp.git.refs import find_ref, list_refs
from gitxp.store.batch import NewCommit, Signature, message_of, write_commits
from gitxp.store.runs import decode_run, read_edits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitxp.annotations import Edit
    from gitxp.errors import GitFailed
    from gitxp.format import Oid
    from gitxp.git.objects import Objects
    from gitxp.git.program import Git
    from gitxp.model import Run
    from gitxp.names import RunName
    from gitxp.store.writer import Identity

_ATTEMPTS = 20
_FEW = 20  # refs that are asked for one by one, 2 ms each


class Annotated(NamedTuple):
    """A run, the commit that has the edit, and the edit as it was stored; both None where it says what was so already."""

    name: RunName
    commit: Oid | None
    edit: Edit | None


class History(NamedTuple):
    """What was said of a run: the edits by id, in the order in which they count, and what they come to."""

    edits: dict[str, Edit]
    annotations: Annotations


def read_history(objects: Objects, commit: Oid) -> History:
    """What was said of the run with this tip. `FormatError` where its record cannot be read."""
    ((_, entries),) = objects.list_folders([commit], ANNOTATIONS_FOLDER)
    edits, problems = decode_edits(read_edits(objects, entries))
    record, problem = decode_run(objects.read_file(commit, RECORD_PATH))
    if problem:
        raise FormatError(problem)
    return History(edits, replace(fold(Annotations.of_record(record), edits), problems=problems))


def annotate(
    git: Git,
    objects: Objects,
    runs: Sequence[Run],
    make_edit: Callable[[Run], Edit | None],
    identity: Identity,
    random: Callable[[int], bytes] = os.urandom,
) -> list[Annotated]:
    """Write for each run the edit that `make_edit` gives; where it gives None, nothing. Raises `GitFailed`, `UsageError`.

    The runs are taken as they are in the repository now, wherever their refs were when they were read.
    """
    edits = {run.name: (run, edit) for run in runs if (edit := make_edit(run)) is not None}
    done: dict[RunName, Oid] = {}
    for _ in range(_ATTEMPTS):
        missing = {name: pair for name, pair in edits.items() if name not in done}
        if not missing:
            break
        failure = _write(git, objects, missing, identity, random, done)
    else:
        assert failure is not None
        raise failure
    return [Annotated(run.name, done.get(run.name), edits.get(run.name, (run, None))[1]) for run in runs]


def _write(
    git: Git,
    objects: Objects,
    edits: Mapping[RunName, tuple[Run, Edit]],
    identity: Identity,
    random: Callable[[int], bytes],
    done: dict[RunName, Oid],
) -> GitFailed | None:
    """One try for all of these; those that succeeded are `done`."""
    commits = []
    refs = {where.name: where for where in list_refs(git).runs()} if len(edits) > _FEW else None
    for name, (run, edit) in edits.items():
        where = find_ref(git, name) if refs is None else refs.get(name)
        if where is None:
            raise UnknownRun(f"The run {name!r} is gone.", hint="'gitxp list' shows the runs that there are.")
        ((_, entries),) = objects.list_folders([where.commit], ANNOTATIONS_FOLDER)
        if isinstance(entries, FormatError):
            raise entries
        known = [id_ for entry in entries if (id_ := find_edit_name(entry.path))]
        path = edit_path(edit_name(next_clock(known), random(8)))
        message = message_of(run.record, name, edit.summary())
        signature = Signature.of(identity)
        commits.append(NewCommit(where.ref, message, signature, (where.commit,), {path: encode_edit(edit)}))
    moved, failure = write_commits(git, commits)
    done.update({name: moved[commit.ref] for name, commit in zip(edits, commits, strict=True) if commit.ref in moved})
    return failure
