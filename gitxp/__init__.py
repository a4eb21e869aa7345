"""gitxp: an experiment tracker that lives in git.

`gitxp run python train.py` records an experiment into `refs/experiments/`; `gitxp.Repo` does from Python what the
commands do from a terminal. Names are imported when they are first used: `import gitxp` itself costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gitxp.model import Run
    from gitxp.repo import Repo

__version__ = "0.1.0"
__all__ = ["Repo", "Run", "__version__"]


def __getattr__(name: str) -> object:
    if name == "Repo":
        from gitxp.repo import Repo

        return Repo
    if name == "Run":
        from gitxp.model import Run

        return Run
    msg = f"module 'gitxp' has no attribute {name!r}"
    raise AttributeError(msg)
