"""The methods of `Repo` that look after the repository: doctor."""

from __future__ import annotations

import os
import time

from gitxp.repo.base import Base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitxp.keeping.finding import Finding


class Examining(Base):
    """What takes the space, and what is not as it should be."""

    def doctor(
        self, *, remote: str | None = None, deep: bool = False, progress: Callable[[str], None] = lambda _: None
    ) -> list[Finding]:
        """What is not as it should be with the runs of this repository, the gravest first.

        With `remote`, a push there is tried that sends nothing; `deep` searches all contents of runs for secrets.
        `progress` is told what is looked at next. Nothing is changed. Raises `UsageError` where there is no such remote.
        """
        from gitxp.git.remote import check_remote
        from gitxp.keeping.doctor import Wish, examine
        from gitxp.keeping.finding import Patient

        if remote is not None:
            check_remote(self._git_here(), remote)
        page = self._index().newest(archived=True)
        recovered, self.recovered = self.recovered, []
        patient = Patient(
            git=self._git_here(),
            git_dir=self.location.git_dir,
            common_dir=self.location.common_dir,
            runs=page.runs,
            strange=page.strange,
            unrecovered=[(run.name, run.problem or "") for run in recovered if run.status is None],
            host=os.uname().nodename,
            now=time.time(),
        )
        self.recovered = [run for run in recovered if run.status is not None]
        limits = self.config.snapshot
        return examine(patient, Wish(remote, deep, limits.secrets, limits.allow), progress)

    def mend(self, findings: Sequence[Finding]) -> list[Finding]:
        """Mend those findings of `doctor` that can be mended safely; all of them, with what became of each."""
        from gitxp.keeping.doctor import mend

        return mend(findings)
