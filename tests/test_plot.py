"""`gitxp plot`: which runs and points are drawn, what is told of the others, and that it follows a run to its end."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.errors import UsageError
from gitxp.format import metric_path
from gitxp.plots import Drawing
from gitxp.query.smoothing import smooth
from gitxp.repo import Repo
from run_factory import Factory
from screen import ask
from terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conftest import Gitxp

NAN, INF = math.nan, math.inf
EVIL = "\x1b]0;evil\x07<script>$x_"


def summary(values: Sequence[float]) -> dict[str, Any]:
    """A metric's summary, as the record has it."""
    last, low, high = (
        value if math.isfinite(value) else repr(value) for value in (values[-1], min(values), max(values))
    )
    return {"last": last, "min": low, "max": high, "count": len(values), "step": len(values) - 1}


def series(values: Sequence[float], steps: Sequence[int] | None = None, start: float = 1_700_000_060) -> str:
    """A series file: a point every two seconds from the start of the first run."""
    numbers = steps if steps is not None else range(len(values))
    return "".join(
        f"{step}\t{start + 2 * at!r}\t{value!r}\n" for at, (step, value) in enumerate(zip(numbers, values, strict=True))
    )


def make(factory: Factory, name: str, *, steps: Sequence[int] | None = None, params: Any = None, **keys: Any) -> None:
    """A run with these metrics, by their values, which are lists, and other keys of its record."""
    named = {key.replace("__", "/"): keys.pop(key) for key in list(keys) if isinstance(keys[key], list)}
    factory.make(
        name,
        params=params,
        metrics={metric: summary(values) for metric, values in named.items()},
        files={metric_path(metric): series(values, steps) for metric, values in named.items()},
        **keys,
    )


@pytest.fixture
def runs(repo: str) -> Factory:
    """Four runs with a loss, of two models, and one without."""
    factory = Factory(repo)
    make(factory, "one", params={"lr": 0.1, "model": "cnn"}, loss=[4.0, 2.0, 1.0], acc=[0.5])
    make(factory, "two", params={"lr": 0.01, "model": "cnn"}, loss=[6.0, 4.0, 3.0], acc=[0.7])
    make(factory, "three", params={"lr": 1, "model": "mlp"}, loss=[5.0, 5.0], val__loss=[7.0, 8.0], acc=[0.9])
    factory.make("empty", params={"lr": 5, "model": "mlp"})
    make(factory, "last", params={"model": "mlp"}, loss=[1.0, 0.5], epoch=[0.0, 1.0])
    return factory


def points(*args: str) -> dict[str, Any]:
    """What `gitxp plot --json ARGS` gives."""
    status, out, err = ask("plot", "--json", *args)
    assert status == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def curves(*args: str) -> dict[str, tuple[list[float], list[float]]]:
    """The points of each curve, by its label."""
    return {curve["label"]: (curve["x"], curve["y"]) for curve in points(*args)["curves"]}


@pytest.mark.usefixtures("runs")
def test_which_runs() -> None:
    """The newest without a name, those that are named, in their order, or those of which an expression is true."""
    assert curves("loss") == {"last": ([0, 1], [1, 0.5])}
    assert list(curves("loss", "two", "one")) == ["two", "one"]
    assert list(curves("loss", "--where", "model == 'cnn'")) == ["two", "one"]
    assert list(curves("loss", "--where", "model == 'cnn'", "-n", "1")) == ["two"]


@pytest.mark.usefixtures("runs")
def test_archived_runs() -> None:
    """A run that is archived is drawn where it is named, and by an expression only with --all."""
    assert ask("archive", "one").status == 0
    assert list(curves("loss", "one")) == ["one"]
    assert list(curves("loss", "--where", "lr <= 0.1")) == ["two"]
    assert list(curves("loss", "--where", "lr <= 0.1", "--all")) == ["two", "one"]
    assert points("acc", "--against", "lr")["curves"][0]["runs"] == ["three", "two"]
    assert len(points("acc", "--against", "lr", "--all")["curves"][0]["runs"]) == 3


