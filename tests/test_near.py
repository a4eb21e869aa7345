from __future__ import annotations

import pytest

from gitxp.near import near_names, there_are


@pytest.mark.parametrize(
    ("wanted", "names", "near"),
    [
        ("loss", ["acc", "train/loss", "val/loss"], ["train/loss", "val/loss"]),
        ("Loss", ["acc", "train.loss"], ["train.loss"]),
        ("los", ["acc", "loss", "train/loss"], ["loss"]),
        ("nothing", ["a", "b"], ["a", "b"]),
        ("nothing", [f"m{i}" for i in range(20)], [f"m{i}" for i in range(8)]),
        ("loss", [f"fold{i}/loss" for i in range(20)], ["fold0/loss", "fold1/loss", "fold2/loss"]),
        ("loss", [], []),
    ],
)
def test_near_names(wanted: str, names: list[str], near: list[str]) -> None:
    """A part of a name comes before what is only spelled alike; where nothing is near, some are named."""
    assert near_names(wanted, names)[: len(near)] == near


def test_the_hint() -> None:
    """It is short, whatever the names are."""
    assert there_are("loss", ["val/loss"]) == "There are: val/loss."
    assert there_are("loss", []) is None
    assert len(there_are("x", ["x" * 5000] * 1) or "") < 100
