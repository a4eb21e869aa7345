"""Two tips of one run that went separate ways, made one.

People annotate the same run in two clones, or annotate it here while it ends there. Edits are files of their own, so
their union is the merge; all else of the run is that of the tip which knows more: the one side that changed since they
parted, or the one that saw the end. So plain `git merge` gives the same, and nobody is asked anything.

The merge's commit follows from its two parents alone (their order, its author, its date, the run's name in the record and
not that which it has here): clones that merge the same two tips make the same commit, and do not have to merge their merges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gitxp.annotations import ANNOTATIONS_FOLDER, find_edit_name
from gitxp.errors import FormatError
from gitxp.format import COMPLETED, FAILED, FOLDER, INTERRUPTED, KILLED, LOST, RECORD_PATH, Oid
from gitxp.git.history import merge_bases
from gitxp.names import is_name
from gitxp.store.batch import NewCommit, Signature, message_of
from gitxp.store.runs import decode_run

if TYPE_CHECKING:
    from gitxp.format import Record, RefName
    from gitxp.git.objects import Objects
    from gitxp.git.program import Git
    from gitxp.names import RunName

WHO = "gitxp <gitxp@localhost>"
_NAMELESS = "run"  # what a run is called whose record has no name
_MAX_TIME = 1 << 40  # a date that every git can hold
_RANKS = {COMPLETED: 3, FAILED: 3, INTERRUPTED: 3, KILLED: 3, LOST: 2}


class AnotherHistory(FormatError):
    """Two tips claim to be of one run, and are not: another id, another start, or other code."""


class Meeting(NamedTuple):
    """How two tips of one run stand to each other: one of them has all that the other has, or they must be merged."""

    tip: Oid | None
    merge: NewCommit | None = None


def meet(git: Git, objects: Objects, name: RunName, ref: RefName, ours: Oid, theirs: Oid) -> Meeting:
    """The tip that has what both have, or the commit that would, which is not written yet.

    Raises `AnotherHistory` where `theirs` is no other tip of the run that `ours` is one of.
    """
    if ours == theirs:
        return Meeting(ours)
    bases = merge_bases(git, objects, ours, theirs)
    if ours in bases and theirs not in bases:
        _check_same(objects, name, ours, theirs)
        return Meeting(theirs)
    if theirs in bases:
        return Meeting(ours)
    side = _check_same(objects, name, ours, theirs)
    for base in bases:
        record, _ = decode_run(_record(objects, base))
        if record.get("id") != side.record.get("id"):
            raise AnotherHistory(f"{name} begins otherwise there: it was rewritten, or forged")
    if not bases:
        raise AnotherHistory(f"{name} begins otherwise there: it was rewritten, or forged")
    return Meeting(None, _merge(objects, ref, sorted((ours, theirs)), bases))


class _Side(NamedTuple):
    tip: Oid
    record: Record
    problem: str | None
    files: frozenset[tuple[str, str, Oid]]  # of .gitxp, without annotations: path, mode, object


def _check_same(objects: Objects, name: RunName, ours: Oid, theirs: Oid) -> _Side:
    """That both are of one run and hold the same code; ours."""
    mine, other = _side(objects, ours), _side(objects, theirs)
    if other.problem:
        raise AnotherHistory(f"{name} cannot be read there: {other.problem}")
    if not mine.problem and mine.record.get("id") != other.record.get("id"):
        raise AnotherHistory(f"{name} is another run there")
    if _code(objects, ours) != _code(objects, theirs):
        raise AnotherHistory(f"{name} has other code there than it ran with")
    return mine


def _merge(objects: Objects, ref: RefName, tips: list[Oid], bases: list[Oid]) -> NewCommit:
    sides = [_side(objects, tip) for tip in tips]
    base = _side(objects, bases[0]) if len(bases) == 1 else None
    changed = [side for side in sides if base is None or side.files != base.files]
    winner = changed[0] if len(changed) == 1 else max(sides, key=_knowledge)
    other = sides[1] if winner is sides[0] else sides[0]
    kept = _edits(objects, winner.tip)
    # an edit is never changed: where somebody did it all the same, everybody takes the same of the two
    blobs = {path: oid for path, oid in _edits(objects, other.tip).items() if path not in kept or oid < kept[path]}
    tree = objects.read_commit(winner.tip).tree
    when = min(max(objects.read_commit(tip).time for tip in tips), _MAX_TIME)
    signature = Signature(f"{WHO} {when} +0000", f"{WHO} {when} +0000")
    name = winner.record.get("name", "")
    message = message_of(winner.record, name if is_name(name) else _NAMELESS, "merge")
    return NewCommit(ref, message, signature, tuple(tips), blobs=blobs, tree=tree)


def _knowledge(side: _Side) -> tuple[int, str, str]:
    """The greater, the more of the run's end this side has seen; the same in every clone."""
    rank = 0 if side.problem else _RANKS.get(side.record["status"], 1)
    return rank, str(side.record.get("finished_at", "")), side.tip


def _side(objects: Objects, tip: Oid) -> _Side:
    record, problem = decode_run(_record(objects, tip))
    files = frozenset(
        (entry.path, entry.mode, entry.oid)
        for entry in objects.list_files(tip, FOLDER)
        if not entry.path.startswith(f"{ANNOTATIONS_FOLDER}/")
    )
    return _Side(tip, record, problem, files)


def _record(objects: Objects, tip: Oid) -> bytes | FormatError | None:
    try:
        return objects.read_file(tip, RECORD_PATH)
    except FormatError as error:
        return error


def _code(objects: Objects, tip: Oid) -> list[tuple[str, str, Oid]]:
    """The top of the tree without gitxp's own folder: equal for equal code."""
    return [(e.path, e.mode, e.oid) for e in objects.list_top(tip) if e.path != FOLDER]


def _edits(objects: Objects, tip: Oid) -> dict[str, Oid]:
    ((_, entries),) = objects.list_folders([tip], ANNOTATIONS_FOLDER)
    if isinstance(entries, FormatError):
        raise entries
    return {entry.path: entry.oid for entry in entries if find_edit_name(entry.path) and entry.mode == "100644"}
