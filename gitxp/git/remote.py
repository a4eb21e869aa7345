"""Other repositories: which there are, what runs they have, and moving runs there and back, by the git program.

Credentials, ssh, proxies and the user's hooks (git-lfs uploads in one) are git's. A fetch writes below
`refs/gitxp/remotes/<remote>/` and nowhere else: no option or configuration of the user's makes it move a branch, prune
what is not its own, or take tags along. What the other side says is untrusted: names are checked where they are used.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import GitFailed, UsageError
from gitxp.format import RUN_REFS, Oid, RefName
from gitxp.git.addresses import hide_credentials, is_address, is_one_place, key_of_address, key_of_name
from gitxp.git.outbox import Outbox, clear_left
from gitxp.git.refs import is_archive
from gitxp.git.refusals import explain_failure
from gitxp.names import check_name, is_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gitxp.git.program import Answer, Git

TRACKING_REFS = "refs/gitxp/remotes/"
GONE_REFS = "refs/gitxp/gone/"
_MAX_LISTED = 2_000_000  # refs of one remote that are looked at
_FETCH = (
    "--progress",
    "--no-tags",
    "--no-filter",  # in a partial clone, each record would cost a connection when it is read
    "--no-prune-tags",
    "--no-recurse-submodules",
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    "--refmap=",
)
# Tracking refs can be had again: only objects are synced, and no reflog, which takes git as long as the ref, is begun.
_NO_REFLOG = ("-c", "core.logAllRefUpdates=false")
_PASSING = ("-c", "core.fsync=loose-object,pack,-reference", *_NO_REFLOG)
# A run edits nothing that somebody may have locked, and git-lfs would ask for each ref.
_UNLOCKED = ("-c", "lfs.locksverify=false")
# Where somebody pushed meanwhile, git would advise 'git pull'; gitxp merges by itself, and pushes again.
_UNADVISED = ("-c", "advice.pushUpdateRejected=false")
_PUSH = ("push", "--porcelain", "--no-follow-tags", "--recurse-submodules=no")
_FSCK = "fsck error"
_NONE = "Add one: git remote add origin URL"
_OF_PORCELAIN = re.compile(rb"(?m)^(To .*|Done|[ *+=!t-]\t.*)\n")
_TRIES = 64  # connections that are made to find the runs that git refuses


class Remote(NamedTuple):
    """A repository that runs are exchanged with: a configured remote, or an address. `key` names its tracking refs.

    `push_urls` are where git pushes to, and `asked` is what git is told to ask instead of the name, where that is not
    the address that it fetches from.
    """

    name: str
    url: str
    key: str
    push_urls: tuple[str, ...] = ()
    asked: str = ""

    @property
    def tracking(self) -> str:
        """The folder of refs that tell what it had when it was last asked."""
        return f"{TRACKING_REFS}{self.key}/"

    @property
    def gone(self) -> str:
        """The folder of refs that tell what was removed there and is still here, so that a push does not bring it back."""
        return f"{GONE_REFS}{self.key}/"

    @property
    def receivers(self) -> list[Remote]:
        """Those that a push goes to, one for each address: git may push to others than it fetches from.

        Another place has tracking refs of its own: what it lacks was not removed there.
        """
        keys = {url: self.key if is_one_place(url, self.url) else key_of_address(url) for url in self.push_urls}
        if len(keys) < 2:
            return [
                self._replace(url=url, key=key, asked=url if url != self.url else "") for url, key in keys.items()
            ] or [self]
        return [Remote(url, url, key) for url, key in keys.items()]

    @property
    def label(self) -> str:
        """What it is called before people: its name, or the address without a password."""
        return hide_credentials(self.name)


class There(NamedTuple):
    """What a remote has: its runs and archives by name, and the commits of its branches. Some may not be here."""

    runs: dict[str, Oid]
    branches: list[Oid]


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


def find_remote(git: Git, name: str | None, *, to_push: bool = False) -> Remote:
    """The remote of this name or address; without one, that of the current branch, else origin, else the only one.

    As for git itself, another one may be configured `to_push` to. Raises `UsageError` where there is none, or nothing tells which.
    """
    known = [remote for remote in git.run("remote").decode("utf-8", "surrogateescape").split("\n") if remote]
    if name is not None:
        if name in known:
            return _configured(git, name)
        if is_address(name):
            return _addressed(name)
        raise UsageError(f"There is no remote {hide_credentials(name)!r}.", hint=_known(known))
    found = _find_chosen(git, known, to_push=to_push)
    if found is not None:
        return found
    for choice in ("origin", *(known if len(known) == 1 else ())):
        if choice in known:
            return _configured(git, choice)
    raise UsageError("There are several remotes." if known else "This repository has no remote.", hint=_known(known))


def _find_chosen(git: Git, known: Sequence[str], *, to_push: bool) -> Remote | None:
    """What git's configuration says of the current branch, or of all that is pushed: a name, or an address."""
    branch = _ask(git, "symbolic-ref", "--quiet", "--short", "HEAD")
    for key in (f"branch.{branch}.pushRemote", "remote.pushDefault") if to_push else ():
        value = _ask(git, "config", "--get", key)
        if value and value not in known and not is_address(value):
            raise UsageError(f"{key} is {value!r}, and there is no such remote.", hint=_known(known))
        if value:
            return _configured(git, value) if value in known else _addressed(value)
    value = _ask(git, "config", "--get", f"branch.{branch}.remote")
    if value in known:
        return _configured(git, value)
    return _addressed(value) if is_address(value) else None


