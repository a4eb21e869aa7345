from __future__ import annotations

import itertools
import math
import os
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asked_of_records import (
    first_started,
    front,
    group_rank,
    grouped,
    holds,
    operand_value,
    ordered,
    same,
    so_far,
    summed,
)
from gitxp.direction import is_less_better
from gitxp.git.libgit2 import Libgit2
from gitxp.git.program import Git
from gitxp.query.choosing import choose_best, choose_pareto
from gitxp.query.expression import parse_operand, parse_order, parse_where
from gitxp.query.group_by import group_runs
from gitxp.query.index import Asked, Index
from gitxp.query.live import Live
from gitxp.recording.running import Running
from run_factory import START, Factory, make_live_folder, make_record, names

if TYPE_CHECKING:
    from pathlib import Path

    from gitxp.git.objects import Objects

NOW = START + 10 * 86_400.0
numbers = st.sampled_from([-1, 0, 1, 2, 0.1, 0.5, 1.0, 1e-300, 1e300, 2**53, 2**53 + 1, 2**63 - 1, -0.0])
texts = st.sampled_from(["", "adam", "sgd", "Adam", "a", "0.5", "nan", "ü", "x'; DROP TABLE refs --", "%", "1"])
scalars = st.one_of(numbers, texts, st.booleans())
metric_values = st.one_of(numbers, st.sampled_from(["nan", "inf", "-inf"]))
PARAMS = ("lr", "opt", "weight-decay", "model.depth", "lambda", "both")
METRICS = ("loss", "train/loss", "acc", "both")
seconds = st.sampled_from([0, 0.5, 59, 60, 3600, 86_400])
summaries = st.fixed_dictionaries(
    {"last": metric_values}, optional={"min": metric_values, "max": metric_values, "count": st.integers(0, 3)}
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "params": st.dictionaries(
            st.sampled_from(PARAMS), st.one_of(scalars, st.lists(scalars, max_size=2)), max_size=4
        ),
        "metrics": st.dictionaries(st.sampled_from(METRICS), summaries, max_size=3),
        "duration": seconds,
        "width": scalars,
        "branch": st.sampled_from(["main", "try/1"]),
        "group": texts,
        "dirty": st.booleans(),
        "tags": st.lists(texts, max_size=2, unique=True),
        "note": st.sampled_from(["good", "a\nb"]),
        "data": st.lists(
            st.fixed_dictionaries({"path": st.sampled_from(["a.csv", "b"]), "xxh3_128": st.sampled_from(["00", "ff"])}),
            max_size=2,
            unique_by=lambda entry: entry["path"],
        ),
    },
)
points = st.lists(
    st.sampled_from([-1.0, 0.0, 0.1, 0.25, 0.5, 1.0, 1e300, 2.0**63, math.nan, math.inf, -math.inf]), max_size=3
)
# What a live folder has: whether it is this run's or that of another of the same name, and the values of metrics.
folders = st.one_of(
    st.none(),
    st.tuples(st.booleans(), st.dictionaries(st.sampled_from([*METRICS, "so far"]), points, max_size=4)),
)
endings = st.sampled_from(
    [
        {"status": "completed", "exit_code": 0},
        {"status": "failed", "exit_code": 3},
        {"status": "killed", "exit_code": None, "signal": 9},
        {"status": "running", "exit_code": None, "finished_at": None},
    ]
)


def literal(value: object) -> str:
    """A value as an expression has it."""
    return repr(value)


