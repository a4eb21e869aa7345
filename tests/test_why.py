"""`gitxp why`: what changed between two runs in its order; over many, what may be said before any number is taken."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitxp.compared import Association, Associations
from gitxp.direction import parse_direction
from gitxp.errors import GitxpError, UsageError
from gitxp.query.associations import _columns, _warn
from gitxp.render.associations import render_associations
from gitxp.render.measure import width_of
from run_factory import Factory, encode

if TYPE_CHECKING:
    from conftest import Gitxp
    from gitxp.repo import Repo

pytest_plugins = ("run_fixtures",)

EVIL = "\x1b]0;x\x07\u202e"


def summary(last: Any) -> dict[str, Any]:
    """The summary of a metric with one point."""
    return {"last": last, "min": last, "max": last, "count": 1, "step": 0}


@pytest.fixture
def two(factory: Factory) -> Factory:
    """Two runs that differ in everything."""
    sources = {"z": "argv", "lib": "hydra", "depth": "argparse", "const": "constant", "conf": "config:conf.yaml"}
    for name, n in (("a", 1), ("b", 2)):
        digest = {"path": "d.csv", "kind": "file", "size": 3, "xxh3_128": f"0{n}"}
        python = {"version": f"3.1{n}"}
        environment = {"python": python, "packages": {"numpy": f"{n}", "aaa": f"{n}"}, "imported": ["numpy"]}
        factory.make(
            name,
            command=["python", "src/main.py", "--z", str(n)],
            params=dict.fromkeys(sources, n),
            param_sources=sources,
            metrics={"loss": summary(1 / n), "acc": summary(1 / n), "nan": summary("nan" if n == 1 else 1)},
            data=[digest],
            files={
                "src/main.py": "from pkg import (\n    model,\n)\nimport unknown, other as o\n",
                "src/pkg/__init__.py": "",
                "src/pkg/model.py": "from .layers import x\n" + "1\n" * n,
                "src/pkg/layers.py": "2\n" * n * 3,
                "src/other.py": f"{n}\n",
                "conf.yaml": f"conf: {n}\n",
                "unused.py": "3\n" * n * 100,
                ".gitxp/environment.json": encode(environment),
            },
        )
    return factory


@pytest.mark.usefixtures("two")
def test_the_order(here: Repo) -> None:
    """Parameters as they were given, code that the command runs by its lines, data, packages that were imported, the rest."""
    found = here.why(here.get("a"), here.get("b"))
    assert [(change.kind, change.name) for change in found.changes] == [
        ("params", "z"),
        ("params", "conf"),
        ("params", "lib"),
        ("params", "depth"),
        ("params", "const"),
        ("code", "src/pkg/layers.py"),
        ("code", "src/other.py"),
        ("code", "src/pkg/model.py"),
        ("code", "conf.yaml"),
        ("code", "unused.py"),
        ("data", "d.csv"),
        ("packages", "numpy"),
        ("environment", "python.version"),
        ("packages", "aaa"),
    ]
    reasons = {change.name: change.why for change in found.changes if change.kind == "code"}
    assert reasons["src/pkg/layers.py"] == "the command runs it"
    assert reasons["conf.yaml"] == "read as configuration"
    assert reasons["unused.py"] == ""


@pytest.mark.usefixtures("two")
def test_beside_the_metrics(gitxp: Gitxp) -> None:
    """Each metric that changed has its difference and whether that is better; no cause is named; --json has it all."""
    shown = gitxp("why", "a", "b").stdout
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "acc 1 0.5 -0.5 worse" in lines
    assert "loss 1 0.5 -0.5 better" in lines
    assert "nan nan 1" in lines
    assert "nothing here is said to be the cause" in " ".join(lines)
    turned = [" ".join(line.split()) for line in gitxp("why", "a", "b", "--better=-acc").stdout.splitlines()]
    assert "acc 1 0.5 -0.5 better" in turned
    told = json.loads(gitxp("why", "a", "b", "--json").stdout)
    assert told["changes"][0] == {"kind": "params", "name": "z", "values": [1, 2], "why": "given for the run"}
    assert told["changes"][5]["insertions"] == 3
    assert (told["metrics"]["loss"], told["better"]["loss"]) == ([1, 0.5], "less")


def test_what_has_no_environment_differs_in_none(factory: Factory, gitxp: Gitxp, here: Repo) -> None:
    """A run of which no environment is recorded does not differ in each package, and that is said as in `gitxp diff`."""
    known = {"os": {"system": "Linux"}, "python": {"version": "3.12"}, "packages": {"numpy": "1"}, "memory": 1 << 30}
    factory.make("a", params={"lr": 1}, files={".gitxp/environment.json": encode(known)})
    factory.make("b", params={"lr": 2}, status="running")
    assert [change.kind for change in here.why(here.get("a"), here.get("b")).changes] == ["params"]
    sentence = "Environment\nNone is recorded of b yet: it is running.\n"
    assert sentence in gitxp("why", "a", "b").stdout
    assert sentence in gitxp("diff", "a", "b").stdout
    factory.make("c", params={"lr": 1}, files={".gitxp/environment.json": encode(known | {"memory": 2 << 30})})
    assert "  memory  1.0 GiB  2.0 GiB\n" in gitxp("why", "a", "c").stdout


def test_nothing_changed(factory: Factory, gitxp: Gitxp) -> None:
    """Two equal runs differ in nothing; where only a metric does, that is said."""
    for name, loss in (("a", 1), ("b", 1), ("c", 2)):
        factory.make(name, metrics={"loss": summary(loss)})
    assert gitxp("why", "a", "b").stdout == "Nothing that gitxp knows of changed between a and b.\n"
    assert gitxp("why", "a", "c").stdout.startswith("No parameter, code, data or package changed between a and c.\n")


@pytest.mark.parametrize(
    ("words", "others", "told"),
    [
        ("t.py a.csv", "t.py b.csv", ["python t.py a.csv", "python t.py b.csv"]),
        ("t.py --lr 1 a.csv", "t.py b.csv --lr 1", ["python t.py a.csv", "python t.py b.csv"]),
        ("t.py -O2 --lr 1", "t.py -O3 --lr 1", ["python t.py -O2", "python t.py -O3"]),
        ("-m pkg.train --lr 1", "-m pkg.test --lr 1", ["python -m pkg.train", "python -m pkg.test"]),
        ("-c print(1)", "-c print(2)", ["python -c 'print(1)'", "python -c 'print(2)'"]),
        ("t.py a.csv --lr 1", "t.py --lr 1 a.csv", None),
        ("t.py -- a", "t.py -- b", ["python t.py a", "python t.py b"]),
    ],
)
def test_words_that_are_no_parameters(
    factory: Factory, gitxp: Gitxp, words: str, others: str, told: list[str] | None
) -> None:
    """Where two runs differ in a file's name or a module, that is told, and never that nothing changed."""
    for name, command in (("a", words), ("b", others)):
        params = {"lr": 1} if "--lr" in command else {}
        factory.make(name, command=["python", *command.split()], params=params, metrics={"loss": summary(len(name))})
    changes = json.loads(gitxp("why", "a", "b", "--json").stdout)["changes"]
    assert [change["values"] for change in changes if change["kind"] == "command"] == ([told] if told else [])
    assert json.loads(gitxp("diff", "a", "b", "--json").stdout).get("command") == told
    assert json.loads(gitxp("compare", "a", "b", "--json").stdout)["about"].get("command") == told
    grown = json.loads(gitxp("tree", "--json").stdout)[1]["changes"]
    assert grown.get("program") == told
    assert ("(command)" in gitxp("diff", "a", "b", "--params").stdout) == bool(told)


