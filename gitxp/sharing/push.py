"""What is to go to a remote, found out before anything goes: which runs it lacks, and under which name each goes there.

The remote is asked what it has. A run goes under its own name, unless that is another run's there: then with the
beginning of its id, as `pull` names such a run. What is newer there, or went a separate way, has to be taken in first;
what somebody removed there is not brought back by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import FormatError
from gitxp.exchange import Going, Outgoing, Pushed
from gitxp.format import RUN_REFS
from gitxp.git.history import contains
from gitxp.git.refs import is_archive
from gitxp.names import MAX_LENGTH, is_name, name_beside, without_id
from gitxp.store.archives import read_archive
from gitxp.store.runs import read_runs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from gitxp.format import Oid
    from gitxp.git.objects import Objects
    from gitxp.git.program import Git
    from gitxp.git.remote import PushedRef

_NAMES = 10  # of one run that are tried


class Local(NamedTuple):
    """A run here: its name, its tip, its id, and the name that it had where it came from."""

    name: str
    tip: Oid
    id: str | None
    first_name: str


def local_runs(tips: Iterable[tuple[str, Oid, str | None, bool]], names: Collection[str] = ()) -> Iterator[Local]:
    """The runs here from their names, tips, ids and whether an archive has them; of these names only, where there are some.

    What an archive has goes with that, unless it is named.
    """
    for name, tip, id_, is_folded in tips:
        if name in names or not (names or is_folded):
            yield Local(name, tip, id_, without_id(name, id_ or ""))


def plan_archives(
    git: Git, objects: Objects, archives: Mapping[str, Oid], there: Mapping[str, Oid], plan: Outgoing
) -> None:
    """Add to the plan the archives (by the last part of their refs) that the remote lacks, or has an older state of."""
    ids = _Ids(objects)
    for name, tip in archives.items():
        if name not in there:
            plan.going.append(Going(name, name, tip))
        elif there[name] == tip:
            plan.same += 1
        elif ids.is_known(there[name]):
            _plan_move(git, objects, Local(name, tip, None, name), name, there[name], plan)
        else:
            plan.fetch_first.append(name)


def plan_push(
    git: Git,
    objects: Objects,
    runs: Iterable[Local],
    there: Mapping[str, Oid],
    known: tuple[Collection[str], Mapping[str, Oid]] = ((), {}),
    *,
    is_named: bool = False,
) -> Outgoing:
    """What of these runs is to go, by what the remote has.

    `known` are the names that it had when it was last asked, and by id the tips that archives here have, which go, too: what
    those hold needs no ref of its own. With `is_named` both do not count.
    """
    tracked, held = known
    plan = Outgoing()
    ids = _Ids(objects)
    given: dict[str, str | None] = {}
    names_there = {name.lower(): name for name in there}  # names that differ by case alone are one
    runs = list(runs)
    chosen = runs if is_named else _choose_names(runs, there)
    plan.same = len(runs) - len(chosen)
    for run in sorted(chosen, key=lambda run: run.name != run.first_name):
        if run.tip == there.get(run.name):
            plan.same += 1
            given[run.name.lower()] = run.id
            continue
        try:
            objects.read_commit(run.tip)
        except FormatError as error:  # git would send none of the others either
            plan.broken[run.name] = error.message
            continue
        name, is_known = _find_name(_with_whole_name(objects, run), there, names_there, given, ids)
        given[name.lower()] = run.id
        if not is_known:
            plan.fetch_first.append(name)
        elif name not in there and not is_named and run.id and _is_held(git, objects, run, held.get(run.id)):
            plan.same += 1
        elif name not in there and name in tracked and not is_named and run.id not in held:
            plan.gone.append(run.name)
        elif name not in there:
            plan.going.append(Going(run.name, name, run.tip))
        elif there[name] == run.tip:
            plan.same += 1
        else:
            _plan_move(git, objects, run, name, there[name], plan)
    plan.fetch_first = sorted(set(plan.fetch_first))
    return plan


def find_held(objects: Objects, runs: Iterable[Local], there: Mapping[str, Oid], plan: Outgoing) -> dict[str, Oid]:
    """Those of the plan's `gone` that went into an archive there: the tips that it has of them, by id.

    Archives there that are not known here are added to what has to be fetched first.
    """
    gone = {run.id: run for run in runs if run.name in plan.gone and run.id}
    names = {name for run in gone.values() for name in (run.name, run.first_name)}
    archives = [name for name in there if is_archive(RUN_REFS + name)] if gone else []
    tips: list[Oid] = []
    for name in archives:
        try:
            listed = read_archive(objects, there[name])
        except FormatError:
            if not _Ids(objects).is_known(there[name]):
                plan.fetch_first.append(name)
            continue
        tips += [tip for one, tip in listed.items() if one in names]
    ids = ((read.record.get("id"), tip) for tip, read in zip(tips, read_runs(objects, tips), strict=True))
    return {id_: tip for id_, tip in ids if id_ in gone}


def _is_held(git: Git, objects: Objects, run: Local, tip: Oid | None) -> bool:
    return tip is not None and contains(git, objects, tip, run.tip)


def _plan_move(git: Git, objects: Objects, run: Local, name: str, tip: Oid, plan: Outgoing) -> None:
    if contains(git, objects, run.tip, tip):
        plan.going.append(Going(run.name, name, run.tip))
    elif contains(git, objects, tip, run.tip):
        plan.newer.append(run.name)
    else:
        plan.fetch_first.append(name)


def _choose_names(runs: Sequence[Local], there: Mapping[str, Oid]) -> list[Local]:
    """Of each run that has several names here, which lead to one tip, the one that the remote has, if it has any."""
    chosen: dict[str, Local] = {}
    for run in sorted(runs, key=lambda run: (run.name not in there, run.first_name not in there, run.name)):
        chosen.setdefault(run.id or run.name, run)
    return list(chosen.values())


def _with_whole_name(objects: Objects, run: Local) -> Local:
    """The run, with the name that its record has where that was cut to make room for digits of the id."""
    if len(run.name) < MAX_LENGTH or run.name == run.first_name:
        return run
    ((_, record, _, _, _),) = read_runs(objects, [run.tip])
    name = record.get("name", "")
    return run._replace(first_name=name) if is_name(name) and name.startswith(run.first_name) else run


def _find_name(
    run: Local, there: Mapping[str, Oid], names_there: Mapping[str, str], given: Mapping[str, str | None], ids: _Ids
) -> tuple[str, bool]:
    """Its name there: one that has it already, else the first that is free; and whether that can be told yet."""
    name, tried = run.first_name, {run.first_name}
    for _ in range(_NAMES):
        name = names_there.get(name.lower(), name)
        if name.lower() in given:
            other = given[name.lower()]
        elif name not in there:
            return name, True
        elif not ids.is_known(there[name]):
            return name, False
        else:
            other = ids.get(there[name])
        if other == run.id:
            return name, True
        others = other or str(there.get(name, ""))
        longer = name_beside(run.first_name, run.id or run.tip, others)
        name = longer if longer not in tried else name_beside(name, run.id or run.tip, others)
        tried.add(name)
    return name, False


class _Ids:
    """The ids of runs by their tips, read once."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._ids: dict[Oid, str | None] = {}
        self._missing: set[Oid] = set()

    def is_known(self, tip: Oid) -> bool:
        """Whether the commit is here."""
        self.get(tip)
        return tip not in self._missing

    def get(self, tip: Oid) -> str | None:
        """The id of the run with this tip; None where the commit is not here, or says nothing of it."""
        if tip not in self._ids:
            self._ids[tip] = None
            try:
                self._objects.read_commit(tip)
            except FormatError:
                self._missing.add(tip)
            else:
                ((_, record, _, _, _),) = read_runs(self._objects, [tip])
                self._ids[tip] = record.get("id")
        return self._ids[tip]


def sort_pushed(outgoing: Outgoing, told: Sequence[PushedRef], prefix: str) -> Pushed:
    """What git said of each ref, by runs."""
    result = Pushed(outgoing)
    by_name = {going.there: going for going in outgoing.going}
    for ref in told:
        going = by_name.get(ref.ref.removeprefix(prefix))
        if going is None:
            continue
        if ref.is_refused:
            result.refused.append((going, ref.words))
        elif ref.flag == "=":  # somebody else brought the same meanwhile
            outgoing.same += 1
        elif ref.flag == "*":
            result.made.append(going)
        else:
            result.moved.append(going)
    return result
