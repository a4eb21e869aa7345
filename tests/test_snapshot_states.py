from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import states_of_files
import states_of_git
import states_of_history
from states import STATES, Lab, judge, make, portrait

if TYPE_CHECKING:
    from pathlib import Path

ROOMS = (states_of_files, states_of_git, states_of_history)  # importing them fills STATES


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with one commit."""
    return make(str(tmp_path / "repo"))


@pytest.mark.parametrize("name", STATES)
def test_the_snapshot_is_what_git_add_would_take(name: str, lab: Lab) -> None:
    """In every state of a working tree, a run's tree, parents and record are what git says, and nothing else changes."""
    want = STATES[name](lab)
    before = portrait(lab)
    done = lab.run("run", "--name", "r", "--", "true", cwd=want.cwd, env=want.env)
    assert (done.status, done.stdout) == (0, b""), done.stderr
    assert portrait(lab) == before
    assert "Traceback" not in done.stderr
    for path in want.left_out:
        assert path in done.stderr
    judge(lab, "r", want)
