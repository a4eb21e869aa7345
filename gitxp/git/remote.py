"""Pushes by git, the program, as the user would make them: with their hooks, credentials and prompts.

git is told what each ref must be at the remote (`--force-with-lease`), and says of each what became of it
(`--porcelain`): one that is refused stops no other.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import GitFailed, UsageError
from gitxp.git.program import Git

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PROMPT = "GIT_TERMINAL_PROMPT"
# All arguments together may have some megabytes (Linux: a quarter of the stack's limit, 2 MiB), the environment with them.
_MOST_ARGUMENTS = 1_000_000


class PushedRef(NamedTuple):
    """What became of one ref: `flag` is git's (space, `+`, `-`, `*`, `=`, or `!` for refused), `words` its reason."""

    flag: str
    source: str
    target: str
    words: str

    @property
    def refused(self) -> bool:
        """Whether the remote's ref is as it was before, against our wish."""
        return self.flag == "!"


def as_user(git: Git) -> Git:
    """The same git for the network: the user's hooks run, and on a terminal it may ask for a password."""
    network = Git(git.directory)
    network.settings = tuple(setting for setting in git.settings if not setting.startswith("core.hooksPath="))
    if sys.stderr is not None and sys.stderr.isatty():
        network.environ.pop(_PROMPT, None)
        network.environ.update({_PROMPT: os.environ[_PROMPT]} if _PROMPT in os.environ else {})
    return network


def check_remote(git: Git, remote: str) -> str:
    """The remote of this name. `UsageError` where there is none."""
    names = git.run("remote").decode("utf-8", "surrogateescape").splitlines()
    if remote in names:
        return remote
    hint = f"There are: {', '.join(names)}." if names else "There is none yet: git remote add origin URL"
    raise UsageError(f"There is no remote {remote!r}.", hint=hint)


def push_refspecs(
    git: Git,
    remote: str,
    refspecs: Sequence[str],
    *,
    leases: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> list[PushedRef]:
    """Push these refspecs to a remote that is configured; what became of each ref.

    `leases` are values by full ref: a ref that has another at the remote is refused. It is one connection, unless the
    arguments are more than the system takes. `options` are further ones of `git push`. Raises `GitFailed` where the remote could not be reached, or a hook refused.
    """
    done: list[PushedRef] = []
    network = as_user(git)
    for part in _parts(refspecs, leases or {}):
        said = ("--porcelain", "--no-follow-tags", "--recurse-submodules=no", *options)
        args = ["push", *said, *part[0], "--", remote, *part[1]]
        answer = network.ask(*args)
        told = list(_parse(answer.stdout.decode("utf-8", "surrogateescape")))
        if answer.status and not told:
            raise GitFailed(
                args, answer.status, answer.stderr.decode("utf-8", "replace"), hint=f"git push {remote} says more."
            )
        done += told
    return done


def _parts(refspecs: Sequence[str], leases: Mapping[str, str]) -> Iterator[tuple[list[str], list[str]]]:
    """Options and refspecs, as many at a time as a command line may have."""
    options: list[str] = []
    specs: list[str] = []
    size = 0
    for spec in refspecs:
        target = spec.rpartition(":")[2]
        lease = f"--force-with-lease={target}:{leases[target]}" if target in leases else ""
        if size + len(lease) + len(spec) > _MOST_ARGUMENTS:
            yield options, specs
            options, specs, size = [], [], 0
        options += [lease] if lease else []
        specs.append(spec)
        size += len(lease) + len(spec) + 20  # a pointer and an end for each
    if specs:
        yield options, specs


def _parse(text: str) -> Iterator[PushedRef]:
    for line in text.split("\n"):
        flag, tab, rest = line.partition("\t")
        refs, _, words = rest.partition("\t")
        if tab and len(flag) == 1 and ":" in refs:
            source, _, target = refs.rpartition(":")
            yield PushedRef(flag, source, target, words)
