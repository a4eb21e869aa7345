"""The methods of `Repo` that look after the repository: du, doctor."""

from __future__ import annotations

import os
import time

from gitxp.repo.base import ignore
from gitxp.repo.connecting import Connecting
from gitxp.repo.restoring import Restoring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitxp.keeping.finding import Finding
    from gitxp.keeping.usage import PathUsage, Usage
    from gitxp.model import Run


class Examining(Restoring, Connecting):
    """What takes the space, and what is not as it should be."""

    def init(self) -> str | None:
        """Write a gitxp.yaml with every key as a comment, at the top of the working tree: its path; None if there is one.

        Nothing else is changed: gitxp needs no preparation. Raises `NotARepository` where there is no working tree.
        """
        from gitxp.capture.config import FILE_NAME
        from gitxp.capture.config_example import commented_example
        from gitxp.errors import NotARepository

        toplevel = self.location.toplevel
        if toplevel is None:
            raise NotARepository("There is no working tree here.", hint="Go to a checkout of the repository.")
        path = os.path.join(toplevel, FILE_NAME)
        try:
            with open(path, "x", encoding="utf-8") as file:
                file.write(commented_example())
        except FileExistsError:
            return None
        return path

    def usage(self, *, progress: Callable[[str], None] = ignore) -> Usage:
        """What takes the space: of each run what it alone holds, and what lies around besides, in bytes on the disk.

        `progress` is told what is done next. Raises `GitFailed` where git finds damage.
        """
        from gitxp.keeping.usage import measure

        runs = self._index().newest(archived=True).runs
        return measure(self._git_here(), self.location.common_dir, runs, progress)

    def usage_of(self, run: Run, *, progress: Callable[[str], None] = ignore) -> list[PathUsage]:
        """What the paths of a run take that no branch has, in bytes on the disk, the largest first."""
        from gitxp.keeping.usage import measure_paths

        runs = self._index().newest(archived=True).runs
        return measure_paths(self._git_here(), self.location.common_dir, runs, run, progress)

    def doctor(
        self, *, remote: str | None = None, deep: bool = False, progress: Callable[[str], None] = ignore
    ) -> list[Finding]:
        """What is not as it should be with the runs of this repository, the gravest first.

        With `remote`, a push there is tried that sends nothing; `deep` searches all contents of runs for secrets.
        `progress` is told what is looked at next. Nothing is changed. Raises `UsageError` where there is no such remote.
        A gitxp.yaml that cannot be read is one of the findings, and what is looked at by it is looked at by the defaults.
        """
        from gitxp.capture.config import Config
        from gitxp.errors import ConfigError
        from gitxp.keeping.doctor import Wish, examine
        from gitxp.keeping.finding import Patient

        there = None if remote is None else self.remote(remote)
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
            unfinished=self._unfinished(),
        )
        self.recovered = [run for run in recovered if run.status is not None]
        try:
            config, refused = self.config, None
        except ConfigError as error:
            config, refused = Config(), error
        limits = config.snapshot
        wish = Wish(there, deep, limits.secrets, limits.allow, config.storage, refused)
        return examine(patient, self._network(), wish, progress)

    def mend(self, findings: Sequence[Finding]) -> list[Finding]:
        """Mend those findings of `doctor` that can be mended safely; all of them, with what became of each."""
        from gitxp.keeping.doctor import mend

        return mend(findings)
