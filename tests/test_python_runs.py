from __future__ import annotations

import copy
import json
import math
import pickle
from typing import TYPE_CHECKING, Any

import pandas
import polars
import pyarrow
import pytest
from pyarrow import parquet

import gitxp
from gitxp import runs as list_runs
from gitxp.errors import UnknownRun, UsageError
from gitxp.frames import frame as module
from gitxp.frames.frame import Frame, MissingLibrary, column_of
from run_factory import Factory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Gitxp = Callable[..., Any]

EVIL = "<script>alert(1)</script>\x1b[31m"


def summary(*values: float | str) -> dict[str, Any]:
    """A metric with these values."""
    return {"last": values[-1], "min": values[0], "max": values[-1], "count": len(values), "step": len(values) - 1}


def points(*values: float) -> str:
    """A series as it is stored, a second a step."""
    return "".join(f"{step}\t{1000 + step}.5\t{value!r}\n" for step, value in enumerate(values))


@pytest.fixture
def runs(repo: str) -> Factory:
    """Three runs: two with a loss and its series, one that failed."""
    factory = Factory(repo)
    factory.make(
        "first",
        params={"lr": 0.1, "opt": "adam", "mixed": 1, "layers": [64, 32]},
        metrics={"loss": summary(0.9, 0.5)},
        files={".gitxp/metrics/loss.tsv": points(0.9, 0.5), ".gitxp/artifacts/out/model.pkl": b"\x80weights"},
        outputs=[{"path": "out/model.pkl", "size": 8, "stored": True}],
        tags=["good"],
    )
    factory.make(
        "second",
        params={"lr": 1, "opt": "sgd", "mixed": "one"},
        metrics={"loss": summary("nan"), "acc": summary(1)},
        files={".gitxp/metrics/loss.tsv": points(0.7, 0.6, math.nan)},
    )
    factory.make("third", status="failed", exit_code=1, duration=None, params={"big": 2**70})
    return factory


@pytest.mark.usefixtures("runs")
def test_runs_are_a_sequence() -> None:
    """Length, places, slices, names and loops; the newest first, or as sorted."""
    found = gitxp.runs()
    assert [run.name for run in found] == list(found.names) == ["third", "second", "first"]
    assert (len(found), found[0].name, found[-1].name, found["second"].name) == (3, "third", "first", "second")
    assert [run.name for run in found[1:]] == ["second", "first"]
    assert [run.name for run in gitxp.runs("has(loss)", "lr")] == ["first", "second"]
    assert [run.name for run in gitxp.runs(sort="name", limit=2)] == ["first", "second"]
    assert found[0] in found
    with pytest.raises(IndexError):
        found[3]
    with pytest.raises(KeyError):
        found["gone"]
    assert repr(found) == "<3 runs: third, second, first>"
    assert not gitxp.runs("lr > 5")


def test_nothing_is_read_before_it_is_looked_at(repo: str) -> None:
    """A sequence in a folder that is no repository, with a question that means nothing, costs nothing until then."""
    Factory(repo).make("only")
    found = gitxp.runs("nonsense <")
    with pytest.raises(UsageError, match="ends where something must follow"):
        len(found)


@pytest.mark.usefixtures("runs")
def test_runs_go_to_other_processes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Runs, one run and a repository can be copied and pickled; what comes out reads for itself, from anywhere."""
    found = gitxp.runs("loss < 1 or not has(loss)", "name")
    first = found[0]
    data = pickle.dumps((found, first, gitxp.Repo()))
    copied = copy.deepcopy(first)
    monkeypatch.chdir(tmp_path)
    other, one, repo = pickle.loads(data)  # noqa: S301  (made here)
    assert list(other) == list(found)
    assert one == copied == first
    assert list(one.metrics["loss"].values) == list(copied.metrics["loss"].values) == [0.9, 0.5]
    assert one.artifacts["model.pkl"].read_bytes() == b"\x80weights"
    assert [run.name for run in repo.runs()] == ["third", "second", "first"]


@pytest.mark.usefixtures("runs")
def test_what_is_among_runs() -> None:
    """A run or a name is among them or not, and a place beyond the last is told by how many there are."""
    found = gitxp.runs("has(loss)")
    assert "first" in found
    assert found[0] in found
    assert "third" not in found
    assert gitxp.runs()["third"] not in found
    assert 0 not in found
    with pytest.raises(IndexError, match="there are 2 runs"):
        found[2]


def test_a_run_that_was_removed_meanwhile(repo: str, git: Any) -> None:
    """What was found stays as it was found; a run that is gone when it is read is named."""
    Factory(repo).make("only")
    found = gitxp.runs()
    assert len(found) == 1
    git("update-ref", "-d", "refs/experiments/only")
    with pytest.raises(UnknownRun, match="only"):
        found[0]


@pytest.mark.usefixtures("runs")
def test_more_runs_than_are_read_together(repo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs come in their order however they are read; a slice of a slice, too."""
    monkeypatch.setattr("gitxp.api.runs._CHUNK", 4)
    Factory(repo).make_many(21)
    found = gitxp.runs('name ~ "^run-"', "name")
    names = [f"run-{number:04d}" for number in range(1, 22)]
    assert [run.name for run in found] == names
    assert [found[place].name for place in (20, 0, 13, -1)] == [names[place] for place in (20, 0, 13, -1)]
    assert [run.name for run in found[3:17][::-2]] == names[3:17][::-2]