number_keys = st.sampled_from(
    [
        "metrics.loss",
        "loss",
        "train/loss",
        'metrics["train/loss"]',
        "metrics.both",
        "loss.min",
        "metrics.acc.count",
        "acc",
    ]
)
any_keys = st.sampled_from(
    ["params.lr", "lr", "opt", "weight-decay", "params.model.depth", "lambda", "params.lambda", 'params["both"]']
)
signs = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
equal = st.sampled_from(["==", "!="])
simple_numbers = st.one_of(number_keys, numbers.map(literal))
arithmetic = st.builds(
    "({} {} {})".format,
    st.one_of(number_keys, any_keys),
    st.sampled_from("+-*/"),
    st.one_of(number_keys, numbers.map(literal)),
)
lists = st.lists(scalars, max_size=2).map(literal)
leaves = st.one_of(
    st.builds("{} {} {}".format, number_keys, signs, simple_numbers),
    st.builds("{} {} {}".format, any_keys, signs, st.one_of(scalars.map(literal), number_keys, any_keys)),
    st.builds("{} {} {}".format, numbers.map(literal), signs, any_keys),
    st.builds("{} {} {}".format, any_keys, signs, st.sampled_from(["name", "group", "branch"])),
    st.builds("{} {} {}".format, st.sampled_from(["name", "group"]), signs, any_keys),
    st.builds("{} {} {}".format, any_keys, equal, lists),
    st.builds("{} {} {}".format, arithmetic, signs, st.one_of(numbers.map(literal), number_keys)),
    st.builds("{} < {} <= {}".format, numbers.map(literal), number_keys, numbers.map(literal)),
    st.builds("{} {} {}".format, any_keys, st.sampled_from(["in", "not in"]), lists),
    st.builds("{} {} {}".format, scalars.map(literal), st.sampled_from(["in", "not in"]), any_keys),
    st.builds("{} {} tags".format, texts.map(literal), st.sampled_from(["in", "not in"])),
    st.builds("{} in {}".format, texts.map(literal), st.sampled_from(["name", "group", "notes", "command", "data"])),
    st.builds("{} {} {}".format, st.sampled_from(["name", "group", "tags", "notes", "opt"]), st.sampled_from(["~", "!~"]),
              st.sampled_from(["'^a'", "'m$'", "'.'", "'b|0'"])),
    st.builds("has({})".format, st.one_of(number_keys, any_keys, st.sampled_from(["group", "tags", "params.gone", "data['b']"]))),
    st.builds("isnan({})".format, number_keys),
    st.builds("status {} '{}'".format, equal, st.sampled_from(["completed", "failed", "running"])),
    st.builds("duration {} {}".format, signs, st.sampled_from(["'1m'", "60", "'1h'", "'2 days'"])),
    st.builds("started {} '{}'".format, signs, st.sampled_from(["10 days ago", "2023-11-14", "2023-11-14 22:20Z", "9 days ago"])),
    st.builds("age {} '{}'".format, signs, st.sampled_from(["10d", "9d 23h"])),
    st.builds("data['a.csv'] {} '00'".format, equal),
    st.builds("dirty {} {}".format, equal, st.sampled_from(["true", "False"])),
    st.builds("{} is {}".format, any_keys, st.sampled_from(["None", "not None"])),
    st.sampled_from(["dirty", "lr", "opt", "tags", "exit_code == 0", "signal == 9", "branch == 'main'", "user == 'tester'"]),
)  # fmt: skip
expressions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=4,
)
order_keys = st.sampled_from(
    "loss,metrics.acc,width,duration,name,started,status,age,branch,loss - acc,dirty,loss.min".split(",")
)
orders = st.lists(st.builds("{}{}".format, st.sampled_from(["", "-"]), order_keys), min_size=1, max_size=3).map(
    ",".join
)
_numbers = itertools.count()


def _records(drawn: list[tuple[dict[str, Any], dict[str, Any]]]) -> list[dict[str, Any]]:
    """Sound records, of which the first has every key, so that each can be asked for."""
    whole = {
        "params": dict.fromkeys((*PARAMS, "width"), 0.5),
        "metrics": {name: {"last": 0.5, "min": 0.25, "max": 1, "count": 2, "step": 1} for name in METRICS},
    }
    every = [({}, whole), *drawn]
    for _, keys in every:
        if "width" in keys:  # a parameter that is no list, to order by
            keys["params"] = {**keys.get("params", {}), "width": keys.pop("width")}
    return [
        make_record(
            f"run-{number}", number // 2, **{"id": f"{number:08x}-0000-7000-8000-000000000000", **ending, **keys}
        )
        for number, (ending, keys) in enumerate(every)
    ]