def test_an_empty_text_is_not_nothing(factory: Factory, gitxp: Gitxp) -> None:
    """A parameter that is an empty text is told as that, and one that is not there as -."""
    factory.make("a", params={"note": ""})
    factory.make("b", params={"note": "x", "lr": 1})
    shown = [" ".join(line.split()) for line in gitxp("diff", "a", "b", "--params").stdout.splitlines()]
    assert shown[-2:] == ["lr - 1", 'note "" x']
    assert 'note "" → x' in gitxp("tree").stdout


def test_what_a_parser_took_is_no_other_word(factory: Factory, gitxp: Gitxp) -> None:
    """A word that the program's own parser took for a parameter is told as that alone."""
    for name, file in (("a", "a.csv"), ("b", "b.csv")):
        factory.make(name, command=["python", "t.py", file], params={"file": file}, param_sources={"file": "argv"})
    assert [one["kind"] for one in json.loads(gitxp("why", "a", "b", "--json").stdout)["changes"]] == ["params"]


def test_escape_sequences(factory: Factory, gitxp: Gitxp) -> None:
    """Names and values of a stranger's run are shown, not obeyed."""
    factory.make("a", params={EVIL: EVIL}, metrics={EVIL: summary(1)}, command=["python", EVIL], files={EVIL: "x"})
    factory.make("b", params={EVIL: 1}, metrics={EVIL: summary(2)}, param_sources={EVIL: f"config:{EVIL}"})
    for options in ((), ("--json",)):
        assert all(line.isprintable() for line in gitxp("why", "a", "b", *options).stdout.splitlines())


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(
    "args",
    [(), ("a",), ("a", "b", "b"), ("--where", "z > 0"), ("--metric", "z"), ("--metric", "los"), ("--metric", "loss", "z >"),
     ("z > 0", "--where", "z > 0", "--metric", "loss"), ("--metric", "loss", "--better", "loss"),
     ("a", "b", "--metric", "loss")],
)  # fmt: skip
def test_words_that_do_not_fit_together(gitxp: Gitxp, args: tuple[str, ...]) -> None:
    """Each mistake is said in a sentence, with the status of wrong usage."""
    answer = gitxp("why", *args, check=False)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("Error: ")


