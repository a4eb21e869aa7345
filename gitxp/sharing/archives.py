"""Archives of a remote, taken in: new ones made, those that hold all of ours followed, others merged with ours.

A run can have a ref of its own here and be in an archive that came: annotated elsewhere, folded, pushed. Its own ref is what
everybody reads, so it has to follow the archive. That is done by each pull and push for all archives that are here, since
plain git may have brought one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.errors import FormatError, GitFailed
from gitxp.exchange import Left
from gitxp.format import RUN_REFS, Oid, RefName
from gitxp.git.history import contains
from gitxp.git.refs import is_archive, list_refs
from gitxp.names import RunName
from gitxp.store.archives import merge_archives, read_archive
from gitxp.store.batch import write_commit
from gitxp.store.merge import AnotherHistory, meet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gitxp.exchange import Pulled
    from gitxp.git.objects import Objects
    from gitxp.git.program import Git

_ATTEMPTS = 10


def take_in_archives(git: Git, objects: Objects, there: Mapping[str, Oid], result: Pulled) -> None:
    """Bring archives here up to those of a remote, by the last part of their refs. Raises `GitFailed`."""
    for name, tip in there.items():
        if is_archive(RUN_REFS + name):
            _take_in(git, objects, name, tip, result)


def find_ahead(
    git: Git, objects: Objects, lines: Iterable[tuple[str, Oid]], own: Mapping[str, tuple[RunName, Oid]]
) -> dict[str, Oid]:
    """What archives have of runs and their own refs do not: the tips there, by name here.

    `lines` are ids and tips of archives, `own` names and tips by id.
    """
    ahead: dict[str, Oid] = {}
    for id_, tip in lines:
        name, mine = own.get(id_, (None, tip))
        if name is not None and tip != mine and not contains(git, objects, mine, tip):
            ahead[name] = tip
    return ahead


def _take_in(git: Git, objects: Objects, name: str, tip: Oid, result: Pulled) -> None:
    ref = RefName(RUN_REFS + name)
    failure = None
    for _ in range(_ATTEMPTS):
        ours = list_refs(git).archives().get(ref)
        try:
            listed = read_archive(objects, tip)
            merged = tip if ours is None else merge_archives(git, objects, ours, tip, merger(git, objects))
        except (FormatError, AnotherHistory) as error:
            result.left.append(Left(name, error.message.rstrip(".")))
            return
        if merged == ours:
            return
        answer = git.ask("update-ref", "-m", "gitxp pull", ref, merged, ours or "0" * len(merged))
        if not answer.status:
            result.archives.append((name, len(listed)))
            return
        failure = GitFailed(("update-ref",), answer.status, answer.stderr.decode("utf-8", "replace"))
    assert failure is not None
    raise failure


def merger(git: Git, objects: Objects) -> Callable[[Oid, Oid], Oid]:
    """What makes one tip of two of a run. Raises `AnotherHistory` where they are none of one run, and `FormatError`."""

    def merge(a: Oid, b: Oid) -> Oid:
        meeting = meet(git, objects, RunName("run"), RefName(f"{RUN_REFS}run"), a, b)
        if meeting.tip is not None:
            return meeting.tip
        assert meeting.merge is not None
        return write_commit(git, meeting.merge)

    return merge
