"""The files of submodules, written where a snapshot has but their commits: from the clones of them that are here already.

Nothing is fetched: the commit is in the submodule of the user's working tree, or in git's folder of modules, or its folder
stays empty. They are files alone, without a `.git`: to the git around them it is a submodule that is not checked out, at the
commit that the snapshot has.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, NamedTuple

from gitxp.errors import GitFailed, GitxpError
from gitxp.git.objects import SUBMODULE_MODE
from gitxp.git.program import Git
from gitxp.git.scratch import make_scratch
from gitxp.restoring.links import is_inside
from gitxp.restoring.trees import SAFE, find_clash, list_files

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEEPEST = 10  # submodules in submodules


class Filled(NamedTuple):
    """A submodule whose files were written: its path from the top, git's folder that has its commit, the commit."""

    path: str
    git_dir: str
    commit: str


def fill_submodules(
    git: Git, tree: str, place: str, toplevel: str | None, common_dir: str
) -> tuple[list[Filled], list[str]]:
    """Write the files of the submodules of a tree, and of theirs, to their folders below `place`, as far as they are here.

    `git` is that of the repository that the tree is in, `toplevel` its working tree, where it has one. Those that were
    filled, and the paths of those that are empty.
    """
    found = list(_fill(git, tree, place, "", (toplevel, common_dir), _DEEPEST))
    return [one for one in found if one.git_dir], [one.path for one in found if not one.git_dir]


def find_left(filled: Filled, place: str) -> list[str]:
    """The files of a filled submodule that its commit does not have as they are now; by path from the top."""
    target = os.path.join(place, filled.path)
    scratch = make_scratch()
    try:
        inside, index = _git_in(filled.git_dir, target), os.path.join(scratch, "index")
        inside.run("read-tree", filled.commit, index=index)
        inside.ask("update-index", "-q", "--refresh", index=index)  # exit status 1 says that something differs
        changed = inside.run("diff-files", "-z", "--name-only", "--ignore-submodules", "--diff-filter=d", index=index)
        others = inside.run("ls-files", "-o", "-z", index=index)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return [f"{filled.path}/{os.fsdecode(path)}" for path in (changed + others).split(b"\0") if path]


def list_submodules(git: Git, tree: str) -> list[tuple[str, str]]:
    """Path and commit of each submodule in a tree. Raises `FormatError` as `list_files`."""
    paths = [path for path, mode in list_files(git, tree) if mode == SUBMODULE_MODE]
    if not paths:
        return []
    lines = git.run("ls-tree", "-r", "-z", "--full-tree", tree).split(b"\0")
    parts = (line.partition(b"\t") for line in lines if line.startswith(SUBMODULE_MODE.encode()))
    return [(os.fsdecode(path), about.split()[2].decode("ascii")) for about, _, path in parts]


def _fill(git: Git, tree: str, place: str, above: str, home: tuple[str | None, str], depth: int) -> Iterator[Filled]:
    """Each submodule; without a folder of git's, where it is left empty."""
    toplevel, common_dir = home
    for path, commit in list_submodules(git, tree):
        target = os.path.join(place, path)
        git_dir = _find_git_dir(path, commit, toplevel, common_dir) if depth else None
        is_folder = os.path.isdir(target) and not os.path.islink(target)
        if git_dir is None or not is_folder or not _write(git_dir, commit, target):
            yield Filled(above + path, "", commit)
            continue
        yield Filled(above + path, git_dir, commit)
        inner = os.path.join(toplevel, path) if toplevel is not None else None
        yield from _fill(_git_in(git_dir, target), commit, target, f"{above}{path}/", (inner, git_dir), depth - 1)


def _find_git_dir(path: str, commit: str, toplevel: str | None, common_dir: str) -> str | None:
    """Git's folder of a clone of the submodule that has this commit; None where there is none here."""
    gits = []
    if toplevel is not None:
        gits.append(Git(os.path.join(toplevel, path)))  # and not by GIT_DIR: so git says no to a repository of others
    if is_inside(path):
        module = os.path.join(common_dir, "modules", path)
        gits.append(_git_in(module, module))  # its own working tree may be gone
    for git in gits:
        if not os.path.isdir(git.directory):
            continue
        found = git.ask("rev-parse", "--absolute-git-dir")
        git_dir = os.fsdecode(found.stdout).removesuffix("\n")
        if found.status or git_dir == common_dir or not git_dir.startswith("/"):
            continue  # it is no repository of its own
        if git.ask("cat-file", "-e", f"{commit}^{{commit}}").status == 0:
            return git_dir
    return None


def _write(git_dir: str, commit: str, target: str) -> bool:
    """Write the files of a commit to an empty folder; False where that is not to be done, and then it is empty."""
    git = _git_in(git_dir, target)
    scratch = make_scratch()
    try:
        if find_clash(list_files(git, commit)) is not None:
            return False
        git.run("read-tree", "--reset", "-u", commit, index=os.path.join(scratch, "index"))
    except (GitFailed, GitxpError):
        for name in os.listdir(target):
            path = os.path.join(target, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        return False
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return True


def _git_in(git_dir: str, target: str) -> Git:
    return Git(target, extra={"GIT_DIR": git_dir, "GIT_WORK_TREE": target}, settings=(*SAFE, "core.bare=false"))