@pytest.mark.usefixtures("runs")
def test_json() -> None:
    """--json has the exact points, what they are of, and what is not drawn."""
    found = points("loss,val/loss", "three", "one")
    assert found["x"] == {"title": "step", "log": False}
    assert [curve["label"] for curve in found["curves"]] == ["three loss", "one loss", "three val/loss"]
    assert found["curves"][2] == {
        "label": "three val/loss",
        "metric": "val/loss",
        "runs": ["three"],
        "count": 2,
        "x": [0.0, 1.0],
        "y": [7.0, 8.0],
        "last": 8.0,
    }
    assert found["remarks"] == ["Without val/loss, and not drawn: one."]


@pytest.mark.usefixtures("runs")
def test_x_axis() -> None:
    """X is the step, the seconds since the run's start, or the value that another metric had by then."""
    assert curves("loss", "one", "--x", "step")["one"][0] == [0, 1, 2]
    assert curves("loss", "one", "--x", "time")["one"][0] == [0, 2, 4]
    assert curves("loss", "last", "--x", "epoch")["last"] == ([0, 1], [1, 0.5])
    assert curves("loss", "last", "--x", "metrics.epoch")["last"] == ([0, 1], [1, 0.5])
    assert points("loss", "one", "--x", "time")["x"] == {"title": "time", "log": False, "unit": "s"}
    missing = ask("plot", "loss", "one", "--x", "epoch")
    assert (missing.status, missing.out) == (2, b"")
    assert "one has no metric 'epoch'" in missing.err


def test_a_metric_as_x_is_its_last_value_by_then(repo: str) -> None:
    """Points between two values of the metric that is x stand at the one before; points before its first one are told of."""
    factory = Factory(repo)
    factory.make(
        "run",
        metrics={"loss": summary([5, 4, 3, 2]), "epoch": summary([1, 2])},
        files={
            metric_path("loss"): series([5, 4, 3, 2], [0, 10, 15, 20]),
            metric_path("epoch"): series([1, 2], [10, 20]),
        },
    )
    found = points("loss", "--x", "epoch")
    assert (found["curves"][0]["x"], found["curves"][0]["y"]) == ([1, 1, 2], [4, 3, 2])
    assert found["remarks"] == ["1 point is without a number for epoch: not drawn."]


def test_smoothing_comes_before_the_sampling(repo: str) -> None:
    """What is smoothed is all points, and the points from before are given beside it."""
    values = [float(number % 7) for number in range(5000)]
    make(Factory(repo), "run", loss=values)
    curve = points("loss", "--smooth", "0.9")["curves"][0]
    smoothed = smooth(values, 0.9)
    assert curve["count"] == 5000
    assert len(curve["x"]) < 2100
    assert all(smoothed[int(x)] == y for x, y in zip(curve["x"], curve["y"], strict=True))
    assert all(values[int(x)] == y for x, y in zip(curve["raw"]["x"], curve["raw"]["y"], strict=True))
    assert curve["last"] == values[-1]


@pytest.mark.usefixtures("runs")
def test_groups() -> None:
    """Runs with the same value are one curve: mean, least and greatest at each step, as far as runs go."""
    found = points("loss", "--where", "has(loss)", "--group-by", "model")["curves"]
    assert [curve["label"] for curve in found] == ["model=cnn", "model=mlp"]
    assert found[0]["runs"] == ["two", "one"]
    assert (found[0]["y"], found[0]["low"], found[0]["high"]) == ([5, 3, 2], [4, 2, 1], [6, 4, 3])
    assert (found[1]["y"], found[1]["low"], found[1]["high"]) == ([3, 2.75], [1, 0.5], [5, 5])
    assert (found[0]["last"], found[0]["count"]) == (2.0, 6)


def test_groups_of_runs_with_other_steps(repo: str) -> None:
    """Between two points of a run, its value on the line between them counts; before the first and after the last, none."""
    factory = Factory(repo)
    make(factory, "a", steps=[0, 10], params={"g": 1}, loss=[0.0, 10.0])
    make(factory, "b", steps=[5, 15], params={"g": 1}, loss=[7.0, 9.0])
    (found,) = points("loss", "a", "b", "--group-by", "g")["curves"]
    assert found["x"] == [0, 5, 10, 15]
    assert found["y"] == [0, 6, 9, 9]
    assert found["low"] == [0, 5, 8, 9]


