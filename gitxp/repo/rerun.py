"""A rerun, before and after it runs: what `Repo.rerun` tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitxp.recording.begin import Outcome
    from gitxp.restoring.links import Links
    from gitxp.restoring.plan import Plan


@dataclass(frozen=True, slots=True)
class Rerun:
    """A rerun that has ended: as `Repo.run` tells it, and its folder, None where that is gone again.

    It stays where `left` names files that are nowhere else, or a commit, or it was asked for.
    """

    outcome: Outcome
    place: str | None
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A rerun that is about to start: its plan, its name, its folder, and the data and programs that were linked to there.

    `environment` is the folder of the one that was rebuilt; `own` are folders of the snapshot that are imported in place of
    those that are installed, editable, from the user's working tree. `notices` are sentences about what is missing.
    """

    plan: Plan
    name: str
    place: str
    links: Links
    environment: str | None = None
    own: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