def _index_of(folder: Path, records: list[dict[str, Any]], live: list[Any]) -> tuple[Index, list[dict[str, Any]]]:
    """The index of a repository that has runs of these records, and some live folders; the records with what these have."""
    repo = str(folder / f"{next(_numbers)}")
    subprocess.run(["git", "init", "-q", repo], check=True)
    Factory(repo).make_of(records)
    told = []
    for record, (is_its, metrics) in zip(records, [(False, {}), *(one or (False, None) for one in live)], strict=True):
        id_ = record["id"] if is_its else "00000000-0000-7000-8000-00000000ffff"
        if metrics is not None:
            make_live_folder(repo, {**record, "id": id_}, metrics)
        told.append(so_far(record, (id_, metrics or {})))
    running = Running(os.path.join(repo, ".git"), repo)
    git = Git(repo)

    def open_objects(_: int) -> Objects:
        reader = Libgit2.open(git, os.path.join(repo, ".git"))
        assert reader is not None
        return reader

    path = os.path.join(repo, "index.sqlite")
    return Index(git, path, open_objects, clock=lambda: NOW, live=Live(running.names, running.summaries)), told


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the repositories of this module's examples are."""
    return tmp_path_factory.mktemp("asked")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    drawn=st.lists(st.tuples(endings, fields, folders), max_size=12),
    asked=st.lists(expressions, min_size=1, max_size=12),
    by=st.lists(orders, min_size=1, max_size=4),
)
def test_the_index_answers_as_the_records_do(folder: Path, drawn: Any, asked: list[str], by: list[str]) -> None:
    """Any expression in any order finds the runs, and the values, that Python finds in the plain records.

    Of runs that are running here these have what was logged so far; and so have the runs that are given.
    """
    records = _records([(ending, keys) for ending, keys, _ in drawn])
    index, records = _index_of(folder, records, [live for *_, live in drawn])
    known = index.keys()
    for where, order in zip([None, *asked], itertools.cycle(by), strict=False):
        orders = parse_order(order, known, NOW)
        sound = records
        if where is not None:
            condition = parse_where(where, known, NOW)
            sound = [record for record in records if holds(condition, record, NOW)]
        expected = ordered(sound, orders, NOW)
        found = index.with_live(index.search(Asked(where, order)).runs)
        assert names(found) == expected, (where, order)
    if "so far" in known.metrics:  # what only runs have that are running
        for where in ('metrics["so far"] >= 0.25', 'not has(metrics["so far"])'):
            condition = parse_where(where, known, NOW)
            expected = ordered([record for record in records if holds(condition, record, NOW)], (), NOW)
            assert names(index.search(Asked(where)).runs) == expected, where
    by_name = {record["name"]: record for record in records}
    assert all(run.record == by_name[run.name] for run in index.with_live(index.newest().runs))
    assert index.count_metrics(Asked()) == Counter(name for record in records for name in record.get("metrics", ()))
    for text in ("loss", "lr", "loss.min", "duration", "dirty", "acc - loss"):
        operand = parse_operand(text, known, NOW)
        for one in index.values(Asked(), [text]):
            expected_value = operand_value(operand, by_name[one.name], NOW)
            assert repr(one.values[0]) == repr(expected_value) or one.values[0] == expected_value


group_keys = st.sampled_from("lr opt params.both params.model.depth status branch group dirty tags loss.count".split())
measure_keys = st.sampled_from(
    [
        "loss",
        "-loss",
        "metrics.acc",
        "+train/loss",
        "loss.min",
        "width",
        "duration",
        "loss - acc",
        "lr:max",
        "params.both",
    ]
)


def _way(text: str) -> tuple[str, bool]:
    """A measure's key, and whether less of it is better."""
    if text[0] in "-+":
        return text[1:], text[0] == "-"
    if text.endswith(":max"):
        return text.removesuffix(":max"), False
    return text, is_less_better(text)


