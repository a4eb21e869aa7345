"""`gitxp compare`: what several runs have is what their commits hold, it fits the terminal, and no run hides another."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gitxp.api.runs import runs
from gitxp.compared import PARTS, Compared, FileState, Row
from gitxp.errors import UsageError
from gitxp.query.compare_many import find_best
from gitxp.query.downsampling import means
from gitxp.render.curve import curve_texts
from gitxp.render.many import Look, render_compared, render_csv, render_markdown
from gitxp.render.measure import shorten_apart, width_of
from gitxp.render.safe import is_safe
from gitxp.repo import Repo
from run_factory import START, Factory, encode, make_record
from states import make

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Git, Gitxp

pytest_plugins = ("run_fixtures",)

EVIL = "\x1b]0;x\x07\n\u202e=1+1"
NOW = START + 1e6


def summary(last: Any, count: int = 1) -> dict[str, Any]:
    """The summary of a metric."""
    return {"last": last, "min": last, "max": last, "count": count, "step": 0}


def compared(here: Repo, *names: str, **options: Any) -> Compared:
    """These runs side by side."""
    return here.compare([here.get(name) for name in names], **options)


def rows_of(found: Compared, part: str) -> dict[str, tuple[Any, ...]]:
    """The values of a part by name."""
    return {row.name: row.values for row in found.rows if row.part == part}


def environment(**packages: str) -> bytes:
    """An environment with these packages, of which numpy was imported."""
    return encode({"python": {"version": "3.11"}, "packages": packages, "imported": ["numpy"]})


@pytest.fixture
def three(factory: Factory) -> Factory:
    """Three runs: parameters, metrics, data, packages and code differ."""
    data = {"path": "d.csv", "kind": "file", "size": 3}
    for name, lr, loss, digest, version, lines in (
        ("a", 0.1, 0.5, "0a", "1.0", 1),
        ("b", 0.2, 0.25, "0b", "1.0", 3),
        ("c", 0.2, "nan", "0a", "2.0", 1),
    ):
        factory.make(
            name,
            params={"lr": lr, "same": [1, 2], "mode": "x" if name == "a" else True},
            param_sources={"lr": "argv", "same": "argv", "mode": "constant"},
            metrics={"loss": summary(loss, 4), "acc": summary(lr), "epoch": summary(lines)},
            data=[{**data, "xxh3_128": digest}],
            files={
                ".gitxp/environment.json": environment(numpy=version, pip=version),
                ".gitxp/metrics/loss.tsv": "".join(f"{i}\t{i}.0\t{1 / (i + 1)}\n" for i in range(4)),
                "model.py": "x = 1\n" * lines,
            },
        )
    return factory


@pytest.mark.usefixtures("three")
def test_values_are_those_of_the_records(here: Repo, git: Git, gitxp: Gitxp) -> None:
    """Each value of `--json --all` is the one that `git show <run>:.gitxp/run.json` has."""
    records = [json.loads(git("show", f"experiments/{name}:.gitxp/run.json")) for name in "abc"]
    told = json.loads(gitxp("compare", "a", "b", "c", "--json", "--all").stdout)
    assert told["params"] == {name: [r["params"][name] for r in records] for name in ("lr", "same", "mode")}
    assert told["metrics"] == {name: [r["metrics"][name]["last"] for r in records] for name in ("loss", "acc", "epoch")}
    assert [entry["xxh3_128"] for entry in told["data"]["d.csv"]] == [r["data"][0]["xxh3_128"] for r in records]
    assert told["packages"] == {"numpy": ["1.0", "1.0", "2.0"], "pip": ["1.0", "1.0", "2.0"]}
    assert [run["id"] for run in told["runs"]] == [r["id"] for r in records]
    assert here.compare([here.get(name) for name in "abc"]).imported == {"numpy"}


@pytest.mark.usefixtures("three")
def test_only_what_differs(gitxp: Gitxp) -> None:
    """Without --all, what all runs have alike is left out; what comes first was given for the run."""
    told = json.loads(gitxp("compare", "a", "b", "c", "--json").stdout)
    assert told["params"] == {"lr": [0.1, 0.2, 0.2], "mode": ["x", True, True]}
    shown = gitxp("compare", "a", "b", "c", "--params").stdout
    assert shown.index("lr") < shown.index("mode")
    assert "same" not in shown
    assert "same" in gitxp("compare", "a", "b", "c", "--params", "--all").stdout
    assert gitxp("compare", "a", "c", "--code").stdout == "Nothing of that differs among these runs.\n"


@pytest.mark.usefixtures("three")
def test_code_is_what_git_counts(here: Repo, git: Git) -> None:
    """A file's object is that of the run's tree, and its lines are those of `git diff --numstat` against the first run."""
    values = rows_of(compared(here, "a", "b", "c"), "code")["model.py"]
    for name, state in zip("abc", values, strict=True):
        assert state.oid == git("rev-parse", f"experiments/{name}:model.py")
    assert (values[1].insertions, values[1].deletions) == (2, 0)
    assert git("diff", "--numstat", "experiments/a", "experiments/b", "--", "model.py").split()[:2] == ["2", "0"]
    assert values[2] == values[0]


def test_another_mode_is_told(repo: str, git: Git, gitxp: Gitxp) -> None:
    """A file that became executable, with the same bytes, does not look the same."""
    with open(f"{repo}/run.sh", "w", encoding="ascii") as file:
        file.write("true\n")
    gitxp("run", "--name", "plain", "true")
    os.chmod(f"{repo}/run.sh", 0o700)
    gitxp("run", "--name", "executable", "true")
    lines = gitxp("compare", "plain", "executable", "--code").stdout.splitlines()
    (row,) = [line.split() for line in lines if "run.sh" in line]
    oid = git("hash-object", "run.sh").strip()
    assert row == ["run.sh", oid[:7], "mode", "100755"]
    told = json.loads(gitxp("compare", "plain", "executable", "--code", "--json").stdout)["code"]["run.sh"]
    assert [(state["oid"], state["mode"]) for state in told] == [(oid, "100644"), (oid, "100755")]
    (row,) = [line.split() for line in gitxp("why", "plain", "executable").stdout.splitlines() if "run.sh" in line]
    assert row == ["run.sh", "mode"]


@pytest.mark.usefixtures("three")
def test_the_best_is_marked_and_said(gitxp: Gitxp) -> None:
    """A sign and a line tell what is best by which measure; --better turns it; a counter and nan are never best."""
    shown = gitxp("compare", "a", "b", "c", "--metrics").stdout
    lines = {line.split()[0]: line for line in shown.splitlines() if line.startswith("  ")}
    assert lines["loss"].split()[1:5] == ["↓", "0.5", "█▃▁▁", "0.25"]
    assert lines["loss"].count("*") == 1
    assert "*" not in lines["epoch"]
    assert "* is best: greatest acc, least loss (as the names say" in shown
    turned = gitxp("compare", "a", "b", "c", "--metrics", "--better=-acc", "--better", "loss:max").stdout
    assert "* is best: least acc, greatest loss\n" in turned
    for text in ("loss", "+loss", "metrics.loss", 'metrics["loss"]', "loss:max"):
        said = gitxp("compare", "a", "b", "c", "--metrics", "--better", text, "--better", "-acc").stdout
        assert "* is best: least acc, greatest loss\n" in said
    answer = gitxp("compare", "a", "b", "--better", "los", check=False)
    assert "There is no metric 'los'.\nHint: There are: loss." in answer.stderr
    told = json.loads(gitxp("compare", "a", "b", "c", "--json").stdout)
    assert told["best"] == {"loss": ["b"], "acc": ["b", "c"]}
    assert told["better"] == {"loss": "less", "acc": "more", "epoch": None}


@given(st.lists(st.none() | st.floats(), min_size=1), st.booleans())
def test_find_best(values: list[float | None], is_less: bool) -> None:
    """The best are the least (or greatest) of the numbers, all of them; none where no two numbers differ."""
    numbers = [value for value in values if value is not None and not math.isnan(value)]
    best = find_best(values, is_less=is_less)
    if len(set(numbers)) < 2:
        assert best == frozenset()
    else:
        wanted = min(numbers) if is_less else max(numbers)
        assert best == {i for i, value in enumerate(values) if value == wanted}


@pytest.mark.usefixtures("three")
def test_by_query(gitxp: Gitxp) -> None:
    """--where, --sort and -n take runs as `gitxp list` does, and how many more there are is told."""
    answer = gitxp("compare", "--where", "lr > 0", "--sort", "name", "-n", "2", "--json")
    assert [run["name"] for run in json.loads(answer.stdout)["runs"]] == ["a", "b"]
    assert answer.stderr == "… and 1 more run: gitxp compare --where='lr > 0' --sort=name -n 0\n"
    assert gitxp("compare", "--where", "lr > 1", check=False).returncode == 2
    gitxp("archive", "b", "c")
    hidden = gitxp("compare", "--where", "lr > 0", check=False)
    assert (hidden.returncode, "-a takes 2 archived runs" in hidden.stderr) == (2, True)
    assert len(json.loads(gitxp("compare", "--where", "lr > 0", "-a", "--json").stdout)["runs"]) == 3


def test_there_is_nothing_to_compare(factory: Factory, gitxp: Gitxp) -> None:
    """Without any run, and with names of one only, that is what is said."""
    assert "There are no runs yet" in gitxp("compare", "--where", "status == 'completed'", check=False).stderr
    factory.make("only")
    assert "all mean the run only" in gitxp("compare", "only", "@", check=False).stderr


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    "args",
    [(), ("a",), ("a", "a"), ("a", "--where", "lr > 0"), ("a", "b", "--sort", "name"), ("a", "b", "-n", "1"), ("a", "b", "-a"),
     ("a", "b", "--json", "--csv"), ("a", "b", "--better", "nothing"), ("a", "b", "--better", "params.lr")],
)  # fmt: skip
def test_words_that_do_not_fit_together(gitxp: Gitxp, args: tuple[str, ...]) -> None:
    """Each mistake is said in a sentence, with the status of wrong usage."""
    answer = gitxp("compare", *args, check=False)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("Error: ")


@pytest.mark.damaged
def test_what_cannot_be_read_hides_nothing(factory: Factory, here: Repo, gitxp: Gitxp) -> None:
    """A run without a record, one of another format and one with a damaged environment are columns with gaps."""
    factory.make("good", params={"lr": 1}, metrics={"m": summary(1)})
    factory.make("none", raw=b"no json")
    factory.make("newer", raw=encode({"format": 99}))
    factory.make("odd", params={"lr": 2}, files={".gitxp/environment.json": b"[1]", "train.py": "other\n"})
    found = compared(here, "good", "none", "newer", "odd")
    assert rows_of(found, "params")["lr"] == (1, None, None, 2)
    assert rows_of(found, "about")["status"] == ("completed", "unreadable", "unreadable", "completed")
    assert [(one.run, one.part) for one in found.unread] == [
        ("none", "record"),
        ("newer", "record"),
        ("odd", "environment"),
    ]
    assert rows_of(found, "code")["train.py"][3].insertions == 1
    answer = gitxp("compare", "good", "none", "odd")
    assert "Warning: The record of none cannot be read." in answer.stderr


def test_what_has_no_environment_differs_in_none(factory: Factory, here: Repo, gitxp: Gitxp) -> None:
    """A run of which no environment is recorded does not differ in each package; that it has none is said where others differ."""
    known = environment(numpy="1", pip="1")
    for name in ("a", "b"):
        factory.make(name, files={".gitxp/environment.json": known})
    factory.make("c", files={".gitxp/environment.json": environment(numpy="2", pip="1")})
    factory.make("alive", status="running", files={"train.py": "other\n"})
    found = compared(here, "alive", "a", "b")
    assert not [row for row in found.rows if row.part in {"packages", "environment"} and row.differs]
    assert rows_of(found, "packages")["numpy"] == (None, "1", "1")
    assert found.remarks == ()
    found = compared(here, "a", "alive", "c")
    assert [row.name for row in found.rows if row.part == "packages" and row.differs] == ["numpy"]
    assert found.remarks == ("No environment is recorded of alive yet: it is running.",)
    assert "numpy" not in gitxp("compare", "alive", "a", "--env").stdout


def test_a_metric_may_be_called_as_a_field(factory: Factory, gitxp: Gitxp) -> None:
    """Where only a metric can be meant, `duration` is the metric of that name."""
    for name, value in (("a", 1), ("b", 2)):
        factory.make(name, metrics={"duration": summary(value)})
    for text in ("duration", "metrics.duration", "duration:max"):
        assert "* is best: greatest duration\n" in gitxp("compare", "a", "b", "--metrics", "--better", text).stdout


def test_unrelated_histories(factory: Factory, here: Repo) -> None:
    """Runs without a common commit are compared by their files; one that has none of a file has a gap."""
    factory.make("a")
    factory.make("b", base=None, files={"other.py": "1\n2\n"})
    code = rows_of(compared(here, "a", "b"), "code")
    assert code["other.py"][0] is None
    assert code["other.py"][1].insertions == 2
    assert code["train.py"][1] is None


def test_a_running_run_has_what_it_logged(tmp_path: Path) -> None:
    """Of a run that is running here, metrics and curves are those so far."""
    lab = make(str(tmp_path / "lab"))
    code = "import gitxp\nfor i in range(8): gitxp.log({'loss': 8 - i})\nprint('go', flush=True); input()"
    lab.write("wait.py", code)
    assert lab.run("run", "--name", "done", "--", "true").status == 0
    process = lab.start("run", "--name", "alive", "--", sys.executable, "wait.py", stdin=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"go\n"
        with Repo(lab.top) as here:
            found = compared(here, "done", "alive", points=4)
        recorded = runs(path=lab.top)["alive"]
        assert float(recorded.metrics["loss"]) == 1
        assert list(recorded.metrics["loss"].values) == [8, 7, 6, 5, 4, 3, 2, 1]
    finally:
        process.communicate(b"\n", timeout=60)
    row = next(row for row in found.rows if row.name == "loss")
    assert (row.values, row.curves) == ((None, 1.0), ((), (7.5, 5.5, 3.5, 1.5)))
    assert rows_of(found, "about")["status"] == ("completed", "running")


def test_a_hundred_runs_take_no_hundred_processes(
    factory: Factory, here: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many runs there are, git is started the same few times."""
    factory.make_of([
        make_record(f"r{i:03}", i, params={"i": i}, metrics={"m": summary(i, 2)}) for i in range(100)
    ])  # fmt: skip
    from gitxp.git.program import Git as Program

    started: list[str] = []
    start = Program.start

    def counted(self: Program, *args: str, **options: Any) -> Any:
        started.append(args[0])
        return start(self, *args, **options)

    runs = here.runs()
    monkeypatch.setattr(Program, "start", counted)
    found = here.compare(runs, points=8)
    assert rows_of(found, "params")["i"] == tuple(run.params["i"] for run in runs)
    assert len(started) < 6


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
VALUES = st.none() | st.integers() | st.floats() | st.booleans() | st.text(max_size=60)