def test_groups_of_long_runs(repo: str) -> None:
    """Of runs with more steps than the picture has columns, each column keeps the least and the greatest of the group."""
    factory = Factory(repo)
    up = [float(number) for number in range(4000)]
    down = [-number for number in up]
    up[1234], down[777] = 9999.0, -9999.0
    make(factory, "a", params={"g": 1}, loss=up)
    make(factory, "b", params={"g": 1}, loss=down)
    (found,) = points("loss", "a", "b", "--group-by", "g")["curves"]
    assert len(found["x"]) <= 1000
    assert (min(found["low"]), max(found["high"])) == (-9999, 9999)
    assert (found["x"][0], found["x"][-1]) == (0, 3999)
    assert all(low <= y <= high for low, y, high in zip(found["low"], found["y"], found["high"], strict=True))


def test_groups_of_numbers_are_in_their_order(repo: str) -> None:
    """Groups are in the order of their numbers, before those of words and those that have no value."""
    factory = Factory(repo)
    for name, params in (("a", {"n": 10}), ("b", {"n": 9}), ("c", {"n": "none"}), ("d", {}), ("e", {"n": 0.5})):
        make(factory, name, params=params, loss=[1.0, 2.0])
    labels = ["n=0.5", "n=9", "n=10", "n=none", "no n"]
    assert list(curves("loss", "--where", "has(loss)", "--group-by", "n")) == labels
    assert list(curves("loss", "--against", "loss", "--group-by", "n")) == labels


@pytest.mark.usefixtures("runs")
def test_groups_of_all_runs() -> None:
    """Without names and a question, the newest runs are grouped, as `gitxp list --group-by` does."""
    found = points("loss", "--group-by", "model")["curves"]
    assert [curve["label"] for curve in found] == ["model=cnn", "model=mlp"]
    assert found == points("loss", "--where", "has(loss)", "--group-by", "model")["curves"]
    assert sum(len(curve["runs"]) for curve in points("loss", "--group-by", "model", "-n", "3")["curves"]) < 4


def test_groups_are_those_of_the_list(repo: str) -> None:
    """Several keys make a group together; 1 and 1.0 are the same, 1 and true are not; times are as the record has them."""
    factory = Factory(repo)
    for name, value in (("a", 1), ("b", 1.0), ("c", True), ("d", "x")):
        make(factory, name, params={"n": value, "m": 0.5}, started_at="2026-01-02T03:04:05.222Z", loss=[1.0, 2.0])
    labels = ["n=1, m=0.5", "n=true, m=0.5", "n=x, m=0.5"]
    assert sorted(curves("loss", "--group-by", "n,m")) == sorted(labels)
    assert sorted(curves("loss", "--against", "m", "--group-by", "n, m")) == sorted(labels)
    listed = json.loads(ask("list", "--group-by", "n,m", "--json").out)
    assert sorted(len(curve["runs"]) for curve in points("loss", "--group-by", "n,m")["curves"]) == sorted(
        group["runs"] for group in listed
    )
    assert list(curves("loss", "--group-by", "started")) == ["started=2026-01-02T03:04:05.222Z"]
    (group,) = json.loads(ask("list", "--group-by", "started", "--json").out)
    assert "2026-01-02T03:04:05.222Z" in json.dumps(group)


def test_times_on_an_axis(repo: str) -> None:
    """A time is a day or a time of day in UTC, a duration has its unit, and neither is a number without one."""
    factory = Factory(repo)
    for day in range(1, 8):
        make(factory, f"r{day}", started_at=f"2026-01-0{day}T12:00:00.222Z", duration=3600.0 * day, loss=[1.0 * day])
    drawn = ask("plot", "loss", "--against", "started", width=80).out.decode()
    assert "2026-01-03" in drawn
    assert "started (UTC)" in drawn
    assert "2h" in ask("plot", "loss", "--against", "duration", width=80).out.decode()
    assert points("loss", "--against", "started")["x"]["unit"] == "unix time"
    assert not points("loss", "--against", "started", "--logx")["x"]["log"]


