"""A goal in gitxp.yaml, and how near runs came to it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from gitxp.capture.config_text import edit_block
from gitxp.errors import ConfigError, UsageError
from gitxp.growth import Plan
from gitxp.names import RunName
from gitxp.query.fields import Names
from gitxp.query.goal import Spent, measure, parse_goal
from gitxp.query.source import QueryError
from gitxp.render.goal import render_goal
from gitxp.render.measure import width_of
from gitxp.render.style import Style
from gitxp.repo import Repo
from run_factory import START, Factory, make_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = Names({"lr", "acc2"}, {"acc", "train/loss"})
DAY = 86_400.0


def summary(last: float) -> dict[str, Any]:
    """A metric of one point."""
    return {"last": last, "min": last, "max": last, "count": 1, "step": 0}


@pytest.mark.parametrize(
    ("text", "title", "operator", "target"),
    [
        ("metrics.acc >= 0.95", "metrics.acc", ">=", 0.95),
        ("acc > 1", "metrics.acc", ">", 1.0),
        ("0.2 > train/loss", "metrics.train/loss", "<", 0.2),
        ("metrics.new.max <= -3", "metrics.new.max", "<=", -3.0),
        ('metrics["a b"] < 1e-3', "metrics.a b", "<", 0.001),
    ],
)
def test_a_goal_is_one_comparison(text: str, title: str, operator: str, target: float) -> None:
    """The metric may be in short where a run has it, and one that no run has yet in full."""
    key, sign, number = parse_goal(text, NAMES, 0)
    assert (key.title, sign, number) == (title, operator, target)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("acc >= 0.9 and lr < 1", 0),
        ("0.5 < acc < 0.9", 12),
        ("acc == 0.9", 0),
        ("lr < 0.1", 0),
        ("ac >= 0.9", 0),
        ("metrics.acc >= metrics.f1", 15),
        ("metrics.acc >= inf", 15),
    ],
)
def test_what_is_no_goal_is_pointed_at(text: str, place: int) -> None:
    """The error shows the text, and a mark below the character that is wrong."""
    with pytest.raises(QueryError) as caught:
        parse_goal(text, NAMES, 0)
    _, line, marks = caught.value.message.split("\n")
    assert line == f"  {text}"
    assert marks.index("^") == 2 + place


@pytest.mark.parametrize(
    ("text", "names", "hint"),
    [
        ("loss < 1", Names(), "written in full"),
        ("val/loss < 1", Names(), "written in full"),
        ("f1 > 0.9", NAMES, "written in full"),
        ("ac >= 0.9", NAMES, "Near it: metrics.acc"),
        ("acc > lr2", NAMES, "Near it: params.lr"),
    ],
)
def test_a_metric_that_no_run_has_yet(text: str, names: Names, hint: str) -> None:
    """A goal may come before the first run: how its metric is written then is told, unless it was mistyped."""
    with pytest.raises(QueryError) as caught:
        parse_goal(text, names, 0)
    assert hint in (caught.value.hint or "")


BLOCK: dict[str, str | int] = {"reach": "metrics.acc >= 0.95", "until": "2026-12-31"}
WRITTEN = "goal:\n  reach: metrics.acc >= 0.95\n  until: 2026-12-31\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", WRITTEN),
        ("# mine\n", f"# mine\n\n{WRITTEN}"),
        ("probe: true # why", f"probe: true # why\n\n{WRITTEN}"),
        ('data: [ "a",b ]\n\n', f'data: [ "a",b ]\n\n{WRITTEN}'),
        (
            "goal:  # soon\nprobe: true\n",
            "goal:  # soon\n  reach: metrics.acc >= 0.95\n  until: 2026-12-31\nprobe: true\n",
        ),
        (
            "goal:\n    # the point\n    reach: 'metrics.acc > 1' # high\n    budget: 3h\n\n# next\nprobe: true\n",
            "goal:\n    # the point\n    reach: metrics.acc >= 0.95 # high\n    until: 2026-12-31\n\n# next\nprobe: true\n",
        ),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_setting_changes_the_goal_alone(before: str, after: str, end: str) -> None:
    """Comments, order, quotes, blank lines and the ends of lines stay as they were."""
    if end == "\r\n" and "\n" not in before:
        pytest.skip("a text of one line has no end that could tell")
    before, after = before.replace("\n", end), after.replace("\n", end)
    assert edit_block(before.encode(), "goal", BLOCK) == after.encode()
    assert edit_block(after.encode(), "goal", BLOCK) == after.encode()


def test_clearing_takes_the_goal_alone() -> None:
    """What stands before and behind the goal stays, to the byte."""
    text = f"# a\nprobe: true\n{WRITTEN}# b\nstorage: 'x' # y\n"
    assert edit_block(text.encode(), "goal", None) == b"# a\nprobe: true\n# b\nstorage: 'x' # y\n"
    assert edit_block(b"probe: true\n", "goal", None) == b"probe: true\n"


@pytest.mark.parametrize(
    "text",
    [
        "{probe: true}\n",
        "goal: {reach: x > 1}\n",
        "probe: true\n...\n",
        "goal: &a\n  reach: x > 1\nlist:\n  columns: [a\n",
    ],
)
def test_what_cannot_be_edited_is_refused(text: str) -> None:
    """A file in another style, or a broken one, is left as it is, with a hint of what to write."""
    with pytest.raises(ConfigError) as caught:
        edit_block(text.encode(), "goal", BLOCK)
    assert "reach: metrics.acc >= 0.95" in str(caught.value.hint)


@pytest.mark.parametrize(
    "value", ["a: b", "x # y", "'", '"', "- 1", "40", "true", "ü ☃", "\x1b[31m", "{a}", "&x", "a\nb"]
)
def test_every_text_is_written_so_that_it_reads_back(value: str) -> None:
    """PyYAML, which did not write it, reads the same text."""
    edited = edit_block(b"probe: true\n", "goal", {"reach": "metrics.x > 1", "where": value})
    assert yaml.safe_load(edited)["goal"]["where"] == value


def test_a_link_is_not_written_through(repo: str, tmp_path: Path) -> None:
    """A gitxp.yaml that came with a checkout may lead to a file outside: that one stays as it is."""
    outside = tmp_path / "outside"
    outside.write_text("probe: true\n")
    os.symlink(outside, os.path.join(repo, "gitxp.yaml"))
    with Repo(repo) as opened, pytest.raises(ConfigError):
        opened.set_goal("metrics.acc > 1")
    assert outside.read_text() == "probe: true\n"


def test_progress_is_what_plain_python_finds() -> None:
    """Best, gap, time, runs and steps of runs that failed, run, have no value, or began before."""
    plan = Plan("loss <= 0.2", "metrics.loss", "<=", 0.2, budget=100.0, since=DAY, until=10 * DAY)
    rows = [
        ("early", "completed", 0.0, DAY - 1, 50.0, 0.1),
        ("a", "completed", DAY, DAY + 10, 10.0, 0.9),
        ("b", "failed", DAY + 20, DAY + 25, 5.0, None),
        ("c", "completed", DAY + 30, 3 * DAY, 20.0, 0.5),
        ("worse", "completed", DAY + 40, 3 * DAY + 1, 1.0, 0.7),
        ("nan", "completed", DAY + 50, 3 * DAY + 2, 1.0, float("nan")),
        ("running", "running", 4 * DAY, None, 7.0, None),
    ]
    progress = measure(plan, [Spent(RunName(name), *rest) for name, *rest in rows], 5 * DAY)  # type: ignore[arg-type]
    assert [(step.name, step.before, step.after) for step in progress.steps] == [("a", None, 0.9), ("c", 0.9, 0.5)]
    assert progress.best == progress.steps[-1]
    assert progress.gap == pytest.approx(0.3)
    assert (progress.runs, progress.measured, progress.running, progress.seconds) == (6, 3, 1, 44.0)
    assert progress.days == (("1970-01-02", 0.9), ("1970-01-04", 0.5))
    assert progress.days_left == 5
    assert progress.reached is None
    done = measure(plan, [Spent(RunName("d"), "completed", 2 * DAY, 2 * DAY, 1.0, 0.2)], 5 * DAY)
    assert (done.gap, done.reached) == (0, done.best)
    rows.append(("so far", "running", 2 * DAY, None, 7.0, 0.3))
    going = measure(plan, [Spent(RunName(name), *rest) for name, *rest in rows], 5 * DAY)  # type: ignore[arg-type]
    assert [(step.name, step.at) for step in going.steps][-2:] == [("c", 3 * DAY), ("so far", 5 * DAY)]


def test_goal_of_a_repository(repo: str, gitxp: Callable[..., Any]) -> None:
    """Set, shown with what changed, and cleared; no commit is made."""
    factory = Factory(repo)
    factory.make("one", params={"lr": 0.1}, metrics={"acc": summary(0.5)})
    factory.make("two", params={"lr": 0.3}, metrics={"acc": summary(0.75)}, parent_run=make_id(1))
    assert gitxp("goal", "--json").stdout == "null\n"
    gitxp("goal", "set", "acc >= 1", "--budget", "1h", "--runs", "10", "--until", "2024-01-01")
    with open("gitxp.yaml", encoding="utf-8") as file:
        assert yaml.safe_load(file)["goal"]["reach"] == "metrics.acc >= 1"
    told = json.loads(gitxp("goal", "--json").stdout)
    assert told["best"]["name"] == "two"
    assert told["improvements"][1]["params"] == {"lr": [0.1, 0.3]}
    assert (told["gap"], told["runs"]["spent"], told["seconds"]) == (0.25, 2, {"spent": 3.0, "budget": 3600.0})
    assert "lr 0.1 → 0.3" in gitxp("goal").stdout
    assert gitxp("tree", "--json").stdout.count('"metric": "acc"') == 2
    with Repo(repo) as opened:
        progress = opened.goal(now=START + 1000.0)
        assert progress is not None
        for width in (40, 80, 120, 200):
            assert max(map(width_of, render_goal(progress, width=width, style=Style()).splitlines())) <= width
        assert opened.clear_goal()
        assert opened.goal() is None
        with pytest.raises(UsageError):
            opened.set_goal("metrics.acc > 1", budget="soon")
    assert gitxp("goal", "set", check=False).returncode == 2


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ('metrics["=m,"] > 3', 'metrics["=m,"] > 3'),
        ('metrics["=m,"].max >= 3.0', 'metrics["=m,"].max >= 3.0'),
        ("short >= 100", "metrics.short >= 100"),
        ("1e-3 > short.min", "metrics.short.min < 0.001"),
    ],
)
def test_any_metric_may_be_the_goal(repo: str, gitxp: Callable[..., Any], typed: str, written: str) -> None:
    """What is written of a goal is understood again, whatever its metric is called, and the tree tells gains of it."""
    factory = Factory(repo)
    one = {"last": 4, "min": 2, "max": 5, "count": 2, "step": 1}
    factory.make("a", metrics={"=m,": one, "short": one, "aaa": one})
    gitxp("goal", "set", typed)
    assert f"Goal     {written}\n" in gitxp("goal").stdout or f"Goal  {written}\n" in gitxp("goal").stdout
    assert "as the goal says" in " ".join(gitxp("tree").stderr.split())
    assert json.loads(gitxp("tree", "--json").stdout)[0]["metric"] in f"{written} metrics."


@pytest.mark.usefixtures("repo")
def test_what_a_new_goal_took_the_place_of_is_told(gitxp: Callable[..., Any]) -> None:
    """A goal goes with its limits when another is set; they are named, so that nothing is lost by a slip."""
    first = gitxp("goal", "set", "metrics.acc >= 0.95", "--budget", "40h", "--until", "2026-12-31").stderr
    assert first == "gitxp.yaml has the goal metrics.acc >= 0.95\n"
    second = gitxp("goal", "set", "metrics.acc >= 0.9").stderr
    assert "in place of metrics.acc >= 0.95 (budget 40h, until 2026-12-31)" in second


def test_a_goal_that_means_nothing_is_an_error_of_the_file(repo: str, gitxp: Callable[..., Any]) -> None:
    """A gitxp.yaml from elsewhere can say anything: that is said, without a trace."""
    Factory(repo).make("one", metrics={"acc": summary(0.5)})
    for line in (
        "reach: 'x y'",
        "reach: metrics.acc > 1\n  where: nothing > 1",
        "reach: metrics.acc > 1\n  until: soon",
    ):
        with open("gitxp.yaml", "w", encoding="utf-8") as file:
            file.write(f"goal:\n  {line}\n")
        answer = gitxp("goal", check=False)
        assert answer.returncode == 8
        assert "Traceback" not in answer.stderr
