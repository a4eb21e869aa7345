"""What processes say of their run: reading it, whatever stands there, and folding it into the record."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
import xxhash

from gitxp.capture.params.said import Said, merge_params
from gitxp.recording import statements as module
from gitxp.recording.files import opened_files
from gitxp.recording.folding import fold
from gitxp.recording.staged import staged_artifacts
from gitxp.recording.statements import Statement, read_statements
from gitxp.series import Series

if TYPE_CHECKING:
    from pathlib import Path


DIGEST = xxhash.xxh3_128_hexdigest(b"data")


def write(folder: Path, name: str, *lines: dict[str, Any] | bytes) -> None:
    """A file of statements in the `said/` of this live folder."""
    place = folder / "said"
    place.mkdir(exist_ok=True)
    data = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
    (place / name).write_bytes(data)


def say(kind: str, at: float = 1.0, pid: int = 7, **facts: Any) -> Statement:
    """One statement, as it is read."""
    return Statement(kind, at, pid, facts)


def test_statements_of_all_processes_in_the_order_of_time(tmp_path: Path) -> None:
    """Each has its process by the name of its file; times decide, and of equal times the order in which they were said."""
    write(tmp_path, "12-a.jsonl", {"kind": "problem", "at": 3, "text": "c"}, {"kind": "problem", "at": 3, "text": "d"})
    write(tmp_path, "9-b.jsonl", {"kind": "problem", "at": 1.5, "text": "a"}, {"kind": "problem", "text": "0"})
    found, problems = read_statements(str(tmp_path))
    assert [(s.facts["text"], s.pid) for s in found] == [("0", 9), ("a", 9), ("c", 12), ("d", 12)]
    assert problems == []


def test_nobody_said_anything(tmp_path: Path) -> None:
    """Without a folder, and with an empty one, there is nothing, and nothing to tell."""
    assert read_statements(str(tmp_path)) == ([], [])
    (tmp_path / "said").mkdir()
    assert read_statements(str(tmp_path)) == ([], [])


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    """A kill in the middle of a line costs that line, and is nobody's mistake."""
    write(tmp_path, "1-a.jsonl", {"kind": "problem", "text": "whole"}, b'{"kind": "problem", "text": "to')
    found, problems = read_statements(str(tmp_path))
    assert [s.facts["text"] for s in found] == ["whole"]
    assert problems == []


@pytest.mark.parametrize(
    "line",
    [
        b"no json\n",
        b"[1]\n",
        b"{}\n",
        b'{"kind": 5}\n',
        b"[" * 60_000 + b"\n",
        b'{"kind": "params", "params": ' + b'{"a":' * 12_000 + b"1" + b"}" * 12_000 + b"}\n",
        b'{"kind": "problem", "text": "' + b"x" * 70_000 + b'"}\n',
        b'{"kind": "summary", "values": {"a": ' + b"9" * 5_000 + b"}}\n",
        b"\xff\xfe\n",
    ],
)
def test_a_line_that_is_no_statement_costs_itself(tmp_path: Path, line: bytes) -> None:
    """The lines around it are read, and one sentence says that something is missing."""
    good = {"kind": "problem", "text": "good"}
    write(tmp_path, "1-a.jsonl", good, line, good)
    found, problems = read_statements(str(tmp_path))
    assert [s.facts for s in found] == [{"text": "good"}] * 2
    assert problems == ["Of what the run's processes said, 1 lines cannot be read."]


def test_unknown_kinds_and_keys_are_passed_over(tmp_path: Path) -> None:
    """A newer probe may say more; a known key of a wrong type is not there."""
    write(
        tmp_path,
        "1-a.jsonl",
        {"kind": "new", "x": 1},
        {"kind": "metadata", "tags": "no list", "group": "g", "colour": "red", "at": float("nan")},
        {"kind": "files", "read": {"no": "list"}, "written": ["/a"]},
        {"kind": "artifact", "path": "a", "source": "relative", "step": True},
    )
    found, problems = read_statements(str(tmp_path))
    assert [(s.at, s.facts) for s in found] == [(0.0, {"group": "g"}), (0.0, {"written": ["/a"]}), (0.0, {"path": "a"})]
    assert problems == []


