"""The people of team.py, and their bare repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from run_factory import Factory
from states import make
from team import Member, member

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def hub(tmp_path: Path) -> Member:
    """The bare repository that everybody shares."""
    first = make(str(tmp_path / "first"))
    first.git("clone", "-q", "--bare", first.top, "../hub.git")
    return Member(str(tmp_path / "hub.git"))


@pytest.fixture
def ada(hub: Member) -> Member:
    """A clone of the hub."""
    return member(hub, hub.path("../ada"))


@pytest.fixture
def bob(hub: Member) -> Member:
    """Another."""
    return member(hub, hub.path("../bob"))


@pytest.fixture
def eve(hub: Member) -> Member:
    """A third."""
    return member(hub, hub.path("../eve"))


@pytest.fixture
def made(hub: Member) -> Factory:
    """Makes runs in the hub out of plain data."""
    return Factory(hub.top)
