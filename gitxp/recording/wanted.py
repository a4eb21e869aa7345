"""What a recorder is to find out of a command, and where: what all of those know who find out a part of it."""

from __future__ import annotations

import os

from gitxp.capture.config import Config
from gitxp.capture.environment.surroundings import Surroundings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NamedTuple

    from gitxp.git.lfs import Store
else:
    from gitxp.light import NamedTuple

LONG = 1.0  # seconds; a shorter command is not worth a walk over the whole working tree


class Wanted(NamedTuple):
    """What to find out. Paths are absolute; `metrics_from` holds `stdout` or paths of JSON files.

    The machine is measured every `system_interval` seconds; with 0 it is not.
    """

    command: Sequence[str]
    cwd: str
    toplevel: str
    environ: Mapping[str, str]
    cache: str
    data: Sequence[str] = ()
    outputs: Sequence[str] = ()
    metrics_from: Sequence[str] = ()
    config: Config = Config()
    system_interval: float = 0.0

    def surroundings(self) -> Surroundings:
        """Where the command runs, for whoever asks what it stands on."""
        return Surroundings(self.cwd, self.environ, self.toplevel, self.cache)

    def large_store(self) -> Store:
        """The LFS store of the repository."""
        from gitxp.git.lfs import find_store
        from gitxp.git.program import Git

        return find_store(Git(self.toplevel, own_group=True), os.path.dirname(os.path.dirname(self.cache)))


def placed(artifacts: Sequence[dict[str, str]], folder: str) -> list[dict[str, str]]:
    """These artifacts, whose copies are in this folder below that of all artifacts."""
    return [
        {**artifact, "source": os.path.join(folder, artifact["source"])} if "source" in artifact else artifact
        for artifact in artifacts
    ]
