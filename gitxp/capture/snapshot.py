"""The working tree as one git tree, with nothing of the user's touched.

git does the work, in a private copy of the user's index: it alone honours filters, attributes, line endings, sparse and
split indexes. What differs from git's own `git add -A` is policy, and is told: untracked files that are too large, too
many, or likely to be secrets are left out; nested repositories, too; files that carry the assume-unchanged or
skip-worktree bit are taken from the disk, where they are there, since those bytes are what runs.

Only the paths that `git status` and `git ls-files -o` named are given to `git update-index`, so that an unchanged
tree costs no second walk, and needs no copy of the index at all. Of a few changes git is asked for no tree either: whoever
writes the commit makes them in the base's tree on the way, which saves a process that reads and writes the whole index.
"""

from __future__ import annotations

import os
import stat

from gitxp.capture.untracked import Limits, Skipped, choose, fold
from gitxp.errors import SnapshotFailed
from gitxp.format import FOLDER, RECORD_PATH, Oid
from gitxp.store.writer import Edit, File, fits_loose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, NamedTuple

    from gitxp.capture.large_untracked import Place
    from gitxp.git.program import Git
    from gitxp.git.worktree import Entry, Survey
else:
    from gitxp.light import NamedTuple

# Over this many bytes of untracked files, their index is kept for the next run, so that git need not hash them again;
# below it, two more git processes would cost more than the hashing.
_KEEP_INDEX_FROM = 8 * 1024 * 1024
_ATTRIBUTES = ".gitattributes"
_CHANGES = ("modified", "added", "deleted", "untracked")
_DIFFER = ("diff-index", "--cached", "-z", "--raw", "--no-abbrev", "--no-renames", "--ignore-submodules=none")


class Snapshot(NamedTuple):
    """The captured tree (None where there is nothing at all), what is to be changed in it yet, and what is to be said of it."""

    tree: Oid | None
    base: Oid | None
    branch: str | None
    dirty: bool
    changes: dict[str, int]
    skipped: tuple[Skipped, ...] = ()
    submodules: tuple[dict[str, Any], ...] = ()
    large: tuple[dict[str, Any], ...] = ()
    edits: tuple[Edit, ...] = ()


def capture(
    git: Git,
    survey: Survey,
    index: str,
    kept_index: str,
    limits: Limits,
    place: Callable[[], Place] | None = None,
    *,
    is_whole: bool = False,
) -> Snapshot:
    """Write the working tree's objects and give its tree.

    `git` runs at the top of the working tree; `index` is the path of the private index to make (when one is needed:
    `copy_index` may have been there before), `kept_index` that of the index of untracked files that is kept between runs.
    `place` says where untracked files over the limits go, if they are wanted; else they are left out. A few changes of the
    base's tree are left to whoever makes the commit as `edits`, for whom it is no work, unless the tree is wanted `is_whole`.
    Raises `SnapshotFailed` where git cannot make a tree of it.
    """
    location = survey.location
    toplevel = location.toplevel
    assert toplevel is not None
    untracked, skipped, over = choose(toplevel, survey.untracked, limits)
    large = [item for item in over if place and not os.path.islink(os.path.join(toplevel, item.path))]
    skipped += [item for item in over if item not in large]
    changed, gone, odd = _changed(toplevel, survey.entries)
    shown, hidden = _flagged(toplevel, survey.flagged)
    skipped += odd

    tree, changes = location.head_tree, dict.fromkeys(_CHANGES, 0)
    edits: tuple[Edit, ...] = ()
    entries: list[dict[str, Any]] = []
    if survey.entries or shown or hidden or untracked or large or tree is None:
        copy_index(location.index_path, index)
        _clear_flags(git, index, shown, hidden)
        if gone:
            git.run("update-index", "--force-remove", "-z", "--stdin", data=_joined(gone), index=index)
        tracked, others = [*changed, *shown, *hidden], [path for path, _ in untracked]
        if sum(size for _, size in untracked) >= _KEEP_INDEX_FROM:
            attributes = [path for path in others if os.path.basename(path) == _ATTRIBUTES]
            others = [path for path in others if os.path.basename(path) != _ATTRIBUTES]
            failed = _stage(git, index, tracked + attributes)
            kept_index += _digest_of_rules(git, index, survey)
            failed += _stage_kept(git, index, kept_index, others)
        else:
            failed = _stage(git, index, tracked + others)
        left_out = {path for path, _ in failed}
        untracked = [item for item in untracked if item[0] not in left_out]
        skipped += [Skipped(path, reason) for path, reason in failed]
        if large and place:
            from gitxp.capture.large_untracked import take_large

            entries, others_skipped = take_large(git, index, large, place())
            skipped += others_skipped
        names = {path for path, _ in untracked} | {entry["path"] for entry in entries}
        if tree is None:
            tree, changes["untracked"] = _write_tree(git, index), len(names)
            changes["added"] = sum(1 for entry in survey.entries if entry.worktree != "D")
        else:
            differences = _differences(git, index, tree)
            changes = _count(differences, names)
            edits = tuple(edit for _, edit in differences)
            is_unmerged = any(letter == "U" for letter, _ in differences)
            if is_whole or is_unmerged or not fits_loose((*edits, File(RECORD_PATH))):
                tree, edits = _write_tree(git, index), ()
    return Snapshot(
        tree=tree,
        base=location.head,
        branch=survey.branch,
        dirty=any(changes.values()),
        changes=changes,
        skipped=tuple(fold(skipped)),
        submodules=tuple(_dirty_submodules(survey.entries)),
        large=tuple(entries),
        edits=edits,
    )