@pytest.mark.usefixtures("runs")
def test_scatter() -> None:
    """--against draws each run once, at the last values of both, in groups where that is asked for; others are counted."""
    found = points("acc", "--against", "lr", "--group-by", "model", "--logx")
    assert found["scatter"] is True
    assert [(curve["label"], curve["runs"], curve["x"], curve["y"]) for curve in found["curves"]] == [
        ("model=cnn", ["two", "one"], [0.01, 0.1], [0.7, 0.5]),
        ("model=mlp", ["three"], [1.0], [0.9]),
    ]
    assert found["remarks"] == ["2 runs without acc or lr: not drawn."]
    assert points("acc", "one", "two", "--against", "params.lr")["curves"][0]["runs"] == ["two", "one"]


@pytest.mark.usefixtures("runs")
def test_scatter_of_text() -> None:
    """Text is a category, whose place on the axis is its place in the alphabet."""
    found = points("acc", "--against", "model")
    assert found["x"]["categories"] == ["cnn", "mlp"]
    assert found["curves"][0]["x"] == [1, 0, 0]
    assert "cnn" in ask("plot", "acc", "--against", "model", width=80).out.decode()


def test_values_that_have_no_place(repo: str) -> None:
    """Numbers that are none, and on a logarithmic axis those not above 0, are gaps, and are counted."""
    factory = Factory(repo)
    make(factory, "odd", loss=[1.0, NAN, 2.0, INF, -1.0, 0.0, 3.0])
    found = points("loss", "odd", "--log")
    assert found["curves"][0]["y"] == [1, "nan", 2, "nan", "nan", "nan", 3]
    assert found["remarks"] == [
        "2 points are nan or infinite: not drawn.",
        "2 points are not above 0: not on a logarithmic axis.",
    ]
    make(factory, "zeros", loss=[0.0, -1.0])
    assert "2 points are not above 0" in ask("plot", "loss", "--log", width=80).err
    make(factory, "nans", loss=[NAN, NAN])
    assert "2 points are nan" in ask("plot", "loss", width=80).err
    assert curves("loss", "odd", "--logx")["odd"][0] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("values", [[0.25], [0.1] * 50, [1e308, -1e308], [5e-324, 0.0], [1e15, 1e15 + 1], [-0.0]])
@pytest.mark.parametrize("options", [(), ("--log",), ("--smooth", "0.9"), ("--x", "time"), ("--group-by", "name")])
def test_strange_series(repo: str, values: list[float], options: tuple[str, ...]) -> None:
    """One point, a constant, the largest and the smallest numbers are drawn without a word of error."""
    make(Factory(repo), "run", loss=values)
    status, out, err = ask("plot", "loss", *options, width=80)
    assert status == 0, err
    assert "step" in out.decode() or "time" in out.decode()


def test_steps_that_come_again(repo: str) -> None:
    """What a resumed run logged twice for a step stands there twice, in the order in which it was logged."""
    make(Factory(repo), "run", steps=[0, 10, 20, 10, 20, 30], loss=[5, 4, 3, 4.5, 3.5, 2])
    assert curves("loss")["run"] == ([0, 10, 10, 20, 20, 30], [5, 4, 4.5, 3, 3.5, 2])


def test_a_series_without_points(repo: str) -> None:
    """A series file of no points is drawn as nothing, and is no error."""
    Factory(repo).make("run", metrics={"loss": summary([1])}, files={metric_path("loss"): ""})
    status, out, err = ask("plot", "loss", width=80)
    assert (status, err) == (0, "")
    assert out.startswith(b"loss of run")