def is_remote(git: Git, text: str) -> bool:
    """Whether a word names a remote, or is an address of one."""
    return text in git.run("remote").decode("utf-8", "surrogateescape").split("\n") or is_address(text)


def list_tracked(git: Git, remote: Remote) -> dict[str, Oid]:
    """What the remote had when it was last asked: names below refs/experiments/, and the commits."""
    return _parse_refs(git.run("for-each-ref", "--format=%(objectname) %(refname)", remote.tracking), remote.tracking)


def list_gone(git: Git, remote: Remote) -> dict[str, Oid]:
    """What was removed there and is still here: names there, and the commits."""
    return _parse_refs(git.run("for-each-ref", "--format=%(objectname) %(refname)", remote.gone), remote.gone)


def note_gone(git: Git, remote: Remote, gone: Mapping[str, Oid], back: Iterable[str]) -> None:
    """Keep in mind what was removed there, and no more what is back."""
    _write(git, remote.gone, {**dict.fromkeys(back), **gone})


def list_branches_there(git: Git, remote: Remote) -> list[Oid]:
    """The commits of the branches that the remote had when git fetched or pushed last."""
    if remote.key != key_of_name(remote.name):  # another place, or an address, of which git keeps nothing
        return []
    listed = git.run("for-each-ref", "--format=%(objectname)", f"refs/remotes/{remote.name}/").decode("ascii").split()
    return [Oid(oid) for oid in dict.fromkeys(listed)]


def list_there(git: Git, remote: Remote, on_stderr: Callable[[bytes], None]) -> There:
    """What the remote has now. One connection."""
    process = git.start(
        "ls-remote", "--refs", "--quiet", "--", remote.asked or remote.name, f"{RUN_REFS}*", "refs/heads/*"
    )
    answer = process.watch(on_stderr)
    if answer.status:
        raise explain_failure("ls-remote", answer, remote.label)
    listed = answer.stdout.replace(b"\t", b" ")
    branches = re.findall(rb"(?m)^([0-9a-f]{40,64}) refs/heads/", listed)
    return There(_parse_refs(listed, RUN_REFS), [Oid(oid.decode("ascii")) for oid in dict.fromkeys(branches)])


def fetch(git: Git, remote: Remote, names: Iterable[str] | None, on_stderr: Callable[[bytes], None]) -> dict[str, str]:
    """Bring the remote's runs to its tracking refs: those of these names, or all, and forget those that it has no more.

    One connection, however many they are; where git finds objects among them that it refuses, some more, and the runs
    that have such are in the answer, with git's words. Raises `UnknownRun` where a name is not there.
    """
    if names is not None:
        wanted = [name if is_archive(RUN_REFS + name) else check_name(name) for name in names]
        answer = _fetch_names(git, remote, wanted, on_stderr)
    else:
        refspec = f"+{RUN_REFS}*:{remote.tracking}*"
        answer = git.start(*_PASSING, "fetch", *_FETCH, "--prune", "--", remote.asked or remote.name, refspec).watch(
            on_stderr
        )
    if not answer.status:
        if names is None:
            _forget_nested(git, remote)
        return {}
    if _FSCK not in answer.stderr.decode("utf-8", "replace"):
        raise explain_failure("fetch", answer, remote.label)
    there = list_there(git, remote, on_stderr).runs
    known = list_tracked(git, remote)
    if names is None:
        forget_tracked(git, remote, known.keys() - there.keys())
    else:
        there = {name: there[name] for name in wanted if name in there}
    return _fetch_sound(git, remote, [name for name, tip in there.items() if known.get(name) != tip], on_stderr)


def _fetch_names(git: Git, remote: Remote, names: Iterable[str], on_stderr: Callable[[bytes], None]) -> Answer:
    lines = "".join(f"+{RUN_REFS}{name}:{remote.tracking}{name}\n" for name in names)
    process = git.start(
        *_PASSING, "fetch", *_FETCH, "--no-prune", "--stdin", "--", remote.asked or remote.name, stdin=True
    )
    return process.watch(on_stderr, lines.encode("ascii"))


