"""A bare repository that everybody shares, and clones of it, each with gitxp's view: what the tests of sharing work with."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

from gitxp.repo import Repo
from run_factory import Factory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gitxp.exchange import Pulled, Pushed


def git(path: str | Path, *args: str, data: bytes = b"", check: bool = True) -> str:
    """What git prints in a repository, stripped."""
    answer = subprocess.run(["git", "-C", str(path), *args], input=data, capture_output=True, check=False)
    if check and answer.returncode:
        raise AssertionError(f"git {' '.join(args)}: {answer.stderr.decode(errors='replace')}")
    return answer.stdout.decode(errors="surrogateescape").strip()


class Clone:
    """One clone of the hub."""

    def __init__(self, hub: Path, path: Path) -> None:
        git(hub, "clone", "--quiet", str(hub), str(path))
        self.path = path
        self.factory = Factory(str(path))
        self.repo = Repo(path)

    def git(self, *args: str, data: bytes = b"", check: bool = True) -> str:
        """What git prints here."""
        return git(self.path, *args, data=data, check=check)

    def push(self, *names: str, **options: Any) -> Pushed:
        """Send runs to the hub."""
        return self.repo.push(self.repo.remote(), names, **options)

    def pull(self, *names: str, **options: Any) -> Pulled:
        """Take runs of the hub in."""
        return self.repo.pull(self.repo.remote(), names, **options)

    def annotate(self, name: str, **wish: Any) -> None:
        """Say something of a run."""
        self.repo.annotate([self.repo.get(name)], **wish)

    def refs(self, prefix: str = "refs/experiments/") -> dict[str, str]:
        """The runs here: name and tip."""
        return refs(self.path, prefix)

    def said(self, name: str) -> tuple[Any, ...]:
        """All that was said of a run, as everybody should see it."""
        run = self.repo.get(name)
        about = run.record
        return run.tags, run.notes, about.get("title"), about.get("group"), run.starred, run.archived


def refs(path: str | Path, prefix: str = "refs/experiments/") -> dict[str, str]:
    """The refs below a prefix: the rest of the name, and the object."""
    lines = git(path, "for-each-ref", "--format=%(refname) %(objectname)", prefix).splitlines()
    return {ref.removeprefix(prefix): oid for ref, oid in (line.split() for line in lines)}


class Clones:
    """A hub with one commit, and as many clones of it as are asked for."""

    def __init__(self, folder: Path) -> None:
        self.hub = folder / "hub.git"
        first = folder / "first"
        folder.mkdir(exist_ok=True)
        git(folder, "init", "--quiet", "--bare", str(self.hub))
        git(folder, "init", "--quiet", str(first))
        (first / "train.py").write_text("print(1)\n")
        git(first, "add", "--all")
        git(first, "commit", "--quiet", "--message=First")
        git(first, "push", "--quiet", str(self.hub), "HEAD:refs/heads/main")
        self.folder = folder
        self.made: list[Clone] = []

    def clone(self, name: str) -> Clone:
        """One more clone."""
        self.made.append(Clone(self.hub, self.folder / name))
        self.made[-1].factory.skip(100 * len(self.made))
        return self.made[-1]

    def close(self) -> None:
        """Close what is open."""
        for clone in self.made:
            clone.repo.close()

    def all_refs(self) -> list[Mapping[str, str]]:
        """The runs in the hub and in each clone."""
        return [self.refs, *(clone.refs() for clone in self.made)]

    @property
    def refs(self) -> Mapping[str, str]:
        """The runs in the hub."""
        return refs(self.hub)
