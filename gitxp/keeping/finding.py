"""What a check finds, and what it looks at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gitxp.errors import some_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitxp.format import RefName
    from gitxp.git.program import Git
    from gitxp.model import Run
    from gitxp.store.doing import Unfinished

ERROR, WARNING, NOTE = "error", "warning", "note"
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that `gitxp doctor` found: the `id` of the kind, `what` it is, the `remedy`, where there is one.

    `severity` is `error` (something is lost, broken or public), `warning` (it may come to that), or `note` (good to know;
    nothing is wrong). `fixable` tells whether `--fix` mends it, `fixed` whether it did.
    """

    id: str
    severity: str
    what: str
    remedy: str | None = None
    fixed: bool = False
    fix: Callable[[], None] | None = field(default=None, compare=False, repr=False)

    @property
    def fixable(self) -> bool:
        """Whether `--fix` mends it."""
        return self.fix is not None

    @property
    def is_wrong(self) -> bool:
        """Whether it is there still, and no mere note."""
        return self.severity != NOTE and not self.fixed

    def to_json(self) -> dict[str, Any]:
        """An object of the array that `gitxp doctor --json` prints."""
        said: dict[str, Any] = {"id": self.id, "severity": self.severity, "what": self.what}
        if self.remedy is not None:
            said["remedy"] = self.remedy
        return {**said, "fixable": self.fixable, "fixed": self.fixed}


@dataclass(frozen=True, slots=True)
class Patient:
    """A repository and its runs as they were found: what the checks look at.

    `strange` are refs that name no run, `unrecovered` the runs that lost their recorder and cannot be finished, with the
    reason, `unfinished` what restores and reruns left that were killed. `host` is the name of this machine, `now` unix time in seconds.
    """

    git: Git
    git_dir: str
    common_dir: str
    runs: Sequence[Run]
    strange: Sequence[RefName]
    unrecovered: Sequence[tuple[str, str]]
    host: str
    now: float
    unfinished: Sequence[Unfinished] = ()


def some(names: Sequence[str], between: str = ", ") -> str:
    """The first few names, and how many more there are."""
    return some_of(names, _SHOWN, between)


def bytes_words(size: float) -> str:
    """Bytes for people: `512 B`, `1.5 KiB`, `3.0 MiB`."""
    unit = "B"
    for larger in ("KiB", "MiB", "GiB"):
        if size < 1000:
            break
        size, unit = size / 1024, larger
    return f"{size:.0f} B" if unit == "B" else f"{size:,.1f} {unit}"