@given(
    st.integers(2, 9).flatmap(
        lambda n: st.lists(st.tuples(NAMES, st.lists(VALUES, min_size=n, max_size=n)), max_size=8)
    ),
    st.integers(40, 200),
    st.sampled_from(["auto", "keys", "runs"]),
)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_it_is_safe_and_fits(table: list[tuple[str, list[Any]]], width: int, layout: str) -> None:
    """Whatever names and values are, each line can be shown, and fits the terminal where the columns have room for that."""
    count = len(table[0][1]) if table else 2
    from gitxp.format import Oid, RefName
    from gitxp.model import Run
    from gitxp.names import RunName

    runs = tuple(Run(RunName(f"run-{i}"), RefName("r"), Oid("c" * 40), make_record(f"run-{i}")) for i in range(count))
    rows = tuple(Row("params", name, tuple(values), differs=True) for name, values in table)
    text = render_compared(Compared(runs, rows), Look(rows=layout), width=width, now=NOW)
    assert all(is_safe(character) for line in text.split("\n") for character in line)
    if layout != "keys" or count * 7 + 20 < width:
        assert all(width_of(line) <= width for line in text.split("\n"))


def test_strings_of_runs_are_no_controls_markup_or_formulas(factory: Factory, gitxp: Gitxp) -> None:
    """An escape sequence in a name or a value is shown, not obeyed; CSV cells are no formulas; Markdown is no markup."""
    factory.make("a", params={EVIL: EVIL, "x": "=1+1"}, files={"\x1b[31mred\u202e": "1\n"})
    factory.make("b", params={EVIL: "|b|", "x": "2"}, metrics={EVIL: summary(1)})
    for options in ((), ("--rows", "runs"), ("--md",), ("--json",), ("--color", "never", "--all")):
        out = gitxp("compare", "a", "b", *options).stdout
        assert all(line.isprintable() for line in out.splitlines())
    cells = [row for row in csv.reader(io.StringIO(gitxp("compare", "a", "b", "--csv").stdout)) if row[1] == "x"]
    assert cells == [["params", "x", "'=1+1", "2"]]
    assert r"\|b\|" in gitxp("compare", "a", "b", "--md").stdout


