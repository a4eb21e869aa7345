"""Other repositories: which there are, what runs they have, and moving runs there and back, by the git program.

Credentials, ssh, proxies and the user's hooks (git-lfs uploads in one) are git's. A fetch writes below
`refs/gitxp/remotes/<remote>/` and nowhere else: no option or configuration of the user's makes it move a branch, prune
what is not its own, or take tags along. What the other side says is untrusted: names are checked where they are used.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import GitFailed, UsageError
from gitxp.format import RUN_REFS, Oid, RefName
from gitxp.git.refs import is_archive
from gitxp.names import is_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gitxp.git.program import Git

TRACKING_REFS = "refs/gitxp/remotes/"
OUTBOX_REFS = "refs/gitxp/outbox/"
_MAX_LISTED = 2_000_000  # refs of one remote that are looked at
_FETCH = (
    "--progress",
    "--no-tags",
    "--no-recurse-submodules",
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    "--refmap=",
)
# Tracking refs can be had again, so that only objects are synced.
_UNSYNCED = ("-c", "core.fsync=loose-object,pack,-reference")


class Remote(NamedTuple):
    """A repository that runs are exchanged with: a configured remote, or an address. `key` names its tracking refs."""

    name: str
    url: str
    key: str

    @property
    def tracking(self) -> str:
        """The folder of refs that tell what it had when it was last asked."""
        return f"{TRACKING_REFS}{self.key}/"


class PushedRef(NamedTuple):
    """What became of one ref: git's flag (` ` and `*` moved and made, `-` removed, `=` as it was, `!` refused) and its words."""

    ref: RefName
    flag: str
    words: str

    @property
    def is_refused(self) -> bool:
        """Whether the other side (or git, on its behalf) said no."""
        return self.flag == "!"


def list_remotes(git: Git) -> list[Remote]:
    """The configured remotes, sorted."""
    names = git.run("remote").decode("utf-8", "surrogateescape").split("\n")
    return [_configured(git, name) for name in sorted(filter(None, names))]


def find_remote(git: Git, name: str | None) -> Remote:
    """The remote of this name or address; without one, that of the current branch, else origin, else the only one.

    Raises `UsageError` where there is none, or nothing tells which.
    """
    known = [remote for remote in git.run("remote").decode("utf-8", "surrogateescape").split("\n") if remote]
    if name is not None:
        if name in known:
            return _configured(git, name)
        if is_address(name):
            return Remote(name, name, "url-" + hashlib.blake2b(os.fsencode(name), digest_size=6).hexdigest())
        raise UsageError(f"There is no remote {name!r}.", hint=_known(known))
    branch = _ask(git, "symbolic-ref", "--quiet", "--short", "HEAD")
    keys = [f"branch.{branch}.pushRemote", "remote.pushDefault", f"branch.{branch}.remote"]
    chosen = [value for key in keys if (value := _ask(git, "config", "--get", key)) in known]
    for choice in (*chosen, "origin", *(known if len(known) == 1 else ())):
        if choice in known:
            return _configured(git, choice)
    raise UsageError(
        "There are several remotes." if known else "This repository has no remote.",
        hint=_known(known) if known else "Add one: git remote add origin URL",
    )


def is_remote(git: Git, text: str) -> bool:
    """Whether a word names a remote, or is an address of one."""
    return text in git.run("remote").decode("utf-8", "surrogateescape").split("\n") or is_address(text)


def is_address(text: str) -> bool:
    """Whether a word is an address of a repository: a URL, `host:path`, or a folder's path with a slash in it."""
    return not text.startswith("-") and ("/" in text or ":" in text)


def list_tracked(git: Git, remote: Remote) -> dict[str, Oid]:
    """What the remote had when it was last asked: names below refs/experiments/, and the commits."""
    return _parse_refs(git.run("for-each-ref", "--format=%(objectname) %(refname)", remote.tracking), remote.tracking)


def list_tips_there(git: Git, remote: Remote) -> list[Oid]:
    """The commits that the remote had when it was last asked: of its runs, and of its branches."""
    places = [remote.tracking, *((f"refs/remotes/{remote.name}/",) if remote.name == remote.key else ())]
    listed = git.run("for-each-ref", "--format=%(objectname)", *places).decode("ascii").split()
    return [Oid(oid) for oid in dict.fromkeys(listed)]


def list_there(git: Git, remote: Remote, on_stderr: Callable[[bytes], None]) -> dict[str, Oid]:
    """What the remote has now. One connection."""
    process = git.start("ls-remote", "--refs", "--quiet", "--", remote.name, f"{RUN_REFS}*")
    answer = process.watch(on_stderr)
    if answer.status:
        raise _failed(("ls-remote",), answer.status, answer.stderr, remote)
    return _parse_refs(answer.stdout.replace(b"\t", b" "), RUN_REFS)


def fetch(git: Git, remote: Remote, names: Iterable[str] | None, on_stderr: Callable[[bytes], None]) -> None:
    """Bring the remote's runs to its tracking refs: those of these names, or all, and forget those that it has no more.

    One connection, however many they are.
    """
    if names is None:
        process = git.start(
            *_UNSYNCED, "fetch", *_FETCH, "--prune", "--", remote.name, f"+{RUN_REFS}*:{remote.tracking}*"
        )
        answer = process.watch(on_stderr)
    else:
        lines = "".join(f"+{RUN_REFS}{name}:{remote.tracking}{name}\n" for name in names)
        process = git.start(*_UNSYNCED, "fetch", *_FETCH, "--stdin", "--", remote.name, stdin=True)
        answer = process.watch(on_stderr, lines.encode("ascii"))
    if answer.status:
        raise _failed(("fetch",), answer.status, answer.stderr, remote)


