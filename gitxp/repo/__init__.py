"""`Repo`: one method for each thing that gitxp can do in a repository; what the command line and Python programs call.

Facts come back, nothing is printed, `GitxpError` says what went wrong. The methods are written in the files beside this
one, a kind in each, and import what they need inside of them. `gitxp run` passes through here and needs one kind alone, so
`Repo` itself is put together when it is first used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitxp.repo.repository import Repo

__all__ = ["Repo"]


def __getattr__(name: str) -> object:
    if name != "Repo":
        raise AttributeError(f"module 'gitxp.repo' has no attribute {name!r}")
    from gitxp.repo.repository import Repo

    globals()[name] = Repo
    return Repo