def test_limits_of_one_file_cost_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that says too much is heard up to a limit, and the others are heard all the same."""
    monkeypatch.setattr(module, "MAX_STATEMENTS", 10)
    write(tmp_path, "1-a.jsonl", *[{"kind": "problem", "at": 1, "text": "many"}] * 50)
    write(tmp_path, "2-b.jsonl", {"kind": "problem", "at": 2, "text": "one"})
    found, problems = read_statements(str(tmp_path))
    assert len(found) == 11
    assert found[-1].facts == {"text": "one"}
    assert problems == ["The run's processes said more than is read: some of it is missing."]


def test_a_file_without_end_of_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A huge file is read to the limit only."""
    monkeypatch.setattr(module, "MAX_FILE", 1000)
    write(tmp_path, "1-a.jsonl", b"x" * 5000)
    assert read_statements(str(tmp_path)) == (
        [],
        ["The run's processes said more than is read: some of it is missing."],
    )


def test_what_is_no_file(tmp_path: Path) -> None:
    """FIFOs, links and folders in `said/` neither block nor are followed."""
    place = tmp_path / "said"
    place.mkdir()
    os.mkfifo(place / "1-a.jsonl")
    (tmp_path / "elsewhere").write_text('{"kind": "problem", "text": "x"}\n')
    (place / "2-b.jsonl").symlink_to(tmp_path / "elsewhere")
    (place / "3-c.jsonl").mkdir()
    found, problems = read_statements(str(tmp_path))
    assert found == []
    assert problems == ["Of what the run's processes said, 3 lines cannot be read."]


def merged(before: dict[str, tuple[Any, str]], *said: Said) -> dict[str, tuple[Any, str]]:
    """The merged parameters, each with its source."""
    params, sources, problems = merge_params(
        {name: value for name, (value, _) in before.items()},
        {name: source for name, (_, source) in before.items()},
        said,
    )
    assert problems == []
    return {name: (value, sources[name]) for name, value in params.items()}


GIVEN = frozenset({"lr"})


@pytest.mark.parametrize(
    ("before", "said", "wanted"),
    [
        (("7", "option"), Said("api", {"lr": 1}), ("7", "option")),
        ((7, "argv"), Said("api", {"lr": 1}), (1, "api")),
        ((7, "argv"), Said("argparse", {"lr": "7"}, GIVEN), ("7", "argv")),
        ((7, "argv"), Said("argparse", {"lr": 1}), (7, "argv")),
        ((7, "config:a.yaml"), Said("argparse", {"lr": 1}), (7, "config:a.yaml")),
        ((7, "config:a.yaml"), Said("argparse", {"lr": 1}, GIVEN), (1, "argv")),
        ((7, "config:a.yaml"), Said("hydra", {"lr": 1}), (1, "hydra")),
        ((7, "config:a.yaml"), Said("constant", {"lr": 1}), (7, "config:a.yaml")),
    ],
)
def test_which_source_counts(before: tuple[Any, str], said: Said, wanted: tuple[Any, str]) -> None:
    """Option, api, given, hydra, files, defaults, constants: in this order, with the type that the parser gave."""
    assert merged({"lr": before}, said) == {"lr": wanted}


def test_order_of_sources_among_themselves() -> None:
    """Of what several libraries say of one name, the order does not hang on who spoke first."""
    said = [Said(source, {"x": source}) for source in ("constant", "omegaconf", "click", "hydra", "env", "api")]
    for number in range(1, len(said) + 1):
        expected = {"x": (said[number - 1].source, said[number - 1].source)}
        assert merged({}, *said[:number]) == merged({}, *reversed(said[:number])) == expected


def test_the_nearest_process_counts_and_then_the_last_word() -> None:
    """A worker's default is not the run's, and a program may change its mind."""
    near, far = Said("argparse", {"x": 1}, depth=0), Said("argparse", {"x": 2, "y": 3}, depth=1)
    assert merged({}, near, far) == merged({}, far, near) == {"x": (1, "argparse"), "y": (3, "argparse")}
    assert merged({}, Said("api", {"x": 1}), Said("api", {"x": 2})) == {"x": (2, "api")}


def test_a_guess_under_another_name_is_dropped() -> None:
    """What the parser calls otherwise is there once, under the parser's name; what it does not know stays."""
    guesses = {"b": (32, "argv"), "amp": (False, "argv"), "v": (True, "argv"), "extra": ("x", "argv")}
    parser = Said(
        "argparse",
        {"batch_size": 32, "no_amp": True, "verbose": 1, "seed": 0},
        frozenset({"batch_size", "no_amp", "verbose"}),
    )
    found = merged(guesses, parser)
    assert found == {
        "batch_size": (32, "argv"),
        "no_amp": (True, "argv"),
        "verbose": (1, "argv"),
        "seed": (0, "argparse"),
        "extra": ("x", "argv"),
    }


