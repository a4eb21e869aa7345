from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitxp.errors import FormatError, UsageError
from gitxp.format import Oid, contradicts, encode_json
from gitxp.git.cat_file import CatFile
from gitxp.git.program import Git
from gitxp.git.refs import find_ref
from gitxp.names import RunName
from gitxp.store import runs as store
from gitxp.store.writer import Identity
from run_factory import Factory, encode, make_id, make_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitxp.git.objects import Objects
    from gitxp.model import Run


@pytest.fixture
def objects(repo: str) -> Iterator[Objects]:
    """The reader of the test's repository."""
    reader = CatFile(Git(repo))
    yield reader
    reader.close()


def read(repo: str, objects: Objects, name: str) -> Run:
    """The run of this name."""
    where = find_ref(Git(repo), RunName(name))
    assert where is not None
    return store.read_run(objects, where)


def use(run: Run) -> None:
    """Everything that is ever asked of a run."""
    assert isinstance(run.status, str)
    assert all(isinstance(word, str) for word in run.command)
    assert all(isinstance(value * 0.5, float) for value in run.metrics.values())
    assert isinstance(dict(run.params), dict)
    assert run.id is None or isinstance(run.id, str)
    assert run.started_at is None or isinstance(run.started_at, str)
    assert run.duration is None or math.isfinite(run.duration)
    encode_json(run.to_json())


def test_reads_a_run(repo: str, objects: Objects) -> None:
    """A sound record comes back as it was written, with its tags and note, and keys that nobody knows."""
    params = {"lr": 0.1, "layers": [1, 2], "name": "x", "flag": True}
    metrics = {"loss": {"last": 0.5, "min": "nan", "max": "inf", "count": 3, "step": 2}}
    keys = {"params": params, "metrics": metrics, "tags": ["a", "b"], "note": "why", "future": {"x": [1, None]}}
    commit = Factory(repo).make("one", **keys)
    run = read(repo, objects, "one")
    assert (run.name, run.ref, run.commit, run.problem) == ("one", "refs/experiments/one", commit, None)
    assert run.record == make_record("one", 1, **keys)
    assert (run.id, run.status, run.tags, run.notes) == (make_id(1), "completed", ("a", "b"), ("why",))
    assert run.metrics == {"loss": 0.5}
    use(run)


def test_the_name_of_the_ref_is_the_handle(repo: str, objects: Objects) -> None:
    """A run that was fetched under another name is known by that one, in JSON, too."""
    Factory(repo).make("here", raw=encode(make_record("there")))
    run = read(repo, objects, "here")
    assert (run.name, run.problem, run.to_json()["name"]) == ("here", None, "here")


def test_a_newer_format_names_both_versions(repo: str, objects: Objects) -> None:
    """A record of a newer gitxp says which it is, which we read, and what to do; nothing else of it is looked at."""
    Factory(repo).make("new", raw=b'{"format": 7, "status": [1], "name": 3}')
    run = read(repo, objects, "new")
    assert run.status == "unreadable"
    assert run.problem is not None
    assert "format 7" in run.problem
    assert "up to 1" in run.problem
    assert "pip install --upgrade gitxp" in run.problem
    use(run)


WRONG: dict[str, Any] = {
    "metrics": [1, 2],
    "status": 3,
    "duration": "long",
    "exit_code": 1.5,
    "signal": True,
    "command": "python train.py",
    "cwd": None,
    "started_at": "yesterday",
    "finished_at": 5,
    "branch": ["main"],
    "dirty": "yes",
    "changes": {"modified": "two"},
    "skipped": [{"reason": "no path"}],
    "submodules": {"path": "x"},
    "params": {"nested": {"a": 1}},
    "param_sources": {"a": 1},
    "data": [{"path": "x", "size": "big"}],
    "outputs": [7],
    "git": "2.39",
    "tags": "one,two",
    "note": ["a"],
    "group": 0,
    "id": 12,
}


