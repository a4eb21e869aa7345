"""What to do in a repository that has no runs yet, in two lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitxp.cli.remarks import tell_command
from gitxp.errors import NotARepository

if TYPE_CHECKING:
    from gitxp.repo import Repo


def tell_first(repo: Repo, width: int | None) -> None:
    """Say that there are no runs, and how there will be some: where one can be made, or from where they come."""
    if repo.location.toplevel is None:
        tell_command(
            "There are no runs yet, and none are made in a bare repository. They come here from a clone",
            "gitxp push",
            width,
        )
        return
    tell_command("There are no runs yet. The first is made by", "gitxp run python train.py", width)
    if repo.git.ask("remote").stdout:
        tell_command("Those of others are brought here by", "gitxp pull", width)
    else:
        tell_command("Then look at it", "gitxp show @", width)


def check_any(repo: Repo) -> None:
    """Raise `UnknownRun` where there are no runs, archived ones neither: no question about them has an answer then."""
    if not repo.page(1, archived=True).runs:
        repo.get("@")


def tell_beginner(width: int | None) -> bool:
    """Say what to do first where there is no repository, or none with runs; whether there was something to say."""
    from gitxp.repo import Repo

    with Repo() as repo:
        try:
            if repo.page(1, archived=True).runs:
                return False
        except NotARepository:
            tell_command(
                "gitxp keeps runs in a git repository, and there is none here. Go to your project, or make one",
                "git init",
                width,
            )
            tell_command("What it can do", "gitxp --help", width)
            return True
        tell_first(repo, width)
    return True