def test_a_switch_before_arguments_takes_none_of_them() -> None:
    """`--drifting 3 4`, where the parser has 3 and 4 under names of their own; a list that it knows nothing of stays."""
    parser = Said("click", {"ty": "drifting", "x": 3.0, "y": 4.0}, frozenset({"ty", "x", "y"}))
    assert merged({"drifting": ([3, 4], "argv"), "sizes": ([3, 5], "argv")}, parser) == {
        "ty": ("drifting", "argv"),
        "x": (3.0, "argv"),
        "y": (4.0, "argv"),
        "sizes": ([3, 5], "argv"),
    }


def test_nested_values_are_flat_and_none_is_null() -> None:
    """As in a file that a command names."""
    said = Said("hydra", {"db": {"user": "me", "ports": [1, 2]}, "none": None}, frozenset({"db.user", "db"}))
    assert merged({}, said) == {
        "db.user": ("me", "argv"),
        "db.ports": ([1, 2], "hydra"),
        "none": ("null", "hydra"),
    }


def test_too_many_parameters_lose_the_least_important() -> None:
    """Over the limit, constants go and what was given stays, and it is said."""
    said = [Said("constant", {f"C{n}": n for n in range(1200)}), Said("argparse", {"lr": 1}, GIVEN)]
    params, sources, problems = merge_params({}, {}, said)
    assert len(params) == len(sources) == 1000
    assert params["lr"] == 1
    assert "201 parameters over the limit" in problems[0]


def test_jobs_of_a_multirun_are_one() -> None:
    """Values that jobs have in common are as they are; others are lists, of each value once, whichever job came last."""
    jobs = [
        Said(
            "hydra", {"lr": 0.1, "seed": 1, "model": {"depth": 3}, "n": 1}, frozenset({"lr"}), complete=True, job=True
        ),
        Said("hydra", {"lr": 0.2, "n": 1.0}, frozenset({"lr"}), complete=True, job=True),
        Said("hydra", {"lr": 0.1, "n": True}, frozenset({"lr"}), complete=True, job=True),
    ]
    guessed = {"lr": "0.1,0.2", "m": "lr=0.1,0.2"}
    params, sources, problems = merge_params(guessed, dict.fromkeys(guessed, "argv"), [Said("hydra", {"a": 1}), *jobs])
    assert params == {"lr": [0.1, 0.2], "seed": 1, "model.depth": 3, "n": [1, 1.0, True], "a": 1}
    assert [type(value) for value in params["n"]] == [int, float, bool]
    assert (sources["lr"], sources["seed"], problems) == ("argv", "hydra", [])


def test_a_deep_value_costs_its_statement() -> None:
    """A hostile value is a sentence, and the other sources are read."""
    deep: dict[str, Any] = {}
    at = deep
    for _ in range(100):
        at = at.setdefault("a", {})
    at["a"] = 1
    params, _, problems = merge_params({}, {}, [Said("api", deep), Said("api", {"x": 1})])
    assert params == {"x": 1}
    assert problems == ["Parameters of the source 'api' are left out: it is nested more than 32 deep."]


def test_a_parser_that_took_all_words_leaves_no_guess() -> None:
    """What was guessed of words that a parser has otherwise is dropped, if it took them all; files and options stay."""
    before = {"noamp": ("rest", "argv"), "lr": (1, "argv"), "depth": (3, "config:c.yaml"), "seed": (5, "option")}
    said = {"lr": 1.0, "amp": False}
    assert merged(before, Said("absl", said, frozenset({"lr", "amp"}), complete=True)) == {
        "lr": (1.0, "argv"),
        "amp": (False, "argv"),
        "depth": (3, "config:c.yaml"),
        "seed": (5, "option"),
    }
    assert merged(before, Said("absl", said))["noamp"] == ("rest", "argv")


def test_the_choice_of_a_group_stays() -> None:
    """`db=mysql` chooses one of Hydra's groups: the composed configuration has what is in it, and not the choice."""
    said = Said("hydra", {"db": {"driver": "mysql"}}, frozenset({"db"}), complete=True)
    before = {"db": ("mysql", "argv"), "noise": ("rest", "argv")}
    assert merged(before, said) == {"db": ("mysql", "argv"), "db.driver": ("mysql", "hydra")}


