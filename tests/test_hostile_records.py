from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.render.measure import width_of
from run_factory import Factory, encode, make_record
from screen import READING, Answer, ask

if TYPE_CHECKING:
    from conftest import Git

pytest_plugins = ("run_fixtures",)

OF_THE_FORMAT = 9  # the exit status for a record that does not hold to it
# In a pipe nothing limits a table but this: a hundred columns of 200 characters.
WIDEST = 110 * 202


def summary(last: object, **keys: object) -> dict[str, Any]:
    """A metric's summary."""
    return {"m": {"last": last, "min": 0, "max": 0, "count": 1, "step": 0, **keys}}


def nested(depth: int) -> Any:
    """A list in a list in a list."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


HUGE = int("9" * 308)  # the largest whole number that is taken: it still has a place among floats
# What a reader does with it: the words that `gitxp list` shows of it, or those of the problem.
SHOWN: dict[str, tuple[dict[str, Any], str]] = {
    "exit_code of 63 bits": ({"exit_code": 2**63 - 1}, "completed (exit 9.22337e+18)"),
    "exit_code below zero": ({"exit_code": -1, "status": "failed"}, "failed"),
    "long duration": ({"duration": 1e300}, ">9999d"),
    "long whole duration": ({"duration": HUGE}, ">9999d"),
    "metric of 308 digits": ({"metrics": summary(HUGE)}, "1e+308"),
    "metrics far apart": ({"metrics": summary(-HUGE)}, "-1e+308"),
    "step below zero": ({"metrics": summary(1, step=-(2**63))}, "completed"),
    "parameter of 308 digits": ({"params": {"lr": HUGE}}, "1e+308"),
    "parameter of 64 bits": ({"params": {"lr": 2**64 - 1}}, "1.845e+19"),
    "parameter of null": ({"params": {"lr": None}}, "completed"),
    "list with null": ({"params": {"lr": [1, None]}}, "[1, null]"),
    "nested list": ({"params": {"lr": nested(60)}}, "[[[["),
    "long string": ({"params": {"lr": "x" * 100_000}}, "xxxx…"),
    "marks that take no room": ({"params": {"lr": "x" + "\u0301" * 100_000}}, "x\u0301"),
    "long list": ({"params": {"lr": list(range(50_000))}}, "[0, 1, 2"),
    "long name": ({"params": {"n" * 100_000: 1}}, "nnnn"),
    "many parameters": ({"params": {f"p{i}": i for i in range(6000)}}, "more columns"),
    "many metrics": ({"metrics": {f"m{i}": {"last": i} for i in range(6000)}}, "more columns"),
    "no name": ({"params": {"": 1}, "metrics": {"": {"last": 1}}}, "completed"),
    "no command": ({"command": []}, "completed"),
    "long command": ({"command": ["x" * 1_000_000, "\x1b[2J"]}, "xxxx…"),
    "many words": ({"command": ["x\n"] * 100_000}, r"x\n"),
    "long id": ({"id": "i" * 100_000}, "completed"),
    "begun in the year 1": ({"started_at": "0001-01-01T00:00:00+23:59"}, "202"),
    "begun in the year 9999": ({"started_at": "9999-12-31T23:59:59.999999-23:59"}, "future"),
    "sizes of 63 bits": ({"data": [{"path": "x", "size": 2**63 - 1, "files": 2**63 - 1}]}, "completed"),
    "unknown keys": ({"future": {"a": [HUGE, None, "\x1b[2J"]}, "problem": 5, "series": 1}, "completed"),
    "a stranger's strings": (
        dict.fromkeys(
            ("host", "user", "cwd", "base", "branch", "group", "gitxp_version", "note"), "\x1b]0;x\x07\u202e"
        ),
        "completed",
    ),
    "many reasons": ({"skipped": [{"path": f"\x9b{i}", "reason": f"\x1b{i}"} for i in range(5000)]}, "completed"),
    "many tags": ({"tags": ["\x1b[2J" * 50] * 5000}, "completed"),
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "exit_code of 64 bits": ({"exit_code": 2**63}, "'exit_code' is too large a number"),
    "signal of 64 bits": ({"signal": -(2**63) - 1}, "'signal' is too large a number"),
    "duration below zero": ({"duration": -0.5}, "'duration' is below zero"),
    "size below zero": ({"data": [{"path": "x", "size": -1}]}, "'size' is below zero"),
    "files of 64 bits": ({"outputs": [{"path": "x", "size": 2**63}]}, "'size' is too large a number"),
    "count below zero": ({"metrics": summary(1, count=-3)}, "'count' is below zero"),
    "changes below zero": ({"changes": {"modified": -1}}, "'modified' is below zero"),
    "step of 64 bits": ({"metrics": summary(1, step=2**63)}, "'step' is too large a number"),
    "too many digits": ({"params": {"lr": 10**308}}, "a whole number of 309 digits"),
    "too many digits in an unknown key": ({"future": [-(10**4000)]}, "a whole number of 4,001 digits"),
    "more digits than Python takes": ({"future": "digits"}, "a whole number of 5,001 digits"),
    "null for a number": ({"duration": None}, "'duration' is no number"),
    "a time without a zone": ({"started_at": "2026-01-02T03:04:05"}, "'started_at' is no time"),
    "a time that is only a day": ({"started_at": "2026-01-02"}, "'started_at' is no time"),
    "a week": ({"started_at": "2026-W01-1T00:00:00Z"}, "'started_at' is no time"),
    "a time without its marks": ({"started_at": "20260101T00Z"}, "'started_at' is no time"),
    "a deep number": ({"metrics": summary(nested(900))}, "'last' is no number"),
    "a deep format": ({"format": nested(900)}, "format is a list"),
    "a long format": ({"format": "1" * 100_000}, "format is a str"),
    "a newer format of 300 digits": ({"format": HUGE}, "format 999999999999"),
    "a deep time": ({"finished_at": nested(900)}, "'finished_at' is no time"),
    "a long wrong time": ({"finished_at": "x" * 100_000}, "'finished_at' is no time"),
}


def forge(factory: Factory, keys: dict[str, Any]) -> None:
    """A sound run `good`, and one `bad` with these keys in its record."""
    factory.make("good", params={"lr": 0.5}, metrics=summary(1))
    data = encode({**make_record("bad", 2), **keys})
    if keys.get("future") == "digits":
        data = data.replace(b'"digits"', b"1" + b"0" * 5000)
    factory.make("bad", raw=data, files={".gitxp/output.log": "\x1b[2Jprinted\n"})


def check(answer: Answer, args: tuple[str, ...], *, width: int | None) -> None:
    """No traceback, no bug report; on a terminal nothing that would act on it, and in a table no endless line."""
    assert answer.status in {0, OF_THE_FORMAT}, (args, answer)
    assert "Traceback" not in answer.err
    text = answer.out.decode()
    printed = text.replace("\t", "").replace("\x1b[m", "") if args[0] == "logs" else text
    if width is not None:
        assert all(line.isprintable() for line in printed.split("\n")), args
        assert all(line.isprintable() for line in answer.err.split("\n")), args
    if "--json" not in args and "--csv" not in args:
        limit = WIDEST if width is None or "--all-columns" in args or "--md" in args else width
        if "--all-columns" in args:
            limit *= 40
        if args[0] == "list":
            assert max(map(width_of, printed.split("\n"))) <= limit, args


@pytest.mark.parametrize("case", SHOWN)
def test_odd_values_are_shown_in_bounds(factory: Factory, case: str) -> None:
    """A record that holds to the format, however odd its values, is shown by every command, short and harmless."""
    keys, words = SHOWN[case]
    forge(factory, keys)
    for width, commands in ((80, READING), (None, READING[:3])):
        for args in commands:
            answer = ask(*args, "--color=never", width=width)
            check(answer, args, width=width)
            assert answer.status == 0, (args, answer.err)
    wide = ask("list", "--color=never", width=150)
    assert words in wide.out.decode() + wide.err
    (bad,) = [run for run in json.loads(ask("list", "--json").out) if run["name"] == "bad"]
    for key in keys.keys() - {"problem", "series", "params", "note"}:
        assert bad[key] == keys[key]


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_hold_to_the_format_is_one_row(factory: Factory, case: str) -> None:
    """A record against the format is a row that says why; the run beside it is listed, and nothing stumbles."""
    keys, words = REFUSED[case]
    forge(factory, keys)
    for args in (("list",), ("list", "--csv"), ("diff", "good", "bad", "--params"), ("logs", "bad")):
        check(ask(*args, "--color=never", width=80), args, width=80)
    runs = {run["name"]: run for run in json.loads(ask("list", "--json").out)}
    assert runs["good"]["status"] == "completed"
    assert runs["bad"]["status"] == "unreadable"
    assert words in runs["bad"]["problem"]
    assert len(runs["bad"]["problem"]) < 500
    assert ask("show", "bad").status == OF_THE_FORMAT


def test_a_damaged_environment_is_no_trap(factory: Factory) -> None:
    """An environment with absurd numbers, deep lists or a stranger's strings is shown in bounds, or said to be bad."""
    environments: list[Any] = [
        {"memory": HUGE, "cpu": {"cores": HUGE, "model": "\x1b[2J" * 5000}, "os": nested(50)},
        {"python": {"version": "\u202e" * 100_000}, "packages": {"\x1b" * 500: "\x9b"}},
        {"memory": nested(900)},
        {"memory": [1e400]},
        [],
    ]
    for number, environment in enumerate(environments):
        forge(factory, {})
        factory.make("bad", files={".gitxp/environment.json": encode(environment)})
        for width in (80, None):
            for args in READING[6:10]:
                answer = ask(*args, "--color=never", width=width)
                check(answer, args, width=width)
                assert (answer.status == 0) == (number < 2 or args[0] == "show"), (args, answer.err)