def test_damaged_series(repo: str) -> None:
    """A series that cannot be read is told of beside the others, and is an error where it is the only one."""
    factory = Factory(repo)
    factory.make("bad", metrics={"loss": summary([1])}, files={metric_path("loss"): f"1\t{EVIL}\t2\n"})
    make(factory, "good", loss=[1, 2])
    told = ask("plot", "loss", "good", "bad", width=80)
    assert told.status == 0
    assert "loss of bad cannot be drawn" in told.err
    alone = ask("plot", "loss", "bad", width=80)
    assert (alone.status, alone.out) == (9, b"")
    assert "loss of bad cannot be drawn" in alone.err
    assert "gitxp doctor" in alone.err
    both = ask("plot", "loss", "good", "bad", "--json")
    assert (both.status, [curve["label"] for curve in json.loads(both.out)["curves"]]) == (0, ["good"])
    assert "\x1b" not in told.err + alone.err
    factory.make("newer", raw=b'{"format": 99}', files={metric_path("loss"): series([1.0, 2.0])})
    assert "newer cannot be drawn. This run uses format 99" in ask("plot", "loss", "good", "newer").err
    assert ask("plot", "loss", "newer").status == 9


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        (("los", "one"), 2, "one has no metric 'los'.\nHint: There are: loss."),
        (("los", "one", "two"), 2, "None of these runs has a metric 'los'."),
        (("loss", "empty"), 2, "empty has no metric 'loss'.\nHint: It logged no metrics."),
        (("loss", "nobody"), 4, "There is no run 'nobody'."),
        (("loss", "--where", "lr > 100"), 1, "No run answers to that."),
        (("loss", "--where", "lr >"), 2, "The expression ends where something must follow."),
        (("loss", "one", "--where", "lr > 0"), 2, "RUN and --where exclude each other."),
        (("loss", "-n", "3"), 2, "-n goes with --where, --group-by or --against."),
        (("loss", "one", "-n", "3"), 2, "-n goes with --where, --group-by or --against."),
        (("loss", "--all"), 2, "--all goes with --where, --group-by or --against"),
        (
            ("loss", "--group-by", "model,nothing"),
            2,
            "No run has 'nothing': no field, parameter or metric.\n  model,nothing\n        ^^^^^^^",
        ),
        (("loss", "--smooth", "1"), 2, "--smooth is from 0 to below 1, and not 1."),
        (("loss", "--follow", "--json"), 2, "--follow goes with none of"),
        (("loss", "--json", "-o", "x.png"), 2, "--output and --json exclude each other."),
        (("acc", "--against", "lr", "--x", "time"), 2, "--against goes with neither"),
        (("acc", "--against", "nothing"), 2, "No run has 'nothing': no field, parameter or metric."),
        (("loss", "one", "--group-by", "model ="), 2, "This cannot be understood."),
        (("",), 2, "METRIC is empty."),
    ],
)
def test_mistakes(args: tuple[str, ...], status: int, message: str) -> None:
    """Each mistake is one sentence with what to do, and nothing is drawn."""
    answer = ask("plot", *args, width=80)
    assert (answer.status, answer.out) == (status, b"")
    assert f"Error: {message}" in answer.err


def test_a_metric_without_points(repo: str) -> None:
    """A metric of which only the last value was told is not said to be missing."""
    factory = Factory(repo)
    factory.make("told", metrics={"loss": summary([1])})
    answer = ask("plot", "loss", "told")
    assert answer.status == 2
    assert "Error: told has no series of 'loss', only its last value." in answer.err
    factory.make("second", metrics={"loss": summary([2])})
    answer = ask("plot", "loss", "--where", "loss > 0")
    assert "Error: None of these runs has a series of 'loss', only its last value." in answer.err


def test_repo_checks_too(repo: str) -> None:
    """From Python, what the command line would not let through is refused as well."""
    make(Factory(repo), "run", loss=[1, 2])
    here = Repo()
    runs = here.runs()
    with pytest.raises(UsageError, match="no sampling 'mean'"):
        here.plot(runs, ["loss"], Drawing(sampling="mean"))
    with pytest.raises(UsageError, match="one column"):
        here.plot(runs, ["loss"], Drawing(columns=0))
    assert len(here.plot(runs, ["loss"], Drawing(columns=1)).curves[0].xs) == 2


