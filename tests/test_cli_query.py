from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from run_factory import Factory

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Gitxp = Callable[..., Any]


def summary(last: float | str) -> dict[str, object]:
    """A metric of one point."""
    return {"last": last, "min": last, "max": last, "count": 1, "step": 0}


@pytest.fixture
def runs(repo: str) -> Factory:
    """Three runs: loss 0.5, 0.25 and none; the packages of two of them."""
    factory = Factory(repo)
    environment = json.dumps({"python": {"version": "3.11.7"}, "packages": {"torch": "2.10.1"}})
    factory.make(
        "first",
        params={"lr": 0.1, "opt": "adam"},
        metrics={"loss": summary(0.5)},
        files={".gitxp/environment.json": environment},
    )
    old = json.dumps({"python": {"version": "3.9.1"}, "packages": {"torch": "2.3.0+cpu"}})
    factory.make(
        "second",
        params={"lr": 0.2, "opt": "sgd"},
        metrics={"loss": summary(0.25)},
        tags=["good"],
        files={".gitxp/environment.json": old},
    )
    factory.make("third", params={"lr": 0.2}, status="failed", exit_code=1)
    return factory


def listed(gitxp: Gitxp, *args: str) -> list[str]:
    """The names that `gitxp list` gives."""
    answer = gitxp("list", "--json", *args)
    assert answer.returncode == 0, answer.stderr
    return [run["name"] for run in json.loads(answer.stdout)]


@pytest.mark.usefixtures("runs")
def test_where_takes_the_runs_of_which_it_is_true(gitxp: Gitxp) -> None:
    """A run without the value is neither below nor above, and `has` asks for it."""
    assert listed(gitxp, "loss < 0.4") == ["second"]
    assert listed(gitxp, "loss >= 0.4") == ["first"]
    assert listed(gitxp, "not has(loss)") == ["third"]
    assert listed(gitxp, 'params.opt == "adam" or status == "failed"') == ["third", "first"]
    assert listed(gitxp, '"good" in tags') == ["second"]


@pytest.mark.usefixtures("runs")
def test_packages_are_compared_as_versions(gitxp: Gitxp) -> None:
    """2.10 is newer than 2.3, and what has no environment has no packages."""
    assert listed(gitxp, 'packages["torch"] >= "2.4"') == ["first"]
    assert listed(gitxp, 'packages.Torch < "2.10"') == ["second"]
    assert listed(gitxp, 'python < "3.10"') == ["second"]
    assert listed(gitxp, "has(packages.torch)", "--sort", "packages.torch") == ["second", "first"]


@pytest.mark.usefixtures("runs")
def test_a_package_of_a_run_that_came_later(gitxp: Gitxp, runs: Factory) -> None:
    """The environments of runs that are new since the last such question are read for the next."""
    assert listed(gitxp, 'packages["torch"] >= "2.4"') == ["first"]
    environment = json.dumps({"packages": {"torch": "2.5"}})
    runs.make("fourth", files={".gitxp/environment.json": environment})
    assert listed(gitxp, 'packages["torch"] >= "2.4"') == ["fourth", "first"]


def test_lists_are_sorted_item_by_item(repo: str, gitxp: Gitxp) -> None:
    """As groups have them: 64 before 128, and a list before one that goes on; after all numbers and texts."""
    lists = [[], [-3], [-0.5], [1, 2.5], [8], [64, 64], [64, 64, 1], [128, 128], ["a"], ["a\0b", "c"], ["a\1"], [[1]]]
    values: list[Any] = [7, "text", *lists]
    factory = Factory(repo)
    for number, value in sorted(enumerate(values), key=lambda item: str(item[1])):
        factory.make(f"run-{number:02d}", params={"layers": value})
    factory.make("none")
    names = [f"run-{number:02d}" for number in range(len(values))]
    assert listed(gitxp, "--sort", "layers") == [*names, "none"]
    assert listed(gitxp, "--sort=-layers") == [*reversed(names), "none"]
    groups = json.loads(gitxp("list", "--group-by", "layers", "--json").stdout)
    assert [group["keys"]["params.layers"] for group in groups] == [*values, None]


