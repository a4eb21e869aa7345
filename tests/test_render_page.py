from __future__ import annotations

import json
from typing import Any

import pytest

from gitxp.format import Oid, RefName, parse_time
from gitxp.model import Comparison, FileChange, Run
from gitxp.names import RunName
from gitxp.render.comparison import SECTIONS, differs, no_difference, render_json, render_section
from gitxp.render.measure import width_of
from gitxp.render.page import render_page
from run_factory import make_record

NOW = parse_time("2023-11-14T22:20:20Z")
EVIL = "\x1b]0;x\x07\n\u202e"


def make_run(name: str, **keys: Any) -> Run:
    """A run without a repository."""
    return Run(RunName(name), RefName(f"refs/experiments/{name}"), Oid("c" * 40), make_record(name, **keys))


ABOUT = {
    **make_record(
        "calm-otter",
        status="failed",
        exit_code=3,
        command=["python", "train.py", "--lr", "0.1", "two words"],
        cwd="src",
        base="a" * 40,
        branch="main",
        dirty=True,
        changes={"modified": 2, "added": 0, "deleted": 0, "untracked": 1},
        skipped=[{"path": f"big{i}.bin", "reason": "too large", "size": 1 << 30} for i in range(5)],
        submodules=[{"path": "lib", "commit": "d" * 40, "dirty": True}],
        params={"lr": 0.1, "layers": [64, 32]},
        param_sources={"lr": "argv", "layers": "config:a.yaml"},
        metrics={"acc": {"last": 0.91234567, "min": 0.5, "max": "inf", "count": 3, "step": 2}},
        data=[
            {"path": "data/train", "kind": "folder", "size": 3 << 20, "files": 12, "xxh3_128": "f" * 32},
            {"path": "gone", "kind": "missing"},
        ],
        outputs=[
            {"path": "model.bin", "size": 10, "xxh3_128": "e" * 32, "stored": False, "reason": "too large"},
            {"path": "best", "link": "epoch3", "stored": True},
        ],
    ),
    "commit": "c" * 40,
    "tags": ["good"],
    "notes": ["half the rate", "second"],
    "environment": {
        "python": {"implementation": "CPython", "version": "3.11.7", "executable": "/usr/bin/python3"},
        "packages": {"numpy": "1", "torch": "2"},
        "os": {"system": "Linux", "release": "6.1", "machine": "x86_64"},
        "cpu": {"model": "Some CPU", "cores": 2},
        "memory": 8 << 30,
    },
}


def test_page_has_it_all() -> None:
    """The page of a run says how it ended, what it was given, what came of it, and what to type next."""
    lines = [" ".join(line.split()) for line in render_page(ABOUT, width=100, now=NOW).splitlines()]
    for line in (
        "calm-otter failed (exit 3)",
        "command python train.py --lr 0.1 'two words'",
        "folder src",
        "started 2023-11-14 22:13:20 +0000 (7m ago)",
        "took 1.5s",
        "base aaaaaaaaaa on main",
        "changes 2 modified, 1 untracked",
        "left out big0.bin, big1.bin, big2.bin and 2 more (too large)",
        "submodules lib at dddddddddd (with changes that are not in the snapshot)",
        "tags good",
        "note half the rate",
        "note 2 second",
        "layers [64, 32] config:a.yaml",
        "lr 0.1 argv",
        "acc 0.912346 0.5 inf 3",
        "data/train 3.0 MiB ffffffffff 12 files",
        "gone missing",
        "model.bin 10 B eeeeeeeeee not stored: too large",
        "best a link to epoch3, stored",
        "python CPython 3.11.7",
        "packages 2",
        "machine Some CPU, 2 cores, 8.0 GiB of memory",
        "gitxp logs calm-otter what it printed",
    ):
        assert line in lines


