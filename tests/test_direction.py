from __future__ import annotations

import pytest

from gitxp.direction import Direction, is_less_better, parse_direction


@pytest.mark.parametrize(
    "name", ["loss", "val/loss", "valLoss", "RMSE", "test_error_rate", "metrics.mae", "duration", "train.NLL"]
)
def test_less_of_losses_and_errors_is_better(name: str) -> None:
    """A name of which a part is that of an error, a distance or a cost says that less is better."""
    assert is_less_better(name)


@pytest.mark.parametrize("name", ["acc", "accuracy", "f1", "auc", "glossary", "mirror", "placement", "R2", "reward"])
def test_more_of_everything_else_is_better(name: str) -> None:
    """A part within a word says nothing, and where nothing is said more is better."""
    assert not is_less_better(name)


def test_a_sign_or_an_ending_decides() -> None:
    """What people say goes before what the name says."""
    assert parse_direction("+loss") == Direction("loss", better="more", is_said=True)
    assert parse_direction("-metrics.acc") == Direction("metrics.acc", better="less", is_said=True)
    assert parse_direction("acc:min") == Direction("acc", better="less", is_said=True)
    assert parse_direction("loss:max") == Direction("loss", better="more", is_said=True)
    assert parse_direction(" loss ") == Direction("loss", better="less", is_said=False)
    for name in ("epoch", "metrics.step", "system/cpu"):
        assert parse_direction(name) == Direction(name, better=None, is_said=False)
    assert parse_direction("-epoch") == Direction("epoch", better="less", is_said=True)
    assert parse_direction("a:b") == Direction("a:b", better="more", is_said=False)
