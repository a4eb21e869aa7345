"""A Python process with the probe in it and a live folder to speak to, without a run around it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import gitxp as package
from gitxp.recording.files import Opened, opened_files
from gitxp.recording.statements import Statement, read_statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PROBE = os.path.join(os.path.dirname(os.path.abspath(package.__file__)), "capture", "probe")


class Probed:
    """A working tree at `root`, and the processes that are run in it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "tree"
        self.live = folder / "live"
        self.root.mkdir()
        self.live.mkdir()

    def environ(self, more: Mapping[str, str] | None = None, *, probe: bool = True) -> dict[str, str]:
        """The variables of such a process."""
        path = [PROBE] if probe else []
        run = {"GITXP_RUN_DIR": str(self.live), "GITXP_ROOT": str(self.root)} if probe else {}
        base = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "PYTHONSAFEPATH"}}
        base |= {"PYTHONPATH": os.pathsep.join(path), "PYTHONDONTWRITEBYTECODE": "1", **run, **(more or {})}
        return {key: value for key, value in base.items() if value or key != "PYTHONPATH"}

    def write(self, name: str, code: str) -> Path:
        """A file in the tree."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(code))
        return path

    def run(
        self,
        code: str,
        *words: str,
        python: Sequence[str] = (sys.executable,),
        env: Mapping[str, str] | None = None,
        probe: bool = True,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run this code as `main.py` of the tree with these arguments."""
        self.write("main.py", code)
        done = subprocess.run(
            [*python, "main.py", *words],
            cwd=self.root,
            env=self.environ(env, probe=probe),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def statements(self) -> list[Statement]:
        """All that was said, which must be whole."""
        statements, problems = read_statements(str(self.live))
        assert problems == []
        return statements

    def said(self, kind: str) -> list[dict[str, Any]]:
        """The facts of the statements of a kind."""
        return [statement.facts for statement in self.statements() if statement.kind == kind]

    def files(self, env: Mapping[str, str] | None = None) -> Opened:
        """What the processes opened; paths below the tree are given from there. Of what was written, nothing else."""
        found = opened_files(self.statements(), self.environ(env))

        def inside(path: str) -> str:
            return path.removeprefix(f"{self.root}/")

        return Opened(
            {inside(path): late for path, late in found.read.items()},
            {inside(path) for path in found.written if inside(path) != path},
            set(map(inside, found.folders)),
        )

    def params(self, source: str) -> dict[str, Any]:
        """The parameters of one source, put together."""
        found: dict[str, Any] = {}
        for facts in self.said("params"):
            if facts["source"] == source:
                found |= facts["params"]
        return found

    def given(self) -> set[str]:
        """The names that the command line gave."""
        return {name for facts in self.said("params") for name in facts.get("given", ())}