def test_without_the_extra(factory: Factory, here: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing scikit-learn is a sentence that says what to install."""
    for i in range(5):
        factory.make(f"r{i}", params={"lr": i}, metrics={"acc": summary(i)})
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(GitxpError) as error:
        here.goes_with("acc")
    assert error.value.hint == "pip install 'gitxp[analysis]'"
    with pytest.raises(UsageError):
        here.goes_with("lr")


def test_too_few_runs_to_say_anything(factory: Factory, gitxp: Gitxp) -> None:
    """Three runs get a plain warning and no number, with the extra and without."""
    for i in range(3):
        factory.make(f"r{i}", params={"lr": i}, metrics={"acc": summary(i)})
    factory.make("other", params={"lr": 3})
    shown = gitxp("why", "--metric", "acc").stdout
    assert "Warning: Too few runs have a number for acc: 3, where 4 are the least" in shown
    assert "1 run without a number for acc" in shown
    assert json.loads(gitxp("why", "--metric", "acc", "--json").stdout)["parameters"] == []


def params_of(**columns: list[Any]) -> tuple[list[tuple[str, ...]], list[str], list[str]]:
    """What becomes of these parameters: those looked at, together where they are; the constant; the unique."""
    found, constant, unique = _columns(columns, len(next(iter(columns.values()))))
    return [column.params for column in found], constant, unique


def test_what_is_left_out_and_what_is_told_together() -> None:
    """Constants, a text for each run, and parameters that always change together are told as such."""
    assert params_of(
        lr=[1, 1, 2, 2, 3, 3],
        batch=[32, 32, 8, 8, 16, 16],
        opt=["a", "a", "b", "b", "c", "c"],
        flag=[True, True, False, False, None, None],
        seed=[0, 1, 0, 1, 0, 1],
        one=[1, 1.0, 1, 1, 1, 1],
        out=list("uvwxyz"),
        some=[None, 1, 1, 1, 1, 1],
    ) == ([("batch", "flag", "lr", "opt"), ("seed",), ("some",)], ["one"], ["out"])


def test_values_that_never_repeat_change_together_only_in_order() -> None:
    """Of two random searches' numbers each run has its own: only those that rise and fall together are confounded."""
    found, *_ = params_of(
        lr=[0.1, 0.5, 0.3, 0.2], half=[1, 5, 3, 2], down=[9, 5, 6, 7], seed=[3, 1, 2, 4], gone=[None, 1, 2, 3]
    )
    assert found == [("down", "half", "lr"), ("seed",), ("gone",)]


@given(
    st.dictionaries(
        st.sampled_from("abcdef"), st.lists(st.sampled_from([None, 1, 2, True, "x", [1]]), min_size=6, max_size=6)
    )
)
def test_each_parameter_is_told_once(columns: dict[str, list[Any]]) -> None:
    """A parameter is looked at, or constant, or unique, and never two of them."""
    found, constant, unique = _columns(columns, 6)
    assert sorted([*(name for column in found for name in column.params), *constant, *unique]) == sorted(columns)


@pytest.mark.parametrize(
    ("runs", "columns", "warned"), [(9, 1, True), (10, 1, False), (14, 3, True), (15, 3, False), (3, 1, True)]
)
def test_what_too_few_is(runs: int, columns: int, warned: bool) -> None:
    """Fewer than ten runs, or than five for each parameter that changes, are too few, and the warning says why."""
    warnings = list(_warn(Associations("m", parse_direction("m"), runs), columns))
    assert bool(warnings) == warned
    assert all("too few" in warning.lower() for warning in warnings)


@pytest.mark.parametrize("width", [40, 80, 200, None])
def test_the_table(width: int | None) -> None:
    """It is safe, it fits, weak correlations are marked, and what always changes together is said."""
    found = (
        Association(("lr", EVIL), 20, tuple(range(9)), 0.9, -0.9, 0.001, 0.5),
        Association(("opt" * 30,), 20, ("adam", EVIL), 0.1, None, 0.5, 0.0),
        Association(("none",), 1, (1,)),
    )
    told = Associations(
        f"m{EVIL}", parse_direction("-m"), 20, 1, found, ("c",) * 30, (EVIL,), 0.5, 0.44, warnings=("Few.",)
    )
    text = render_associations(told, width=width)
    assert all(line.isprintable() for line in text.splitlines())
    assert width is None or width < 80 or all(width_of(line) <= width for line in text.splitlines())
    plain = " ".join(text.split())
    assert "-0.90" in plain
    assert "0.10 ?" in plain
    assert "always change together here" in plain
    assert "says nothing of causes" in plain
