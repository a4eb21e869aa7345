"""Programs under `gitxp run`, and what they are without it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conftest import Git, Gitxp


class Programs:
    """A repository in which to run programs; `git` ignores data/ and what the programs write."""

    def __init__(self, repo: str, gitxp: Gitxp, git: Git) -> None:
        self.repo, self.gitxp, self.git = Path(repo), gitxp, git
        self.write(".gitignore", "data/\nbin/\nout/\nruns/\noutputs/\n__pycache__/\n")

    def write(self, name: str, content: str | bytes) -> None:
        """A file in the repository."""
        path = self.repo / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def take(self, source: Path, name: str = "") -> str:
        """Copy a file or folder of others to the top of the repository, whose name there is returned."""
        name = name or source.name
        if source.is_dir():
            shutil.copytree(source, self.repo / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, self.repo / name)
        return name

    def run(
        self, *command: str, options: tuple[str, ...] = (), env: Mapping[str, str] | None = None, status: int = 0
    ) -> dict[str, Any]:
        """Run it, see that it prints and ends as without gitxp and as without the probe, and return its record."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=Programs")
        variables = {"PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
        plain = subprocess.run(
            command, cwd=self._copy("plain"), env={**os.environ, **variables}, input="", **self._CAPTURED, check=False
        )
        seen = (plain.returncode, plain.stdout, plain.stderr)
        assert plain.returncode == status, plain.stderr
        for folder, probe in ((self._copy("unprobed"), "0"), (self.repo, "1")):
            done = self.gitxp(
                "run",
                *["--name", "r", *options, *command],
                cwd=folder,
                env={**variables, "GITXP_PROBE": probe},
                check=False,
                timeout=300,
            )
            words = "".join(
                line for line in done.stderr.splitlines(keepends=True) if not line.startswith(("gitxp: ", "Note: "))
            )
            assert (done.returncode, done.stdout, words) == seen
        record: dict[str, Any] = json.loads(self.git("show", "experiments/r:.gitxp/run.json"))
        assert "problems" not in record
        return record

    _CAPTURED: ClassVar[dict[str, Any]] = {
        "capture_output": True,
        "encoding": "utf-8",
        "errors": "surrogateescape",
        "timeout": 300,
    }

    def _copy(self, name: str) -> Path:
        """The repository as it is, elsewhere."""
        folder = self.repo.parent / name
        shutil.copytree(self.repo, folder, symlinks=True)
        return folder

    def environment(self) -> dict[str, Any]:
        """What is recorded of the run's environment."""
        found: dict[str, Any] = json.loads(self.git("show", "experiments/r:.gitxp/environment.json"))
        return found

    def artifact(self, path: str) -> bytes:
        """A file that was kept."""
        return self.git.raw("show", f"experiments/r:.gitxp/artifacts/{path}")


def params(record: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    """Each parameter with its source."""
    return {name: (value, record["param_sources"][name]) for name, value in record.get("params", {}).items()}


def paths(entries: list[dict[str, Any]]) -> list[str]:
    """The paths of data or outputs."""
    return [entry["path"] for entry in entries]