SAID: dict[str, Any] = {
    **make_record(
        "one",
        title="A title",
        params={"SEED": 1, "depth": 6, "lr": 0.1, "batch": 32, "net": "big"},
        param_sources={"SEED": "constant", "depth": "argparse", "lr": "argv", "batch": "config:a.yaml", "net": "api"},
        summary={"verdict": "good", "converged": True},
        data=[
            {
                "path": "d",
                "kind": "folder",
                "size": 1,
                "files": 1,
                "source": "opened",
                "unreadable": 2,
                "changed": True,
            },
            {"path": "/x", "kind": "file", "size": 1, "modified": "2026-01-01T00:00:00.000Z"},
            {"path": "p", "kind": "file", "size": 1, "dvc_md5": "m" * 32, "lfs_oid": "sha256:" + "4" * 64},
            {"path": "fifo", "kind": "other"},
        ],
        outputs=[
            {"path": "w", "size": 1, "stored": True, "source": "opened"},
            {"path": "s", "size": 1, "stored": False, "source": "scan", "reason": "may be anybody's"},
            {"path": "/o", "size": 1, "stored": True, "artifact": "@/o"},
            {"path": "more/", "stored": False, "files": 7},
            {"path": "report.html", "size": 1, "stored": True, "source": "api", "type": "html"},
            *(
                {"path": f"media/pred/{i}.png", "size": 512, "stored": i > 0, "type": "image", "key": "pred", "step": i}
                for i in range(4)
            ),
            {"path": "t", "size": 9, "stored": False, "reason": "too large", "type": "table", "key": "rows"},
        ],
        git={"version": "2.39.5", "remote": "https://example.org/x.git"},
        parent_run="0190-other",
        changes={"untracked": 3},
    ),
    "environment": {
        "python": {"implementation": "CPython", "version": "3.11.7"},
        "packages": {"numpy": "2.3", "torch": "2.4", "six": "1"},
        "imported": ["torch", "numpy", "own-package"],
        "virtual_env": "/venv",
        "conda": {"name": "base", "prefix": "/conda", "packages": {"mkl": "1", "blas": "2"}},
        "gpus": ["A100", "A100"],
        "cuda": {"driver": "550", "toolkit": "12"},
        "container": "docker",
        "variables": {"OMP_NUM_THREADS": "4", "RANK": "0"},
        "sources": {"torch": {"url": "https://x", "editable": True}},
        "future": [1, ["a"], {"b": None}],
    },
}


def test_page_of_what_the_probe_and_the_program_said() -> None:
    """Each key of the record and of the environment is on the page, in words; keys that are not known as they are."""
    lines = [" ".join(line.split()) for line in render_page(SAID, width=140, now=NOW).splitlines()]
    for line in (
        "title A title",
        "changes 3 untracked",
        "from 0190-other",
        "remote https://example.org/x.git",
        "recorder gitxp 0.1.0, git 2.39.5",
        "depth 6 argparse default",
        "verdict good",
        "converged true",
        "d 1 B 1 file, 2 not readable, changed while it was read, opened",
        "/x 1 B of 2026-01-01T00:00:00.000Z",
        "p 1 B DVC mmmmmmmmmm, LFS 4444444444",
        "fifo other",
        "w 1 B written, stored",
        "s 1 B changed while it ran, not stored: may be anybody's",
        "/o 1 B stored, as @/o",
        "more/ 7 files, not stored",
        "report.html 1 B html, logged, stored",
        "pred image 2.0 KiB 4 files, steps 0 to 3, 1 not stored, at media/pred/",
        "rows table 9 B 1 file, not stored: too large, at t",
        "virtual env /venv",
        "conda base /conda",
        "imported torch 2.4, numpy 2.3, own-package",
        "packages 1 other",
        "in conda 2 packages",
        "gpus A100, A100",
        "cuda driver 550, toolkit 12",
        "container docker",
        "variables OMP_NUM_THREADS=4, RANK=0",
        "sources torch (url https://x, editable true)",
        "future 1, a, b",
        "git show experiments/one:.gitxp/artifacts/PATH an output that is stored",
    ):
        assert line in lines


def test_parameters_that_were_given_come_first() -> None:
    """Parameters stand in the order of how much they say of this run: given, configured, defaults, constants."""
    page = render_page(SAID, width=80, now=NOW).partition("Parameters\n")[2]
    assert [line.split()[0] for line in page.splitlines()[:5]] == ["lr", "net", "batch", "depth", "SEED"]


def test_many_parameters() -> None:
    """On a terminal a hundred parameters are named, into a pipe a thousand; the others are counted."""
    about = make_record("x", params={f"p{i}": i for i in range(1500)})
    for width, most in ((80, 100), (None, 1000)):
        page = render_page(about, width=width, now=NOW)
        assert sum(line.startswith("  p") for line in page.splitlines()) == most
        assert f"and {1500 - most:,} more" in page


