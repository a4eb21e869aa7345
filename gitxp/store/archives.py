r"""Archives: one ref that stands for many runs, so that a push need not advertise each of them.

`refs/experiments/@archive-<yyyy-mm>` leads to a commit whose tree has `runs.tsv`, a line `<name>\t<tip>` for each run,
and whose history reaches all of the tips. The commit is a function of the list and of the archives before it, nothing
else: no clock, no identity. So two clones that fold the same runs make the same commit, and two that merge the same two
archives do, too. Which tips need to become parents is asked of git's history and never of a list: a stranger's list may
name what its history does not hold, and a run folded into such an archive would be lost.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import FormatError
from gitxp.format import RECORD_PATH, Oid
from gitxp.git.contents import check_objects
from gitxp.git.history import contains
from gitxp.git.packs import NewObject, make_object, write_objects
from gitxp.names import MAX_LENGTH, RunName
from gitxp.store.runs import decode_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gitxp.git.objects import Objects
    from gitxp.git.program import Git

    Entries = Mapping[RunName, Oid]
    # what joins two tips of one run of which neither contains the other
    MergeTips = Callable[[Oid, Oid], Oid]

LIST_PATH = "runs.tsv"
MAX_ENTRIES = 1_000_000
_MAX_LIST = 128 * 1024 * 1024
_MOST_PARENTS = 100
_LEAST_OF_ID, _MORE_OF_ID = 8, 8  # characters of an id behind a name
_WHO = "gitxp <gitxp@localhost>"
# The end of the year 9999: what git and others can still print.
_LAST_SECOND = 253_402_300_799
_LINES = re.compile(rb"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,99}\t[0-9a-f]{40}(?:[0-9a-f]{24})?\n)*+")
_ILLEGAL = re.compile(rb"\.\.|\.\t|\.lock\t", re.IGNORECASE)


def encode_list(entries: Entries) -> bytes:
    """The bytes of runs.tsv: one line a run, sorted by name."""
    return "".join(f"{name}\t{tip}\n" for name, tip in sorted(entries.items())).encode("ascii")


def decode_list(data: bytes, hash_size: int) -> dict[RunName, Oid]:
    """The runs of a list, by name; `FormatError` where it does not hold to docs/format.md."""
    if data.count(b"\n") > MAX_ENTRIES:
        raise FormatError(f"{LIST_PATH} has more than {MAX_ENTRIES:,} lines")
    # a list of a million lines is judged as a whole: a look at each takes seconds
    if _LINES.fullmatch(data) is None or _ILLEGAL.search(data):
        raise FormatError(f"{LIST_PATH} has lines that are no name and object id")
    words = data.decode("ascii").replace("\n", "\t").split("\t")[:-1]
    names, tips = words[::2], words[1::2]
    if any(len(tip) != hash_size for tip in tips):
        raise FormatError(f"{LIST_PATH} has object ids of another kind of repository")
    if any(a >= b for a, b in itertools.pairwise(names)):
        raise FormatError(f"{LIST_PATH} is not sorted, or has a name twice")
    return dict(zip(map(RunName, names), map(Oid, tips), strict=True))


def read_archive(objects: Objects, commit: Oid) -> dict[RunName, Oid]:
    """The runs that an archive lists, by name. `FormatError` where it is none, or damaged."""
    data = objects.read_file(commit, LIST_PATH, _MAX_LIST)
    if data is None:
        raise FormatError(f"commit {commit[:12]} is no archive: it has no {LIST_PATH}")
    return decode_list(data, len(commit))


class Archive(NamedTuple):
    """An archive as it is to be: its commit, the parents of that, and the objects to write before a ref leads to it."""

    commit: Oid
    parents: tuple[Oid, ...]
    objects: tuple[NewObject, ...]


def build_archive(git: Git, objects: Objects, entries: Entries, before: Iterable[Oid] = ()) -> Archive:
    """The archive of these runs that follows the archives `before`; the same for the same arguments.

    Nothing is written. Tips that the history of those before does not hold become parents; where there are many, commits
    in between hold a hundred each. `FormatError` where a tip is missing or no commit.
    """
    earlier = sorted(set(before))
    parents = find_unheld(git, set(entries.values()), earlier)
    dates = {oid: _read_date(objects, oid) for oid in (*parents, *earlier)}
    hash_size = len((*parents, *earlier)[0])
    empty = make_object("tree", b"", hash_size)
    made = [empty]
    while len(parents) + len(earlier) > _MOST_PARENTS:
        groups = [parents[at : at + _MOST_PARENTS] for at in range(0, len(parents), _MOST_PARENTS)]
        parts = [_make_commit(empty.oid, group, dates, "Part of an archive of runs\n") for group in groups]
        dates |= {part.oid: max(map(dates.__getitem__, group)) for part, group in zip(parts, groups, strict=True)}
        made += parts
        parents = [part.oid for part in parts]
    runs = make_object("blob", encode_list(entries), hash_size)
    tree = make_object("tree", b"100644 %s\0" % LIST_PATH.encode() + bytes.fromhex(runs.oid), hash_size)
    message = (
        f"Archive of {len(entries):,} runs\n\nTheir names and commits are in {LIST_PATH}; 'gitxp list' shows them.\n"
    )
    commit = _make_commit(tree.oid, [*earlier, *parents], dates, message)
    return Archive(commit.oid, (*earlier, *parents), (*made, runs, tree, commit))


def write_archive(git: Git, archive: Archive) -> Oid:
    """Write the objects of an archive, durably; its commit. No ref is moved."""
    write_objects(git, archive.objects)
    return archive.commit


def merge_archives(git: Git, objects: Objects, ours: Oid, theirs: Oid, merge_tips: MergeTips) -> Oid:
    """One archive that lists what the two list, and contains both; the same whichever is called ours.

    Of two tips of one run the one that contains the other counts; where neither does, `merge_tips(a, b)` makes one of
    them (a is the lower id). Two runs of one name both stay: the one that began later is called
    `<name>-<beginning of its id>`. What an archive lists without holding it is left out. The answer is one of the two
    where that says it all. Raises `FormatError` where one of them is no archive.
    """
    if ours == theirs:
        return ours
    union: dict[RunName, Oid] = {}
    lists = {}
    for commit in sorted((ours, theirs)):
        lists[commit] = read_archive(objects, commit)
        unheld = set(find_unheld(git, set(lists[commit].values()), [commit]))
        for name, tip in lists[commit].items():
            if tip not in unheld:
                _put(git, objects, union, name, tip, merge_tips)
    for newer, older in ((ours, theirs), (theirs, ours)):
        if lists[newer] == union and contains(git, objects, newer, older):
            return newer
    return write_archive(git, build_archive(git, objects, union, (ours, theirs)))


def find_unheld(git: Git, tips: set[Oid], archives: Sequence[Oid]) -> list[Oid]:
    """Those of the tips that the history of the archives does not hold, sorted. Those that are missing are left out.

    What is no commit is held by no history: of a tag, git would tell about the commit that it leads to.
    """
    if not archives:
        return sorted(tips)
    if not tips:
        return []
    asked = "".join(f"{oid}\n" for oid in (*sorted(tips), *(f"^{commit}" for commit in archives)))
    seen = git.run("--no-replace-objects", "rev-list", "--ignore-missing", "--stdin", data=asked.encode())
    return sorted(tips.intersection(map(Oid, seen.decode("ascii").split())) | find_no_commits(git, tips))


def find_no_commits(git: Git, tips: Iterable[Oid]) -> set[Oid]:
    """Those of the objects that are here and are tags, trees or blobs: a stranger's list may name them."""
    return {Oid(oid) for oid, kind, _ in check_objects(git, list(tips)) if kind != "commit"}