def small() -> Compared:
    """Two runs with a metric and a file, in memory."""
    from gitxp.format import Oid, RefName
    from gitxp.model import Run
    from gitxp.names import RunName

    runs = tuple(Run(RunName(n), RefName("r"), Oid("c" * 40), make_record(n)) for n in ("one", "two"))
    states = (FileState("a" * 40), FileState("b" * 40, 12, 3))
    return Compared(runs, (Row("params", "lr", (0.1, None), differs=True), Row("code", "m.py", states, differs=True)))


def test_what_formats_say() -> None:
    """Lines that came and went beside the first's object; exact values in CSV, `-` for none on a terminal and in Markdown."""
    assert render_compared(small(), Look(), width=80, now=NOW).splitlines()[2:] == [
        "Parameters", "  lr            0.1      -", "Code vs. first", "  m.py          aaaaaaa  +12 -3",
    ]  # fmt: skip
    assert render_csv(small(), Look(), safe=False).splitlines() == [
        "part,name,one,two", "params,lr,0.1,", f"code,m.py,{'a' * 40},{'b' * 40}",
    ]  # fmt: skip
    assert "| params | lr" in render_markdown(small(), Look(), now=NOW)
    assert render_compared(small(), Look(["data"]), width=80, now=NOW) == ""
    assert set(PARTS) >= {"params", "code"}


