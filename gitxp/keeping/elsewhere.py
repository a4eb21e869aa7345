"""Which runs' large files that are not here can be had again: from a remote, or from the storage that gitxp.yaml names.

Nobody is asked, so it is by what is known. A run that was not made here came from somewhere, and without its large files,
which is how runs come: that nothing of it is lost is for whoever made it. Of a run that was made here its large files were
here as well, and whether git-lfs ever uploaded them cannot be told: only a push that copied them to a storage says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.format import RUN_REFS, Oid
from gitxp.git.refs import is_archive
from gitxp.git.remote import TRACKING_REFS
from gitxp.store.own import read_made

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from gitxp.keeping.finding import Patient


def find_elsewhere(patient: Patient, tips: Sequence[Oid], storage: str | None) -> dict[Oid, str]:
    """Those of these tips of runs whose large files are known to be elsewhere, and where: a list for people."""
    remotes = patient.git.run("remote").decode("utf-8", "replace").split()
    places = [*([storage] if storage else []), *remotes]
    if not places or not tips:
        return {}
    parents = _read_graph(patient, tips)
    made = read_made(patient.common_dir)
    found = {tip: " or ".join(places) for tip in tips if not _reaches(parents, tip, made)}
    if storage:
        copied = _list_pushed(patient, tips)
        found |= {tip: storage for tip in tips if tip not in found and _reaches(parents, tip, copied)}
    return found


def _list_pushed(patient: Patient, tips: Iterable[Oid]) -> set[Oid]:
    """The commits that remotes are known to have of runs, and those of the tips that archives there contain."""
    listed = patient.git.run("for-each-ref", "--format=%(objectname) %(refname)", TRACKING_REFS).decode(
        "utf-8", "replace"
    )
    tracked = [line.partition(" ") for line in listed.split("\n") if line]
    archives = [oid for oid, _, ref in tracked if is_archive(RUN_REFS + ref.rpartition("/")[2])]
    pushed = {Oid(oid) for oid, _, _ in tracked}
    if not archives:
        return pushed
    lines = "".join(f"{oid}\n" for oid in (*tips, *(f"^{oid}" for oid in archives)))
    outside = (
        patient.git.run("rev-list", "--no-walk=unsorted", "--stdin", data=lines.encode("ascii")).decode("ascii").split()
    )
    return pushed | (set(tips) - {Oid(oid) for oid in outside})


def _read_graph(patient: Patient, tips: Iterable[Oid]) -> dict[Oid, list[Oid]]:
    """The commits of runs with these tips, and their parents; those of branches are left out."""
    lines = "".join(f"{tip}\n" for tip in tips)
    args = ("rev-list", "--parents", "--ignore-missing", "--stdin", "--not", "--branches", "--remotes")
    answer = patient.git.ask(*args, data=lines.encode("ascii"))
    rows = (line.split() for line in answer.stdout.decode("ascii").split("\n") if line)
    return {Oid(row[0]): [Oid(parent) for parent in row[1:]] for row in rows}


def _reaches(parents: Mapping[Oid, Sequence[Oid]], tip: Oid, wanted: Collection[Oid]) -> bool:
    """Whether one of these commits is the tip or below it, among the commits of runs."""
    left, seen = [tip], {tip}
    while left:
        commit = left.pop()
        if commit in wanted:
            return True
        new = [parent for parent in parents.get(commit, ()) if parent not in seen]
        seen.update(new)
        left += new
    return False
