"""People who share runs: a bare repository, and clones of it; and what stands between them, counted or broken on purpose."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any

from states import Lab, clone

if TYPE_CHECKING:
    from states import Finished

# What `gitxp pull --json` answers where nothing came.
NOTHING: dict[str, list[Any]] = {
    "archives": [],
    "folded": [],
    "created": [],
    "gone": [],
    "left": [],
    "merged": [],
    "passed": [],
    "renamed": [],
    "updated": [],
}


class Member(Lab):
    """Somebody's clone."""

    def names_by_id(self) -> dict[str, str]:
        """The names of the runs by their ids."""
        return {self.record(name)["id"]: name for name in self.names()}

    def tips(self) -> dict[str, str]:
        """The tips of the runs by name."""
        lines = self.say("for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/experiments").splitlines()
        return dict(line.split(" ") for line in lines)

    def new(self, name: str, *command: str) -> str:
        """Make a run: its tip."""
        done = self.run("run", "--name", name, "--", *(command or ("true",)))
        assert done.status in {0, 1}, done.stderr
        return self.tips()[name]

    def ask(self, *args: str, status: int = 0, **options: Any) -> Any:
        """What a command with --json answers."""
        done = self.run(*args, "--json", **options)
        assert done.status == status, done.stderr
        return json.loads(done.stdout)

    def pull(self, *args: str, **options: Any) -> Any:
        """`gitxp pull --json`."""
        return self.ask("pull", *args, **options)

    def push(self, *args: str, **options: Any) -> Any:
        """`gitxp push --json`."""
        return self.ask("push", *args, **options)

    def listed(self) -> dict[str, dict[str, Any]]:
        """`gitxp list --json` by name."""
        return {run["name"]: run for run in self.ask("list", "--all")}


def member(lab: Lab, to: str, *options: str) -> Member:
    """Clone."""
    return Member(os.path.normpath(clone(lab, to, *options).top))


def script(path: str, code: str) -> str:
    """A shell script; its path."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\n{code}\n")
    os.chmod(path, 0o700)
    return path


def hook(lab: Lab, name: str, code: str) -> None:
    """A hook of a repository."""
    folder = lab.say("rev-parse", "--path-format=absolute", "--git-path", "hooks")
    script(os.path.join(folder, name), code)


def between(lab: Lab, *, fetch: str = "", push: str = "", remote: str = "origin") -> None:
    """Shell code that the other side executes each time that it is connected to, before it serves."""
    for kind, command, code in (("upload", "upload-pack", fetch), ("receive", "receive-pack", push)):
        path = script(lab.path(f"../wires/{kind}-{os.path.basename(lab.top)}"), f'{code}\nexec git {command} "$@"')
        lab.git("config", f"remote.{remote}.{kind}pack", path)


def count_connections(lab: Lab) -> Connections:
    """Count from now on."""
    log = lab.path("../connections")
    between(lab, fetch=f"echo fetch >>{log}", push=f"echo push >>{log}")
    return Connections(log)


class Connections:
    """What was connected to, in a file."""

    def __init__(self, log: str) -> None:
        self._log = log

    def take(self) -> list[str]:
        """The connections since the last time: `fetch` and `push`."""
        try:
            with open(self._log, encoding="ascii") as file:
                found = file.read().split()
        except FileNotFoundError:
            return []
        os.unlink(self._log)
        return found


def python(code: str) -> str:
    """Shell code that runs Python."""
    return f"{sys.executable} -S -c '{code}'"


def said(done: Finished) -> str:
    """What a command that went well said on stderr, without what a push says of sizes before it begins."""
    assert done.status == 0, done.stderr
    return re.sub(r"(?m)^\d+ runs?, \d+ objects?, [\d.]+ \w+, to .*\n", "", done.stderr)
