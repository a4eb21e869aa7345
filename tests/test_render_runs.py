from __future__ import annotations

import csv
import io
import json
import shlex
from typing import Any

import pytest

from gitxp.format import Oid, RefName, parse_time
from gitxp.listed import KeyColumn
from gitxp.model import Run
from gitxp.names import LONGEST_MADE, RunName
from gitxp.render.measure import width_of
from gitxp.render.runs import Wish, render_csv, render_json, render_markdown, render_table
from gitxp.render.style import Style
from gitxp.render.table import Cell, csv_table, markdown_table, text_table
from run_factory import make_record

NOW = parse_time("2023-11-14T22:20:20Z")


def make_run(name: str, problem: str | None = None, **keys: Any) -> Run:
    """A run without a repository."""
    record = {} if problem else make_record(name, **keys)
    return Run(RunName(name), RefName(f"refs/experiments/{name}"), Oid("c" * 40), record, problem)


def summary(last: float | str) -> dict[str, Any]:
    """A metric's summary."""
    return {"last": last, "min": last, "max": last, "count": 1, "step": 0}


def keys(*names: str) -> list[KeyColumn]:
    """Columns by their names in full; a name alone is one of gitxp's own."""
    parts = [(name, *name.partition(".")) for name in names]
    return [KeyColumn(name, kind if dot else "field", rest or name, "last") for name, kind, dot, rest in parts]


def table(*runs: Run, names: tuple[str, ...] = (), every: bool = False, width: int | None = None) -> list[list[str]]:
    """The cells of the table of runs, split where two spaces stand; headings first."""
    text = render_table(runs, Wish(keys(*names), every=every), width=width, now=NOW).text
    lines = text.splitlines()
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines[:1] + lines[2:]]


TWO = (
    make_run("one", params={"lr": 0.1, "opt": "adam"}, metrics={"acc": summary(0.91)}),
    make_run(
        "two",
        params={"lr": 0.2, "opt": "adam"},
        metrics={"acc": summary("nan")},
        dirty=True,
        status="failed",
        exit_code=1,
    ),
)


def test_table_shows_what_tells_runs_apart() -> None:
    """A table has the parameters that differ, not those that are the same everywhere, and the metrics."""
    assert table(*TWO) == [
        ["name", "status", "age", "duration", "command", "lr", "acc"],
        ["one", "completed", "7m", "1.5s", "python train.py", "0.1", "0.91"],
        ["two", "*", "failed", "7m", "1.5s", "python train.py", "0.2", "nan"],
    ]


def test_a_command_that_is_cut_to_the_same_gives_way() -> None:
    """Where no more of the commands is seen than what they have in common, a parameter that differs has their place."""
    models = ["resnet", "vit", "convnext"]
    runs = [
        make_run(
            f"run-{number}",
            command=["python", "train.py", "--lr", "0.1", "--model", model],
            params={"model": model, "lr": number / 10, "opt": f"opt-{number}"},
            metrics={"accuracy": summary(0.5), "train/loss": summary(0.25)},
        )
        for number, model in enumerate(models)
    ]
    wide, narrow = table(*runs, width=140), table(*runs, width=70)
    assert "command" in wide[0]
    assert "command" not in narrow[0]
    assert {"lr", "model", "accuracy"} <= set(narrow[0])
    assert "command" in render_table(runs, Wish(), width=70, now=NOW).left_out
    assert "command" in table(*runs[:1], width=70)[0]
    assert (
        "command"
        in table(*runs, names=("name", "command", "params.lr", "params.model", "metrics.accuracy"), width=70)[0]
    )
    alone = [make_run(f"run-{number}", command=["python", "x" * 200, str(number)]) for number in range(3)]
    assert "command" in table(*alone, width=70)[0]  # nothing else would have its place


