from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gitxp.errors import UsageError
from gitxp.render.runs import Wish, render_csv
from gitxp.repo import Repo
from run_factory import Factory

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Gitxp = Callable[..., Any]


def summary(last: float | str, **more: float) -> dict[str, object]:
    """A metric of one point."""
    return {"last": last, "min": last, "max": last, "count": 1, "step": 0, **more}


@pytest.fixture
def runs(repo: str) -> Factory:
    """Runs a to f, oldest first: model cnn, cnn, vit, vit, none, none; acc 0.5, 0.75, 0.75, nan, none, 0.25."""
    factory = Factory(repo)
    for name, model, acc, duration in (
        ("a", "cnn", 0.5, 10),
        ("b", "cnn", 0.75, 30),
        ("c", "vit", 0.75, 30),
        ("d", "vit", "nan", 5),
        ("e", None, None, 1),
        ("f", None, 0.25, 5),
    ):
        metrics = {} if acc is None else {"acc": summary(acc), "epoch": summary(3)}
        params = {"lr": 0.1} if model is None else {"lr": 0.1, "model": model, "deep": model == "vit"}
        factory.make(name, params=params, metrics=metrics, duration=duration)
    return factory


def listed(gitxp: Gitxp, *args: str) -> list[str]:
    """The names that `gitxp list` gives."""
    return [run["name"] for run in json.loads(gitxp("list", "--json", *args).stdout)]


def table(text: str) -> list[list[str]]:
    """The cells of a table's lines, without the rule."""
    lines = text.splitlines()
    return [line.split() for line in lines[:1] + lines[2:]]


@pytest.mark.usefixtures("runs")
def test_groups(gitxp: Gitxp) -> None:
    """One line a group, those that lack the key among them; nan counts nowhere, and what is better is said."""
    answer = gitxp("list", "--group-by", "model", "--metric", "acc")
    assert table(answer.stdout) == [
        ["model", "runs", "acc", "best", "mean", "±", "std", "n"],
        ["cnn", "2", "0.75", "0.625", "±", "0.18", "2"],
        ["vit", "2", "0.75", "0.75", "1"],
        ["(none)", "2", "0.25", "0.25", "1"],
    ]
    assert answer.stderr.splitlines() == ["Better: more acc (by name)", "1 value left out: nan"]


@pytest.mark.usefixtures("runs")
def test_groups_as_json_and_csv(gitxp: Gitxp) -> None:
    """JSON and CSV have all metrics, exact, under their names in full."""
    groups = json.loads(gitxp("list", "--group-by", "model,deep", "--json").stdout)
    assert [group["keys"] for group in groups] == [
        {"params.model": "cnn", "params.deep": False},
        {"params.model": "vit", "params.deep": True},
        {"params.model": None, "params.deep": None},
    ]
    assert groups[0]["values"]["metrics.acc"] == {
        "best": 0.75,
        "best_run": "b",
        "better": "more",
        "mean": 0.625,
        "std": pytest.approx(0.17677669529663687),
        "n": 2,
        "nan": 0,
    }
    assert list(groups[0]["values"]) == ["metrics.acc", "metrics.epoch"]
    rows = list(csv.DictReader(io.StringIO(gitxp("list", "--group-by", "model", "--csv").stdout)))
    assert [(row["params.model"], row["runs"], row["metrics.acc.mean"]) for row in rows] == [
        ("cnn", "2", "0.625"),
        ("vit", "2", "0.75"),
        ("", "2", "0.25"),
    ]


@pytest.mark.usefixtures("runs")
def test_groups_in_an_order(gitxp: Gitxp) -> None:
    """Groups are sorted by keys, by their size, by means, best values and deviations; what is missing is last both ways."""

    def order(*args: str) -> list[str]:
        lines = gitxp("list", "--group-by", "model", *args).stdout.splitlines()[2:]
        return [line.split()[0] for line in lines]

    assert order() == ["cnn", "vit", "(none)"]
    assert order("--sort=-model") == ["vit", "cnn", "(none)"]
    assert order("--sort", "acc") == ["(none)", "cnn", "vit"]
    assert order("--sort=-acc.best,-model") == ["vit", "cnn", "(none)"]
    assert order("--sort", "acc.std") == ["cnn", "vit", "(none)"]
    assert order("--sort=-runs", "model == 'vit' or lr > 0 and not has(model)") == ["vit", "(none)"]
    assert order("--sort=-duration", "-n", "1", "--metric", "acc") == ["cnn"]


