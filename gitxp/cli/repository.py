"""The repository that a reading command works on, and what has to be said of it besides the answer."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from gitxp.cli.progress import show_progress
from gitxp.cli.remarks import remark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitxp.repo import Repo


@contextlib.contextmanager
def open_repo() -> Iterator[Repo]:
    """The repository here. At the end the user is told on stderr which runs were recovered, or could not be."""
    from gitxp.repo import Repo

    with Repo() as repo:
        try:
            with show_progress() as tell:

                def indexing(done: int, total: int) -> None:
                    tell(f"reading {total:,} runs: {done * 100 // total} %" if done < total else "")

                repo.indexing = indexing
                yield repo
        finally:
            for run in repo.recovered:
                if run.status is None:
                    text = f"{run.name} lost its recorder and cannot be finished: {run.problem}"
                else:
                    text = f"{run.name} lost its recorder; it is recorded as {run.status}, with what there was."
                remark([text])
