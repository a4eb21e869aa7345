"""What the tests of reading share: a maker of runs, and gitxp's view of the repository that they are made in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitxp.repo import Repo
from run_factory import Factory

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def factory(repo: str) -> Factory:
    """Makes runs in the test's repository."""
    return Factory(repo)


@pytest.fixture
def here(repo: str) -> Iterator[Repo]:
    """The test's repository, opened by gitxp."""
    with Repo(repo) as opened:
        yield opened