@pytest.mark.usefixtures("runs")
def test_more_groups_than_lines(gitxp: Gitxp) -> None:
    """What `-n` cuts is counted, with the command that shows it; archived runs are counted, too."""
    gitxp("archive", "a")
    answer = gitxp("list", "--group-by", "model", "-n", "1", "acc > 0")
    assert table(answer.stdout)[1][:2] == ["cnn", "1"]
    assert "… and 2 more groups: gitxp list 'acc > 0' --group-by=model -n 0" in answer.stderr
    assert "… and 1 archived run: gitxp list 'acc > 0' --group-by=model --all" in answer.stderr
    assert table(gitxp("list", "--group-by", "model", "--all").stdout)[1][:2] == ["cnn", "2"]


@pytest.mark.usefixtures("runs")
def test_the_best(gitxp: Gitxp) -> None:
    """Of equals it is the one that started first; a sign turns it round, and nan is never the best."""
    assert listed(gitxp, "--best", "acc") == ["b"]
    assert listed(gitxp, "--best=-acc") == ["f"]
    assert listed(gitxp, "--best", "duration") == ["e"]
    assert listed(gitxp, "--best", "acc", 'model == "vit"') == ["c"]
    assert listed(gitxp, "--best", "started") == ["f"]
    assert listed(gitxp, "--best", "+acc * 2 - duration") == ["f"]


@pytest.mark.usefixtures("runs")
def test_the_best_of_each(gitxp: Gitxp) -> None:
    """With --per there is one run for each value, the best first unless --sort says otherwise; what is left out is said."""
    assert listed(gitxp, "--best", "acc", "--per", "model") == ["b", "c", "f"]
    assert listed(gitxp, "--best", "acc", "--per", "model", "--sort", "duration,name") == ["f", "b", "c"]
    assert listed(gitxp, "--best", "acc", "--per", "model", "-n", "1") == ["b"]
    answer = gitxp("list", "--best", "acc", "--per", "model", "-n", "1", "--columns", "name,acc")
    assert answer.stdout.splitlines()[2:] == ["b     0.75"]
    assert answer.stderr.splitlines() == [
        "… and 2 more runs: gitxp list --columns=name,acc --best=acc --per=model -n 0",
        "Greatest acc (by name) for each params.model, of 4 runs; 2 runs left out, where",
        "it is missing or no number",
    ]


@pytest.mark.usefixtures("runs")
def test_the_pareto_front(gitxp: Gitxp) -> None:
    """Runs that none beats in all keys, equal ones together, the best in the first key first."""
    assert listed(gitxp, "--pareto", "acc,-duration") == ["b", "c", "a", "f"]
    assert listed(gitxp, "--pareto", "acc,+duration") == ["b", "c"]
    assert listed(gitxp, "--pareto", "acc,-duration", "--sort", "name", "-n", "2") == ["a", "b"]
    assert listed(gitxp, "--pareto", "acc,-duration", "acc < 0.6") == ["a", "f"]
    answer = gitxp("list", "--pareto", "acc,-duration")
    assert "Greatest acc, least duration" in answer.stderr
    assert "of 4 runs; 2 runs" in answer.stderr
    assert {"acc", "duration"} <= set(answer.stdout.split())