def test_many_runs_become_rows() -> None:
    """Where each run would get less than a dozen columns, the table is turned round."""
    one = small().runs[0]
    rows = (Row("params", "a-long-name", tuple(f"value-{i}-is-long" for i in range(9)), differs=True),)
    text = render_compared(Compared((one,) * 9, rows), Look(), width=80, now=NOW)
    assert text.splitlines()[0].split() == ["a-long-name"]
    wide = render_compared(Compared((one,) * 9, rows), Look(), width=200, now=NOW)
    assert wide.splitlines()[0].split() == ["one"] * 9


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=60), st.integers(1, 12))
@example([sys.float_info.max] * 3, 1)
def test_curves(values: list[float], points: int) -> None:
    """A curve has at most so many points, all between the least and the greatest value, and is drawn in as many blocks."""
    curve = means(values, points)
    assert len(curve) == min(len(values), points)
    assert all(min(values) <= value or math.isclose(value, min(values)) for value in curve)
    (text,) = curve_texts([curve], 6)
    assert len(text) == min(len(curve), 6)
    assert set(text) <= set("▁▂▃▄▅▆▇█")


def test_curves_of_a_metric_share_a_scale() -> None:
    """A flat curve at the height of another's end is drawn there; what is no number is a gap."""
    assert curve_texts([(0.0, 1.0), (1.0, 1.0), (math.nan, 0.0), ()], 12) == ["▁█", "██", " ▁", ""]