@pytest.mark.usefixtures("runs")
def test_sort(gitxp: Gitxp) -> None:
    """Ascending, with a minus descending; runs without the value are last both times; what is equal stays newest first."""
    assert listed(gitxp, "--sort", "loss") == ["second", "first", "third"]
    assert listed(gitxp, "--sort=-loss") == ["first", "second", "third"]
    assert listed(gitxp, "--sort", "lr,name") == ["first", "second", "third"]
    assert listed(gitxp, "--sort=-lr") == ["third", "second", "first"]
    assert listed(gitxp, "lr == 0.2", "--sort", "name", "-n", "1") == ["second"]


@pytest.mark.usefixtures("runs")
def test_a_mistake_is_pointed_at(gitxp: Gitxp) -> None:
    """The place is marked, the nearest key is named, and the status is that of wrong usage."""
    answer = gitxp("list", "lr > 0.1 and metrics.los < 1", check=False)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr.splitlines() == [
        "Error: No run has a metric 'los'.",
        "  lr > 0.1 and metrics.los < 1",
        "               ^^^^^^^^^^^",
        "Hint: Near it: metrics.loss.",
    ]


@pytest.mark.usefixtures("runs")
def test_a_mistyped_key_is_no_text(gitxp: Gitxp) -> None:
    """Where a key alone is wanted, nobody is told to put it in quotes."""
    answer = gitxp("list", "--sort", "los", check=False)
    assert answer.stderr.splitlines()[-1] == "Hint: Near it: metrics.loss."
    assert '"los"' in gitxp("list", "lr == los", check=False).stderr


@pytest.mark.usefixtures("runs")
def test_no_run_answers(gitxp: Gitxp) -> None:
    """An empty answer is said on stderr; as JSON it is an empty array."""
    answer = gitxp("list", "loss < 0.1")
    assert (answer.returncode, answer.stdout) == (0, "")
    assert "No run answers to that" in answer.stderr
    assert listed(gitxp, "loss < 0.1") == []


@pytest.mark.usefixtures("repo")
def test_no_run_at_all(gitxp: Gitxp) -> None:
    """In a repository without runs a question is answered, not refused for its names."""
    assert listed(gitxp, "loss < 0.1", "--sort", "acc") == []
    assert "There are no runs yet" in gitxp("list", "loss < 0.1").stderr
    for wrong in (("loss <",), ("loss < 0.1", "--sort", "-(acc")):
        assert gitxp("list", *wrong, check=False).returncode == 2


@pytest.mark.usefixtures("repo")
def test_strings_of_runs_are_no_sql(gitxp: Gitxp, repo: str) -> None:
    """Names and values with quotes and semicolons are found as they are, and do nothing."""
    factory = Factory(repo)
    evil = "x'); DROP TABLE refs; --"
    factory.make("evil", params={evil: evil}, metrics={evil: summary("nan")})
    assert listed(gitxp, f'params["{evil}"] == "{evil}"') == ["evil"]
    assert listed(gitxp, f'isnan(metrics["{evil}"])', "--sort", f'metrics["{evil}"]') == ["evil"]
    assert listed(gitxp) == ["evil"]


@pytest.mark.usefixtures("runs")
def test_more_runs_are_shown_by_the_same_question(gitxp: Gitxp) -> None:
    """The command below a table that was cut asks again, in the quotes that a shell wants."""
    answer = gitxp("list", "loss < 1", "--sort", "loss", "-n", "1")
    assert "… and 1 more run: gitxp list 'loss < 1' --sort=loss -n 0" in answer.stderr
    answer = gitxp("list", "--all", "loss < 1", "--columns", "name,loss", "-n", "1")
    assert "gitxp list 'loss < 1' --all --columns=name,loss -n 0" in answer.stderr
    gitxp("archive", "first")
    assert "Only archived runs answer to that: gitxp list 'loss > 0.4' --all" in gitxp("list", "loss > 0.4").stderr


def test_lists_are_equal_as_in_python(repo: str, gitxp: Gitxp) -> None:
    """A whole number is the same with a point and without, true is 1, and order counts."""
    Factory(repo).make("net", params={"layers": [64, 32.0, True]})
    assert listed(gitxp, "layers == [64.0, 32, 1]") == ["net"]
    assert listed(gitxp, "layers == [32, 64, 1]") == []
    assert listed(gitxp, "32 in layers and 64.0 in layers") == ["net"]