@pytest.mark.usefixtures("runs")
def test_nobody_has_a_number(gitxp: Gitxp) -> None:
    """Where each run lacks it, that is all that is said."""
    answer = gitxp("list", "--best", "model")
    assert (answer.stdout, answer.returncode) == ("", 0)
    assert "of 0 runs; 6 runs left out" in answer.stderr
    assert listed(gitxp, "--pareto", "model") == []


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize("option", ["--best", "--pareto", "--group-by"])
def test_no_runs_at_all(gitxp: Gitxp, option: str) -> None:
    """In a repository without runs no name is a mistake; what is no key is one."""
    answer = gitxp("list", option, "metrics.acc")
    assert (answer.stdout, "There are no runs yet" in answer.stderr) == ("", True)
    assert json.loads(gitxp("list", option, "metrics.acc", "--json").stdout) == []
    assert gitxp("list", option, "metrics.(acc", check=False).returncode == 2


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--group-by", "model", "--best", "acc"], "--group-by and --best exclude each other"),
        (["--group-by", "model", "--pareto", "acc"], "--group-by and --pareto exclude each other"),
        (["--group-by", "model", "--all-columns"], "--all-columns and --group-by exclude each other"),
        (["--group-by", "model", "--metric", "acc", "--columns", "acc"], "--metric and --columns exclude each other"),
        (["--best", "acc", "--pareto", "acc,-duration"], "--best and --pareto exclude each other"),
        (["--per", "model"], "--per"),
        (["--metric", "acc"], "--metric names the numbers of groups"),
        (["--best", "acc,duration"], "one key"),
        (["--best", "command"], "command is text, and a number is wanted here.\n  command\n  ^^^^^^^"),
        (["--group-by", "model,,modle"], "model,,modle\n         ^^^^^"),
        (["--group-by", "model", "--metric=-acc,-accc"], "-acc,-accc\n        ^^^^"),
        (["--group-by", "model", "--sort", "acc,-branch"], "acc,-branch\n       ^^^^^^"),
        (["--pareto", "acc,-duratoin"], "acc,-duratoin\n       ^^^^^^^^\nHint: Near it: duration"),
        (["--columns", "name,ac,lr"], "name,ac,lr\n       ^^\nHint: Near it: metrics.acc"),
        (["--columns", ","], "No column is named"),
        (["--sort", "name,-ac"], "name,-ac\n        ^^\nHint: Near it: metrics.acc"),
        (["--best", ""], "No key is named"),
    ],
)
def test_what_does_not_go_together(gitxp: Gitxp, args: list[str], words: str) -> None:
    """It is refused with a reason, or with the place and the nearest key, and exit status 2."""
    answer = gitxp("list", *args, check=False)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert words in answer.stderr


def test_columns_are_keys(runs: Factory, gitxp: Gitxp) -> None:
    """A column is any key, in the order and under the name that was typed, with the value of the record."""
    environment = json.dumps({"python": {"version": "3.11.7"}, "packages": {"torch": "2.10.1"}})
    runs.make(
        "g",
        params={"lr": 0.5, "my key": [1, True], "flag": True},
        metrics={"val/acc": summary(0.5, min=0.125, count=4), "acc": summary(2)},
        data=[{"path": "a,b.csv", "kind": "file", "size": 1, "files": 1, "xxh3_128": "0f"}],
        parent_run="01900001-0000-7000-8000-000000000001",
        files={".gitxp/environment.json": environment},
    )
    asked = (
        'val/acc,name,val/acc.min,metrics["val/acc"].count,params["my key"],flag,python,packages.torch,data["a,b.csv"],'
        "data,acc / lr,started,started_at,author,parent,ref,lr"
    )
    (row,) = csv.reader(io.StringIO(gitxp("list", "--csv", "name == 'g'", "--columns", asked).stdout.split("\n", 1)[1]))
    assert row == [
        "0.5", "g", "0.125", "4", "[1, true]", "true", "3.11.7", "2.10.1", "0f", '["a,b.csv"]', "4.0",
        "2023-11-14T22:20:20.000Z", "2023-11-14T22:20:20.000Z", "tester", "01900001-0000-7000-8000-000000000001",
        "refs/experiments/g", "0.5",
    ]  # fmt: skip
    heading = gitxp("list", "--csv", "-n", "1", "--columns", "author,val/acc.min,name").stdout.split("\n")[0]
    assert heading == "author,val/acc.min,name"