def of_process(pid: int, ppid: int, main: str, *argv: str) -> list[Statement]:
    """A process in `/repo`, and a parameter that it tells, with its id as the value."""
    facts = {"ppid": ppid, "root": "/repo", "prefix": "/repo/.venv", "argv": [*argv] or [main]}
    about = say("process", pid=pid, **facts, **({"main": main} if main else {}))
    return [about, say("params", pid=pid, source="argparse", params={f"p{pid}": pid}, given=[f"p{pid}"])]


@pytest.mark.parametrize(
    ("processes", "wanted"),
    [
        ([(1, 0, "/usr/bin/tool")], {1}),
        ([(1, 0, "/repo/train.py"), (2, 1, "/usr/lib/json/tool.py")], {1}),
        ([(1, 0, "/repo/train.py"), (2, 1, "/repo/worker.py"), (3, 2, "")], {1, 2}),
        ([(1, 0, "/repo/.venv/bin/torchrun"), (2, 1, "/repo/train.py"), (3, 2, "/repo/.venv/lib/loky.py")], {1, 2}),
        ([(1, 0, "/usr/bin/torchrun"), (2, 1, "/usr/lib/installed/train.py")], {1, 2}),
        ([(1, 2, "/usr/lib/a.py"), (2, 1, "/usr/bin/torchrun")], set()),
        ([(1, 1, "/usr/lib/a.py")], set()),
    ],
)
def test_whose_parameters_count(processes: list[tuple[int, int, str]], wanted: set[int]) -> None:
    """Those of the command's own process, of the user's programs and of what launchers start; circles end."""
    record: dict[str, Any] = {}
    fold(record, {}, [statement for process in processes for statement in of_process(*process)])
    assert set(record.get("params", {}).values()) == wanted


def test_metadata_adds_to_what_the_user_told() -> None:
    """Tags add up, notes stand below the user's, the user's group stays, the last title counts."""
    record: dict[str, Any] = {"tags": ["a"], "note": "mine", "group": "g"}
    said = [
        say("metadata", tags=["b", "a"], notes="old", group="h", title="t"),
        say("metadata", notes="new", title="u"),
    ]
    fold(record, {}, said)
    assert record == {"tags": ["a", "b"], "note": "mine\n\nnew", "group": "g", "title": "u"}


def test_numbers_of_a_summary_are_points_and_words_are_not() -> None:
    """A number is the metric's last point, unless it is that already; the last value of a name counts."""
    record: dict[str, Any] = {}
    series = {"loss": Series([(1, 1.0, 0.5)]), "acc": Series([(3, 1.0, 0.5)])}
    values = {"loss": 0.5, "acc": 0.75, "new": 2, "best": "epoch 3", "done": True, "x": 1, "deep": {}, "": 1}
    fold(record, series, [say("summary", 9.0, values=values), say("summary", 9.5, values={"x": "text"})])
    assert record == {"summary": {"best": "epoch 3", "done": True, "x": "text"}}
    assert {name: list(points) for name, points in series.items()} == {
        "loss": [(1, 1.0, 0.5)],
        "acc": [(3, 1.0, 0.5), (3, 9.0, 0.75)],
        "new": [(0, 9.0, 2.0)],
    }


def test_problems_are_told_once_and_not_by_the_thousand() -> None:
    """Equal sentences of many processes are one; more than a few are counted."""
    record: dict[str, Any] = {"problems": ["first"]}
    fold(record, {}, [say("problem", text=f"p{n % 30}") for n in range(300)])
    assert record["problems"] == [
        "first",
        *(f"p{n}" for n in range(20)),
        "The run's processes told of 10 more problems.",
    ]


def test_secrets_do_not_get_in() -> None:
    """Names and shapes of secrets are redacted wherever a process puts them."""
    token = "ghp_" + "a1B2" * 9
    record: dict[str, Any] = {}
    fold(
        record,
        {},
        [
            say("params", source="api", params={"api_key": "s3cr3t-canary-1", "note": token}),
            say("metadata", tags=[token], notes=f"with {token}", title=token, group=token),
            say("summary", values={"password": "s3cr3t-canary-2"}),
            say("problem", text=f"cannot use {token}"),
        ],
    )
    assert token not in json.dumps(record)
    assert "canary" not in json.dumps(record)


