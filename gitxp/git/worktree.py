"""Where we are: which repository, which working tree, which commit; and what stands in that tree, as git sees it.

Both questions are asked of several git processes at once (`Survey`), since they are on the way to the start of the
user's command: on two cores the whole survey takes as long as its longest part, `git status`. The user's index is
only read (GIT_OPTIONAL_LOCKS=0).
"""

from __future__ import annotations

import os

from gitxp.errors import GitFailed, NotARepository
from gitxp.format import Oid
from gitxp.git.program import Answer, Git, find_version, gather, lines_of, parse_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NamedTuple

    from gitxp.git.program import Process
else:
    from gitxp.light import NamedTuple

# rev-parse passes on an option that it does not know: a separator that survives newlines in paths.
_MARK = "--gitxp-mark"
_LOCATE = (
    "rev-parse",
    "--path-format=absolute",
    "--is-bare-repository",
    "--git-dir",
    _MARK,
    "--git-common-dir",
    _MARK,
    "--git-path",
    "index",
    _MARK,
    "--show-toplevel",
    _MARK,
    "--show-prefix",
    _MARK,
    "HEAD",
    "HEAD^{tree}",
)
_SMALL_INDEX = 1 << 20


class Location(NamedTuple):
    """One repository as seen from one directory; every path is absolute.

    `toplevel` is None in a bare repository (and inside `.git`); `prefix` is the way from `toplevel` to the directory,
    with a slash at its end, or empty; `head` and `head_tree` are None on an unborn branch.
    """

    git_dir: str
    common_dir: str
    index_path: str
    toplevel: str | None = None
    prefix: str = ""
    head: Oid | None = None
    head_tree: Oid | None = None

    @property
    def worktree(self) -> str:
        """What git calls the linked worktree that this is; empty in the main one."""
        return "" if self.git_dir == self.common_dir else os.path.basename(self.git_dir)


def locate(git: Git) -> Location:
    """Where `git.directory` is; `NotARepository` with git's own words where it is nowhere."""
    return read_location(git.start(*_LOCATE).result(), git.directory)


def read_location(answer: Answer, directory: str) -> Location:
    """The location that the answer to `_LOCATE` tells."""
    parts = os.fsdecode(answer.stdout).split(f"\n{_MARK}\n")
    if len(parts) < 3:
        raise _refusal(answer, directory)
    git_dir = parts[0].split("\n", 1)[1]
    location = Location(git_dir, parts[1], parts[2])
    if len(parts) < 6:
        # `--show-toplevel` fails where there is no working tree, and ends the output with the index's path.
        return location._replace(index_path=parts[2].removesuffix(f"\n{_MARK}").rstrip("\n"))
    head, head_tree = ([*parts[5].split("\n"), ""])[:2]
    return location._replace(
        toplevel=parts[3],
        prefix=parts[4],
        head=Oid(head) if _is_oid(head) else None,
        head_tree=Oid(head_tree) if _is_oid(head_tree) else None,
    )


def _is_oid(text: str) -> bool:
    return len(text) in {40, 64} and all(c in "0123456789abcdef" for c in text)


def _refusal(answer: Answer, directory: str) -> NotARepository | GitFailed:
    words = answer.stderr.decode("utf-8", "replace").strip()
    if "not a git repository" in words:
        return NotARepository(
            f"There is no git repository in {os.path.abspath(directory)} or above it.",
            hint="Go to your project's folder, or make a repository here: git init",
        )
    if "current working directory" in words:
        return NotARepository("The current folder is gone.", hint="Go to one that is there: cd")
    if "dubious ownership" in words:
        return NotARepository(
            f"git refuses the repository at {directory}, since it belongs to another user.",
            hint=f"If you trust it: git config --global --add safe.directory {directory}",
        )
    return GitFailed(("rev-parse",), answer.status, words)


class Entry(NamedTuple):
    """A path of the index that differs from HEAD or from the working tree (`git status --porcelain=v2`).

    `worktree` is git's letter, `.` for no difference between index and disk, `U` for a conflict; `submodule` is git's
    field (`N...`, or `S` with `C`, `M`, `U` for: other commit, modified, untracked); `index_oid` is what the index holds
    (None in a conflict).
    """

    path: str
    worktree: str
    submodule: str
    index_oid: Oid | None


class Survey(NamedTuple):
    """What git sees in the working tree.

    `flagged` are paths with the assume-unchanged or skip-worktree bit (and whether it is skip-worktree), at which git
    does not look; `untracked` paths are neither tracked nor ignored, with a slash at the end for a nested repository.
    """

    location: Location
    branch: str | None
    entries: tuple[Entry, ...]
    flagged: tuple[tuple[str, bool], ...]
    untracked: tuple[str, ...]
    variables: Mapping[str, str]
    version: tuple[int, ...]
    version_text: str


