"""What a remote has, taken in: new runs made, known ones moved forward, runs that went separate ways merged.

A fetch has brought the remote's tips to `refs/gitxp/remotes/<remote>/`; what the refs are called there says little. The
id in the record tells which run a tip is of: the run of that id here, whatever its name; or a new one. Where its
name is another run's here, it gets the name and the beginning of its id. Refs move by compare-and-swap, forward only, so
that a pull which was cut short, or runs beside another, is simply repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import FormatError, GitFailed
from gitxp.exchange import Left, Pulled
from gitxp.format import RUN_REFS, Oid, RefName
from gitxp.git.history import contains
from gitxp.git.refs import is_archive, list_refs
from gitxp.names import RunName, name_beside
from gitxp.store.batch import write_commits
from gitxp.store.merge import AnotherHistory, meet
from gitxp.store.runs import read_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from gitxp.git.objects import Objects
    from gitxp.git.program import Git
    from gitxp.store.batch import NewCommit

    # The names of the runs here that have these ids.
    NamesOf = Callable[[Collection[str]], Mapping[str, RunName]]

_ATTEMPTS = 10
# What git says where another process moved a ref meanwhile.
_RACES = ("but expected", "already exists", "unable to resolve reference")


class Wishes(NamedTuple):
    """Which runs to leave out: those with an id in `removed`, unless their name is `wanted`; or all that are new here.

    `folded` are the runs that archives here have, by name: what they have is here.
    """

    removed: frozenset[str] = frozenset()
    wanted: frozenset[str] = frozenset()
    known_only: bool = False
    folded: Mapping[RunName, Oid] = {}


class _Plan(NamedTuple):
    moves: dict[RunName, tuple[Oid, Oid | None]]  # the new tip, and the one that is expected
    merges: list[NewCommit]
    came_as: dict[RunName, str]  # the name there of what is new here
    left: list[Left]
    passed: list[str]
    later: list[str]  # names there of runs that another name there brings first
    folded: Mapping[RunName, Oid]


def take_in(
    git: Git, objects: Objects, there: Mapping[str, Oid], names_of: NamesOf, wishes: Wishes | None = None
) -> Pulled:
    """Bring runs here up to the tips that a remote has, by name there. Raises `GitFailed` where refs cannot be written."""
    result = _take_in(git, objects, there, names_of, wishes or Wishes())
    # a run that several refs there led to was told by each
    new = {*result.created, *(here for _, here in result.renamed)}
    result.merged = [name for name in dict.fromkeys(result.merged) if name not in new]
    result.updated = [name for name in dict.fromkeys(result.updated) if name not in {*new, *result.merged}]
    return result


def _take_in(git: Git, objects: Objects, there: Mapping[str, Oid], names_of: NamesOf, wishes: Wishes) -> Pulled:
    result = Pulled()
    failure: GitFailed | None = None
    for attempt in range(_ATTEMPTS):
        plan = _plan(git, objects, there, names_of, wishes)
        result.left, result.passed = plan.left, plan.passed
        failure = _carry_out(git, plan, result, singly=attempt >= _ATTEMPTS // 2)
        if failure is None and not plan.later:
            return result
    if failure is not None:
        raise failure
    result.left += [Left(name, "too many refs there are of the same run: pull again") for name in plan.later]
    return result


def _plan(git: Git, objects: Objects, there: Mapping[str, Oid], names_of: NamesOf, wishes: Wishes) -> _Plan:
    """What there is to do as the refs are now."""
    live = list_refs(git).names()
    here = {**wishes.folded, **live}
    taken = {name.lower(): tip for name, tip in here.items()}
    known = set(here.values())
    new = {name: tip for name, tip in there.items() if not is_archive(RUN_REFS + name) and tip not in known}
    seen = dict(_look(objects, new))
    # where a run has two names there, everybody takes the one that it was given first
    new = dict(sorted(new.items(), key=lambda item: (not seen[item[0]].is_first_name, item[0])))
    names_here = dict(names_of({one.id for one in seen.values() if one.id}))
    both = [RunName(name) for name in new if RunName(name) in here]
    for mine, read in zip(both, read_runs(objects, [here[name] for name in both]), strict=True):
        if "id" in read.record:  # of several names of a run here, that which it has there
            names_here[read.record["id"]] = mine
    plan = _Plan({}, [], {}, [], [], [], wishes.folded)
    planned: set[str] = set()
    for name, tip in new.items():
        id_ = seen[name].id or tip
        if seen[name].why_none is not None:
            plan.left.append(Left(name, seen[name].why_none or "it is no run"))
        elif id_ in planned:  # one run under two names there: the second meets the first when that is here
            plan.later.append(name)
        elif id_ in names_here and names_here[id_] in here:
            mine = names_here[id_]
            if _plan_meeting(git, objects, mine, (here[mine], mine in live), (name, tip), plan):
                planned.add(id_)
        elif wishes.known_only:
            continue
        elif id_ in wishes.removed and name not in wishes.wanted:
            plan.passed.append(name)
        else:
            planned.add(id_)
            _plan_new(git, objects, (name, tip), (id_, here, taken), plan)
    return plan


class _Seen(NamedTuple):
    """What a tip there says of itself. Its record is not kept: a host may have a hundred thousand, each as large as may be."""

    id: str | None
    is_first_name: bool  # the name that it has there is the one in its record
    why_none: str | None  # why it is no run; None where it is one


def _look(objects: Objects, there: Mapping[str, Oid]) -> Iterator[tuple[str, _Seen]]:
    for name, read in zip(there, read_runs(objects, list(there.values())), strict=True):
        record = read.record
        why_none = None if record else (read.problem or "").rstrip(".")
        yield name, _Seen(record.get("id"), record.get("name") == name, why_none)


def _plan_new(
    git: Git,
    objects: Objects,
    there: tuple[str, Oid],
    among: tuple[str, Mapping[RunName, Oid], dict[str, Oid]],
    plan: _Plan,
) -> None:
    """A run whose id is not here. Without one (a newer format may call it otherwise) a history that goes on tells."""
    name, tip = there
    id_, here, taken = among
    mine = here.get(RunName(name))
    if id_ == tip and mine is not None:
        if contains(git, objects, tip, mine):
            plan.moves[RunName(name)] = (tip, mine)
            return
        if contains(git, objects, mine, tip):
            return
    chosen = _choose_name(objects, name, id_, taken)
    if chosen is None:
        plan.left.append(Left(name, "its name and those made of its id are taken"))
        return
    taken[chosen.lower()] = tip
    plan.moves[chosen] = (tip, None)
    plan.came_as[chosen] = name


def _plan_meeting(
    git: Git, objects: Objects, mine: RunName, here: tuple[Oid, bool], there: tuple[str, Oid], plan: _Plan
) -> bool:
    """A run that is here, too, with a ref of its own or in an archive; whether anything changes."""
    (ours, is_live), (name, tip) = here, there
    try:
        meeting = meet(git, objects, mine, RefName(RUN_REFS + mine), ours, tip)
    except (AnotherHistory, FormatError) as error:
        plan.left.append(Left(name, error.message.rstrip(".")))
        return False
    if meeting.merge is not None:
        plan.merges.append(meeting.merge)
    elif meeting.tip is not None and meeting.tip != ours:
        plan.moves[mine] = (meeting.tip, ours if is_live else None)
    else:
        return False
    return True


def _choose_name(objects: Objects, name: str, id_: str, taken: Mapping[str, Oid]) -> RunName | None:
    """The name itself, where it is free here; else one with the beginning of the id; None where those are taken, too."""
    chosen, tried = RunName(name), {name}
    for _ in range(_ATTEMPTS):
        if chosen.lower() not in taken:
            return chosen
        ((_, record, _, _, _),) = read_runs(objects, [taken[chosen.lower()]])
        longer = name_beside(name, id_, str(record.get("id", "")))
        chosen = longer if longer not in tried else name_beside(chosen, id_, "")
        tried.add(chosen)
    return None


def _carry_out(git: Git, plan: _Plan, result: Pulled, *, singly: bool) -> GitFailed | None:
    """Move refs in one transaction, and write the merges; None, or why something has to be planned anew.

    `singly`: a ref that cannot be moved, whatever is tried, does not keep the others.
    """
    failure = None
    if plan.moves:
        failure = _move(git, list(plan.moves), plan, result, singly=singly)
    moved, other = write_commits(git, plan.merges)
    result.merged += [RunName(ref.removeprefix(RUN_REFS)) for ref in moved]
    return failure or other


def _move(git: Git, names: list[RunName], plan: _Plan, result: Pulled, *, singly: bool) -> GitFailed | None:
    moves = {name: plan.moves[name] for name in names}
    zero = "0" * len(next(iter(moves.values()))[0])
    lines = [f"update {RUN_REFS}{name}\0{new}\0{old or zero}\0" for name, (new, old) in moves.items()]
    answer = git.ask("update-ref", "-m", "gitxp pull", "--stdin", "-z", data="".join(lines).encode("ascii"))
    if not answer.status:
        _tell_moved(moves, plan, result)
        return None
    failure = GitFailed(("update-ref",), answer.status, answer.stderr.decode("utf-8", "replace"))
    if not singly and any(words in failure.stderr for words in _RACES):
        return failure
    if len(names) > 1:
        half = len(names) // 2
        first = _move(git, names[:half], plan, result, singly=singly)
        return _move(git, names[half:], plan, result, singly=singly) or first
    result.left.append(Left(plan.came_as.get(names[0], names[0]), failure.message.rstrip(".")))
    return None


def _tell_moved(moves: Mapping[RunName, tuple[Oid, Oid | None]], plan: _Plan, result: Pulled) -> None:
    for name, (_, old) in moves.items():
        if old is not None or name in plan.folded:
            result.updated.append(name)
        elif plan.came_as[name] != name:
            result.renamed.append((plan.came_as[name], name))
        else:
            result.created.append(name)
