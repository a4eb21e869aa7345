"""Whether a host takes runs, as far as that can be asked without pushing one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.errors import GitFailed
from gitxp.format import RUNNING
from gitxp.git.remote import try_push
from gitxp.keeping.finding import ERROR, NOTE, WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitxp.git.program import Git
    from gitxp.git.remote import Remote
    from gitxp.keeping.finding import Patient


def check_remote(patient: Patient, network: Git, remote: Remote) -> Iterator[Finding]:
    """Try a push of the newest run that sends nothing: the connection and the rights to read are real, hooks are not asked."""
    run = next((run for run in patient.runs if run.status != RUNNING and not run.problem), None)
    if run is None:
        yield Finding("remote", NOTE, f"There is no run yet to try a push to {remote.name} with.")
        return
    try:
        told = try_push(network, remote, run.name, run.commit)
    except GitFailed as error:
        yield Finding(
            "remote-unreachable",
            ERROR,
            f"{remote.name} cannot be pushed to. {error.message}",
            f"git push --dry-run {remote.name}",
        )
        return
    refused = [one for one in told if one.is_refused]
    if refused:
        yield Finding(
            *("remote-refuses", WARNING, f"{remote.name} would not take {run.name}: {refused[0].words}."),
            f"If it has another state of the run: gitxp pull {remote.name}",
        )
    else:
        yield Finding(
            *("remote", NOTE, f"{remote.name} answers, and a push of {run.name} could begin."),
            f"Whether the host takes refs/experiments/ only a real push tells: gitxp push {remote.name} {run.name}",
        )