@pytest.mark.parametrize("key", WRONG)
def test_a_key_of_the_wrong_type_is_named(key: str) -> None:
    """Each key that this version knows is checked when the record is read, and the problem says which it was."""
    record, problem = store.decode_run(encode({**make_record("x"), key: WRONG[key]}))
    assert problem is not None
    assert repr(key) in problem
    assert key not in record


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"status": "exploded"}, "none of running"),
        ({"metrics": {"m": {"last": "much"}}}, "'last' is no number"),
        ({"metrics": {"m": {"min": 1}}}, "without 'last'"),
        ({"metrics": {"m": {"last": 10**400}}}, "a whole number of 401 digits"),
        ({"metrics": {"m": {"last": [1]}}}, "'last' is no number"),
        ({"exit_code": 2**70}, "too large a number"),
        ({"duration": float("inf")}, "JSON does not have|JSON has"),
        ({"unknown": float("nan")}, "JSON has"),
        ({"unknown": {"x": [float("nan")]}}, "JSON does not have"),
        ({"params": {"x": [[float("-inf")]]}}, "JSON does not have"),
        ({"duration": "nan"}, "no number"),
        ({"duration": -0.001}, "'duration' is below zero"),
        ({"duration": -(10**300)}, "'duration' is below zero"),
        ({"exit_code": 2**63}, "'exit_code' is too large a number"),
        ({"data": [{"path": "x", "files": -1}]}, "'files' is below zero"),
        ({"metrics": {"m": {"last": 1, "count": -1}}}, "'count' is below zero"),
        ({"started_at": "2026-01-02T03:04:05.000"}, "'started_at' is no time"),
        ({"started_at": "2026-01-02x03:04:05Z"}, "'started_at' is no time"),
        ({"finished_at": "20260102T030405Z"}, "'finished_at' is no time"),
    ],
)
def test_values_that_make_no_sense_are_a_problem(keys: dict[str, Any], words: str) -> None:
    """A status that is none, numbers that overflow, and floats that JSON cannot hold make a run unreadable."""
    import re

    _, problem = store.decode_run(encode({**make_record("x"), **keys}))
    assert problem is not None
    assert re.search(words, problem)


@pytest.mark.parametrize(
    "keys",
    [
        {"exit_code": 2**63 - 1, "signal": -(2**63)},
        {"duration": 0, "changes": {"modified": 0}, "data": [{"path": "x", "size": 2**63 - 1}]},
        {"duration": 10**300, "metrics": {"m": {"last": 10**307, "min": -(10**307), "step": -1}}},
        {"params": {"seed": 2**64 - 1}, "future": [10**307, None]},
        {"started_at": "0001-01-01T00:00:00+23:59", "finished_at": "9999-12-31 23:59:59.999999-23:59"},
    ],
    ids=range(5),
)
def test_odd_values_within_the_format_are_taken(keys: dict[str, Any]) -> None:
    """What a reader can hold is read, digit for digit; of a metric's value it makes the nearest float."""
    record, problem = store.decode_run(encode({**make_record("x"), **keys}))
    assert (problem, {key: record[key] for key in keys}) == (None, keys)
    run = store.make_run(RunName("x"), "refs/experiments/x", Oid("a" * 40), record, problem)  # type: ignore[arg-type]
    use(run)
    assert all(isinstance(value, float) for value in run.metrics.values())


def test_a_parameter_of_null_is_none() -> None:
    """There is no null in the format; a parameter that has it in place of a value is one that is not there."""
    record, problem = store.decode_run(encode(make_record("x", params={"a": None, "b": [None], "c": 1})))
    run = store.make_run(RunName("x"), "refs/experiments/x", Oid("a" * 40), record, problem)  # type: ignore[arg-type]
    assert run.params == {"b": [None], "c": 1}
    assert run.to_json()["params"] == run.params


def test_a_record_cannot_say_what_gitxp_says_of_it() -> None:
    """Keys that the object for users has of its own are never the record's, and the note is there once, in `notes`."""
    own = {"ref": "x", "commit": "y", "notes": 1, "problem": "z", "environment": {}, "series": [], "future": 1}
    record, problem = store.decode_run(encode(make_record("x", note="why", tags=["t"], **own)))
    run = store.make_run(RunName("x"), "refs/experiments/x", Oid("a" * 40), record, problem)  # type: ignore[arg-type]
    about = {"ref": "refs/experiments/x", "commit": "a" * 40, "tags": ["t"], "notes": ["why"], "future": 1}
    assert run.to_json() == {**make_record("x"), **about}
    assert run.record["note"] == "why"