def copy_index(source: str, target: str) -> None:
    """Copy the user's index, mtime and all: git calls an entry racy by the mtime of the index file, to the nanosecond."""
    try:
        with open(source, "rb") as file:
            data = file.read()
            facts = os.fstat(file.fileno())
    except FileNotFoundError:
        return  # nothing was ever staged: git takes a missing index for an empty one
    with open(target, "wb") as file:
        file.write(data)
    os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def _changed(toplevel: str, entries: Sequence[Entry]) -> tuple[list[str], list[str], list[Skipped]]:
    """The tracked paths whose bytes on disk differ from the index; those to take out of it; those that are no files."""
    paths: list[str] = []
    gone: list[str] = []
    odd: list[Skipped] = []
    for entry in entries:
        if entry.worktree == "." or entry.path.startswith(FOLDER + "/"):
            continue
        try:
            mode = os.lstat(os.path.join(toplevel, entry.path)).st_mode
        except OSError:
            gone.append(entry.path)
            continue
        if entry.worktree == "D":  # something is there, behind a folder that is a link now: `update-index` balks at it
            gone.append(entry.path)
        elif stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode):
            paths.append(entry.path)
        else:
            kind = "a FIFO" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
            odd.append(Skipped(entry.path, f"{kind} now; the snapshot has the file as it is in the index"))
    return paths, gone, odd


def _flagged(toplevel: str, flagged: Sequence[tuple[str, bool]]) -> tuple[list[str], list[str]]:
    """Of the paths that git was told not to look at: the skip-worktree ones that are on disk, the assume-unchanged ones.

    A skip-worktree path that is not on disk is left as it is in the index: that is what a sparse checkout is.
    """
    shown: list[str] = []
    hidden: list[str] = []
    folders: dict[str, bool] = {}
    for path, is_skip_worktree in flagged:
        if not is_skip_worktree:
            hidden.append(path)
            continue
        folder = os.path.dirname(path)
        if folder not in folders:
            folders[folder] = os.path.isdir(os.path.join(toplevel, folder))
        if folders[folder] and os.path.lexists(os.path.join(toplevel, path)):
            shown.append(path)
    return shown, hidden


def _clear_flags(git: Git, index: str, shown: Sequence[str], hidden: Sequence[str]) -> None:
    # with the skip-worktree bit still set, `update-index --remove` would take the path out of the index
    for option, paths in (("--no-skip-worktree", shown), ("--no-assume-unchanged", [*shown, *hidden])):
        if paths:
            git.run("update-index", option, "-z", "--stdin", data=_joined(paths), index=index)


def _stage(git: Git, index: str, paths: Sequence[str]) -> list[tuple[str, str]]:
    """Bring the paths in the index to what is on disk; the paths that git could not read, with its words.

    git stops at the first path that it cannot take and writes nothing, so the culprits are found by halving.
    """
    if not paths:
        return []
    update = ("update-index", "--add", "--remove", "--replace", "-z", "--stdin")
    answer = git.ask(*update, data=_joined(paths), index=index)
    if answer.status == 0:
        return _refused(answer.stderr)
    if len(paths) > 1:
        middle = len(paths) // 2
        return _stage(git, index, paths[:middle]) + _stage(git, index, paths[middle:])
    again = git.ask(*update, data=_joined(paths), index=index)  # it may have changed while it was read
    return _refused(again.stderr) if again.status == 0 else [(paths[0], _reason(again.stderr))]


def _refused(stderr: bytes) -> list[tuple[str, str]]:
    """Paths that git passes over without failing, such as `git~1`: on Windows that would be `.git`."""
    start = b"Ignoring path "
    return [
        (os.fsdecode(line.removeprefix(start)), "git refuses its name")
        for line in stderr.split(b"\n")
        if line.startswith(start)
    ]