@pytest.mark.parametrize("width", [30, 34, 40, 60, 80])
def test_a_page_fits(width: int) -> None:
    """No line of a page is wider than the terminal, down to thirty columns; a name that is longer stays whole."""
    long = {
        "params": {"a.very.long.name." * 9: "x" * 99, "b": "日本" * 99},
        "param_sources": {"b": "config:" + "deep/" * 30 + "a.yaml"},
        "metrics": {"train/loss/" * 20: {"last": 1, "min": 0.1234567, "max": 2, "count": 3}},
        "outputs": [
            {"path": "out/" * 40, "size": 10, "xxh3_128": "e" * 32, "stored": False, "reason": "too large"},
            {"path": "best", "link": "epoch3", "stored": True},
        ],
        "problems": ["something could not be recorded " * 5],
        "summary": {"verdict" * 20: "good " * 40},
        "data": SAID["data"],
        "environment": {**SAID["environment"], "imported": ["package"] * 200},
    }
    lines = render_page({**ABOUT, **long}, width=width, now=NOW).splitlines()
    wide = [line.strip() for line in lines if width_of(line) > width]
    assert [line for line in wide if not line.startswith("git show experiments/calm-otter:")] == []


def test_a_page_is_bounded() -> None:
    """Of what a stranger has without end, a page shows the beginning, into a pipe as well."""
    many = [f"{i}" for i in range(5000)]
    about = {
        **ABOUT,
        "skipped": [{"path": text, "reason": text} for text in many],
        "submodules": [{"path": text, "commit": "c" * 40, "dirty": False} for text in many],
        "tags": many,
        "problems": many,
        "params": {"p" * 100_000: "v" * 100_000},
        "metrics": {"m" * 100_000: {"last": 10**300}},
        "command": ["x" * 100_000],
        "summary": dict.fromkeys(many, "s" * 100_000),
        "data": [{"path": text} for text in many],
        "outputs": [{"path": text, "key": text, "type": text} for text in many],
        "environment": {
            "memory": 10**300,
            "cpu": {"model": "m" * 100_000, "cores": 10**300},
            "variables": dict.fromkeys(many, "v" * 100_000),
            "imported": many,
            "future": {text: {text: [many, "u" * 100_000]} for text in many},
        },
    }
    page = render_page(about, width=None, now=NOW)
    assert page.count("and 4,980 more") == 8
    assert max(map(len, page.splitlines())) < 11_000


@pytest.mark.parametrize(
    ("keys", "title"),
    [
        ({"status": "completed", "exit_code": 0}, "x  completed"),
        ({"status": "completed", "exit_code": 1}, "x  completed (exit 1)"),
        ({"status": "failed", "exit_code": 0}, "x  failed (exit 0)"),
        ({"status": "killed", "exit_code": None, "signal": 9}, "x  killed (signal 9)"),
        ({"status": "killed", "exit_code": 0, "signal": 9}, "x  killed (exit 0, signal 9)"),
    ],
)
def test_the_title_tells_how_it_ended(keys: dict[str, Any], title: str) -> None:
    """The status is as it was recorded; an exit code or signal that says more, or otherwise, stands beside it."""
    assert render_page(make_record("x", **keys), width=80, now=NOW).splitlines()[0] == title


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_long_command_is_wrapped_not_cut(width: int) -> None:
    """A long command is on the page whole, in lines that fit."""
    command = ["python", "train.py", *(f"--option-{i}=value" for i in range(30))]
    text = render_page(make_record("one", command=command), width=width, now=NOW)
    page = text.split("\n\n")[1]
    assert all(width_of(line) <= width for line in page.splitlines())
    assert " ".join(command) in " ".join(page.split())


def test_page_of_a_stranger() -> None:
    """Whatever strings a record holds, no control character reaches the terminal."""
    for about in (ABOUT, SAID):
        evil = json.loads(json.dumps(about).replace("calm-otter", "x").replace("o", json.dumps(EVIL)[1:-1]))
        assert all(line.isprintable() for line in render_page(evil, width=80, now=NOW).splitlines())


def test_page_of_an_unreadable_run() -> None:
    """A run whose record cannot be read has a page with its problem."""
    about = {"name": "bad", "status": "unreadable", "problem": "it is not JSON", "ref": "r", "commit": "c" * 40}
    text = render_page(about, width=80, now=NOW)
    assert "bad  unreadable" in text
    assert "it is not JSON" in text


@pytest.mark.parametrize("wrong", [None, 5, "text", [1], {"a": 1}, [[]], [{"path": 3}], {"x": {"y": []}}])
def test_page_of_a_misshapen_record(wrong: Any) -> None:
    """No form of a value that the format does not know stops the page."""
    for about in (ABOUT, SAID):
        for key in about:
            assert render_page({**about, key: wrong}, width=80, now=NOW)
        environment = about["environment"]
        for key in environment:
            assert render_page({**about, "environment": {**environment, key: wrong}}, width=80, now=NOW)