def push(
    git: Git,
    remote: Remote,
    commits: Mapping[str, Oid | None],
    on_stderr: Callable[[bytes], None],
    options: Sequence[str] = (),
    expected: Mapping[str, Oid] | None = None,
) -> list[PushedRef]:
    """Move the remote's refs of these names to these commits, forward only; None removes one that is at its `expected` commit.

    What became of each; `GitFailed` where the remote could not be asked at all. One connection, however many they are:
    the commits wait in refs of their own, which go by one pattern (git takes a minute for 10,000 refspecs).
    """
    leases = [f"--force-with-lease={RUN_REFS}{name}:{oid}" for name, oid in (expected or {}).items()]
    outbox = f"{OUTBOX_REFS}{os.getpid()}-{os.urandom(4).hex()}/"
    staged = {name: oid for name, oid in commits.items() if oid}
    _update(git, {f"{outbox}{name}": oid for name, oid in staged.items()})
    try:
        process = git.start(
            *("-c", f"remote.{remote.name}.mirror=false") if remote.name != remote.url else (),
            *("push", "--porcelain", "--progress", "--no-follow-tags", "--recurse-submodules=no"),
            *options,
            *leases,
            "--",
            remote.name,
            *((f"{outbox}*:{RUN_REFS}*",) if staged else ()),
            *(f":{RUN_REFS}{name}" for name, oid in commits.items() if not oid),
        )
        answer = process.watch(on_stderr)
    finally:
        _update(git, dict.fromkeys(f"{outbox}{name}" for name in staged))
    told = _parse_pushed(answer.stdout)
    if answer.status and not any(ref.is_refused for ref in told):
        raise _failed(("push",), answer.status, answer.stderr, remote)
    names = [ref.ref.removeprefix(RUN_REFS) for ref in told if not ref.is_refused]
    _update(git, {f"{remote.tracking}{name}": commits[name] for name in names if name in commits})
    return told


def try_push(git: Git, remote: Remote, name: str, commit: Oid) -> list[PushedRef]:
    """What would become of a ref that is pushed, as far as it can be known without: nothing is sent, no hook is asked.

    `GitFailed` where the remote cannot be asked.
    """
    args = ("push", "--dry-run", "--porcelain", "--no-verify", "--", remote.name, f"{commit}:{RUN_REFS}{name}")
    answer = git.ask(*args)
    told = _parse_pushed(answer.stdout)
    if answer.status and not told:
        raise _failed(args, answer.status, answer.stderr, remote)
    return told


def forget_tracked(git: Git, remote: Remote, names: Iterable[str]) -> None:
    """Forget that the remote has runs of these names."""
    _update(git, {f"{remote.tracking}{name}": None for name in names})


def _update(git: Git, refs: Mapping[str, Oid | None]) -> None:
    """Set or delete refs that can be had again; they are not worth a sync each."""
    lines = [f"update {ref}\0{oid}\0\0" if oid else f"delete {ref}\0\0" for ref, oid in refs.items()]
    if lines:
        git.run("-c", "core.fsync=none", "update-ref", "--stdin", "-z", data="".join(lines).encode("ascii"))


def _parse_pushed(stdout: bytes) -> list[PushedRef]:
    """The lines of `git push --porcelain`: flag, tab, `from:to`, tab, words."""
    found = []
    for line in stdout.decode("utf-8", "replace").split("\n"):
        flag, _, rest = line.partition("\t")
        refs, _, words = rest.partition("\t")
        ref = refs.rpartition(":")[2]
        if len(flag) == 1 and ref.startswith(RUN_REFS):
            found.append(PushedRef(RefName(ref), flag, words))
    return found


def _parse_refs(listed: bytes, prefix: str) -> dict[str, Oid]:
    """Names below the prefix that runs and archives may have, and their objects; others are not ours to touch."""
    found: dict[str, Oid] = {}
    for line in listed.decode("utf-8", "replace").split("\n")[:_MAX_LISTED]:
        oid, _, ref = line.partition(" ")
        name = ref.removeprefix(prefix)
        if name != ref and (is_name(name) or is_archive(RUN_REFS + name)):
            found[name] = Oid(oid)
    return found


def _configured(git: Git, name: str) -> Remote:
    answer = git.ask("remote", "get-url", "--", name)
    return Remote(name, os.fsdecode(answer.stdout).rstrip("\n"), name)


def _ask(git: Git, *args: str) -> str:
    return git.ask(*args).stdout.decode("utf-8", "surrogateescape").strip()


def _known(known: Sequence[str]) -> str:
    return f"There are: {', '.join(known)}." if known else "Add one: git remote add origin URL"


def _failed(args: Sequence[str], status: int, stderr: bytes, remote: Remote) -> GitFailed:
    del remote
    return GitFailed(
        args, status, stderr.decode("utf-8", "replace"), hint="Try what git says to it: git ls-remote REMOTE"
    )
