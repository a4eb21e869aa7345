"""`Repo`, of all the kinds of methods that it has."""

from __future__ import annotations

from gitxp.repo.annotating import Annotating
from gitxp.repo.collecting import Collecting
from gitxp.repo.examining import Examining
from gitxp.repo.folding import Folding
from gitxp.repo.removing import Removing
from gitxp.repo.rerunning import Rerunning
from gitxp.repo.running import Running
from gitxp.repo.steering import Steering


class Repo(Running, Steering, Rerunning, Removing, Collecting, Examining, Annotating, Folding):
    """The git repository that `path` lies in (a working tree, any folder of it, or a bare repository).

    Nothing is asked of git before the first method is called; that one raises `NotARepository` where there is none.
    """