def compared() -> Comparison:
    """Two runs that differ in everything."""
    return Comparison(
        make_run("run-a"),
        make_run("run-b"),
        code=(FileChange("a.py", "M", 1, 2), FileChange("b.bin", "R", None, None, "old.bin")),
        params={"lr": (0.1, 0.2), "opt": (None, "adam"), "text": (EVIL, "y")},
        metrics={"acc": (0.9, 0.95), "loss": (1.0, float("nan")), "new": (None, 3)},
        data={"train": ({"kind": "file", "size": 2048, "xxh3_128": "a" * 32}, {"kind": "missing"})},
        environment={"packages.numpy": ("1.26", "2.0")},
        outputs={"model": ({"size": 3, "xxh3_128": "b" * 32, "stored": True}, None)},
    )


def rows(section: str, width: int | None = 80) -> list[list[str]]:
    """The cells of a section's table."""
    text = render_section(compared(), section, width=width)
    return [line.split() for line in text.splitlines()]


def test_sections() -> None:
    """A section puts the two runs side by side, says where one has nothing, and how metrics moved."""
    assert rows("params")[3:5] == [["lr", "0.1", "0.2"], ["opt", "-", "adam"]]
    assert rows("metrics") == [
        ["Metrics"],
        ["run-a", "run-b", "difference"],
        ["----", "-----", "-----", "----------"],
        ["acc", "0.9", "0.95", "+0.05"],
        ["loss", "1", "nan"],
        ["new", "-", "3"],
    ]
    assert rows("data")[3] == ["train", "2.0", "KiB,", "aaaaaaaaaa", "missing"]
    assert rows("environment")[3:] == [["packages"], ["numpy", "1.26", "2.0"]]
    assert rows("outputs")[3] == ["model", "3", "B,", "bbbbbbbbbb", "-"]


def test_close_values_look_different() -> None:
    """Two values that differ never look the same side by side."""
    pair = (0.12345678, 0.12345679)
    close = Comparison(make_run("a"), make_run("b"), params={"x": pair}, metrics={"x": pair})
    for section in ("params", "metrics"):
        _, a, b, *_ = render_section(close, section, width=80).splitlines()[3].split()
        assert a != b


def test_a_stranger_in_a_comparison() -> None:
    """Nothing of a comparison acts on a terminal, and tables fit where they can."""
    for section in list(SECTIONS)[1:]:
        for line in render_section(compared(), section, width=60).splitlines():
            assert line.isprintable()
            assert width_of(line) <= 60


def test_comparison_as_json() -> None:
    """JSON has the wanted sections, exact, with null where a run has none; of equal runs the first five, empty."""
    document = json.loads(render_json(compared(), list(SECTIONS)))
    assert list(document) == sorted(SECTIONS)
    assert document["code"] == [
        {"path": "a.py", "status": "M", "insertions": 1, "deletions": 2},
        {"path": "b.bin", "status": "R", "insertions": None, "deletions": None, "old_path": "old.bin"},
    ]
    assert document["params"]["opt"] == [None, "adam"]
    assert document["metrics"]["loss"] == [1.0, "nan"]
    assert list(json.loads(render_json(compared(), ["params"]))) == ["params"]
    same = Comparison(make_run("a"), make_run("b"))
    assert json.loads(render_json(same, list(SECTIONS))) == {
        "code": [],
        "params": {},
        "metrics": {},
        "data": {},
        "environment": {},
    }


def test_no_difference_is_said() -> None:
    """That nothing differs is a sentence, with the sections that were looked at."""
    same = Comparison(make_run("run-a"), make_run("run-b"))
    assert not any(differs(same, section) for section in SECTIONS)
    assert no_difference(same, list(SECTIONS)) == "No differences between run-a and run-b.\n"
    assert no_difference(same, ["params", "data"]) == "No differences between run-a and run-b in parameters and data.\n"


def test_a_note_of_several_lines() -> None:
    """A note is shown line by line as it was written, each line behind the labels and safe for a terminal, not without end."""
    notes = ["first\n\ncommit    \x1b[31mforged", "x\n" * 1000]
    lines = render_page({**ABOUT, "notes": notes}, width=100, now=NOW).splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("  note "))
    indent = lines[at].index("first")
    assert [line.strip() for line in lines[at + 1 : at + 3]] == ["", "commit    \\x1b[31mforged"]
    assert lines[at + 2].index("commit") == indent
    assert sum(line.strip() == "x" for line in lines) == 99
    assert any(line.endswith("… 901 more lines") for line in lines)
