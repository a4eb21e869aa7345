"""What is better has one form wherever it is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.compared import Associations
from gitxp.direction import parse_direction
from gitxp.render.associations import render_associations, render_associations_json
from run_factory import Factory, make_id

if TYPE_CHECKING:
    from conftest import Gitxp

WAYS = {"loss": "less", "acc": "more", "epoch": None}


def summary(last: float) -> dict[str, Any]:
    """A metric of one point."""
    return {"last": last, "min": last, "max": last, "count": 1, "step": 0}


@pytest.fixture
def two(repo: str) -> None:
    """Two runs of which one grew out of the other."""
    factory = Factory(repo)
    factory.make("a", metrics={name: summary(1.0) for name in WAYS})
    factory.make("b", metrics={name: summary(2.0) for name in WAYS}, parent_run=make_id(1))


@pytest.mark.usefixtures("two")
def test_every_json_says_less_more_or_null(gitxp: Gitxp) -> None:
    """compare, why, groups, tree and goal say it of the same metric in the same words, and a counter has no better way."""

    def told(*words: str) -> Any:
        return json.loads(gitxp(*words, "--json").stdout)

    assert told("compare", "a", "b")["better"] == WAYS
    assert told("why", "a", "b")["better"] == WAYS
    values = told("list", "--group-by", "status")[0]["values"]
    assert {name: values[f"metrics.{name}"]["better"] for name in WAYS} == WAYS
    assert values["metrics.epoch"]["best"] == 2
    for name, way in WAYS.items():
        second = told("tree", "--metric", name)[1]
        assert (second["better"], second["gain"]) == (way, 1)
        assert second.get("improved") is (None if way is None else way == "more")
    assert told("tree", "--metric=-epoch")[1]["better"] == "less"
    for goal, way in (("acc >= 3", "more"), ("loss < 0.5", "less")):
        gitxp("goal", "set", goal)
        assert told("goal")["better"] == way


@pytest.mark.usefixtures("two")
def test_a_counter_is_said_to_have_no_better_way(gitxp: Gitxp) -> None:
    """Nothing says that a run with more epochs is better, or that more of them was taken for better."""
    line = next(line for line in gitxp("why", "a", "b").stdout.splitlines() if line.strip().startswith("epoch"))
    assert line.split() == ["epoch", "1", "2", "+1"]
    answer = gitxp("tree", "--metric", "epoch")
    assert "neither way is known to be better" in " ".join(answer.stderr.split())
    assert "+1  the same again\n" in answer.stdout
    assert "best" not in answer.stdout
    said = " ".join(gitxp("list", "--group-by", "status", "--metric", "loss,epoch").stderr.split())
    assert said == "Better: less loss (by name). Neither way of epoch is known to be better, and best is the greatest"
    assert "Better:" not in gitxp("list", "--group-by", "status", "--metric", "epoch").stderr


@pytest.mark.parametrize("text", ["loss", "acc", "epoch"])
def test_what_goes_with_a_metric(text: str) -> None:
    """The same form, present where nothing is known, and the title says so."""
    told = Associations(text, parse_direction(text), 20)
    assert json.loads(render_associations_json(told))["better"] == WAYS[text]
    title = render_associations(told, width=None).splitlines()[0]
    assert ("neither way is known to be better" in title) == (WAYS[text] is None)
