"""Whose a run is: one's own may be run again at a word; what came from somebody else is shown first.

A run is one's own where all its commits are by one's own e-mail address, and its record is of this machine. Both can be
forged by whoever knows them: this tells friends' runs apart from one's own, and is no proof against an enemy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.restoring.trees import find_base

if TYPE_CHECKING:
    from gitxp.git.program import Git
    from gitxp.model import Run
    from gitxp.store.writer import Identity


def is_own(git: Git, run: Run, identity: Identity, host: str) -> bool:
    """Whether a run was recorded by this user on this machine, as far as it says itself."""
    if run.record.get("host") != host:
        return False
    base = find_base(git, run)
    listed = git.run("log", "--format=%ce", run.commit, *([f"^{base}"] if base else []))
    ours = identity.committer.removesuffix(">").rpartition("<")[2]
    return bool(listed) and set(listed.decode("utf-8", "replace").split("\n")) - {""} == {ours}