def _fetch_sound(git: Git, remote: Remote, names: list[str], on_stderr: Callable[[bytes], None]) -> dict[str, str]:
    """Fetch these but for those that git refuses, found by halves; why not, by name."""
    refused: dict[str, str] = {}
    groups = [names[: len(names) // 2], names[len(names) // 2 :]]
    for _ in range(_TRIES):
        groups = [group for group in groups if group]
        if not groups:
            return refused
        group = groups.pop(0)
        answer = _fetch_names(git, remote, group, on_stderr)
        if not answer.status:
            continue
        failure = explain_failure("fetch", answer, remote.label)
        if not isinstance(failure, GitFailed) or _FSCK not in failure.stderr:
            raise failure
        if len(group) == 1:
            refused[group[0]] = failure.message
        else:
            groups += [group[: len(group) // 2], group[len(group) // 2 :]]
    refused |= {name: "too many runs there have objects that git refuses" for group in groups for name in group}
    return refused


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
    the commits wait in refs of their own, which go by one pattern (git takes a minute for 10,000 refspecs). Those that a
    push left that was killed go before.
    """
    leases = [f"--force-with-lease={RUN_REFS}{name}:{oid}" for name, oid in (expected or {}).items()]
    staged = {name: oid for name, oid in commits.items() if oid}
    clear_left(git)
    with Outbox(git) as outbox:
        outbox.put(staged)
        process = _set_to_push(git, remote).start(
            *_UNLOCKED,
            *_UNADVISED,
            *_PUSH,
            "--progress",
            *options,
            *leases,
            "--",
            remote.name,
            *((f"{outbox.folder}*:{RUN_REFS}*",) if staged else ()),
            *(f":{RUN_REFS}{name}" for name, oid in commits.items() if not oid),
        )
        answer = process.watch(on_stderr)
    on_stderr(_OF_PORCELAIN.sub(b"", answer.stdout))  # the hook pre-push has git's stdout, too
    told = _parse_pushed(answer.stdout)
    if answer.status and not any(ref.is_refused for ref in told):
        raise explain_failure("push", answer, remote.label)
    # a host may tell of refs that nobody asked for
    done = [name for ref in told if not ref.is_refused and (name := ref.ref.removeprefix(RUN_REFS)) in commits]
    _track(git, remote, {name: commits[name] for name in done})
    return told


def try_push(git: Git, remote: Remote, name: str, commit: Oid) -> list[PushedRef]:
    """What would become of a ref that is pushed, as far as it can be known without: nothing is sent, no hook is asked.

    `GitFailed` where the remote cannot be asked.
    """
    options = ("--dry-run", "--no-verify")
    refspec = f"{commit}:{RUN_REFS}{name}"
    answer = _set_to_push(git, remote).ask(*_PUSH, *options, "--", remote.name, refspec)
    told = _parse_pushed(answer.stdout)
    if answer.status and not told:
        raise explain_failure("push", answer, remote.label)
    return told


def _set_to_push(git: Git, remote: Remote) -> Git:
    """Git with settings in place of those of the remote that would change more than was asked for.

    To a mirror, git pushes all or nothing. And a fetch refspec that writes to refs/experiments/ makes a push write there as
    well: what is deleted in the remote is deleted here, and runs get the names that others have there.
    """
    if remote.name == remote.url:
        return git
    key = f"remote.{remote.name}"
    return git.with_keys({f"{key}.mirror": "false", f"{key}.fetch": f"^{RUN_REFS}*"})


def forget_tracked(git: Git, remote: Remote, names: Iterable[str]) -> None:
    """Forget that the remote has runs of these names."""
    _track(git, remote, dict.fromkeys(names))


def _forget_nested(git: Git, remote: Remote) -> None:
    """Forget refs with a further `/`, which are no runs: once they are gone there, they would be in the way of a run `a` here."""
    listed = git.run("for-each-ref", "--format=%(refname)", f"{remote.tracking}*/**")
    refs = listed.decode("utf-8", "surrogateescape").split()
    _write(git, remote.tracking, dict.fromkeys(ref.removeprefix(remote.tracking) for ref in refs))


def _track(git: Git, remote: Remote, commits: Mapping[str, Oid | None]) -> None:
    _write(git, remote.tracking, commits)
    _write(git, remote.gone, dict.fromkeys(list_gone(git, remote).keys() & commits.keys()))


def _write(git: Git, folder: str, commits: Mapping[str, Oid | None]) -> None:
    """Set or delete refs that can be had again; they are not worth a sync each."""
    lines = [
        f"update {folder}{name}\0{commit}\0\0" if commit else f"delete {folder}{name}\0\0"
        for name, commit in commits.items()
    ]
    if lines:
        data = "".join(lines).encode("utf-8", "surrogateescape")
        git.run("-c", "core.fsync=none", *_NO_REFLOG, "update-ref", "--stdin", "-z", data=data)


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
    (url, *_), push_urls = (
        os.fsdecode(git.ask("remote", "get-url", *options, "--", name).stdout).rstrip("\n").split("\n")
        for options in ((), ("--push", "--all"))
    )
    return Remote(name, url, key_of_name(name), tuple(filter(None, push_urls)))


def _addressed(address: str) -> Remote:
    return Remote(address, address, key_of_address(address))


def _ask(git: Git, *args: str) -> str:
    return git.ask(*args).stdout.decode("utf-8", "surrogateescape").strip()


def _known(known: Sequence[str]) -> str:
    return f"There are: {', '.join(known)}." if known else _NONE
