"""`gitxp why --metric` with scikit-learn: numbers that are known beforehand, and the same answer each time."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.query import statistics
from gitxp.render.associations import render_associations
from run_factory import Factory, make_record

if TYPE_CHECKING:
    from conftest import Gitxp
    from gitxp.repo import Repo

pytestmark = pytest.mark.integration
pytest_plugins = ("run_fixtures",)
pytest.importorskip("sklearn")


def runs_of(factory: Factory, rows: list[tuple[Any, dict[str, Any]]], metric: str = "acc") -> None:
    """A run for each value of the metric (None: without) and its parameters."""
    records = []
    for i, (value, params) in enumerate(rows):
        summary = {"last": value, "min": value, "max": value, "count": 1, "step": 0}
        records.append(make_record(f"r{i:03}", i, params=params, metrics=None if value is None else {metric: summary}))
    factory.make_of(records)


def sweep(count: int, seed: int = 1) -> list[tuple[Any, dict[str, Any]]]:
    """Runs whose metric is best where lr is in the middle and opt is adam; the other parameters mean nothing."""
    r = random.Random(seed)  # noqa: S311  (data)
    rows: list[tuple[Any, dict[str, Any]]] = []
    for i in range(count):
        lr, opt, noise = r.uniform(-4, 0), r.choice(["adam", "sgd", "lion"]), r.random()
        batch = r.choice([16, 32, 64])
        params = {
            "lr": 10**lr,
            "opt": opt,
            "noise": noise,
            "batch": batch,
            "accum": 128 // batch,
            "seed": i,
            "depth": 4,
        }
        if i % 3:
            params["warm"] = r.random() < 0.5
        rows.append((0.9 - abs(lr + 2) * 0.1 + 0.1 * (opt == "adam") + r.gauss(0, 0.005), params))
    return rows


def test_what_matters_comes_first(factory: Factory, here: Repo) -> None:
    """The forest finds what is neither rising nor falling, and judged on unseen runs noise gets next to nothing."""
    runs_of(factory, [*sweep(60), (None, {"lr": 1}), ("nan", {"lr": 1})])
    told = here.goes_with("acc")
    assert (told.runs, told.passed_over, told.constant, told.warnings) == (60, 2, ("depth",), ())
    by_name = {one.params[0]: one for one in told.found}
    assert [one.params[0] for one in told.found][:2] == ["lr", "opt"]
    assert told.explained is not None
    assert told.explained > 0.5
    for name in ("noise", "seed", "warm", "accum"):
        assert abs(by_name[name].importance or 0) < 0.05
    assert by_name["accum"].params == ("accum", "batch")
    assert by_name["opt"].values[0] == "adam"
    assert by_name["opt"].correlation is None
    assert set(by_name["warm"].values) == {True, False}
    assert all(isinstance(value, bool) for value in by_name["warm"].values)
    assert by_name["warm"].runs == 40


def test_correlations_are_those_of_scipy(factory: Factory, here: Repo) -> None:
    """Each number's correlation is Spearman's; a metric that falls with it has -1; less of a loss is better."""
    from scipy.stats import spearmanr

    rows = sweep(40)
    runs_of(factory, [(acc, {**params, "down": -acc}) for acc, params in rows])
    told = here.goes_with("acc", where="lr > 0.001")
    chosen = [(acc, params) for acc, params in rows if params["lr"] > 0.001]
    by_name = {one.params[0]: one for one in told.found}
    expected = spearmanr([params["noise"] for _, params in chosen], [acc for acc, _ in chosen])
    assert by_name["noise"].correlation == pytest.approx(float(expected.statistic))
    assert by_name["noise"].p_value == pytest.approx(float(expected.pvalue))
    assert by_name["down"].correlation == pytest.approx(-1)
    assert here.goes_with("-acc").direction.is_less


def test_the_same_answer_each_time(factory: Factory, gitxp: Gitxp) -> None:
    """Two calls give the same bytes."""
    runs_of(factory, sweep(25))
    args = ("why", "lr > 0", "--metric", "acc", "--json")
    first = gitxp(*args).stdout
    assert json.loads(first)["explained"] is not None
    assert gitxp(*args).stdout == first
    assert "too few: at least 30 are needed (5 for each parameter that changes)" in json.loads(first)["warnings"][0]


def test_noise_is_called_noise(factory: Factory, here: Repo) -> None:
    """Where nothing goes with the metric, correlations stay below what chance gives, and the forest says that it knows nothing."""
    r = random.Random(4)  # noqa: S311  (data)
    runs_of(factory, [(r.random(), {f"p{i}": r.random() for i in range(4)}) for _ in range(30)])
    told = here.goes_with("acc")
    assert told.by_chance is not None
    assert all(one.strength is not None and one.strength < told.by_chance for one in told.found)
    assert told.explained is not None
    assert told.explained < 0.2


@pytest.mark.parametrize("count", [4, 5, 9, 10, 11])
def test_few_runs(factory: Factory, here: Repo, count: int) -> None:
    """From four runs on there are correlations, from ten on importances; a warning until there are enough."""
    runs_of(factory, sweep(count))
    told = here.goes_with("acc")
    assert told.warnings
    assert any(one.correlation is not None for one in told.found)
    assert (told.explained is not None) == (count >= 10)


def test_a_forest_of_some_of_the_runs(factory: Factory, here: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more runs than a forest is given, every so manieth is taken, that is told, and each fold is reported."""
    monkeypatch.setattr(statistics, "_MOST_GROWN", 25)
    runs_of(factory, sweep(60))
    done: list[tuple[int, int]] = []
    told = here.goes_with("acc", progress=lambda *step: done.append(step))
    assert (told.runs, told.grown) == (60, 20)
    assert done == [(i, 5) for i in range(5)]
    assert "a random forest of 20 of the runs loses" in render_associations(told, width=None)


def test_odd_values(factory: Factory, here: Repo) -> None:
    """A metric that is always the same, lists, infinite parameters, huge numbers: an answer, and no warning of a library."""
    rows = [(1.0, {"x": i % 2, "y": [i % 3], "z": 10**30 * (i % 4), "w": "inf" if i % 2 else 1.5}) for i in range(12)]
    runs_of(factory, rows)
    told = here.goes_with("acc")
    assert all(one.correlation is None and one.importance is None for one in told.found)
    runs_of(factory, [(float(i), params) for i, (_, params) in enumerate(rows)], "other")
    assert len(here.goes_with("other").found) == 3