def test_long_texts_are_cut_where_they_differ() -> None:
    """Two paths with one beginning look different when they are cut; short ones stay whole."""
    paths = ["/data/imagenet/train/version-1/a.tar", "/data/imagenet/train/version-2/a.tar"]
    cut = shorten_apart(paths, [16, 16])
    assert cut[0] != cut[1]
    assert all(width_of(text) <= 16 for text in cut)
    assert shorten_apart(["a", "b"], [5, 5]) == ["a", "b"]
    assert shorten_apart(["one text", "one text", "b"], [4, 6, 1]) == ["one…", "one t…", "b"]
    assert shorten_apart([], []) == []
    names = [f"a-long-name-of-a-run-that-somebody-typed-{number}" for number in range(3)]
    for widths in ([20, 20, 20], [30, 20, 10], [8, 40, 12]):  # one that is cut later tells no more for that
        cut = shorten_apart(names, widths)
        assert [text[-1] for text, width in zip(cut, widths, strict=True) if width < 40] == [
            name[-1] for name, width in zip(names, widths, strict=True) if width < 40
        ]
        assert all(width_of(text) <= width for text, width in zip(cut, widths, strict=True))


def test_one_run_is_no_comparison(factory: Factory, here: Repo) -> None:
    """From Python, fewer than two runs are a mistake."""
    factory.make("a")
    with pytest.raises(UsageError):
        compared(here, "a")