def _about(one: float | None, two: float | None, scale: float) -> bool:
    """Whether two floats are the same but for rounding."""
    if one is None or two is None or not math.isfinite(one) or not math.isfinite(two):
        return repr(one) == repr(two)
    return math.isclose(one, two, rel_tol=1e-9, abs_tol=scale * 1e-12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    drawn=st.lists(st.tuples(endings, fields, folders), max_size=14),
    where=st.one_of(st.none(), expressions),
    by=st.lists(group_keys, min_size=1, max_size=2, unique=True),
    asked=st.lists(measure_keys, min_size=1, max_size=4, unique_by=lambda text: _way(text)[0]),
    descending=st.booleans(),
)
def test_the_best_the_front_and_groups_are_those_of_the_records(
    folder: Path, drawn: Any, where: str | None, by: list[str], asked: list[str], descending: bool
) -> None:
    """What the index chooses and sums up is what Python finds in the plain records, in the same order."""
    records = _records([(ending, keys) for ending, keys, _ in drawn])
    index, records = _index_of(folder, records, [live for *_, live in drawn])
    known = index.keys()
    sound = records
    if where is not None:
        condition = parse_where(where, known, NOW)
        sound = [record for record in records if holds(condition, record, NOW)]
    keys = [parse_operand(text, known, NOW) for text in by]
    operands = [parse_operand(_way(text)[0], known, NOW) for text in asked]
    are_less = [_way(text)[1] for text in asked]

    found = choose_pareto(index, Asked(where), known, ",".join(asked))
    assert (list(found.names), found.left_out) == front(sound, operands, are_less, NOW)
    by_age = choose_pareto(index, Asked(where, "started_at,name"), known, ",".join(asked))
    assert list(by_age.names) == sorted(found.names, key=[record["name"] for record in records].index)

    groups = grouped(sound, keys, NOW)
    best = {summed(members, operands[0], NOW, is_less=are_less[0]).best_run for _, members in groups} - {None}
    chosen = choose_best(index, Asked(where), known, asked[0], ",".join(by))
    assert set(chosen.names) == best
    assert chosen.left_out == front(sound, operands[:1], are_less[:1], NOW)[1]
    if chosen.names:
        (first,) = choose_best(index, Asked(where), known, asked[0], None).names
        winners = front(sound, operands[:1], are_less[:1], NOW)[0]
        assert first == first_started([record for record in records if record["name"] in winners])["name"]
        assert chosen.names[0] == first

    sort = f"{'-' if descending else ''}{_way(asked[0])[0]}.best"
    told = group_runs(index, Asked(where, ""), known, by=",".join(by), metrics=",".join(asked), sort=sort)
    assert (told.runs, told.total) == (len(sound), len(groups))
    expected = sorted(groups, key=lambda group: [group_rank(value) for value in group[0]])
    tops = [summed(members, operands[0], NOW, is_less=are_less[0]).best for _, members in expected]
    having = [i for i, top in enumerate(tops) if top is not None]
    having.sort(key=lambda i: tops[i], reverse=descending)
    expected = [expected[i] for i in (*having, *(i for i, top in enumerate(tops) if top is None))]
    for group, (values, members) in zip(told.groups, expected, strict=True):
        assert group.runs == len(members)
        assert all(map(same, group.values, values)), (group.values, values)
        for summary, operand, is_less in zip(group.summaries, operands, are_less, strict=True):
            wanted = summed(members, operand, NOW, is_less=is_less)
            assert (summary.best, summary.best_run) == (wanted.best, wanted.best_run)
            assert (summary.n, summary.nan) == (wanted.n, wanted.nan)
            numbers = [operand_value(operand, record, NOW) for record in members]
            scale = max((abs(n) for n in numbers if isinstance(n, (int, float)) and math.isfinite(n)), default=0.0)
            assert _about(summary.mean, wanted.mean, scale)
            assert _about(summary.std, wanted.std, scale)