@pytest.mark.parametrize(
    ("status", "keys", "wrong"),
    [
        ("completed", {"exit_code": 0}, False),
        ("completed", {}, False),
        ("completed", {"exit_code": 1}, True),
        ("completed", {"signal": 9}, True),
        ("failed", {"exit_code": 3}, False),
        ("failed", {"exit_code": 0}, True),
        ("interrupted", {"signal": 2}, False),
        ("interrupted", {"exit_code": 130}, True),
        ("killed", {"signal": 9}, False),
        ("killed", {"signal": 9, "exit_code": 137}, True),
        ("killed", {}, False),
        ("lost", {}, False),
        ("lost", {"exit_code": 0}, True),
        ("running", {"exit_code": 0}, True),
    ],
)
def test_a_status_that_its_end_contradicts(status: str, keys: dict[str, int], wrong: bool) -> None:
    """A status is doubtful where the exit code or the signal beside it would give another; it is kept as it is."""
    record = {**make_record("x", exit_code=None), "status": status, **keys}
    assert store.decode_run(encode(record)) == (record, None)
    assert contradicts(record) is wrong


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"format": 0}',
        b'{"format": true}',
        b'{"format": 1}',
        b"[" * 100_000,
        b'{"format": 1, "x": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"format": 1, "x": 1' + b"0" * 5000 + b"}",
        b'{"format": 1' + b"0" * 4000 + b"}",
        b'{"format": 1e999}',
    ],
    ids=range(13),
)
def test_bytes_that_are_no_record_are_one_bad_row(raw: bytes) -> None:
    """Whatever lies at .gitxp/run.json, reading it gives a run with a problem and never an exception."""
    record, problem = store.decode_run(raw)
    assert problem
    use(store.make_run(RunName("x"), "refs/experiments/x", Oid("a" * 40), record, problem))  # type: ignore[arg-type]


def test_deep_nesting_is_a_problem_where_python_could_not_write_it_again() -> None:
    """A key that nobody knows may nest, up to a depth; beyond it the run is unreadable."""
    fine: Any = 1
    for _ in range(40):
        fine = [fine]
    assert store.decode_run(encode({**make_record("x"), "future": fine}))[1] is None
    for _ in range(100):
        fine = {"x": fine}
    problem = store.decode_run(encode({**make_record("x"), "future": fine}))[1]
    assert problem is not None
    assert "levels deep" in problem


def test_a_record_of_20_megabytes_is_refused(repo: str, objects: Objects) -> None:
    """A record over the limit is one bad row, which says how large it is and what the limit is."""
    Factory(repo).make("huge", raw=encode({**make_record("huge"), "note": "x" * 20_000_000}))
    run = read(repo, objects, "huge")
    assert run.problem is not None
    assert "16,777,216" in run.problem
    use(run)


def test_what_is_sound_of_a_bad_record_is_kept() -> None:
    """Id, command and start of a run are kept where they are sound, so that one sees which run it is."""
    record, problem = store.decode_run(encode({**make_record("x"), "metrics": 1}))
    assert problem
    assert record == {key: make_record("x")[key] for key in ("id", "command", "started_at")}
    record, _ = store.decode_run(encode({**make_record("x"), "metrics": 1, "command": 5}))
    assert "command" not in record


def test_a_ref_that_leads_to_no_run_is_one_bad_row(repo: str, objects: Objects, git: Any) -> None:
    """A branch's commit, a blob and a commit that is not there are runs that say what is wrong."""
    git("update-ref", "refs/experiments/plain", "HEAD")
    git("update-ref", "refs/experiments/blob", git("hash-object", "-w", "train.py"))
    assert "has no .gitxp/run.json" in str(read(repo, objects, "plain").problem)
    assert "is a blob, and a commit is needed" in str(read(repo, objects, "blob").problem)
    use(read(repo, objects, "blob"))


@pytest.mark.damaged
def test_a_run_whose_commit_is_missing_is_one_bad_row(repo: str, objects: Objects) -> None:
    """A ref to an object that is not in the repository does not stop anything."""
    Factory(repo).make("fine")
    with open(f"{repo}/.git/refs/experiments/gone", "w", encoding="ascii") as file:
        file.write("d" * 40 + "\n")
    assert "is not in the repository" in str(read(repo, objects, "gone").problem)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
