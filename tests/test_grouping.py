from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import pytest

from gitxp.direction import parse_direction
from gitxp.listed import Group, Groups, Measure, Summary
from gitxp.names import RunName
from gitxp.query.grouping import mean_of, std_of
from gitxp.render.groups import (
    measure_words,
    render_groups,
    render_groups_csv,
    render_groups_json,
    render_groups_markdown,
)
from gitxp.render.measure import width_of
from gitxp.render.style import Style

EVIL = "\x1b]0;x\x07\n\u202e"


def grouped(*groups: tuple[Any, Summary], key: str = "params.model", metric: str = "loss", runs: int = 3) -> Groups:
    """Groups by one key, with one metric."""
    measure = Measure(f"metrics.{metric}", parse_direction(metric))
    rows = tuple(Group((value,), runs, (summary,)) for value, summary in groups)
    return Groups((key,), (key,), (measure,), rows, len(rows), runs * len(rows), (), 0)


def of(best: float, mean: float, std: float | None = None, n: int = 3, nan: int = 0) -> Summary:
    """A summary of which only numbers matter."""
    return Summary(best, RunName("one"), mean, std, n, nan)


def cells(text: str) -> list[list[str]]:
    """The cells of a table, split where two spaces stand; headings first, no rule."""
    lines = text.splitlines()
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines[:1] + lines[2:]]


def test_a_group_is_one_line() -> None:
    """A line has the key, the number of runs, the best, and the mean with its standard deviation."""
    rows = cells(render_groups(grouped(("resnet", of(0.25, 0.5, 0.125)), ("vit", of(1, 1.5, 0.5))), width=80).text)
    assert rows == [
        ["params.model", "runs", "loss best", "mean ± std"],
        ["resnet", "3", "0.25", "0.5 ± 0.12"],
        ["vit", "3", "1", "1.5 ± 0.5"],
    ]


def test_how_many_runs_have_it() -> None:
    """Where some run of a group lacks the metric, each line tells how many have it."""
    rows = cells(render_groups(grouped(("a", of(1, 1, n=1)), ("b", Summary())), width=80).text)
    assert rows[0][-1] == "n"
    assert [row[-1] for row in rows[1:]] == ["1", "0"]
    assert rows[1][2:] == ["1", "1", "1"]
    assert rows[2] == ["b", "3", "0"]


LOOKALIKES = [None, "(none)", '"(none)"', "", " ", "1", 1, True, "true", [1], "[1]", math.nan, "nan", '""']


def test_no_group_looks_like_another() -> None:
    """What is missing, and texts that read like it, like numbers or like lists, are told apart in every form."""
    groups = grouped(*((value, Summary()) for value in LOOKALIKES))
    rows = render_groups(groups, width=200).text.splitlines()[2:]
    keys = [row.rpartition("3  ")[0].rstrip() for row in rows]
    assert len(set(keys)) == len(LOOKALIKES)
    assert keys[:2] == ["(none)", '"(none)"']
    assert len(set(render_groups_markdown(groups).text.splitlines()[2:])) == len(LOOKALIKES)
    table = list(csv.reader(io.StringIO(render_groups_csv(groups, safe=False))))[1:]
    texts = [row[0] for row, value in zip(table, LOOKALIKES, strict=True) if value is None or isinstance(value, str)]
    assert len(set(texts)) == len(texts)
    assert texts[:2] == ["", "(none)"]
    found = [group["keys"]["params.model"] for group in json.loads("".join(render_groups_json(groups)))]
    assert found[:2] == [None, "(none)"]


def test_missing_has_an_ink_of_its_own() -> None:
    """On a terminal with colours, a missing value is faint and a text is not."""
    text = render_groups(grouped((None, Summary()), ("(none)", Summary())), width=80, style=Style(color=True)).text
    assert "\x1b[2m(none)\x1b[m" in text
    assert '\x1b[2m"(none)"' not in text


def test_strings_of_runs_do_nothing() -> None:
    """Names and values from strangers are no terminal controls, no markup and no formulas."""
    groups = grouped((EVIL, of(1, 1)), ("=1+1", of(1, 1)), ("a|<b>", of(1, 1)), key=f"params.{EVIL}", metric=f"{EVIL}m")
    for text in (
        render_groups(groups, width=None).text,
        render_groups_markdown(groups).text,
        render_groups_csv(groups, safe=True),
        "".join(render_groups_json(groups)),
        measure_words(groups.measures),
    ):
        assert all(line.isprintable() for line in text.splitlines())
    assert len(render_groups(groups, width=None).text.splitlines()) == 5
    rows = list(csv.reader(io.StringIO(render_groups_csv(groups, safe=False), newline="")))
    assert rows[1][0] == EVIL
    assert rows[2][0] == "'=1+1"
    assert r"a\|&lt;b&gt;" in render_groups_markdown(groups).text


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("count", [1, 50])
def test_groups_fit(width: int, count: int) -> None:
    """No line is wider than the terminal; measures that find no place are named, and none is there by half."""
    measures = tuple(Measure(f"metrics.m{i}", parse_direction(f"値/accuracy{i}")) for i in range(12))
    summaries = tuple(of(i / 7, i / 9, i / 11, n=2) for i in range(12))
    rows = tuple(Group((f"長い値{'x' * i}", i), 3, summaries) for i in range(count))
    groups = Groups(("params.a", "group"), ("a", "group"), measures, rows, count, count * 3, ("metrics.more",), 0)
    listing = render_groups(groups, width=width)
    lines = listing.text.splitlines()
    assert max(map(width_of, lines)) <= max(width, 30)
    assert len(lines) == count + 2
    shown = lines[0].count("mean ± std")
    assert shown == lines[0].count("best")
    assert len(listing.left_out) == 12 - shown + 1


def test_which_way_is_better_is_said() -> None:
    """A sign is what somebody said, and a name alone decides by itself."""
    measures = [Measure(f"metrics.{text}", parse_direction(text)) for text in ("loss", "acc", "-f1")]
    assert measure_words(measures) == "Better: less loss, more acc (by name); less f1 (as you said)"
    many = [Measure(f"metrics.m{i}", parse_direction(f"m{i}")) for i in range(1500)]
    assert measure_words(many).endswith("more m7 and 1,492 more (by name)")


@pytest.mark.parametrize(
    ("numbers", "mean", "std"),
    [
        ([0.1, 0.1, 0.1], 0.1, 0.0),
        ([1.0], 1.0, None),
        ([1.0, 2.0], 1.5, math.sqrt(0.5)),
        ([1e308, 1e308, 1.5e308], 3.5e308 / 3 if math.isfinite(3.5e308) else 1.1666666666666667e308, 2.88675134594813e307),
        ([math.inf, 1.0], math.inf, None),
        ([-math.inf, math.inf], math.nan, None),
        ([1e-300, 3e-300], 2e-300, math.sqrt(2) * 1e-300),
    ],
)  # fmt: skip
def test_mean_and_deviation(numbers: list[float], mean: float, std: float | None) -> None:
    """Neither overflows, and equal numbers deviate by nothing; of one number, or with infinities, there is no deviation."""
    found = mean_of(numbers)
    assert found == pytest.approx(mean, nan_ok=True)
    assert std_of(numbers, found) == (None if std is None else pytest.approx(std))