def test_a_number_of_runs_that_no_database_has(factory: Factory) -> None:
    """`-n` with more than 64 bits lists all there are."""
    factory.make("one")
    assert len(json.loads(ask("list", "--json", "-n", str(10**30)).out)) == 1


def test_csv_is_exact_in_a_file_and_safe_on_a_terminal(factory: Factory) -> None:
    """`gitxp list --csv` gives a program what there is, and a terminal nothing that acts on it."""
    factory.make("one", params={"text": "a\x1b[2J\r\n,b\udcff"})
    args = ("list", "--csv", "--columns", "name,text")
    assert ask(*args).out == b'name,text\none,"a\x1b[2J\r\n,b\\udcff"\n'
    assert ask(*args, width=80).out == b'name,text\none,"a\\x1b[2J\\r\\n,b\\xff"\n'


@pytest.mark.parametrize("width", [20, 30, 34, 40])
def test_words_below_a_table_wrap(factory: Factory, git: Git, width: int) -> None:
    """What was left out is told in lines that fit; a command is never broken."""
    factory.make_many(25)
    git("update-ref", "refs/experiments/an/odd-ref", "HEAD")
    err = ask("list", width=width).err
    commands = ["gitxp list -n 0", "gitxp list --all-columns"]
    assert all(any(line.strip().endswith(command) for line in err.splitlines()) for command in commands)
    assert all(len(line) <= width or line.strip() in commands for line in err.splitlines())
    assert "an/odd-ref" in err.replace("\n", "")
    assert ask("list", width=200).err.splitlines()[-1] == "… and 5 more runs: gitxp list -n 0"


def test_without_runs_the_first_is_explained_in_lines_that_fit(repo: str) -> None:
    """The way to the first run is told, on any terminal."""
    del repo
    assert ask("list", width=80).err == (
        "There are no runs yet. The first is made by: gitxp run python train.py\nThen look at it: gitxp show @\n"
    )
    assert ask("list", width=30).err == (
        "There are no runs yet. The\nfirst is made by:\n  gitxp run python train.py\nThen look at it: gitxp show @\n"
    )
