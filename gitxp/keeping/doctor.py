"""All checks, one after another; what is found comes back, and nothing is changed but by `mend`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import GitFailed, GitxpError
from gitxp.keeping.check_config import check_config
from gitxp.keeping.check_environments import check_environments
from gitxp.keeping.check_held import check_lfs, check_secrets
from gitxp.keeping.check_left import check_left
from gitxp.keeping.check_locks import check_locks
from gitxp.keeping.check_remote import check_remote
from gitxp.keeping.check_runs import check_live, check_runs
from gitxp.keeping.check_space import check_space
from gitxp.keeping.check_versions import check_versions
from gitxp.keeping.finding import ERROR, Finding
from gitxp.keeping.holdings import Held, Holder, list_held
from gitxp.store.trash import list_trash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitxp.errors import ConfigError
    from gitxp.git.program import Git
    from gitxp.git.remote import Remote
    from gitxp.keeping.finding import Patient


class Wish(NamedTuple):
    """What is to be looked at besides: a remote, all contents; and what gitxp.yaml says.

    That is globs of names that are secrets, and are none, and the address of the storage; `refused` is why it says nothing.
    """

    remote: Remote | None = None
    deep: bool = False
    secret_names: Sequence[str] = ()
    allowed_names: Sequence[str] = ()
    storage: str | None = None
    refused: ConfigError | None = None


def examine(
    patient: Patient, network: Git, wish: Wish, progress: Callable[[str], None] = lambda _: None
) -> list[Finding]:
    """What is not as it should be, the gravest first; `progress` is told what is looked at next.

    `network` is the git that talks to a remote.
    """
    progress("settings, refs, live folders, versions")
    found = [*check_config(patient), *check_runs(patient), *check_live(patient), *check_locks(patient)]
    if wish.refused is not None:
        found.append(Finding("broken-config", ERROR, wish.refused.message, wish.refused.hint))
    found += check_left(patient)
    found += check_versions(patient)
    found += check_space(patient)
    runs = sorted(patient.runs, key=lambda run: run.is_folded)
    holders = [Holder(run.name, run.commit) for run in runs]
    holders += [Holder(f"{entry.name} (in the trash)", entry.commit) for entry in list_trash(patient.git)]
    try:
        held = list_held(patient.git, holders, progress)
    except GitFailed as error:
        held = list[Held]()
        found.append(Finding("damage", ERROR, f"git cannot list what runs hold. {error.message}", "git fsck"))
    progress("environments")
    found += check_environments(patient, held, holders)
    progress("large files")
    found += check_lfs(patient, held, holders, sum(not run.is_folded for run in runs), wish.storage)
    progress("likely secrets")
    names = {"secret_names": wish.secret_names, "allowed_names": wish.allowed_names}
    found += check_secrets(patient, held, holders, deep=wish.deep, **names)
    if wish.remote is not None:
        progress(wish.remote.name)
        found += check_remote(patient, network, wish.remote)
    order = ["error", "warning", "note"]
    return sorted(found, key=lambda one: order.index(one.severity))


def mend(found: Sequence[Finding]) -> list[Finding]:
    """Mend what can be mended safely; the findings, with `fixed` where it was. One that cannot be says why, and stops none."""
    done = []
    for one in found:
        try:
            if one.fix is not None:
                one.fix()
        except (GitxpError, OSError) as error:
            why = error.message if isinstance(error, GitxpError) else f"{error}."
            done.append(replace(one, what=f"{one.what} It could not be mended: {why}"))
        else:
            done.append(replace(one, fixed=one.fix is not None))
    return done