def test_long_names_are_told_apart() -> None:
    """Of names with a long beginning in common, the end is kept; others are cut as ever."""
    long = "a-name-that-somebody-typed-with-all-parameters-in-it-seed"
    rows = table(make_run(f"{long}-1"), make_run(f"{long}-2"), width=60)
    assert [row[0][-2:] for row in rows[1:]] == ["-1", "-2"]
    rows = table(make_run(f"one-{long}"), make_run(f"two-{long}"), width=60)
    assert [row[0][:4] for row in rows[1:]] == ["one-", "two-"]


def test_a_missing_parameter_is_a_difference() -> None:
    """A parameter that one run has and another has not is shown."""
    rows = table(make_run("one", params={"lr": 1}), make_run("two"))
    assert [row[5:] for row in rows] == [["lr"], ["1"], []]


@pytest.mark.parametrize(
    ("one", "two", "is_shown"),
    [
        (1, 1.0, False),
        ([1, 2], [1.0, 2], False),
        (1, True, True),
        ("1", 1, True),
        ("nan", "nan", False),
        ([1], 1, True),
    ],
)
def test_values_are_compared_as_values(one: Any, two: Any, is_shown: bool) -> None:
    """A parameter is shown where its values differ: 1 and 1.0 are one number, true is none."""
    rows = table(make_run("one", params={"p": one}), make_run("two", params={"p": two}))
    assert ("p" in rows[0]) is is_shown


DEFAULTS = {f"option_{i}": i for i in range(40)}


def program(name: str, *, given: dict[str, Any], constant: int = 0, **other: Any) -> Run:
    """A run whose program has forty defaults, a constant and two metrics."""
    params = {**DEFAULTS, "SEED": constant, **other, **given}
    sources = {**dict.fromkeys(params, "argparse"), "SEED": "constant", **dict.fromkeys(given, "argv")}
    return make_run(name, params=params, param_sources=sources, metrics={"acc": summary(0.5), "loss": summary(1)})


def test_what_was_given_comes_before_defaults_and_constants() -> None:
    """Parameters that were given come first; then defaults and constants that changed; last those of another program."""
    one = program("one", given={"zeta": 1}, constant=1, changed=1)
    two = program("two", given={"alpha": 2}, constant=2, changed=2)
    other = make_run("other", params={"zeta": 3}, metrics={"acc": summary(0.5)})
    headings = table(one, two, other)[0]
    assert headings[5:9] == ["zeta", "alpha", "changed", "SEED"]
    assert headings[9:49] == sorted(DEFAULTS)
    assert headings[49:] == ["acc", "loss"]


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("count", [1, 2, 50])
def test_defaults_crowd_nothing_out(width: int, count: int) -> None:
    """On any terminal the table fits, and no default of one program takes the place of what was given, or of a metric."""
    runs = [program(f"run-{i}", given={"lr": i / 7, "名前": "値" * i}) for i in range(count)]
    runs += [make_run("another", params={"lr": 0.5}, metrics={"acc": summary(1)})] * (count > 1)
    text = render_table(runs, Wish(), width=width, now=NOW).text
    assert max(map(width_of, text.splitlines())) <= width
    headings = text.splitlines()[0]
    assert ("lr" in headings) is (count > 1)
    assert "acc" in headings
    if "option_" in headings:
        assert "loss" in headings
        assert "名前" in headings


def test_unreadable_run_is_one_row() -> None:
    """A run that cannot be read is one row with its problem, and makes no parameter look changed."""
    bad = make_run("bad", problem="This run uses format 2.")
    rows = table(make_run("one", params={"lr": 1}), bad, make_run("two", params={"lr": 1}))
    assert rows[0] == ["name", "status", "age", "duration", "command"]
    assert rows[2] == ["bad", "unreadable", "This run uses format 2."]


def test_same_name_twice() -> None:
    """Where a parameter and a metric, or a column of gitxp's own, have one name, the headings say which is which."""
    one = make_run("one", params={"loss": "mse", "name": "x"}, metrics={"loss": summary(1)})
    two = make_run("two", params={"loss": "mae", "name": "y"}, metrics={"loss": summary(2)})
    assert table(one, two)[0][5:] == ["params.loss", "params.name", "metrics.loss"]