def test_files_in_the_order_of_time() -> None:
    """What the run wrote before it read it is no input; what it wrote afterwards says so; what was removed is gone."""
    found = opened_files(
        [
            say("files", written=["/t/a"], folders=["/t"]),
            say("files", read=["/t/a", "/t/b", "/t/c"]),
            say("files", read=["/t/d"], written=["/t/b", "/t/d"]),
            say("files", removed=["/t/c"], written=["relative", 5, "/nul\0"]),
        ],
        {},
    )
    assert found.read == {"/t/b": True, "/t/d": True}
    assert found.written == {"/t/a", "/t/b", "/t/d"}
    assert found.folders == {"/t"}


def staged(tmp_path: Path, *paths: str, entries: list[dict[str, Any]] | None = None) -> tuple[Any, Any, Any]:
    """What becomes of artifacts of these paths, all of the same four bytes."""
    source = tmp_path / "source"
    source.write_text("data")
    statements = [say("artifact", path=path, source=str(source), type="file", step=3) for path in paths]
    stored = [{"path": entry["path"], "source": "0"} for entry in entries or () if entry["stored"]]
    return staged_artifacts(statements, entries or [], stored)


@pytest.mark.parametrize(
    "path",
    [
        "../a",
        "/a",
        "a/../b",
        ".git/config",
        "a/.GIT/x",
        "a//b",
        "",
        "a\nb",
        "a\\b",
        "git~1",
        "x/.git. /y",
        "a/.",
        "b" * 2000,
    ],
)
def test_a_path_that_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    """No artifact leaves its folder or becomes something that git refuses."""
    entries, artifacts, problems = staged(tmp_path, path)
    assert (entries, artifacts) == ([], [])
    assert problems == ["Artifacts refused: 1. Their paths lead out of their folder, or are none for git."]


def test_an_artifact_and_its_entry(tmp_path: Path) -> None:
    """It is kept under its path, once, with what was said of it and its fingerprint."""
    entries, artifacts, problems = staged(tmp_path, "a/b.txt", "a/b.txt")
    assert artifacts == [{"path": "a/b.txt", "source": str(tmp_path / "source")}]
    assert entries == [
        {
            "path": "a/b.txt",
            "type": "file",
            "step": 3,
            "source": "api",
            "size": 4,
            "stored": True,
            "xxh3_128": DIGEST,
        }
    ]
    assert problems == []


def test_an_artifact_where_a_file_was_found(tmp_path: Path) -> None:
    """The same bytes are one entry; others are displaced, unless the user named them."""
    same = {"path": "m", "size": 4, "stored": True, "xxh3_128": DIGEST, "source": "opened"}
    entries, artifacts, _ = staged(tmp_path, "m", entries=[dict(same)])
    assert entries == [{**same, "type": "file", "step": 3}]
    assert artifacts == [{"path": "m", "source": "0"}]

    entries, artifacts, _ = staged(tmp_path, "m", entries=[{**same, "xxh3_128": "0" * 32}])
    assert [(entry["source"], entry["stored"]) for entry in entries] == [("opened", False), ("api", True)]
    assert artifacts == [{"path": "m", "source": str(tmp_path / "source")}]

    named = {key: value for key, value in same.items() if key != "source"} | {"xxh3_128": "0" * 32}
    entries, artifacts, problems = staged(tmp_path, "m", entries=[named])
    assert [entry["stored"] for entry in entries] == [True, False]
    assert artifacts == [{"path": "m", "source": "0"}]
    assert problems == ["m is not kept as an artifact: another artifact has its path."]


def test_an_artifact_that_is_gone_or_no_file(tmp_path: Path) -> None:
    """It is listed with the reason, and costs nothing else."""
    (tmp_path / "link").symlink_to(tmp_path)
    statements = [
        say("artifact", path="a", source=str(tmp_path / "gone")),
        say("artifact", path="b", source=str(tmp_path)),
        say("artifact", path="c", source=str(tmp_path / "link")),
    ]
    entries, artifacts, problems = staged_artifacts(statements, [], [])
    assert [entry["stored"] for entry in entries] == [False] * 3
    assert artifacts == []
    assert problems[0] == "a is not kept as an artifact: no such file or directory."
    assert problems[1:] == [f"{name} is not kept as an artifact: it is no regular file." for name in "bc"]
