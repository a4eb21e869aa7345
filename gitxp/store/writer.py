"""Creating a run's commits and moving its ref forward: `git fast-import`, one process for one commit.

Blobs, trees, the commit and the ref go through one process, which refuses to move a ref to what does not contain the
ref's value: that is the compare-and-swap. Under a hundred objects it writes loose ones, synced in one batch. The process
may be started early and fed later, so that its own start costs no waiting.
"""

from __future__ import annotations

import os
import time

from gitxp.errors import GitFailed, GitxpError, NameTaken
from gitxp.format import FOLDER, RECORD_PATH, RUN_REFS, Oid, commit_message, encode_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import NamedTuple

    from gitxp.format import Record
    from gitxp.git.program import Git, Process
else:
    from gitxp.light import NamedTuple

_CHUNK = 1 << 20
# The list adds to git's default, which has packs in it, so they have to be taken out by name.
_LOOSE_ONLY = "loose-object,reference,-pack,-pack-metadata"
# From 100 objects on (`fastimport.unpackLimit`) what was written stays a pack. Besides files and folders there are a
# commit and its tree.
_SMALL = 95
LINK = "120000"  # git's mode of a symbolic link


class File(NamedTuple):
    """A file for a run's tree: its path in the tree, and its bytes, or the path on disk where they are.

    A file on disk is taken as long as it is when it is opened: it may grow meanwhile. With the mode `LINK` the bytes are
    a symbolic link's target.
    """

    path: str
    data: bytes | None = None
    source: str | None = None
    mode: str = "100644"


class Edit(NamedTuple):
    """A path of a tree that is to be another object, of this mode; gone, where there is none. Modes are as git writes them."""

    path: str
    mode: str
    oid: Oid | None


class Identity(NamedTuple):
    """Who a commit says that it is by: `Name <email>`, and the date that the environment dictates, if it does."""

    author: str
    committer: str
    author_date: str | None = None
    committer_date: str | None = None

    @classmethod
    def of(cls, variables: Mapping[str, str], environ: Mapping[str, str], user: str, host: str) -> Identity:
        """From the output of `git var -l`; without a configured identity it is user@host."""
        people = []
        for role in ("AUTHOR", "COMMITTER"):
            who, _, _ = variables.get(f"GIT_{role}_IDENT", "").rpartition("> ")
            name, _, email = who.partition("<")
            if email.endswith(".(none)"):  # a guess at a host without a domain: git itself makes no commit with it
                is_configured = "user.name" in variables or environ.get(f"GIT_{role}_NAME")
                name, email = name if is_configured else "", ""
            name = name.strip() or _clean(user)
            people.append(f"{name} <{email.strip() or _clean(f'{user}@{host}')}>")
        dates = []
        for role in ("AUTHOR", "COMMITTER"):
            ident = variables.get(f"GIT_{role}_IDENT", "")
            dictated = environ.get(f"GIT_{role}_DATE") and "> " in ident
            dates.append(ident.rpartition("> ")[2] if dictated else None)
        return cls(people[0], people[1], dates[0], dates[1])


def find_user(environ: Mapping[str, str]) -> str:
    """The name of whoever runs this, as the environment or the system has it; their number where it has none."""
    for variable in ("LOGNAME", "USER"):
        if environ.get(variable):
            return environ[variable]
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without a name
        return str(os.getuid())


def find_identity(git: Git, environ: Mapping[str, str]) -> Identity:
    """Who git says that a commit made now is by; user@host where no identity is configured."""
    lines = git.ask("var", "-l").stdout.decode("utf-8", "surrogateescape").split("\n")
    variables = {key: value for key, equals, value in (line.partition("=") for line in lines) if equals}
    return Identity.of(variables, environ, find_user(environ), os.uname().nodename)


def _clean(text: str) -> str:
    return "".join(c for c in text if c.isprintable() and c not in "<>") or "unknown"


def prepare(git: Git, *, is_small: bool = False) -> Process:
    """Start the process that will write one commit; hand it to `create` or `advance`, or `discard` it.

    `is_small` promises that its files are few (`fits_loose`). Then git makes loose objects of what it first writes as a
    pack, and the pack need not be synced, nor compressed well (of a million points that is half of the time that git
    takes); and for a handful of objects, syncing each is quicker than a batch (7.1 ms against 7.7).
    """
    extra = ("-c", f"core.fsync={_LOOSE_ONLY}", "-c", "core.fsyncMethod=fsync", "-c", "pack.compression=1")
    return git.start(*(extra if is_small else ()), "fast-import", "--quiet", "--date-format=raw-permissive", stdin=True)


def fits_loose(files: Iterable[File | Edit]) -> bool:
    """Whether a commit with these files is so few objects that git makes loose ones, each folder counted."""
    return sum(file.path.count("/") + 1 for file in files) <= _SMALL


