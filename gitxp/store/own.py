"""Which commits of runs were made here, and what the user has said that they trust: a list that no fetch can write.

What a record or a commit says of who made it, anybody can write. So whoever makes a commit of a run on this machine
appends it to `<git common dir>/gitxp/own/<user id>`, which neither a remote nor a clone has. Each user of a shared
repository has a list of their own, and one that belongs to somebody else counts for nothing.

It is written while a run starts, after its command: this module imports nothing heavy.
"""

from __future__ import annotations

import os

from gitxp.format import FOLDER, Oid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitxp.git.program import Git

MADE, TRUSTED = "made", "trusted"
_STORAGE = "storage"
_ANNOTATIONS = b"annotations"
_MOST = 20_000  # commits of one run that are looked for in the list; a run has at most 10,000 edits
_OIDS = (40, 64)


def note_own(common_dir: str, commit: Oid, how: str = MADE) -> None:
    """Append a commit of a run to this user's list. What cannot be written is a run that is asked about, and no error."""
    _append(common_dir, how, commit)


def note_storage(common_dir: str, address: str) -> None:
    """Append the address of a storage, printable, that the user allowed to be used from this repository."""
    _append(common_dir, _STORAGE, address)


def is_known_storage(common_dir: str, address: str) -> bool:
    """Whether this user allowed the storage at this address before."""
    return (_STORAGE, address) in _read(common_dir)


def _append(common_dir: str, kind: str, value: str) -> None:
    path = _path(common_dir)
    try:
        try:
            fd = _open(path)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            fd = _open(path)
        try:
            os.write(fd, f"{kind} {value}\n".encode("utf-8", "surrogateescape"))
        finally:
            os.close(fd)
    except OSError:
        return


def note_finished(git: Git, common_dir: str, start: Oid | None, below: Oid, commit: Oid) -> None:
    """Append the last commit of a run, made on top of `below`, if its files are those of `start`, its first commit.

    Somebody may have moved the ref meanwhile, and put other files there. Where `start` is None, it has to be in the list.
    """
    if start is None:
        known = read_own(common_dir)
        is_same = any(same_files(git, below, commit) for commit in _above(git, below) if commit in known)
    else:
        is_same = start == below or same_files(git, start, below)
    if is_same:
        note_own(common_dir, commit)


def read_own(common_dir: str) -> frozenset[Oid]:
    """The commits in this user's list; none where there is no list, or it belongs to somebody else."""
    return frozenset(Oid(oid) for how, oid in _read(common_dir) if how in {MADE, TRUSTED} and len(oid) in _OIDS)


def read_made(common_dir: str) -> frozenset[Oid]:
    """Those of them that were made here."""
    return frozenset(Oid(oid) for how, oid in _read(common_dir) if how == MADE and len(oid) in _OIDS)


def _read(common_dir: str) -> set[tuple[str, str]]:
    try:
        fd = os.open(_path(common_dir), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            if os.fstat(fd).st_uid != os.geteuid():
                return set()
            data = file.read()
    except OSError:
        return set()
    words = (line.partition(" ") for line in data.decode("utf-8", "surrogateescape").split("\n"))
    return {(kind, value) for kind, space, value in words if space}


def is_own(git: Git, common_dir: str, tip: Oid) -> bool:
    """Whether all that a run's tip has, but for annotations, is what a commit has that was made or trusted here.

    So a tip that somebody else put on top of a run that was made here counts only as far as it adds annotations.
    """
    known = read_own(common_dir)
    if not known or tip in known:
        return tip in known
    return any(_same_run(git, commit, tip) for commit in _above(git, tip) if commit in known)


def same_files(git: Git, a: Oid, b: Oid) -> bool:
    """Whether two commits of a run have the same tree but for `.gitxp`."""
    return a == b or _are_equal(git, a, b, FOLDER.encode())


def _same_run(git: Git, a: Oid, b: Oid) -> bool:
    return same_files(git, a, b) and _are_equal(git, f"{a}:{FOLDER}", f"{b}:{FOLDER}", _ANNOTATIONS)


def _are_equal(git: Git, a: str, b: str, left_out: bytes) -> bool:
    entries = _without(git, a, left_out)
    return entries is not None and entries == _without(git, b, left_out)


def _without(git: Git, tree: str, left_out: bytes) -> list[bytes] | None:
    """The entries of a tree but that of this name; None where there is no tree, or the name stands twice."""
    answer = git.ask("ls-tree", "-z", "--full-tree", tree)
    if answer.status:
        return None
    entries = answer.stdout.split(b"\0")
    kept = [entry for entry in entries if entry.partition(b"\t")[2] != left_out]
    return kept if len(entries) - len(kept) <= 1 else None


def _above(git: Git, tip: Oid) -> list[Oid]:
    answer = git.ask("rev-list", f"--max-count={_MOST}", "--end-of-options", tip)
    return [Oid(line) for line in answer.stdout.decode("ascii", "replace").split()]


def _open(path: str) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, 0o600)


def _path(common_dir: str) -> str:
    return os.path.join(common_dir, "gitxp", "own", str(os.geteuid()))
