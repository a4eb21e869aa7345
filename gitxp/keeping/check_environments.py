"""Environments of runs that cannot be read: a run is listed and shown without it, and comparisons lack it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.errors import FormatError
from gitxp.format import ENVIRONMENT_PATH, MAX_RECORD
from gitxp.git.contents import read_objects
from gitxp.keeping.finding import WARNING, Finding
from gitxp.store.runs import decode_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitxp.keeping.finding import Patient
    from gitxp.keeping.holdings import Held, Holder

_FEW = 20  # that are told one by one


def check_environments(patient: Patient, held: Sequence[Held], holders: Sequence[Holder]) -> Iterator[Finding]:
    """Each distinct environment once: most runs share one."""
    asked = {str(one.oid): one for one in held if one.path == ENVIRONMENT_PATH and one.kind == "blob"}
    reasons = {oid: f"It has {one.size:,} bytes." for oid, one in asked.items() if one.size > MAX_RECORD}
    for oid, data in read_objects(patient.git, [(oid, one.size) for oid, one in asked.items() if oid not in reasons]):
        try:
            decode_environment(data)
        except FormatError as error:
            reasons[oid] = error.sentence
    remedy = "All else of it can be read. Where another clone has it whole: gitxp rm it here, and gitxp pull REMOTE RUN"
    for oid, reason in list(reasons.items())[:_FEW]:
        one = asked[oid]
        names = f"{holders[one.first].name}{' and others' if one.is_shared else ''}"
        yield Finding("broken-environment", WARNING, f"The environment of {names} cannot be read. {reason}", remedy)
    if len(reasons) > _FEW:
        yield Finding(
            "broken-environment", WARNING, f"So it is with {len(reasons) - _FEW:,} more environments.", remedy
        )
