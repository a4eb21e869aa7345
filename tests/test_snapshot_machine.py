from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from states import Lab, Want, judge, portrait

if TYPE_CHECKING:
    from pathlib import Path

# Few names, so that the same ones are hit again and again; some are both a file and a folder on another's way.
NAMES = ("a", "b", "b/c", "b/c/d", "b/e", "caf\udce9", "-x", "new\nline", "x.log", "b/y.log", "deep/er/f")
# Never tracked. With so much untracked, gitxp keeps an index of its own from run to run.
LARGE = "weights.bin"
names = st.sampled_from(NAMES)
contents = st.sampled_from([b"", b"one\n", b"two\n", b"a\r\nb\n", b"\0\xff", b"x" * 5000])
File = tuple[str, bytes]  # mode, bytes


class Tree(RuleBasedStateMachine):
    """A working tree that is changed at will; a dictionary says what a snapshot of it must hold."""

    def __init__(self, folder: str, *, is_large: bool) -> None:
        super().__init__()
        self.lab = Lab(tempfile.mkdtemp(dir=folder))
        self.lab.git("init", "-q", "-b", "main")
        self.disk: dict[str, File] = {}
        self.index: set[str] = set()
        self.runs = 0
        self._write(".gitignore", b"*.log\n")
        if is_large:
            self._write(LARGE, b"weights " * (9 << 17))

    # What a user does

    @rule(name=names, content=contents, executable=st.booleans())
    def write(self, name: str, content: bytes, executable: bool) -> None:
        """Write a file, whatever is in its way."""
        self._clear_way(name)
        self._write(name, content, executable=executable)

    @rule(name=names, content=contents)
    def rewrite_unnoticed(self, name: str, content: bytes) -> None:
        """Change a file and give it its old time back."""
        if name in self.disk and self.disk[name][0] != "120000":
            facts = os.stat(self.lab.path(name))
            self._write(name, content, executable=self.disk[name][0] == "100755")
            os.utime(self.lab.path(name), ns=(facts.st_atime_ns, facts.st_mtime_ns))

    @rule(name=names, to=names)
    def link(self, name: str, to: str) -> None:
        """Make a symbolic link, to something or to nothing."""
        self._clear_way(name)
        os.makedirs(os.path.dirname(self.lab.path(name)), exist_ok=True)
        os.symlink(to, self.lab.path(name))
        self.disk[name] = "120000", os.fsencode(to)

    @rule(name=names)
    def delete(self, name: str) -> None:
        """Delete a file, or a folder with all that is in it."""
        self._remove(name)

    @rule(name=names)
    def chmod(self, name: str) -> None:
        """Turn the executable bit around."""
        mode, content = self.disk.get(name, ("", b""))
        if mode.startswith("100"):
            self.disk[name] = "100755" if mode == "100644" else "100644", content
            os.chmod(self.lab.path(name), 0o755 if mode == "100644" else 0o644)

    @rule(name=names)
    def stage(self, name: str) -> None:
        """Stage one file, ignored or not."""
        if name in self.disk:
            self.lab.git("--literal-pathspecs", "add", "-f", "--", name)
            self.index = {other for other in self.index if not _in_the_way(name, other)} | {name}

    @rule()
    def stage_all(self) -> None:
        """Git add -A."""
        self.lab.git("add", "-A", "--", ".", f":!{LARGE}")
        self.index = self._taken() - {LARGE}

    @rule(name=names)
    def unstage(self, name: str) -> None:
        """Take a file out of the index and leave it on disk."""
        if name in self.index:
            self.lab.git("update-index", "--force-remove", "--", name)
            self.index.discard(name)

    @rule()
    def commit(self) -> None:
        """Commit what is staged."""
        self.lab.git("commit", "-q", "--allow-empty", "-m", "a commit")

    @rule()
    def reset(self) -> None:
        """Put the index back to the last commit, and leave the working tree."""
        if self.lab.git("rev-parse", "--verify", "-q", "HEAD", check=False):
            self.lab.git("reset", "-q")
            self.index = set(self.lab.tree("HEAD"))

    @rule()
    def snapshot(self) -> None:
        """Gitxp run: the tree is the dictionary, git agrees, and nothing of the user's changed."""
        self.runs += 1
        name = f"r{self.runs}"
        before = portrait(self.lab)
        done = self.lab.run("run", "--name", name, "--", "true")
        assert done.status == 0, done.stderr
        assert portrait(self.lab) == before
        tree = self.lab.tree(f"refs/experiments/{name}")
        assert {path: self._stored(*entry) for path, entry in tree.items()} == {
            path: self.disk[path] for path in self._taken()
        }
        judge(self.lab, name, Want())

    def teardown(self) -> None:
        """Whatever was done, the last state is captured too."""
        self.snapshot()

    # The dictionary

    def _taken(self) -> set[str]:
        return {path for path in self.disk if path in self.index or not path.endswith(".log")}

    def _stored(self, mode: str, oid: str) -> File:
        return mode, self.lab.git("cat-file", "blob", oid)

    def _write(self, name: str, content: bytes, *, executable: bool = False) -> None:
        self.lab.write(name, content, 0o755 if executable else 0o644)
        self.disk[name] = "100755" if executable else "100644", content

    def _clear_way(self, name: str) -> None:
        self._remove(name)
        parent = os.path.dirname(name)
        while parent:
            if parent in self.disk:
                self._remove(parent)
            parent = os.path.dirname(parent)

    def _remove(self, name: str) -> None:
        path = self.lab.path(name)
        parents = [name[:place] for place, letter in enumerate(name) if letter == "/"]
        if any(self.disk.get(parent, ("",))[0] == "120000" for parent in parents):
            return  # it would be something else, behind a link
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)
        self.disk = {
            other: file for other, file in self.disk.items() if other != name and not other.startswith(name + "/")
        }


def _in_the_way(name: str, other: str) -> bool:
    return other.startswith(name + "/") or name.startswith(other + "/")


@pytest.mark.parametrize("is_large", [False, True])
def test_a_snapshot_is_the_tree_whatever_was_done_to_it(is_large: bool, tmp_path: Path) -> None:
    """After any sequence of writing, deleting, linking, staging and committing, the snapshot is what is on disk."""
    run_state_machine_as_test(
        lambda: Tree(str(tmp_path), is_large=is_large),
        settings=settings(
            max_examples=8,
            stateful_step_count=25,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