class Surveyor:
    """Asks git everything at once, at the earliest moment; the answers are taken when they are needed."""

    def __init__(self, git: Git) -> None:
        self.git = git
        self._status, self._files = _look(git)
        self._where = git.start(*_LOCATE)
        self._variables = git.start("var", "-l")
        self._version = ""

    def location(self) -> Location:
        """Where we are. `NotARepository` where that is nowhere, or where there is no working tree."""
        answer = gather(self._where)[0]
        try:
            location = read_location(answer, self.git.directory)
        except Exception:
            self.close()
            raise
        if location.toplevel is None:
            self.close()
            raise NotARepository(
                f"{location.git_dir} has no working tree here, so there is nothing to take a snapshot of.",
                hint="Run gitxp in a clone or worktree of it: git worktree add ../work",
            )
        return location

    def version(self) -> tuple[int, ...]:
        """The version of git."""
        if not self._version:
            self._version = find_version(self.git, os.path.join(self.location().common_dir, "gitxp", "cache"))
        return parse_version(self._version)

    def survey(self) -> Survey:
        """The answers. `GitFailed` where git cannot read the index or the tree."""
        location = self.location()
        self.version()
        status, files, variables = gather(self._status, self._files, self._variables)
        for process in (self._status, self._files):
            process.check()
        branch, entries = _read_status(status.stdout)
        flagged, untracked = _read_files(files.stdout)
        return Survey(
            location=location,
            branch=branch,
            entries=entries,
            flagged=flagged,
            untracked=untracked,
            variables=_read_variables(variables.stdout),
            version=parse_version(self._version),
            version_text=self._version.removeprefix("git version "),
        )

    def survey_again(self, survey: Survey, index: str) -> Survey:
        """The same questions of a private copy of the index: the user's changed while we looked."""
        status, files = _look(self.git, index)
        gather(status, files)
        location = locate(self.git)
        branch, entries = _read_status(status.check())
        flagged, untracked = _read_files(files.check())
        return survey._replace(location=location, branch=branch, entries=entries, flagged=flagged, untracked=untracked)

    def close(self) -> None:
        """End whatever still works."""
        for process in (self._where, self._status, self._files, self._variables):
            process.close()


def _look(git: Git, index: str | None = None) -> tuple[Process, Process]:
    status = git.start(
        *_quickest(git.directory),
        "status",
        "--porcelain=v2",
        "--branch",
        "--no-ahead-behind",
        "-z",
        "--untracked-files=no",
        "--no-renames",
        "--ignore-submodules=none",
        index=index,
    )
    # tracked files with their flags, and untracked ones, each behind a letter and a space
    files = git.start(
        *_quickest(git.directory),
        "ls-files",
        "-c",
        "-o",
        "-v",
        "-z",
        "--exclude-standard",
        "--full-name",
        "--",
        ":/",
        index=index,
    )
    return status, files


def _quickest(directory: str) -> tuple[str, ...]:
    """Up to some ten thousand files, git's ten threads cost more than they win, beside other processes on few cores.

    A guess from the size of the index, where that is easily seen; it changes nothing but the time it takes.
    """
    try:
        is_small = os.stat(os.path.join(directory, ".git", "index")).st_size < _SMALL_INDEX
    except OSError:
        return ()
    return ("-c", "core.preloadIndex=false") if is_small else ()


def _read_status(data: bytes) -> tuple[str | None, tuple[Entry, ...]]:
    branch: str | None = None
    entries = []
    for line in lines_of(data):
        kind = line[0]
        if kind == "1":
            _, letters, submodule, _, _, _, _, oid, path = line.split(" ", 8)
            entries.append(Entry(path, letters[1], submodule, Oid(oid)))
        elif kind == "u":
            _, _, submodule, *_, path = line.split(" ", 10)
            entries.append(Entry(path, "U", submodule, None))
        elif line.startswith("# branch.head "):
            branch = line.removeprefix("# branch.head ")
    return (None if branch == "(detached)" else branch), tuple(entries)


def _read_files(data: bytes) -> tuple[tuple[tuple[str, bool], ...], tuple[str, ...]]:
    """The flagged paths and the untracked ones, from the output of `git ls-files -c -o -v -z`."""
    # 4 MB for 100,000 files, most often all of them `H`: counting in C is quicker than a loop over the lines
    if data.count(b"\0H ") + data.startswith(b"H ") == data.count(b"\0"):
        return (), ()
    flagged, untracked = [], []
    for line in [line for line in data.split(b"\0") if line[:2] != b"H "]:
        letter = line[:1]
        if letter == b"?":
            untracked.append(os.fsdecode(line[2:]))
        elif letter == b"S" or letter.islower():
            flagged.append((os.fsdecode(line[2:]), letter in b"Ss"))
    return tuple(flagged), tuple(untracked)


def _read_variables(data: bytes) -> dict[str, str]:
    variables = {}
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        key, equals, value = line.partition("=")
        if equals:
            variables[key] = value
    return variables