def test_hostile_names(repo: str) -> None:
    """Nothing of a metric, a parameter or a title reaches the terminal as it is."""
    factory = Factory(repo)
    factory.make("a", params={EVIL: EVIL}, metrics={EVIL: summary([1])}, files={metric_path(EVIL): series([1, 2])})
    factory.make(
        "b", params={EVIL: "\u202e日本語"}, metrics={EVIL: summary([2])}, files={metric_path(EVIL): series([2, 3])}
    )
    key = f"params[{json.dumps(EVIL)}]"
    for args in (
        (EVIL,),
        (EVIL, "a", "b", "--group-by", key),
        (EVIL, "--title", EVIL),
        (f"metrics[{json.dumps(EVIL)}]", "--against", key),
    ):
        status, out, err = ask("plot", "--color", "never", *args, width=60)
        assert status == 0, err
        # what a frame of the picture is written with, on a terminal
        shown = out.decode().replace("\x1b[K\n", "\n").replace("\x1b[J", "") + err
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown)
        assert r"\x1b]0;evil" in shown
    assert EVIL in points(EVIL)["title"]


@pytest.mark.usefixtures("runs")
def test_colors_only_where_they_are_wanted(gitxp: Gitxp) -> None:
    """A pipe gets neither colors nor cursor movements, unless colors are asked for."""
    plain = gitxp("plot", "loss", "one", "two").stdout
    assert "\x1b" not in plain
    assert "\x1b[32m" in gitxp("plot", "loss", "one", "two", "--color", "always").stdout
    ascii_only = gitxp("plot", "loss", "one", env={"PYTHONIOENCODING": "ascii"}).stdout
    assert ascii_only.isascii()
    assert "*" in ascii_only


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize("width", [80, 120, 200])
def test_width(gitxp: Gitxp, width: int) -> None:
    """A plot fills the width that it has, and no more."""
    lines = gitxp("plot", "loss", "one", env={"COLUMNS": str(width)}).stdout.splitlines()
    assert max(map(len, lines)) == width


TERMINAL = {"TERM": "xterm", "COLUMNS": ""}
SCRIPT = """\
import gitxp, sys
for step in range(50):
    gitxp.log({"loss": 50 - step}, step=step)
print("ready", flush=True)
sys.stdin.readline()
for step in range(50, 100):
    gitxp.log({"loss": 50 - step}, step=step)
"""


def test_follow(repo: str, gitxp: Gitxp) -> None:
    """--follow draws a running run in place of the last picture, and ends with the run, with all of its points."""
    with open("slow.py", "w", encoding="utf-8") as file:
        file.write(SCRIPT)
    run = gitxp.start("run", "--name", "slow", sys.executable, "slow.py", stdin=subprocess.PIPE)
    assert run.stdin is not None
    assert run.stdout is not None
    assert run.stdout.readline() == b"ready\n"
    with Terminal("plot", "loss", "--follow", cwd=repo, env=TERMINAL) as terminal:
        terminal.expect(rb"slow 1\b")
        run.stdin.write(b"\n")
        run.stdin.flush()
        terminal.expect(rb"\x1b\[\d+A\r[^$]*slow -49\b")
        assert terminal.wait() == 0
    run.communicate()
    assert run.returncode == 0


def test_follow_fits_the_terminal_and_is_left_by_ctrl_c(repo: str, gitxp: Gitxp) -> None:
    """A terminal that becomes narrower gets narrower pictures; Ctrl-C ends it below the picture, and not the run."""
    with open("slow.py", "w", encoding="utf-8") as file:
        file.write(SCRIPT)
    run = gitxp.start("run", "--name", "slow", sys.executable, "slow.py", stdin=subprocess.PIPE)
    assert run.stdout is not None
    assert run.stdout.readline() == b"ready\n"
    with Terminal("plot", "loss", "--follow", cwd=repo, env=TERMINAL) as terminal:
        terminal.expect(rb"slow 1\b")
        assert max(map(len, frames(terminal)[-1])) == 80
        terminal.resize(30, 50)
        terminal.type(b"\x03")
        assert terminal.wait() in (130, -2)
        assert terminal.seen.decode().endswith("^C\r\n")
    assert run.poll() is None
    run.communicate(b"\n")
    assert run.returncode == 0


def frames(terminal: Terminal) -> list[list[str]]:
    """The pictures that a terminal was shown, as lines without what moves the cursor or colors."""
    found = re.split(r"\x1b\[\d+A\r", terminal.seen.decode())
    return [re.sub(r"\x1b\[[\d;]*[A-Za-z]", "", frame).splitlines() for frame in found]
