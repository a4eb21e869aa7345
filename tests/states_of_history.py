"""Repositories in the middle of something: merges, rebases, and other repositories inside of them."""

from __future__ import annotations

import os
import shutil

from states import Lab, Want, make, state


@state
def _detached_head(lab: Lab) -> Want:
    lab.git("checkout", "-q", "--detach")
    lab.write("README.md", "loose\n")
    return Want(branch=None, changes={"modified": 1})


@state
def _branch_with_slashes(lab: Lab) -> Want:
    lab.git("checkout", "-q", "-b", "feature/a/\u00fc")
    return Want(branch="feature/a/\u00fc", changes={})


@state
def _orphan_branch(lab: Lab) -> Want:
    lab.git("checkout", "-q", "--orphan", "fresh")
    return Want(branch="fresh", changes={"added": 8})


def _conflict(lab: Lab) -> None:
    lab.git("checkout", "-q", "-b", "theirs")
    lab.write("conf/a.yaml", "lr: theirs\n")
    os.unlink(lab.path("README.md"))
    lab.commit("theirs")
    lab.git("checkout", "-q", "main")
    lab.write("conf/a.yaml", "lr: ours\n")
    lab.write("README.md", "kept\n")
    lab.commit("ours")


@state
def _merge_in_conflict(lab: Lab) -> Want:
    """The bytes on disk, conflict markers and all, are what ran."""
    _conflict(lab)
    lab.git("merge", "theirs", check=False)
    assert b"<<<<<<<" in lab.read("conf/a.yaml")
    return Want()


@state
def _merge_in_conflict_half_resolved(lab: Lab) -> Want:
    _conflict(lab)
    lab.git("merge", "theirs", check=False)
    lab.write("conf/a.yaml", "lr: both\n")
    os.unlink(lab.path("README.md"))
    return Want(content={"conf/a.yaml": b"lr: both\n", "README.md": None})


@state
def _rebase_in_conflict(lab: Lab) -> Want:
    _conflict(lab)
    lab.git("rebase", "theirs", check=False)
    assert os.path.isdir(lab.path(".git/rebase-merge"))
    return Want(branch=None)


@state
def _cherry_pick_in_conflict(lab: Lab) -> Want:
    _conflict(lab)
    lab.git("cherry-pick", "theirs", check=False)
    assert os.path.exists(lab.path(".git/CHERRY_PICK_HEAD"))
    return Want()


@state
def _stash_and_bisect(lab: Lab) -> Want:
    lab.write("README.md", "stashed\n")
    lab.git("stash", "-q")
    lab.git("bisect", "start")
    lab.write("README.md", "on disk\n")
    return Want(content={"README.md": b"on disk\n"}, changes={"modified": 1})


@state
def _replaced_objects(lab: Lab) -> Want:
    """`git replace` changes what git shows, not what a commit is: the base is the commit that HEAD names."""
    old = lab.say("rev-parse", "HEAD")
    blob = lab.say("rev-parse", "HEAD:README.md")
    lab.write("README.md", "newer\n")
    new = lab.commit()
    other = lab.say("hash-object", "-w", "--stdin", data=b"replaced\n")
    lab.git("replace", blob, other)
    lab.git("replace", new, old)
    lab.write("src/model.py", "layers = 9\n")
    return Want(content={"src/model.py": b"layers = 9\n", "README.md": b"newer\n"}, changes={"modified": 1})


def _submodule(lab: Lab, path: str = "lib") -> Lab:
    other = make(lab.path("../library"))
    lab.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other.top, path)
    lab.commit("with a submodule")
    return Lab(lab.path(path))


@state
def _submodule_clean(lab: Lab) -> Want:
    _submodule(lab)
    return Want(changes={})


@state
def _submodule_with_edits(lab: Lab) -> Want:
    inner = _submodule(lab)
    inner.write("README.md", "edited in the submodule\n")
    return Want(dirty_submodules=["lib"], changes={})


@state
def _submodule_with_untracked_files(lab: Lab) -> Want:
    inner = _submodule(lab)
    inner.write("extra.py")
    return Want(dirty_submodules=["lib"], changes={})


@state
def _submodule_at_another_commit(lab: Lab) -> Want:
    inner = _submodule(lab)
    inner.write("README.md", "edited in the submodule\n")
    inner.commit()
    return Want(changes={"modified": 1})


@state
def _submodule_that_is_told_to_be_ignored(lab: Lab) -> Want:
    """`ignore = all` is about what `git status` says; the commit that is there is the one that ran."""
    inner = _submodule(lab)
    lab.git("config", "submodule.lib.ignore", "all")
    inner.write("README.md", "edited in the submodule\n")
    inner.commit()
    return Want()


@state
def _submodule_not_initialised(lab: Lab) -> Want:
    _submodule(lab)
    lab.git("submodule", "--quiet", "deinit", "-f", "lib")
    return Want(changes={})


@state
def _submodule_in_a_folder_with_a_space(lab: Lab) -> Want:
    inner = _submodule(lab, "third party/lib \u00fc")
    inner.write("README.md", "edited\n")
    return Want(dirty_submodules=["third party/lib \u00fc"], changes={})


@state
def _nested_repository(lab: Lab) -> Want:
    inner = make(lab.path("vendor/inner"))
    inner.write("new.py")
    lab.write("vendor/mine.py")
    return Want(left_out={"vendor/inner": "repository"}, content={"vendor/mine.py": b"new\n"}, changes={"untracked": 1})


@state
def _nested_repository_without_commits(lab: Lab) -> Want:
    lab.git("init", "-q", "inner")
    lab.write("inner/x.py")
    return Want(left_out={"inner": "repository"}, changes={})


@state
def _nested_linked_worktree(lab: Lab) -> Want:
    lab.git("worktree", "add", "-q", "wt", "-b", "other")
    return Want(left_out={"wt": "repository"}, changes={})


@state
def _submodule_that_is_gone(lab: Lab) -> Want:
    _submodule(lab)
    lab.git("--git-dir=.git/modules/lib", "config", "--unset", "core.worktree")  # or git fsck minds
    shutil.rmtree(lab.path("lib"))
    return Want(changes={"deleted": 1})


@state
def _submodule_that_became_a_folder(lab: Lab) -> Want:
    """Somebody took the repository away and kept the files: git goes on taking it for a submodule, and so do we."""
    _submodule(lab)
    os.unlink(lab.path("lib/.git"))
    return Want(content={"lib/README.md": None}, changes={})


@state
def _folder_that_became_a_submodule(lab: Lab) -> Want:
    """Tracked files stay what they are when somebody makes a repository around them."""
    lab.git("init", "-q", "src")
    lab.write("src/model.py", "layers = 5\n")
    return Want(content={"src/model.py": b"layers = 5\n"}, changes={"modified": 1})


@state
def _new_submodule_not_committed(lab: Lab) -> Want:
    other = make(lab.path("../library"))
    lab.git("submodule", "--quiet", "add", other.top, "lib")
    return Want(changes={"added": 2})