def read_id(objects: Objects, commit: Oid) -> str | None:
    """The id of the run that a commit belongs to; None where its record cannot be read."""
    try:
        record, _ = decode_run(objects.read_file(commit, RECORD_PATH))
    except FormatError:
        return None
    return record.get("id")


def _put(
    git: Git,
    objects: Objects,
    union: dict[RunName, Oid],
    name: RunName,
    tip: Oid,
    merge_tips: MergeTips,
    more: int = 0,
) -> None:
    """Add a run to the union, beside or in place of what has its name there.

    Of a name that is as long as may be, the digits of an id take the place of the end: only `more` of them make another.
    """
    there = union.setdefault(name, tip)
    if contains(git, objects, there, tip):
        return
    if contains(git, objects, tip, there):
        union[name] = tip
        return
    ids = {oid: read_id(objects, oid) or oid for oid in (there, tip)}
    if ids[there] == ids[tip]:
        union[name] = merge_tips(*sorted((there, tip)))
        return
    first, second = sorted((there, tip), key=lambda oid: (ids[oid], oid))
    union[name] = first
    other = other_name(name, ids[second], second, more)
    more += _MORE_OF_ID if len(name) == MAX_LENGTH else 0
    _put(git, objects, union, other, second, merge_tips, more)


def other_name(name: str, run_id: str, tip: Oid, more: int = 0) -> RunName:
    """What a run is called where an older one has its name: the name and the beginning of its id, of its tip if need be.

    `FormatError` where that is not enough.
    """
    end = "".join(c for c in run_id[:_LEAST_OF_ID] if c.isascii() and c.isalnum()) or "x"
    if more:
        digits = "".join(c for c in run_id if c.isascii() and c.isalnum()) + tip
        end = digits[: _LEAST_OF_ID + more]
        if len(end) < _LEAST_OF_ID + more or len(end) > MAX_LENGTH - 2:
            raise FormatError(f"too many of its runs are called {name}")
    return RunName(f"{name[: MAX_LENGTH - len(end) - 1]}-{end}")


def _read_date(objects: Objects, oid: Oid) -> int:
    commit = objects.read_commit(oid)
    if commit.oid != oid:
        raise FormatError(f"object {oid[:12]} is a tag, and a commit is needed")
    return min(max(commit.time, 0), _LAST_SECOND)


def _make_commit(tree: Oid, parents: Sequence[Oid], dates: Mapping[Oid, int], message: str) -> NewObject:
    lines = [f"tree {tree}", *(f"parent {oid}" for oid in parents)]
    date = max(dates[oid] for oid in parents)
    lines += [f"{role} {_WHO} {date} +0000" for role in ("author", "committer")]
    return make_object("commit", "\n".join([*lines, "", message]).encode("ascii"), len(tree))