@pytest.mark.usefixtures("runs")
def test_a_metric_is_a_number_and_knows_its_series() -> None:
    """It computes as its last value, and has all points as arrays."""
    run = gitxp.runs()["first"]
    loss = run.metrics["loss"]
    assert (loss, loss.last, loss + 1, loss.min, loss.max, loss.count, loss.step) == (0.5, 0.5, 1.5, 0.9, 0.5, 2, 1)
    assert list(loss.values) == [0.9, 0.5]
    assert list(loss.steps) == [0, 1]
    assert list(loss.times) == [1000.5, 1001.5]
    assert math.isnan(gitxp.runs()["second"].metrics["loss"])
    assert list(gitxp.runs()["second"].metrics["acc"].values) == []
    assert json.dumps(loss) == "0.5"
    assert pickle.loads(pickle.dumps(loss)) == 0.5  # noqa: S301  (made here)
    assert (run.params["lr"], run.tags, run.status, run.command[0]) == (0.1, ("good",), "completed", "python")
    assert run.started_at is not None
    assert run.started_at.tzinfo is not None
    assert gitxp.runs()["third"].duration is None


@pytest.mark.usefixtures("runs")
def test_artifacts_are_bytes(tmp_path: Path) -> None:
    """By the path, or by its end; nothing is loaded as anything; a file that is there is not replaced."""
    artifacts = gitxp.runs()["first"].artifacts
    assert list(artifacts) == ["out/model.pkl"]
    assert artifacts["model.pkl"].read_bytes() == artifacts["out/model.pkl"].read_bytes() == b"\x80weights"
    assert artifacts["model.pkl"].size == 8
    assert "gone.pkl" not in artifacts
    saved = artifacts["model.pkl"].save(tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"\x80weights"
    with pytest.raises(UsageError):
        artifacts["model.pkl"].save(saved)


COLUMNS = (
    "name id status exit_code signal started_at finished_at duration command cwd branch base user host group title "
    "parent_run commit ref dirty starred archived tags notes"
).split()


@pytest.mark.usefixtures("runs")
def test_names_of_columns_stay() -> None:
    """Gitxp's own are always there, in this order; parameters and metrics follow by name."""
    params = ["params.big", "params.layers", "params.lr", "params.mixed", "params.opt"]
    frame = gitxp.runs().frame()
    assert list(frame.columns) == [*COLUMNS, *params, "metrics.acc", "metrics.loss"]
    assert list(gitxp.runs(limit=0).frame().columns) == COLUMNS
    stats = list(gitxp.runs().frame(stats=True).columns)
    assert stats[-4:] == ["metrics.loss.min", "metrics.loss.max", "metrics.loss.count", "metrics.loss.step"]


@pytest.mark.usefixtures("runs")
def test_pandas() -> None:
    """Numbers are numbers, times are times, what is missing is missing, and mixed values are text."""
    data = gitxp.runs(sort="name").to_pandas()
    assert list(data["name"]) == ["first", "second", "third"]
    assert list(data["params.lr"])[:2] == [0.1, 1.0]
    assert data["params.lr"].dtype == "float64"
    assert list(data["params.mixed"])[:2] == ["1", "one"]
    assert data["params.mixed"][0] == "1"
    assert data["params.layers"][0] == "[64, 32]"
    assert data["params.big"][2] == float(2**70)
    assert data["metrics.loss"][0] == 0.5
    assert data["metrics.loss"].isna().sum() == 2
    assert list(data["exit_code"]) == [0, 0, 1]
    assert str(data["started_at"].dt.tz) == "UTC"
    assert data["tags"][0] == ["good"]


@pytest.mark.usefixtures("runs")
def test_polars_and_arrow_have_the_same_values() -> None:
    """Row by row what pandas has; nan is a number there and null is what is missing."""
    found = gitxp.runs(sort="name")
    frame, table = found.to_polars(), found.to_arrow()
    assert isinstance(frame, polars.DataFrame)
    assert isinstance(table, pyarrow.Table)
    for name in ("name", "params.lr", "params.mixed", "exit_code", "tags", "duration", "started_at", "starred"):
        assert frame[name].to_list() == table[name].to_pylist() == list(found.frame()[name])
    loss = table["metrics.loss"].to_pylist()
    assert loss[0] == 0.5
    assert math.isnan(loss[1])
    assert loss[2] is None


@pytest.mark.usefixtures("runs")
def test_series_as_a_long_table() -> None:
    """A row for each point; all metrics, or those that are named; runs without one are passed over."""
    data = gitxp.runs(sort="name").series("loss").to_pandas()
    assert list(data.columns) == ["run", "metric", "step", "time", "value"]
    assert list(data["run"]) == ["first"] * 2 + ["second"] * 3
    assert list(data["step"]) == [0, 1, 0, 1, 2]
    assert list(data["time"])[:2] == [1000.5, 1001.5]
    assert list(data["value"])[:4] == [0.9, 0.5, 0.7, 0.6]
    assert math.isnan(list(data["value"])[4])
    assert len(gitxp.runs().series()) == 5
    assert len(gitxp.runs('params.opt == "adam"').series("metrics.loss")) == 2
    with pytest.raises(UsageError, match="There is no metric 'los'"):
        gitxp.runs().series("los")


def test_a_library_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the extra that brings it."""

    def missing(name: str) -> object:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("importlib.import_module", missing)
    assert module
    with pytest.raises(MissingLibrary) as caught:
        Frame({}).to_arrow()
    assert (caught.value.message, caught.value.hint) == ("pyarrow is not installed.", "pip install 'gitxp[arrow]'")


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([True, None], "bool", [True, None]),
        ([1, 2], "int", [1, 2]),
        ([1, 0.5], "float", [1.0, 0.5]),
        ([True, 1], "text", ["true", "1"]),
        ([1, "1"], "text", ["1", "1"]),
        (["\ud800", None], "text", ["\ufffd\ufffd\ufffd", None]),
        ([[1, "a"]], "text", ['[1, "a"]']),
        ([None], "text", [None]),
        ([2**63, 1], "float", [float(2**63), 1.0]),
        ([2**64 - 1, 1, None], "text", [str(2**64 - 1), "1", None]),
        ([2**53 + 1, 0.5], "text", [str(2**53 + 1), "0.5"]),
        ([2**53 + 2, math.inf], "float", [2.0**53 + 2, math.inf]),
        ([10**400], "text", [str(10**400)]),
    ],
)
def test_a_column_has_one_type(values: list[Any], kind: str, expected: list[Any]) -> None:
    """The narrowest that all values have, text where they have none in common, and no number becomes another."""
    column = column_of(values)
    assert (column.kind, list(column.values)) == (kind, expected)


def test_numbers_that_were_measured_stay_numbers() -> None:
    """A series has floats alone, so the least and the greatest of one may be rounded."""
    assert column_of([2**64 - 1, 0.5, 10**400], rounded=True) == ("float", [2.0**64, 0.5, math.inf])


def test_a_metric_that_is_a_large_whole_number_is_a_float_in_tables(repo: str) -> None:
    """No library is left to refuse whole numbers that no float is equal to, as pyarrow does."""
    large = [2**53 + 1, 10**300, 3]
    for number, value in enumerate(large):
        Factory(repo).make(f"run-{number}", metrics={"n": {"last": value, "min": value}})
    runs = gitxp.runs(sort="name")
    expected = list(map(float, large))
    for column in ("metrics.n", "metrics.n.min"):
        assert runs.to_arrow(stats=True)[column].to_pylist() == expected
        assert runs.to_polars(stats=True)[column].to_list() == expected
        assert list(runs.to_pandas(stats=True)[column]) == expected


def test_tables_have_how_long_a_run_has_been_running(repo: str, gitxp: Gitxp) -> None:
    """Export and frames have of it what the list has, the time so far."""
    Factory(repo).make("alive", status="running", exit_code=None, finished_at=None, duration=None)
    Factory(repo).make("done")
    listed = gitxp("list", "--csv", "--columns", "duration", "--sort", "name").stdout.split()[1:]
    (exported,) = json.loads(gitxp("export", "alive", "--format", "json").stdout)
    durations = list_runs(sort="name").frame()["duration"]
    assert float(listed[0]) <= exported["duration"] <= durations[0] < float(listed[0]) + 600
    assert (durations[1], float(listed[1])) == (1.5, 1.5)


@pytest.mark.usefixtures("runs")
def test_a_limit_below_zero_is_no_limit() -> None:
    """It is refused: as a slice it would leave out the oldest runs."""
    with pytest.raises(UsageError, match="limit is from 0 on, and not -1"):
        gitxp.runs(limit=-1)


def test_a_table_in_a_notebook_is_harmless(repo: str) -> None:
    """Whatever runs say is text in it: no markup, no controls."""
    factory = Factory(repo)
    factory.make("evil", params={EVIL: EVIL}, command=["python", EVIL])
    factory.make("other", params={EVIL: 1})
    html = gitxp.runs()._repr_html_()
    assert "<script" not in html
    assert "\x1b" not in html
    assert "&lt;script&gt;" in html
    assert gitxp.runs(limit=0)._repr_html_() == "<p>no runs</p>"


@pytest.mark.usefixtures("runs")
def test_a_notebook_says_how_many_more(repo: str) -> None:
    """Twenty rows, and the number of the others."""
    Factory(repo).make_many(30)
    html = gitxp.runs()._repr_html_()
    assert html.count("<tr>") == 21
    assert "13 more runs" in html


@pytest.mark.usefixtures("runs")
def test_export_csv_json_and_parquet_agree(gitxp: Gitxp, tmp_path: Path) -> None:
    """The same columns and values in each, as the records have them."""
    listed = json.loads(gitxp("export", "--format", "json", "--sort", "name").stdout)
    csv_file, parquet_file = tmp_path / "runs.csv", tmp_path / "runs.parquet"
    gitxp("export", "-o", csv_file, "--sort", "name")
    gitxp("export", "-o", parquet_file, "--sort", "name")
    data = pandas.read_csv(csv_file)
    table = parquet.read_table(parquet_file)
    assert list(data.columns) == table.column_names == list(listed[0])
    assert [row["params.lr"] for row in listed] == table["params.lr"].to_pylist() == [0.1, 1.0, None]
    assert [row["metrics.loss"] for row in listed] == [0.5, "nan", None]
    assert list(data["name"]) == table["name"].to_pylist() == ["first", "second", "third"]
    record = json.loads(gitxp("list", "--json").stdout)[-1]
    assert listed[0]["started_at"] == record["started_at"]
    assert listed[0]["duration"] == record["duration"]


@pytest.mark.usefixtures("runs")
def test_export_of_series(gitxp: Gitxp) -> None:
    """All points of the named metrics of the runs that are asked for."""
    lines = gitxp("export", "--series", "loss", "--where", 'params.opt == "adam"').stdout.splitlines()
    assert lines == ["run,metric,step,time,value", "first,loss,0,1000.5,0.9", "first,loss,1,1001.5,0.5"]
    assert gitxp("export", "first", "--series", "'loss', loss").stdout.splitlines() == lines
    assert len(json.loads(gitxp("export", "second", "--series", "*", "--format", "json").stdout)) == 3
    for name in ("metrics.loss", 'metrics["loss"]', '"loss"'):
        assert gitxp("export", "--series", name, "--where", 'params.opt == "adam"').stdout.splitlines() == lines


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("name", "message"),
    [("los", "There is no metric 'los'.\nHint: There are: loss."), ("loss.min", "'loss.min' is one number of each run."),
     ("metrics.los", "No run has a metric 'los'."), ("", "METRIC is empty.")],
)  # fmt: skip
def test_series_that_no_run_has(gitxp: Gitxp, name: str, message: str) -> None:
    """A metric that was mistyped is a mistake with the names that are near, and no empty table."""
    answer = gitxp("export", "--series", name, check=False)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert f"Error: {message}" in answer.stderr


@pytest.fixture
def damaged(runs: Factory) -> Factory:
    """Two runs more: one with a damaged series, one of another format."""
    runs.make("odd", metrics={"loss": summary(1)}, files={".gitxp/metrics/loss.tsv": "nonsense\n"})
    runs.make("newer", raw=b'{"format": 99}', files={".gitxp/metrics/loss.tsv": points(1)})
    return runs


@pytest.mark.damaged
@pytest.mark.usefixtures("damaged")
def test_what_cannot_be_read_hides_no_other_series(gitxp: Gitxp) -> None:
    """A damaged series and a run of another format are left out and named; the points of the other runs are all there."""
    answer = gitxp("export", "--series", "loss")
    assert answer.stdout == gitxp("export", "--series", "loss", "--where", "opt == 'adam' or opt == 'sgd'").stdout
    assert len(answer.stdout.splitlines()) == 6
    assert "Warning: loss of odd is left out: line 1" in answer.stderr
    assert "Warning: newer is left out. This run uses format 99" in answer.stderr


@pytest.mark.damaged
@pytest.mark.usefixtures("damaged")
def test_series_that_cannot_be_read_are_warned_of() -> None:
    """From Python, what is left out of a table of series is a warning each."""
    with pytest.warns(UserWarning, match="left out") as warned:
        assert len(gitxp.runs().series("loss")) == 5
    assert len(warned) == 2


def test_series_where_there_are_no_runs(repo: str, gitxp: Gitxp) -> None:
    """Without any run the table has its heading and no rows."""
    del repo
    assert gitxp("export", "--series", "loss").stdout == "run,metric,step,time,value\n"


def test_export_is_no_formula(repo: str, gitxp: Gitxp) -> None:
    """A text that a spreadsheet would reckon with does not begin as a formula does; numbers stay numbers."""
    Factory(repo).make("evil", params={"=1+1": "=HYPERLINK(0)", "n": -0.5}, group="@x", title="-1+cmd|x", host="\t=1")
    lines = gitxp("export").stdout
    import csv

    (heading, row) = csv.reader(lines.splitlines())
    cells = dict(zip(heading, row, strict=True))
    assert cells["params.n"] == "-0.5"
    for text in (cells["group"], cells["title"], cells["host"], cells["params.=1+1"]):
        assert text[0] not in "=+-@\t\r"


@pytest.mark.usefixtures("runs")
def test_export_replaces_no_file(gitxp: Gitxp, tmp_path: Path) -> None:
    """A file that is there stays without --force; what fails leaves nothing behind."""
    target = tmp_path / "runs.csv"
    target.write_text("mine")
    refused = gitxp("export", "-o", target, check=False)
    assert refused.returncode == 2
    assert target.read_text() == "mine"
    gitxp("export", "-o", target, "--force")
    assert target.read_text().startswith("name,id,status")
    missing = gitxp("export", "-o", tmp_path / "no" / "runs.csv", check=False)
    assert (missing.returncode, "no folder" in missing.stderr) == (2, True)
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith("tmp")] == []


@pytest.mark.usefixtures("repo")
def test_export_of_more_rows_than_a_piece(gitxp: Gitxp, monkeypatch: pytest.MonkeyPatch) -> None:
    """The headings are written once, each row too."""
    from gitxp.render import frames

    monkeypatch.setattr(frames, "_CHUNK", 3)
    columns = {'a"\n': ("text", list("1234567")), "b": ("int", [*range(6), None])}
    text = "".join(frames.frame_csv(columns, safe=False))
    assert text == '"a""\n",b\n' + "".join(f"{number + 1},{number}\n" for number in range(6)) + "7,\n"
    assert json.loads("".join(frames.frame_json(columns))) == [
        {'a"\n': str(number + 1), "b": number if number < 6 else None} for number in range(7)
    ]
    assert json.loads(gitxp("export", "--format", "json").stdout) == []
    assert gitxp("export").stdout.startswith("name,id")
