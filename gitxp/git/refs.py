"""The refs of runs, read afresh each time by one `git for-each-ref`, so that what a plain `git fetch` brought is there.

git is asked for object ids and names only: `%(objecttype)` would make it open every object, and takes 280 ms instead of
115 for 10,000 loose refs (24 instead of 12 for packed ones). That a ref leads to a commit is found when it is read.
`%(symref)` costs nothing that can be measured: a symbolic ref is another name for a run, and no run of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import GitFailed, GitxpError
from gitxp.format import RUN_REFS, Oid, RefName
from gitxp.git.program import gather
from gitxp.names import RunName, is_name

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from gitxp.git.program import Git

_FORMAT = "--format=%(objectname) %(refname) %(symref)"
_CUT = len(RUN_REFS)
ARCHIVE_REFS = f"{RUN_REFS}@archive-"
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)


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
        return {
            RunName(name): Oid(oid)
            for oid, name, target in self._split()
            if not target and (name in known or is_name(name))
        }

    def runs(self) -> list[RunRef]:
        """The runs, in git's order (by bytes of the name)."""
        return [run_ref(name, oid) for name, oid in self.names().items()]

    def archives(self) -> dict[RefName, Oid]:
        """The refs of archives, the newest month first, each with the object that it leads to (a commit, if all is well)."""
        found = {
            RefName(RUN_REFS + name): Oid(oid)
            for oid, name, target in self._split()
            if not target and name.startswith("@") and is_archive(RUN_REFS + name)
        }
        return dict(sorted(found.items(), reverse=True))

    def strange(self, known: Container[str] = ()) -> list[RefName]:
        """Refs that name no run: made by hand, or by a later gitxp. Names that begin with `@` are gitxp's own: not here.

        Nor are symbolic refs that lead to a run.
        """
        return [
            RefName(RUN_REFS + name)
            for _, name, target in self._split()
            if name not in known
            and not name.startswith("@")
            and not (is_name(name) if not target else _find_target(target))
        ]

    def aliases(self) -> dict[RunName, RunRef]:
        """The symbolic refs that lead to runs: their names, and the run that git finds there."""
        return {
            RunName(name): run_ref(run, Oid(oid))
            for oid, name, target in self._split()
            if target and is_name(name) and (run := _find_target(target))
        }

    def _split(self) -> Iterable[tuple[str, str, str]]:
        """Object id, name, and the whole ref that a symbolic one leads to in the end."""
        text = self.raw.decode("utf-8", "surrogateescape")
        for line in text.splitlines() if text.isascii() else text.split("\n"):
            oid, _, rest = line.partition(" ")
            ref, _, target = rest.partition(" ")
            if ref:
                yield oid, ref[_CUT:], target


def _find_target(ref: str) -> RunName | None:
    name = ref.removeprefix(RUN_REFS)
    return RunName(name) if name != ref and is_name(name) else None


def is_archive(ref: str) -> bool:
    """Whether this is the ref of an archive: `refs/experiments/@archive-<yyyy-mm>`."""
    return ref.startswith(ARCHIVE_REFS) and _MONTH.fullmatch(ref, len(ARCHIVE_REFS)) is not None


def run_ref(name: RunName, commit: Oid) -> RunRef:
    """A run's place, from its name and commit."""
    return RunRef(name, RefName(RUN_REFS + name), commit)


def list_refs(git: Git) -> Listing:
    """All refs of runs, and those beside them that are none. `GitFailed` where git cannot list."""
    return Listing(git.run("for-each-ref", _FORMAT, RUN_REFS))


def find_ref(git: Git, name: RunName) -> RunRef | None:
    """The run of exactly this name, or that to which a symbolic ref of this name leads; or None.

    git is asked for the one ref: to list those of a name, it reads all loose ones (50 ms for 10,000).
    """
    ref = RUN_REFS + name
    found, target = gather(git.start("show-ref", "--verify", "--hash", "--", ref), git.start("symbolic-ref", "-q", ref))
    if target.status and not found.status:
        return run_ref(name, Oid(found.stdout.decode("ascii").strip()))
    # a symbolic ref, one whose object is missing, or none; for-each-ref takes the name of a folder, too
    listing = Listing(git.run("for-each-ref", _FORMAT, ref))
    return next((run for run in listing.runs() if run.name == name), None) or listing.aliases().get(name)


class Change(NamedTuple):
    """One ref from the value that it is known to have to a new one; None for the former: it must not exist; for the latter: it goes."""

    ref: str
    old: Oid | None
    new: Oid | None


def change_refs(git: Git, changes: Iterable[Change], reason: str) -> None:
    """Make all of these changes or none. `reason` is for the reflogs. `GitxpError` where a ref is not as it was known."""
    data = "".join(_instruction(change) for change in changes)
    if not data:
        return
    try:
        git.run("update-ref", "-m", reason, "--stdin", "-z", data=data.encode("utf-8", "surrogateescape"))
    except GitFailed as error:
        if any(words in error.stderr for words in ("but expected", "already exists", "unable to resolve reference")):
            raise GitxpError(
                "Something else changed the same refs at the same time, so nothing was done.", hint="Try again."
            ) from error
        raise


def _instruction(change: Change) -> str:
    if change.new is None:
        return f"delete {change.ref}\0{change.old or ''}\0"
    if change.old is None:
        return f"create {change.ref}\0{change.new}\0"
    return f"update {change.ref}\0{change.new}\0{change.old}\0"