@pytest.mark.usefixtures("runs")
def test_every_field_is_a_column_and_a_key(gitxp: Gitxp) -> None:
    """Names of gitxp's own are the same in --columns, --sort and questions, and each is that of JSON where JSON has it."""
    from gitxp.query.fields import FIELDS

    for field in FIELDS:
        assert gitxp("list", "--columns", field).stdout.split()[0] == field
        assert gitxp("list", f"has({field})", "--sort", field, "--json").returncode == 0
    (newest, *_) = json.loads(gitxp("list", "--json").stdout)
    spoken = {"params", "metrics", "git", "format", "gitxp_version"}
    assert set(newest) - spoken <= set(FIELDS)


def test_columns_without_runs(repo: str, gitxp: Gitxp) -> None:
    """A file of no runs has the headings that were asked for; what is no key is a mistake all the same."""
    assert gitxp("list", "--csv", "--columns", "name,acc").stdout == "name,acc\n"
    answer = gitxp("list", "--csv", "--columns", "name,(acc", check=False)
    assert (answer.returncode, answer.stderr.splitlines()[1:3]) == (2, ["  name,(acc", "       ^"])
    Factory(repo).make("a", metrics={"acc": summary(1)})
    assert gitxp("list", "acc > 5", "--csv", "--columns", "name,acc").stdout == "name,acc\n"
    assert "acc" in gitxp("list", "acc > 5", "--csv", "--columns", "name,ac", check=False).stderr


def test_columns_of_a_run_that_is_running(runs: Factory) -> None:
    """A metric that only the run itself has so far, and no commit, is a column; of another run it is a mistake."""
    with Repo(runs.path) as repo:
        run = repo.get("a")
        live = replace(run, record={**run.record, "metrics": {"live": summary(3)}})
        (column,) = repo.columns("live", [live])
        assert render_csv([live], Wish([column]), now=0, safe=False).text == "live\n3\n"
        with pytest.raises(UsageError, match="'live'"):
            repo.columns("live", [run])


@pytest.mark.usefixtures("runs")
def test_what_runs_are_sorted_by_is_shown(gitxp: Gitxp) -> None:
    """The column of a key that runs are sorted by is there, though no run has it otherwise and the terminal is narrow."""
    assert "metrics.acc.min" in gitxp("list", "--sort", "acc.min").stdout.split("\n")[0]
    headings = gitxp("list", "--sort=-started").stdout.split("\n")[0].split()
    assert "started_at" not in headings


def test_the_same_from_python(runs: Factory) -> None:
    """`Repo` and `gitxp.runs` choose and sum up as the command does; a slice is asked about its own runs only."""
    import gitxp

    found = gitxp.runs(path=runs.path)
    assert found.best("acc").names == ("b",)
    assert found.best("acc", per="model").names == ("b", "c", "f")
    assert found.pareto("acc,-duration").names == ("b", "c", "a", "f")
    assert found[:2].best("acc").names == ("f",)
    groups = gitxp.runs("has(model)", path=runs.path).group_by("model", "acc")
    assert [(group.values, group.summaries[0].best_run) for group in groups.groups] == [
        (("cnn",), "b"),
        (("vit",), "c"),
    ]
    with Repo(runs.path) as repo:
        assert repo.best("acc", where="duration < 20").names == ("a",)
        assert repo.groups("lr", sort="-runs").groups[0].runs == 6
        with pytest.raises(UsageError, match="one key"):
            repo.best("acc,duration")


@pytest.mark.usefixtures("runs")
def test_groups_of_runs_with_thousands_of_metrics(gitxp: Gitxp, runs: Factory) -> None:
    """JSON has them all; a table has a hundred at most, and says how many there are besides."""
    runs.make("many", params={"model": "many"}, metrics={f"m{i}": summary(i) for i in range(2500)})
    groups = json.loads(gitxp("list", "--group-by", "model", "--json").stdout)
    (many,) = [group for group in groups if group["keys"]["params.model"] == "many"]
    assert {key: value["best"] for key, value in many["values"].items()} == {f"metrics.m{i}": i for i in range(2500)}
    answer = gitxp("list", "--group-by", "model", "--csv")
    assert answer.stdout.split("\n")[0].count(".mean") == 100
    assert "… and 2,402 more metrics" in answer.stderr