KEYS = sorted({*WRONG, "host", "user", "base", "parent_run", "gitxp_version", "name", "unknown"})


@given(st.dictionaries(st.sampled_from(KEYS), json_values, max_size=4))
def test_no_record_makes_its_reader_stumble(keys: dict[str, Any]) -> None:
    """Whatever JSON stands at whatever key: a run comes out of which everything can be asked and which can be written."""
    record, problem = store.decode_run(json.dumps({**make_record("x"), **keys}).encode())
    use(store.make_run(RunName("x"), "refs/experiments/x", Oid("a" * 40), record, problem))  # type: ignore[arg-type]


def test_environment(repo: str, objects: Objects) -> None:
    """The environment is the object that was written; empty where there is none; an error where it is damaged."""
    factory = Factory(repo)
    environment = {"python": {"version": "3.11"}, "packages": {"a.b": "1"}}
    one = Oid(factory.make("one", files={".gitxp/environment.json": encode(environment)}))
    assert store.read_environment(objects, one) == environment
    assert store.read_environment(objects, Oid(factory.make("two"))) == {}
    for bad in ("[]", "{", '{"x": NaN}'):
        three = Oid(factory.make("three", files={".gitxp/environment.json": bad}))
        with pytest.raises(FormatError):
            store.read_environment(objects, three)


def test_series(repo: str, objects: Objects) -> None:
    """Series are found by the metric's name, whatever it is, and their points are exact; a torn last line is dropped."""
    commit = Oid(
        Factory(repo).make(
            "one",
            files={
                ".gitxp/metrics/loss.tsv": "0\t1700000000.25\t0.1\n1\t1700000001.5\tnan\n2\t17",
                ".gitxp/metrics/train/%2Eodd é.tsv".replace("é", "%C3%A9"): "5\t1.0\t1e-300\n",
                ".gitxp/metrics/readme.txt": "no series",
                ".gitxp/metrics/bad.tsv": "a\tb\n",
            },
        )
    )
    assert store.list_series(objects, commit) == ["bad", "loss", "train/.odd é"]
    first, second = store.read_series(objects, commit, "loss")
    assert first == (0, 1700000000.25, 0.1)
    assert math.isnan(second[2])
    assert list(store.read_series(objects, commit, "train/.odd é")) == [(5, 1.0, 1e-300)]
    with pytest.raises(FormatError, match="line 1"):
        store.read_series(objects, commit, "bad")
    with pytest.raises(UsageError, match="no series of a metric 'los'") as info:
        store.read_series(objects, commit, "los")
    assert "loss" in str(info.value.hint)


def test_output(repo: str, objects: Objects) -> None:
    """The output comes back byte by byte, however large; nothing where none was recorded."""
    factory = Factory(repo)
    data = bytes(range(256)) * 2000
    one = Oid(factory.make("one", files={".gitxp/output.log": data}))
    assert b"".join(store.read_output(objects, one)) == data
    assert list(store.read_output(objects, Oid(factory.make("two")))) == []


@pytest.mark.parametrize(
    ("variables", "environ", "guess", "author"),
    [
        ({}, {}, "root <root@vm.(none)>", "me <me@here>"),
        ({"user.name": "Ada"}, {}, "Ada <ada@vm.(none)>", "Ada <me@here>"),
        ({}, {"GIT_AUTHOR_NAME": "Ada"}, "Ada <ada@vm.(none)>", "Ada <me@here>"),
        ({}, {}, "Ada <ada@vm.example.org>", "Ada <ada@vm.example.org>"),
    ],
)
def test_an_address_that_git_would_refuse(
    variables: dict[str, str], environ: dict[str, str], guess: str, author: str
) -> None:
    """What git guesses of a host without a domain gives way to user@host; a configured name stays, and so does an address."""
    idents = {f"GIT_{role}_IDENT": f"{guess} 1700000000 +0000" for role in ("AUTHOR", "COMMITTER")}
    assert Identity.of({**variables, **idents}, environ, "me", "here").author == author
