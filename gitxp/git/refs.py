"""The refs of runs, read afresh each time by one `git for-each-ref`, so that what a plain `git fetch` brought is there.

git is asked for object ids and names only: `%(objecttype)` would make it open every object, and takes 280 ms instead of
115 for 10,000 loose refs (24 instead of 12 for packed ones). That a ref leads to a commit is found when it is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gitxp.format import RUN_REFS, Oid, RefName
from gitxp.names import RunName, is_name

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from gitxp.git.program import Git

_FORMAT = "--format=%(objectname) %(refname)"
_CUT = len(RUN_REFS)


class RunRef(NamedTuple):
    """Where a run is: its name, its ref, and the object (a commit, if all is well) that the ref leads to."""

    name: RunName
    ref: RefName
    commit: Oid


class Listing(NamedTuple):
    """All refs below refs/experiments/ at one moment.

    `raw` is what git printed: equal bytes mean equal refs, which is how the index sees that nothing has changed.
    """

    raw: bytes

    def names(self, known: Container[str] = ()) -> dict[RunName, Oid]:
        """The runs by name, in git's order (by bytes). Names in `known` are taken for legal without a look."""
        return {RunName(name): Oid(oid) for oid, name in self._split() if name in known or is_name(name)}

    def runs(self) -> list[RunRef]:
        """The runs, in git's order (by bytes of the name)."""
        return [run_ref(name, oid) for name, oid in self.names().items()]

    def strange(self, known: Container[str] = ()) -> list[RefName]:
        """Refs that name no run: made by hand, or by a later gitxp. Names that begin with `@` are gitxp's own: not here."""
        return [
            RefName(RUN_REFS + name)
            for _, name in self._split()
            if name not in known and not name.startswith("@") and not is_name(name)
        ]

    def _split(self) -> Iterable[tuple[str, str]]:
        text = self.raw.decode("utf-8", "surrogateescape")
        for line in text.splitlines() if text.isascii() else text.split("\n"):
            oid, _, ref = line.partition(" ")
            if ref:
                yield oid, ref[_CUT:]


def run_ref(name: RunName, commit: Oid) -> RunRef:
    """A run's place, from its name and commit."""
    return RunRef(name, RefName(RUN_REFS + name), commit)


def list_refs(git: Git) -> Listing:
    """All refs of runs, and those beside them that are none. `GitFailed` where git cannot list."""
    return Listing(git.run("for-each-ref", _FORMAT, RUN_REFS))


def find_ref(git: Git, name: RunName) -> RunRef | None:
    """The run of exactly this name, or None."""
    # for-each-ref takes the name of a folder, too: `refs/experiments/a` also lists `refs/experiments/a/b`
    return next(
        (run for run in Listing(git.run("for-each-ref", _FORMAT, RUN_REFS + name)).runs() if run.name == name), None
    )