def discard(process: Process) -> None:
    """End a prepared process that is not needed after all."""
    if process.answer is None:
        process.result(b"feature done\ndone\n")


def create(
    process: Process,
    identity: Identity,
    record: Record,
    base: Oid | None,
    tree: Oid | None,
    edits: Sequence[Edit] = (),
) -> Oid:
    """Write a run's first commit and its ref, which must not exist; gives the commit.

    The tree is `tree` with these edits, and with the run's own folder in place of any that was there. Raises `NameTaken`,
    `GitFailed`.
    """
    try:
        return _commit(process, identity, record, [File(RECORD_PATH, encode_record(record))], base, tree, edits)
    except GitFailed as error:
        if "does not contain" not in error.stderr:
            raise
        raise taken(record["name"]) from error


def taken(name: str) -> NameTaken:
    """The error for a name that another run has."""
    return NameTaken(
        f"There is a run named {name!r} already.",
        hint="Choose another --name, or leave it out and one is made.",
    )


def advance(
    git: Git, identity: Identity, record: Record, files: Iterable[File], tip: Oid, process: Process | None = None
) -> tuple[Oid, Oid]:
    """Write a further commit of a run on top of `tip`, with these files in place of those that were there.

    When somebody else moved the ref meanwhile (an annotation), the commit is made anew on what is there. Gives the commit
    and its parent. Raises `GitFailed`.
    """
    ref = RUN_REFS + record["name"]
    kept = [File(RECORD_PATH, encode_record(record)), *files]
    for _ in range(20):
        try:
            process = process or prepare(git, is_small=fits_loose(kept))
            return _commit(process, identity, record, kept, tip, None), tip
        except GitFailed as error:
            if "does not contain" not in error.stderr and "but expected" not in error.stderr:
                raise
            failure = error
        process = None
        tip = Oid(git.run("rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}").decode("ascii").strip())
    raise failure


def _commit(
    process: Process,
    identity: Identity,
    record: Record,
    files: Iterable[File],
    parent: Oid | None,
    tree: Oid | None,
    edits: Sequence[Edit] = (),
) -> Oid:
    now = f"{int(time.time())} {time.strftime('%z')}"
    message = commit_message(record)
    lines = [
        "feature done",
        f"commit {RUN_REFS}{record['name']}",
        "mark :1",
        f"author {identity.author} {identity.author_date or now}",
        f"committer {identity.committer} {identity.committer_date or now}",
        f"data {len(message)}",
    ]
    head = "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n" + message + b"\n"
    if parent:
        head += f"from {parent}\n".encode()
    if tree:
        # what goes comes first: a file may be where a folder was
        gone = [f"D {quote(edit.path)}\n" for edit in edits if edit.oid is None]
        new = [f"M {edit.mode} {edit.oid} {quote(edit.path)}\n" for edit in edits if edit.oid is not None]
        whole = "".join((f'M 040000 {tree} ""\n', *gone, *new, f"D {FOLDER}\n"))
        head += whole.encode("utf-8", "surrogateescape")
    try:
        process.send(head)
        for file in files:
            _send_file(process, file)
        process.send(b"\nget-mark :1\ndone\n")
    except BrokenPipeError:
        pass  # it died; `check` says of what
    try:
        return Oid(process.check().decode("ascii").strip())
    except GitFailed as error:
        clear_crash_report(process, error.stderr)
        raise


def clear_crash_report(process: Process, stderr: str) -> None:
    """fast-import leaves a report in the user's repository whenever it fails; what is in it, its stderr says, too."""
    _, found, path = stderr.partition("dumping crash report to ")
    path = path.partition("\n")[0]
    if found and os.path.basename(path) == f"fast_import_crash_{process.pid}":
        path = os.path.join(process.directory, path)
        if os.path.exists(path):
            os.unlink(path)


def _send_file(process: Process, file: File) -> None:
    start = f"M {file.mode} inline {quote(file.path)}\n".encode("utf-8", "surrogateescape")
    if file.source is None:
        data = file.data or b""
        process.send(start + b"data %d\n" % len(data) + data + b"\n")
        return
    with open(file.source, "rb") as stream:
        left = os.fstat(stream.fileno()).st_size
        process.send(start + b"data %d\n" % left)
        while left:
            chunk = stream.read(min(left, _CHUNK))
            if not chunk:
                process.close()  # it waits for bytes that were promised and are gone
                raise GitxpError(f"{file.source} was cut short while it was stored.", hint="Let it be as it is.")
            process.send(chunk)
            left -= len(chunk)
    process.send(b"\n")


def quote(path: str) -> str:
    """A path as fast-import wants it."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
