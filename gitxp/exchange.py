"""What came of exchanging runs with other repositories: facts, for whoever shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitxp.errors import GitxpError
    from gitxp.format import Oid
    from gitxp.names import RunName


class Left(NamedTuple):
    """A ref of the remote's that was not taken in, and why."""

    name: str
    reason: str


@dataclass(slots=True)
class Pulled:
    """What came of taking in: names of runs here.

    `renamed` are new ones whose name was another run's: the name there, and the name here. `left` are refs that were
    not taken in, `passed` those of runs that were removed here, `gone` what the remote has no more, `folded` what it has
    in an archive now instead of a ref, `archives` those that came or grew, and how many runs each has there.
    """

    created: list[RunName] = field(default_factory=list)
    updated: list[RunName] = field(default_factory=list)
    merged: list[RunName] = field(default_factory=list)
    renamed: list[tuple[str, RunName]] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    folded: list[str] = field(default_factory=list)
    archives: list[tuple[str, int]] = field(default_factory=list)


class CopiedLarge(NamedTuple):
    """Large files between this repository and a storage or remote, `address`: how many were copied and were there already.

    `failed` are those that could not be copied: the sha256 of each, and why.
    """

    address: str
    copied: int
    there: int
    failed: tuple[tuple[str, str], ...] = ()


class Going(NamedTuple):
    """A run that the remote lacks, or has an older state of: its name here, its name there, its tip."""

    name: str
    there: str
    tip: Oid


@dataclass(slots=True)
class Outgoing:
    """What a push would do.

    `fetch_first` are names there whose commits are not known here, or went a separate way: no decision yet. `newer` are runs
    that have more there than here, `gone` those that were there and somebody removed, `merged` those that were merged
    with what was there, `received` those of which more was there,
    which is here now. `reasons` say why some of `fetch_first` were not taken in, and `broken`
    why runs here cannot be sent. `same` counts the rest. `there` are the
    commits that the other side has.
    """

    going: list[Going] = field(default_factory=list)
    fetch_first: list[str] = field(default_factory=list)
    newer: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    same: int = 0
    there: Sequence[Oid] = ()


@dataclass(slots=True)
class Pushed:
    """What came of a push: runs by their names here; `refused` with the words of the other side.

    `large` is what came of their large files, where gitxp.yaml names a storage for them; `lacks_lfs` says that they are
    there alone, since the remote has no LFS, and `held` are the names of the runs that did not go, since some that are
    here could not be copied. Without a storage, `unsent` counts those that stayed here, since git-lfs
    was not asked to upload them. `to` is what the other side is called; where there are several, `others` are those
    after the first, and `error` is why one of them got nothing.
    """

    outgoing: Outgoing
    made: list[Going] = field(default_factory=list)
    moved: list[Going] = field(default_factory=list)
    refused: list[tuple[Going, str]] = field(default_factory=list)
    large: CopiedLarge | None = None
    lacks_lfs: bool = False
    held: list[str] = field(default_factory=list)
    unsent: int = 0
    to: str = ""
    others: list[Pushed] = field(default_factory=list)
    error: GitxpError | None = None

    @property
    def parts(self) -> list[Pushed]:
        """This one and the others."""
        return [self, *self.others]


@dataclass(frozen=True, slots=True)
class RemoteOutline:
    """A remote: its address without passwords, how many runs it had when it was last asked, how many runs here it lacks.

    `unpushed` counts the runs that it lacks, or has an older state of.
    """

    name: str
    url: str
    runs: int
    unpushed: int