def test_a_name_that_looks_like_another_says_what_it_is() -> None:
    """A parameter `metrics.acc` is not headed as the metric `acc` is called, but as a question names it."""
    one = make_run("one", params={"metrics.acc": 1, "params.lr": 1, "lr": 3})
    two = make_run("two", params={"metrics.acc": 2, "params.lr": 2, "lr": 4})
    assert table(one, two)[0][5:] == ["lr", "params.metrics.acc", "params.params.lr"]


@pytest.mark.parametrize("width", [20, 40, 80, 100, 132, 200])
def test_table_fits(width: int) -> None:
    """No line is wider than the terminal, whatever the runs hold, and the names and what was left out are told."""
    runs = [
        make_run(
            f"run-{i}-{'x' * (i * 9 % 80)}",
            command=["python", "実験.py", "--note", "長い" * i],
            params={f"model.layers.{k}.dropout": (i + k) % 5 / 7 for k in range(40)} | {"text": "wörter " * i},
            metrics={"accuracy": summary(i / 7), "val/loss": summary(1e-9 * i)},
            dirty=i % 2 == 0,
        )
        for i in range(12)
    ]
    listing = render_table(runs, Wish(), width=width, now=NOW)
    lines = listing.text.splitlines()
    assert max(map(width_of, lines)) <= max(width, 20)
    assert lines[0].startswith("name")
    assert len(lines) == 2 + len(runs)
    assert len(lines[0].replace("…", "x").split()) + len(listing.left_out) == 5 + 41 + 2


def test_wide_characters_align() -> None:
    """Columns stand below each other, in columns of the terminal and not in characters."""
    text = render_table(
        [make_run("one", command=["実験"], params={"n": 1}), make_run("two", command=["ab"], params={"n": 2})],
        Wish(keys("command", "params.n", "name")),
        width=80,
        now=NOW,
    ).text
    lines = text.splitlines()
    assert [
        width_of(line[: line.rindex(word)]) for line, word in zip(lines, ["name", "-" * 4, "one", "two"], strict=True)
    ] == ([width_of(lines[0][: lines[0].rindex("name")])] * 4)


def test_a_table_with_every_column() -> None:
    """`--all-columns` has what any run has, and no column that none has."""
    rows = table(*TWO, make_run("three", branch="main", tags=["a"]), every=True)
    assert rows[0][5:] == ["lr", "opt", "acc", "exit_code", "branch", "dirty", "host", "user", "commit", "id"]


def test_what_most_runs_were_given_comes_first() -> None:
    """A parameter that one run alone was given does not hide the one that is being tried."""
    runs = [
        make_run(f"r{i}", params={"lr": i, "a": 1}, param_sources={"lr": "argv", "a": "argparse"}) for i in range(3)
    ]
    runs.append(make_run("r3", params={"lr": 3, "a": 2}, param_sources={"lr": "argv", "a": "argv"}))
    assert table(*runs)[0][4:] == ["command", "lr", "a"]


def test_a_made_name_is_never_cut() -> None:
    """A name that gitxp made is what people type: a longer one beside it costs other columns."""
    made = "m" * LONGEST_MADE
    rows = table(make_run(made), make_run("n" * 100), width=80)
    assert rows[1][0] == made


def test_wished_columns() -> None:
    """Columns come as they were asked for."""
    assert table(*TWO, names=("metrics.acc", "params.lr", "name", "params.opt"))[:2] == [
        ["metrics.acc", "params.lr", "name", "params.opt"],
        ["0.91", "0.1", "one", "adam"],
    ]


def test_no_escape_sequence_reaches_a_table() -> None:
    """Names of parameters and metrics, values and commands come from strangers; none acts on a terminal."""
    evil = "\x1b]0;x\x07\n\u202e"
    runs = [
        make_run(f"r{i}", command=[evil], params={evil: f"{evil}{i}"}, metrics={evil + "m": summary(i)}, branch=evil)
        for i in range(2)
    ]
    for every in (False, True):
        text = render_table(runs, Wish(every=every), width=None, now=NOW).text
        assert all(line.isprintable() for line in text.splitlines())
        assert len(text.splitlines()) == 4
    assert all(line.isprintable() for line in render_markdown(runs, Wish(), now=NOW).text.splitlines())
    assert all(line.isprintable() for line in render_csv(runs, Wish(), now=NOW, safe=True).text.splitlines())
    assert all(line.isprintable() for line in "".join(render_json(runs)).splitlines())


