"""`Repo`, of all the kinds of methods that it has."""

from __future__ import annotations

from gitxp.repo.annotating import Annotating
from gitxp.repo.choosing import Choosing
from gitxp.repo.collecting import Collecting
from gitxp.repo.comparing import Comparing
from gitxp.repo.examining import Examining
from gitxp.repo.folding import Folding
from gitxp.repo.plotting import Plotting
from gitxp.repo.pushing import Pushing
from gitxp.repo.removing import Removing
from gitxp.repo.rerunning import Rerunning
from gitxp.repo.running import Running
from gitxp.repo.steering import Steering


class Repo(
    Running,
    Choosing,
    Steering,
    Rerunning,
    Removing,
    Comparing,
    Collecting,
    Examining,
    Annotating,
    Pushing,
    Folding,
    Plotting,
):
    """The git repository that `path` lies in (a working tree, any folder of it, or a bare repository).

    Nothing is asked of git before the first method is called; that one raises `NotARepository` where there is none.
    """
