"""What commands that were killed left behind: refs that waited to be sent."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gitxp.git.outbox import clear_left, list_left
from gitxp.keeping.finding import WARNING, Finding, some

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitxp.keeping.finding import Patient


def check_left(patient: Patient) -> Iterator[Finding]:
    """What nobody needs any more, each with what takes it away."""
    refs = list_left(patient.git)
    if refs:
        yield Finding(
            *("left-outbox", WARNING, f"A push or pull that was killed left refs: {some(refs)}."),
            "The next push takes them away, or gitxp gc.",
            fix=partial(_clear_outbox, patient),
        )


def _clear_outbox(patient: Patient) -> None:
    clear_left(patient.git)
