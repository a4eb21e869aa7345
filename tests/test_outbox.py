"""Refs that wait to be sent: who was killed leaves some, and the next who may takes them away."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from team import Member

pytest_plugins = ("team_fixtures",)
LEFT = "refs/gitxp/outbox/1-left/r"


@pytest.fixture
def left(ada: Member) -> Member:
    """A clone with a run and what a push left that was killed."""
    ada.new("r")
    ada.git("update-ref", LEFT, "refs/experiments/r")
    return ada


def refs(lab: Member) -> list[str]:
    """What waits to be sent."""
    return lab.say("for-each-ref", "--format=%(refname)", "refs/gitxp/outbox").split()


@pytest.mark.parametrize("command", [("push",), ("gc", "--yes"), ("doctor", "--fix")])
def test_what_was_left_goes(left: Member, command: tuple[str, ...]) -> None:
    """The next push, gc or doctor --fix takes it away."""
    assert refs(left) == [LEFT]
    assert left.run(*command).status in {0, 1}
    assert refs(left) == []
    assert left.run("doctor").stderr.count("outbox") == 0


@pytest.mark.parametrize("command", [("push",), ("gc", "--yes"), ("doctor", "--fix")])
def test_what_somebody_is_sending_stays(left: Member, command: tuple[str, ...]) -> None:
    """As long as somebody holds the lock, nothing that waits is taken for left, and a push goes on beside it."""
    fd = os.open(left.path(".git/gitxp/outbox.lock"), os.O_RDWR | os.O_CREAT)
    fcntl.flock(fd, fcntl.LOCK_SH)
    try:
        assert left.run(*command).status in {0, 1}
        assert refs(left) == [LEFT]
    finally:
        os.close(fd)


def test_the_doctor_tells(left: Member) -> None:
    """It names what was left, and what takes it away."""
    (found,) = [one for one in left.ask("doctor", status=1) if one["id"] == "left-outbox"]
    assert LEFT in found["what"]
    assert found["fixable"]