def test_colour_only_where_wanted() -> None:
    """Colour changes no width: without its escape sequences, a coloured table is the plain one."""
    plain = render_table(TWO, Wish(), width=80, now=NOW, style=Style()).text
    coloured = render_table(TWO, Wish(), width=80, now=NOW, style=Style(color=True)).text
    assert "\x1b" not in plain
    assert "\x1b[31mfailed\x1b[m" in coloured
    stripped = coloured
    for ink in ("1", "2", "31", "32", "35", ""):
        stripped = stripped.replace(f"\x1b[{ink}m", "")
    assert stripped == plain


def test_csv_is_exact() -> None:
    """Comma-separated values have all columns, exact numbers and times, and can be read back."""
    third = 1 / 3
    runs = [*TWO, make_run("x", params={"lr": third, "l": [1, "a,b"]})]
    rows = list(csv.DictReader(io.StringIO(render_csv(runs, Wish(), now=NOW, safe=False).text)))
    assert rows[0]["started_at"] == "2023-11-14T22:13:20.000Z"
    assert rows[1]["acc"] == "nan"
    assert (float(rows[2]["lr"]), json.loads(rows[2]["l"])) == (third, [1, "a,b"])
    assert "age" not in rows[0]


def test_csv_has_what_there_is_and_a_terminal_sees_it() -> None:
    """Into a file goes every character that the record has; for a terminal, what would act on it is written out."""
    text = 'a\rb\n\x1b[2J,"q" \u202e'
    runs = [make_run("one", params={text: text}, command=["sh", "-c", text], tags=[text])]
    wish = Wish([*keys("command"), KeyColumn(text, "params", text, "last")])
    exact = render_csv(runs, wish, now=NOW, safe=False).text
    heading, row = csv.reader(io.StringIO(exact, newline=""))
    assert heading == ["command", text]
    assert (shlex.split(row[0]), row[1]) == (["sh", "-c", text], text)
    assert all(line.isprintable() for line in render_csv(runs, wish, now=NOW, safe=True).text.splitlines())
    (row,) = csv.DictReader(io.StringIO(render_csv(runs, wish, now=NOW, safe=True).text))
    assert list(row.values())[1] == 'a\\rb\\n\\x1b[2J,"q" \\u202e'


def test_texts_that_only_look_alike_differ() -> None:
    """A newline and its escape are two values of a parameter, and the table shows that it differs."""
    assert "text" in table(make_run("one", params={"text": "a\n"}), make_run("two", params={"text": "a\\n"}))[0]


def test_a_status_that_its_end_contradicts_is_marked() -> None:
    """A table has the status as it was recorded, with the end that contradicts it; CSV and JSON have both apart."""
    runs = [
        make_run("a", exit_code=1),
        make_run("b", status="failed"),
        make_run("c", status="lost", exit_code=None, signal=9),
        make_run("d", status="failed", exit_code=2),
    ]
    found = [row[1] for row in table(*runs)[1:]]
    assert found == ["completed (exit 1)", "failed (exit 0)", "lost (signal 9)", "failed"]
    rows = list(csv.DictReader(io.StringIO(render_csv(runs, Wish(), now=NOW, safe=False).text)))
    assert [row["status"] for row in rows] == ["completed", "failed", "lost", "failed"]
    assert [run["status"] for run in json.loads("".join(render_json(runs)))] == [run.status for run in runs]


