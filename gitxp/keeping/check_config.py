"""Settings of git under which a plain fetch or push deletes runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gitxp.format import RUN_REFS
from gitxp.keeping.finding import ERROR, NOTE, WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitxp.git.program import Git
    from gitxp.keeping.finding import Patient

_NOT_RUNS = f"^{RUN_REFS}*"
_ON = frozenset(["", "true", "yes", "on", "1"])


def check_config(patient: Patient) -> Iterator[Finding]:
    """Fetch refspecs that write to refs/experiments/, mirrors, and a trust in every repository."""
    settings = list(_read(patient.git))
    remotes = dict.fromkeys(_remote_of(key) for _, key, _ in settings if key.startswith("remote."))
    for remote in remotes:
        if remote:
            yield from _check_remote(patient.git, remote, settings)
    if any(key == "safe.directory" and value == "*" for _, key, value in settings):
        yield Finding(
            *("safe-directory-all", NOTE, "git trusts every repository, whoever owns it (safe.directory is *)."),
            "Name the folders that you trust instead: git config --global --add safe.directory DIR",
        )


def _read(git: Git) -> Iterator[tuple[str, str, str]]:
    """Each setting as git sees it here: scope (`local`, `global`, …), key, value ("" for a key without one)."""
    words = git.run("config", "--list", "--show-scope", "-z").decode("utf-8", "surrogateescape").split("\0")
    for scope, setting in zip(words[::2], words[1::2], strict=False):
        key, _, value = setting.partition("\n")
        yield scope, key, value


def _remote_of(key: str) -> str:
    return key.removeprefix("remote.").rpartition(".")[0]


def _check_remote(git: Git, remote: str, settings: list[tuple[str, str, str]]) -> Iterator[Finding]:
    fetched = list(dict.fromkeys((scope, value) for scope, key, value in settings if key == f"remote.{remote}.fetch"))
    exempt = any(value.startswith("^") and _covers(value[1:]) for _, value in fetched)
    for scope, spec in fetched:
        target = spec.rpartition(":")[2] if ":" in spec and not spec.startswith("^") else ""
        if not target or exempt or not _covers(target):
            continue
        local = scope == "local"
        where = "" if local else f" --{scope}"
        if _is_of_more(spec):
            remedy = f"Leave runs out of it, and fetch them by 'gitxp pull': git config{where} --add remote.{remote}.fetch '{_NOT_RUNS}'"
            fix = partial(_leave_out, git, remote)
        else:
            command = f"git config{where} --fixed-value --unset-all remote.{remote}.fetch '{spec}'"
            remedy, fix = f"Take it out, and fetch runs by 'gitxp pull': {command}", partial(_unset, git, remote, spec)
        yield Finding(
            "prunable-refspec",
            ERROR,
            f"A fetch from {remote} writes to {RUN_REFS} ({spec}): with --prune it deletes every run that {remote} does not have"
            f"{_pruning(remote, settings)}.",
            remedy,
            fix=fix if local else None,
        )
    if _flag(settings, f"remote.{remote}.mirror"):
        yield Finding(
            "mirror",
            WARNING,
            f"{remote} is a mirror: 'git push {remote}' deletes and overwrites there whatever is not so here, runs of others, too.",
            f"Unless that is what you want: git config --unset remote.{remote}.mirror",
        )


def _pruning(remote: str, settings: list[tuple[str, str, str]]) -> str:
    for key in (f"remote.{remote}.prune", "fetch.prune"):
        if _flag(settings, key):
            return f", and {key} is on, so every fetch does"
    return ""


def _flag(settings: list[tuple[str, str, str]], key: str) -> bool:
    values = [value for _, name, value in settings if name.lower() == key.lower()]
    return bool(values) and values[-1].lower() in _ON


def _covers(pattern: str) -> bool:
    """Whether refs of runs are among those that this side of a refspec means."""
    before, star, _ = pattern.partition("*")
    return before.startswith(RUN_REFS) or (bool(star) and RUN_REFS.startswith(before))


def _is_of_more(spec: str) -> bool:
    """Whether a refspec brings other refs, too, as that of a mirror does, each to where it is there."""
    source, _, target = spec.removeprefix("+").partition(":")
    return source == target and not target.startswith(RUN_REFS)


def _leave_out(git: Git, remote: str) -> None:
    # in place of the same, where another finding has put it there already
    git.run("config", "--local", "--fixed-value", "--replace-all", f"remote.{remote}.fetch", _NOT_RUNS, _NOT_RUNS)


def _unset(git: Git, remote: str, spec: str) -> None:
    git.run("config", "--local", "--fixed-value", "--unset-all", f"remote.{remote}.fetch", spec)