def _stage_kept(git: Git, index: str, kept_index: str, paths: Sequence[str]) -> list[tuple[str, str]]:
    """Like `_stage`, through an index that is kept between runs: what did not change since is not hashed again.

    The kept index holds untracked files only; git itself judges by it what changed, racy files included. Each run works
    on a copy and puts that in its place, so that runs which start at once do not meet.
    """
    os.makedirs(os.path.dirname(kept_index), exist_ok=True)
    copy = f"{index}-kept"
    copy_index(kept_index, copy)
    listed = git.ask("ls-files", "-z", index=copy)
    if listed.status:  # damaged
        _forget(kept_index)
        return _stage(git, index, paths)
    stale = set(listed.stdout.split(b"\0")) - {os.fsencode(path) for path in paths} - {b""}
    if stale:
        git.run("update-index", "--force-remove", "-z", "--stdin", data=b"\0".join(stale) + b"\0", index=copy)
    failed = _stage(git, copy, paths)
    entries = git.run("ls-files", "-s", "-z", index=copy)
    known = b"".join(entry[7:].partition(b" ")[0] + b"\n" for entry in entries.split(b"\0") if entry)
    if b" missing\n" in git.run("cat-file", "--batch-check", data=known):
        # a gc has taken objects of runs that were removed: hash them all anew
        _forget(kept_index)
        return _stage(git, index, paths)
    git.run("update-index", "-z", "--index-info", data=entries, index=index)
    os.replace(copy, kept_index)
    folder, name = os.path.split(kept_index)
    for other in os.listdir(folder):
        if other.startswith(name.rpartition("-")[0]) and other != name:
            _forget(os.path.join(folder, other))  # by rules that are no more
    return failed


def _digest_of_rules(git: Git, index: str, survey: Survey) -> str:
    """What decides how git stores a file, besides the file: attributes, and settings for line ends, modes and filters.

    An index only knows whether the file changed; with other rules, what it kept is not what `git add` would make.
    """
    import hashlib

    rules = hashlib.sha256(git.run("ls-files", "-s", "-z", "--", f":(glob)**/{_ATTRIBUTES}", index=index))
    for key, value in sorted(survey.variables.items()):
        if key.startswith(("core.", "filter.")):
            rules.update(f"{key}={value}\n".encode("utf-8", "surrogateescape"))
    elsewhere = [os.path.join(survey.location.common_dir, "info", "attributes")]
    named = survey.variables.get("core.attributesfile")
    elsewhere.append(os.path.expanduser(named or "~/.config/git/attributes"))
    for path in elsewhere:
        if os.path.isfile(path):
            with open(path, "rb") as file:
                rules.update(file.read())
    return f"-{rules.hexdigest()[:16]}"


def _forget(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def _joined(paths: Iterable[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in paths)


def _reason(stderr: bytes) -> str:
    words = stderr.decode("utf-8", "replace").strip().splitlines()
    for line in words:
        if "ermission denied" in line:
            return "not readable"
        if "filter" in line:
            return "its clean filter failed"
    return f"git could not take it: {words[0].removeprefix('error: ')}" if words else "git could not take it"


def _write_tree(git: Git, index: str) -> Oid:
    answer = git.ask("write-tree", index=index)
    if answer.status:
        words = answer.stderr.decode("utf-8", "replace").strip()
        msg = f"git could not make a tree of the working directory: {words}"
        raise SnapshotFailed(msg, hint="Mend what git names, or record without a snapshot: gitxp run --no-snapshot …")
    return Oid(answer.stdout.decode("ascii").strip())


def _differences(git: Git, index: str, base_tree: Oid) -> list[tuple[str, Edit]]:
    """What of the index differs from the base's tree, each with git's letter for how; `.gitxp` aside."""
    # :100644 100755 <oid there> <oid here> M NUL path NUL
    fields = git.run(*_DIFFER, base_tree, index=index).split(b"\0")
    found = []
    for facts, path in zip(fields[0::2], fields[1::2], strict=False):
        _, mode, _, oid, letter = facts.decode("ascii").split(" ")
        name = os.fsdecode(path)
        if not name.startswith(FOLDER + "/"):
            found.append((letter, Edit(name, mode, None if letter == "D" else Oid(oid))))
    return found


def _count(differences: Sequence[tuple[str, Edit]], untracked: set[str]) -> dict[str, int]:
    counts = dict.fromkeys(_CHANGES, 0)
    for letter, edit in differences:
        kind = {"A": "added", "D": "deleted"}.get(letter, "modified")
        counts["untracked" if edit.path in untracked else kind] += 1
    return counts


def _dirty_submodules(entries: Sequence[Entry]) -> Iterable[dict[str, Any]]:
    for entry in entries:
        if not entry.submodule.startswith("S"):
            continue
        facts: dict[str, Any] = {"path": entry.path, "dirty": entry.submodule[2] == "M" or entry.submodule[3] == "U"}
        if entry.submodule[1] != "C" and entry.index_oid:
            facts["commit"] = entry.index_oid
        yield facts