def test_more_columns_than_anybody_reads() -> None:
    """A table has a hundred columns at most, CSV four thousand: what most runs have stays, and the rest is counted."""
    many = make_run(
        "many", params={f"p{i:06}": i for i in range(9000)}, metrics={f"m{i}": summary(i) for i in range(9)}
    )
    runs = [many, make_run("one", params={"lr": 1}), make_run("two", params={"lr": 2})]
    for width in (None, 80, 100_000):
        listing = render_table(runs, Wish(), width=width, now=NOW)
        headings = listing.text.splitlines()[0].split()
        assert len(headings) <= 100
        assert len(headings) + len(listing.left_out) == 5 + 9001 + 9
        assert {"name", "lr", "m0"} <= set(headings)
    assert render_markdown(runs, Wish(), now=NOW).text.splitlines()[0].count("|") <= 101
    listing = render_csv(runs, Wish(), now=NOW, safe=False)
    headings = next(csv.reader(io.StringIO(listing.text)))
    assert 3990 <= len(headings) <= 4000
    assert {"name", "lr", "m0", "id"} <= set(headings)
    assert not set(headings) & set(listing.left_out)


def test_a_name_of_a_hundred_thousand_characters() -> None:
    """No heading is as long as a stranger's name for a parameter."""
    runs = [make_run("one", params={"n" * 100_000: 1}), make_run("two")]
    for text in (render_table(runs, Wish(), width=None, now=NOW).text, render_markdown(runs, Wish(), now=NOW).text):
        assert max(map(len, text.splitlines())) < 300


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd", "-x", "@SUM(A1)", "-1+2", "=", "+", "\uff1d1", "\uff0b1+x", "\uff0dx", "\uff20x"]
)
def test_csv_runs_no_formula(text: str) -> None:
    """A cell that a spreadsheet would take for a formula begins with a quote."""
    assert csv_table([text], [[text]], safe=False) == f"'{text}\n'{text}\n"


@pytest.mark.parametrize("text", ["-1", "+2.5", "-1e-05", "-inf", "-.5", "nan"])
def test_csv_keeps_numbers(text: str) -> None:
    """Numbers with a sign stay numbers."""
    assert csv_table(["n"], [[text]], safe=False) == f"n\n{text}\n"


def test_csv_for_a_terminal() -> None:
    """On a terminal no cell and no heading has control characters; in a file each is as it is."""
    assert csv_table(["a\x1b"], [["b\x07"]], safe=True) == "a\\x1b\nb\\x07\n"
    assert csv_table(["a\x1b"], [["b\x07"]], safe=False) == "a\x1b\nb\x07\n"


def test_markdown_is_escaped() -> None:
    """Nothing in a Markdown cell ends the cell or becomes markup."""
    text = markdown_table(["a|b"], [[Cell("<b>|`x`|*y*|[z](u)|_i_|snake_case|\\|&|$x^{2}$")]], right=[False])
    assert text.splitlines()[0].strip("| ").strip() == r"a\|b"
    assert text.splitlines()[2].strip("| ").strip() == (
        r"&lt;b&gt;\|\`x\`\|\*y\*\|\[z\](u)\|\_i\_\|snake_case\|\\\|&amp;\|\$x^{2}\$"
    )


def test_text_table_takes_any_cell() -> None:
    """Cells that look like numbers, rules or stand-ins, and empty ones, come through unchanged."""
    rows = [[Cell("xxx"), Cell(""), Cell("1e5")], [Cell("--"), Cell("x x"), Cell("\\1")]]
    assert text_table(["x", "", "n"], rows, right=[False, False, True]) == (
        "x           n\n---  ---  ---\nxxx       1e5\n--   x x   \\1\n"
    )


def test_json_is_the_record() -> None:
    """JSON has the record as it is, with where it was found; harmful characters are escaped, not lost."""
    run = make_run("one", params={"a": "\x7f\u202e\U000e0041日", "b": 0.1}, note="x")
    assert json.loads("".join(render_json([run, *TWO])))[0] == {
        **{key: value for key, value in run.record.items() if key != "note"},
        "ref": "refs/experiments/one",
        "commit": "c" * 40,
        "tags": list(run.tags),
        "notes": list(run.notes),
    }
    assert json.loads("".join(render_json([]))) == []
