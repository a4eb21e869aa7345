"""Scratch repositories in every state that a user's may be in, and git as the referee of what a snapshot must hold.

Nothing here knows gitxp from the inside: a `Lab` is a repository and plain git; `judge` compares the commits that
`gitxp run` left with what `git add -A && git write-tree` says on a copy of the index, in an object database of its
own, so that the referee's objects cannot stand in for ones that gitxp forgot to write.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GITXP = [sys.executable, "-P", "-m", "gitxp"]
Tree = dict[str, tuple[str, str]]  # path: (mode, object id)


class Lab:
    """A scratch repository: `top` is its working tree; paths are relative to that; names may hold any bytes."""

    def __init__(self, top: str) -> None:
        self.top = top

    def git(
        self,
        *args: str,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        data: bytes = b"",
        check: bool = True,
    ) -> bytes:
        """The stdout of git, run at the top."""
        done = subprocess.run(
            ["git", *args],
            cwd=os.path.join(self.top, cwd or "."),
            env={**os.environ, **(env or {})},
            input=data,
            capture_output=True,
            check=False,
        )
        assert not check or done.returncode == 0, (args, done.stderr)
        return done.stdout

    def say(self, *args: str, **options: Any) -> str:
        """The stdout of git as one line of text."""
        return os.fsdecode(self.git(*args, **options)).strip()

    def path(self, path: str) -> str:
        """The file's path outside of the repository."""
        return os.path.join(self.top, path)

    def read(self, path: str) -> bytes:
        """The bytes of a file."""
        with open(self.path(path), "rb") as file:
            return file.read()

    def write(self, path: str, content: bytes | str = "new\n", mode: int = 0o644) -> str:
        """Write a file, and the folders on the way."""
        where = self.path(path)
        os.makedirs(os.path.dirname(where), exist_ok=True)
        with open(where, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        os.chmod(where, mode)
        return where

    def commit(self, message: str = "more") -> str:
        """Commit all that there is."""
        self.git("add", "-A")
        self.git("commit", "-qm", message)
        return self.say("rev-parse", "HEAD")

    def run(
        self, *args: str, cwd: str = ".", env: Mapping[str, str] | None = None, prepare: str = "", **options: Any
    ) -> Finished:
        """`gitxp` with these arguments, to its end; `prepare` is code for `prepared`."""
        done = subprocess.run(
            prepared(prepare, [*GITXP, *args]) if prepare else [*GITXP, *args],
            cwd=self.path(cwd),
            env={**os.environ, **(env or {})},
            check=False,
            **{"capture_output": True, "stdin": subprocess.DEVNULL, "timeout": 120, **options},
        )
        return Finished(done.returncode, done.stdout or b"", (done.stderr or b"").decode("utf-8", "replace"))

    def start(self, *args: str, cwd: str = ".", env: Mapping[str, str] | None = None, **options: Any) -> Popen:
        """`gitxp` with these arguments, on its way, in a process group of its own."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        environ = {**os.environ, **(env or {})}
        return subprocess.Popen([*GITXP, *args], cwd=self.path(cwd), env=environ, process_group=0, **options)

    # What a run left, by plain git

    def record(self, name: str, *, commit: str | None = None) -> dict[str, Any]:
        """run.json of a run."""
        return dict(json.loads(self.git("show", f"{commit or 'refs/experiments/' + name}:.gitxp/run.json")))

    def output(self, name: str) -> bytes:
        """output.log of a run."""
        return self.git("show", f"refs/experiments/{name}:.gitxp/output.log")

    def commits(self, name: str) -> list[str]:
        """The commits of a run, newest first: those that carry its record's id."""
        mark = self.record(name)["id"]
        args = ("log", "--first-parent", "--format=%H%x00%(trailers:key=Gitxp-Id,valueonly,separator=%x2C)")
        lines = self.say("--no-replace-objects", *args, f"refs/experiments/{name}").splitlines()
        found = []
        for line in lines:
            commit, _, trailer = line.partition("\0")
            if trailer != mark:
                break
            found.append(commit)
        return found

    def parents(self, commit: str) -> list[str]:
        """The parents of a commit."""
        return self.say("--no-replace-objects", "rev-list", "-1", "--parents", commit).split()[1:]

    def names(self) -> list[str]:
        """The runs that the repository has."""
        return self.say("for-each-ref", "--format=%(refname:lstrip=2)", "refs/experiments").splitlines()

    def tree(self, commit: str) -> Tree:
        """All entries of a commit's tree but those below `.gitxp`."""
        return _entries(self.git("--no-replace-objects", "ls-tree", "-r", "-z", "--full-tree", commit))

    def blob(self, commit: str, path: str) -> bytes:
        """The bytes of a file in a commit."""
        return self.git("cat-file", "blob", f"{commit}:{path}")

    def fsck(self) -> str:
        """What git finds wrong with the repository: nothing, one hopes."""
        done = subprocess.run(
            ["git", "fsck", "--strict", "--no-dangling", "--no-progress"],
            cwd=self.top,
            capture_output=True,
            check=False,
        )
        said = (done.stdout + done.stderr).decode("utf-8", "replace")
        return said if done.returncode else ""

    def live(self) -> list[str]:
        """The live folders that runs have; what never got as far as a name is cleared away a minute later."""
        folder = os.path.join(self.path(self.say("rev-parse", "--git-common-dir")), "gitxp", "live")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return sorted(name for name in names if not name.startswith("."))


Popen = subprocess.Popen[bytes]


@dataclass
class Finished:
    """How a gitxp process ended: exit status (-n: by signal n), stdout, stderr."""

    status: int
    stdout: bytes
    stderr: str


@dataclass
class Want:
    """What is expected of the run in one state, beyond what `judge` derives from git itself."""

    cwd: str = "."  # where the user stands
    env: dict[str, str] = field(default_factory=dict)
    branch: str | None = "main"
    left_out: dict[str, str] = field(default_factory=dict)  # path: a word of the reason
    content: dict[str, bytes | None] = field(default_factory=dict)  # path: bytes in the snapshot, None: not there
    changes: dict[str, int] | None = None
    dirty_submodules: list[str] = field(default_factory=list)


Build = Callable[[Lab], Want]
STATES: dict[str, Build] = {}


def state(build: Build) -> Build:
    """Register a state of a working tree; `build` makes it out of a repository with one commit."""
    STATES[build.__name__[1:]] = build
    return build


def make(top: str, *options: str) -> Lab:
    """A repository with one commit of a few files, on branch main."""
    os.makedirs(top, exist_ok=True)
    lab = Lab(top)
    lab.git("init", "-q", "-b", "main", *options)
    fill(lab)
    lab.commit("base")
    return lab


def fill(lab: Lab) -> None:
    """The files of the first commit."""
    lab.write("train.py", "print('training')\n", 0o755)
    lab.write("README.md", "# a project\n")
    lab.write("src/model.py", "layers = 3\n")
    lab.write("src/deep/down/x.txt", "x\n")
    lab.write("conf/a.yaml", "lr: 0.1\n")
    lab.write("conf/b.yaml", "lr: 0.2\n")
    lab.write(".gitignore", "*.o\nbuild/\n")
    os.symlink("train.py", lab.path("link"))


def clone(lab: Lab, to: str, *options: str) -> Lab:
    """A clone by git's own protocol, as from another machine."""
    lab.git("clone", "-q", *options, "file://" + lab.top, to)
    return Lab(to)


# The referee


def judge(lab: Lab, name: str, want: Want) -> None:
    """Assert that the run's commits, tree and record are what git says that they must be."""
    commits = lab.commits(name)
    assert len(commits) >= 2, "a finished run has a start and a finish"
    head = lab.say("rev-parse", "--verify", "--quiet", "HEAD", check=False)
    assert lab.parents(commits[-1]) == ([head] if head else [])
    for child, parent in itertools.pairwise(commits):
        assert lab.parents(child) == [parent]

    wanted = referee(lab, want.left_out)
    for commit in (commits[-1], commits[0]):
        assert difference(lab.tree(commit), wanted) == {}
    for path, data in want.content.items():
        assert (path in wanted) == (data is not None), f"the referee's own tree, {path}"
        if data is not None:
            assert lab.blob(commits[0], path) == data

    record = lab.record(name)
    assert record["format"] == 1
    assert record["name"] == name
    assert record["status"] == "completed"
    assert record["exit_code"] == 0
    assert record.get("base") == (head or None)
    assert record.get("branch") == want.branch
    base = lab.tree(head) if head else {}
    assert record["dirty"] == (base != wanted), difference(wanted, base)
    changes = {key: count for key, count in record["changes"].items() if count}
    if want.changes is not None:
        assert changes == want.changes, changes
    counted = {"deleted": 0, "modified": 0, "new": 0}
    for path in base.keys() | wanted.keys():
        if base.get(path) != wanted.get(path):
            counted["deleted" if path not in wanted else "modified" if path in base else "new"] += 1
    told = {key: changes.get(key, 0) for key in ("deleted", "modified")}
    told["new"] = changes.get("added", 0) + changes.get("untracked", 0)
    assert told == counted, (told, counted)

    skipped = {item["path"].rstrip("/"): item["reason"] for item in record.get("skipped", [])}
    assert skipped.keys() == want.left_out.keys(), skipped
    for path, word in want.left_out.items():
        assert word in skipped[path], skipped
    assert [item["path"] for item in record.get("submodules", []) if item.get("dirty")] == want.dirty_submodules
    assert lab.live() == []


def referee(lab: Lab, left_out: Mapping[str, str] = {}) -> Tree:
    """What `git add -A && git write-tree` gives on a copy of the index, bytes on disk being the truth.

    The two documented differences are made in the copy first: flags that tell git to look away (assume-unchanged,
    skip-worktree) are taken off files that are there, and what gitxp leaves out is left out.
    """
    with tempfile.TemporaryDirectory() as scratch:
        index = lab.path(lab.say("rev-parse", "--git-path", "index"))
        objects = lab.path(lab.say("rev-parse", "--git-path", "objects"))
        copy = os.path.join(scratch, "index")
        if os.path.exists(index):
            shutil.copy2(index, copy)
        os.mkdir(os.path.join(scratch, "objects"))
        env = {
            "GIT_INDEX_FILE": copy,
            "GIT_OBJECT_DIRECTORY": os.path.join(scratch, "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(objects),
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_CONFIG_COUNT": "3",
        }
        for number, key in enumerate(("core.fsmonitor", "core.safecrlf", "core.hooksPath")):
            env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": "false"}
        for flag, option in (("a", "--no-assume-unchanged"), ("S", "--no-skip-worktree")):
            lines = lab.git("ls-files", "-v", "-z", env=env).split(b"\0")
            hidden = [os.fsdecode(line[2:]) for line in lines if _has_flag(line[:1].decode(), flag)]
            for path in hidden:
                if flag == "a" or os.path.lexists(lab.path(path)):
                    lab.git("update-index", option, "--", path, env=env)
        avoid = [":(top,exclude,literal)" + path for path in left_out]
        lab.git("add", "--sparse", "-A", "--", ".", *avoid, env=env)
        tree = lab.say("write-tree", env=env)
        return _entries(lab.git("ls-tree", "-r", "-z", "--full-tree", tree, env=env))


def difference(found: Tree, wanted: Tree) -> dict[str, tuple[object, object]]:
    """What is not equal: path to (found, wanted)."""
    paths = found.keys() | wanted.keys()
    return {path: (found.get(path), wanted.get(path)) for path in paths if found.get(path) != wanted.get(path)}


def portrait(lab: Lab) -> dict[str, object]:
    """Everything that is the user's: the working tree, and the git folder but for objects and what is gitxp's own."""
    seen: dict[str, object] = {}
    folders = {lab.path(lab.say("rev-parse", "--absolute-git-dir")), lab.path(lab.say("rev-parse", "--git-common-dir"))}
    for git_dir in map(os.path.realpath, folders):
        own = tuple(
            os.path.join(git_dir, part)
            for part in (
                "objects",
                "gitxp",
                "refs/experiments",
                "refs/gitxp",
                "logs/refs/experiments",
                "logs/refs/gitxp",
            )
        )
        for path in _walk(git_dir, own):
            # git freshens the mtime of a shared index whenever it reads one
            seen[path] = _content(path), os.lstat(path).st_mtime_ns if path.endswith("/index") else None
    for path in _walk(lab.top, (os.path.join(lab.top, ".git"),)):
        about = os.lstat(path)
        seen[path] = _content(path), about.st_mode, about.st_mtime_ns, about.st_ino
    return seen


# Code for `prepared`. Without two capabilities (CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, taken from the bounding set
# by prctl 24), root may read and write no more than the modes of files say.
AS_ANYONE = "os.geteuid() or [ctypes.CDLL(None).prctl(24, number, 0, 0, 0) for number in (1, 2)]"


def prepared(code: str, command: Sequence[str]) -> list[str]:
    """The command, started after a line of Python changed what it inherits.

    As a program and not as `preexec_fn`, which is not safe in the threads of a test worker.
    """
    modules = ",".join(name for name in ("ctypes", "fcntl", "resource", "signal", "termios") if name in code)
    reset = "signal.signal(signal.SIGPIPE, signal.SIG_DFL)"
    script = f"import os, sys, {modules or 'os'}, signal; {reset}; {code}; os.execvp(sys.argv[1], sys.argv[1:])"
    return [sys.executable, "-S", "-E", "-c", script, *command]


def kill_each(process: Popen, number: int) -> None:
    """Signal a process and all that it started, one after another, whatever their groups: as Slurm ends a job."""
    lines = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children: dict[int, list[int]] = {}
    for line in lines.splitlines():
        pid, parent = map(int, line.split())
        children.setdefault(parent, []).append(pid)
    pids = [process.pid]
    for pid in pids:
        pids += children.get(pid, [])
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def kill_group(process: Popen, number: int = signal.SIGKILL) -> None:
    """Send a signal to a whole process group, where it is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def as_shell(code: str) -> Sequence[str]:
    """A command that runs shell code."""
    return ("sh", "-c", code)


def as_python(code: str) -> Sequence[str]:
    """A command that runs Python code, quickly."""
    return (sys.executable, "-S", "-E", "-c", code)


def _entries(listing: bytes) -> Tree:
    found: Tree = {}
    for line in listing.split(b"\0"):
        about, _, path = line.partition(b"\t")
        if path and not path.startswith(b".gitxp/") and path != b".gitxp":
            mode, _, oid = about.decode().split()
            found[os.fsdecode(path)] = mode, oid
    return found


def _has_flag(tag: str, flag: str) -> bool:
    return tag.islower() if flag == "a" else tag.upper() == flag


def _quoted(path: str) -> str:
    r"""A path as GIT_ALTERNATE_OBJECT_DIRECTORIES takes one that has a newline or a quote in it."""
    raw = os.fsencode(os.path.realpath(path))
    inner = b"".join(b"\\%03o" % byte if byte < 32 or byte > 126 or byte in b'"\\' else bytes([byte]) for byte in raw)
    return '"' + inner.decode() + '"'


def _walk(top: str, avoid: tuple[str, ...]) -> list[str]:
    found = []
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in avoid]
        found += [os.path.join(folder, name) for name in files]
        found += [os.path.join(folder, name) for name in folders if os.path.islink(os.path.join(folder, name))]
    return found


def _content(path: str) -> object:
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return os.readlink(path)
    if not stat.S_ISREG(mode):
        return None
    with open(path, "rb") as file:
        return file.read()
