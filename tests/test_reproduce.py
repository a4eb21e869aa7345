from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.format import Oid, RefName
from gitxp.model import Run
from gitxp.names import RunName
from gitxp.render.reproduction import as_object, render_reproduction
from gitxp.restoring.verdict import Finding, Reproduction, compare
from run_factory import Factory
from states import Lab, as_python, as_shell, make, portrait
from test_restore import but_worktrees

if TYPE_CHECKING:
    from pathlib import Path

NOT_REPRODUCED = 20


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with one commit, that ignores `data/`."""
    lab = make(str(tmp_path / "repo"))
    lab.write(".gitignore", "*.o\nbuild/\ndata/\ncount\n")
    lab.commit("ignore")
    return lab


def verdicts(lab: Lab, *words: str, status: int) -> dict[str, str]:
    """The verdicts of reproducing `r`, by kind and name."""
    done = lab.run("reproduce", "r", "--json", *words)
    assert done.status == status, done.stderr
    told = json.loads(done.stdout)
    assert told["run"] == "r"
    assert told["reproduced"] == (status == 0)
    assert lab.record(told["rerun"])["parent_run"] == lab.record("r")["id"]
    return {f"{item['kind']} {item['name']}": item["verdict"] for item in told["findings"]}


def test_the_same_again(lab: Lab) -> None:
    """Equal data, status, metrics and outputs are a reproduced run: exit status 0, and nothing of the user's is touched."""
    lab.write("data/x", "7\n")
    code = "echo loss=0.25; cat data/x >model; ln -s model last"
    options = ("--metrics-from", "stdout", "--data", "data/x", "--out", "model", "--out", "last")
    lab.run("run", "--name", "r", *options, "--", *as_shell(code))
    for path in ("model", "last"):
        os.unlink(lab.path(path))
    before = portrait(lab)
    done = lab.run("reproduce", "r", "--name", "s")
    assert done.status == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.decode().splitlines()]
    assert lines[-1] == "r is reproduced by s."
    assert "metric loss 0.25 0.25 equal" in lines
    assert b"loss=0.25" not in done.stdout  # the answer is stdout's alone
    assert "loss=0.25" in done.stderr
    assert but_worktrees(portrait(lab)) == before
    assert verdicts(lab, status=0) == {
        "data data/x": "equal",
        "status status": "equal",
        "metric loss": "equal",
        "output model": "equal",
        "output last": "equal",
    }


def test_data_that_changed(lab: Lab) -> None:
    """Data that are not what they were are told before the command starts, and nothing is reproduced on them."""
    lab.write("data/x", "7\n")
    lab.write("data/folder/y", "7\n")
    options = ("--metrics-from", "stdout", "--data", "data/x", "--data", "data/folder")
    lab.run("run", "--name", "r", *options, "--", *as_shell("echo loss=1"))
    lab.write("data/x", "8\n")
    lab.write("data/folder/z", "new\n")
    done = lab.run("reproduce", "r")
    assert done.status == NOT_REPRODUCED
    assert done.stderr.index("the data changed: data/x") < done.stderr.index("\nloss=1\n")
    os.unlink(lab.path("data/x"))
    found = verdicts(lab, status=NOT_REPRODUCED)
    assert (found["data data/x"], found["data data/folder"], found["metric loss"]) == ("missing", "different", "equal")


def test_data_that_were_missing(lab: Lab) -> None:
    """What the run was to read and did not find is the same while it is missing, and different once it is there."""
    lab.run("run", "--name", "r", "--data", "data/x", "--", "echo", "said")
    assert verdicts(lab, status=0)["data data/x"] == "equal"
    lab.write("data/x", "7\n")
    assert verdicts(lab, status=NOT_REPRODUCED)["data data/x"] == "different"


def test_data_that_a_program_read_by_itself(lab: Lab) -> None:
    """Folders of which some files were read are compared by these files: others in them may come and go."""
    for number in range(30):
        lab.write(f"data/{number}", f"{number}\n")
    lab.write("data/not-read", "x\n")
    lab.write("train.py", "print('n=', sum(int(open(f'data/{n}').read()) for n in range(30)))\n")
    lab.run("run", "--name", "r", "--metrics-from", "stdout", "--", "python", "train.py")
    assert [item["kind"] for item in lab.record("r")["data"]] == ["folder"]
    lab.write("data/not-read", "y\n")
    assert verdicts(lab, status=0)["data data"] == "equal"
    lab.write("data/3", "5\n")
    found = verdicts(lab, status=NOT_REPRODUCED)
    assert (found["data data"], found["metric n"]) == ("different", "different")


def test_metrics_that_differ(lab: Lab) -> None:
    """A metric that is another is different; within the tolerance it is not; what is ignored does not count."""
    lab.write("data/count", "100\n")
    code = (
        f"p = {lab.path('data/count')!r}; n = int(open(p).read()); open(p, 'w').write(str(n + 1)); "
        "print(f'loss={n} fixed=1'); n == 100 and print('gone=1')"
    )
    lab.run("run", "--name", "r", "--metrics-from", "stdout", "--", *as_python(code))
    found = verdicts(lab, status=NOT_REPRODUCED)
    assert found == {
        "status status": "equal",
        "metric loss": "different",
        "metric fixed": "equal",
        "metric gone": "missing",
    }
    assert verdicts(lab, "--tolerance", "0.1", status=NOT_REPRODUCED)["metric loss"] == "within"
    assert verdicts(lab, "--tolerance", "0.1", "--ignore", "go*", status=0)["metric gone"] == "ignored"


def test_outputs_that_differ(lab: Lab) -> None:
    """An output with other bytes is different, one that is not there is missing, and the worktree with others stays."""
    lab.write("data/count", "0\n")
    code = f"n=$(cat {lab.path('data/count')}); echo 1 >{lab.path('data/count')}; echo $n >a; test $n = 1 || echo b >b"
    lab.run("run", "--name", "r", "--out", "a", "--out", "b", "--", *as_shell(code))
    for path in ("a", "b"):
        os.unlink(lab.path(path))
    found = verdicts(lab, status=NOT_REPRODUCED)
    assert (found["output a"], found["output b"], found["status status"]) == ("different", "missing", "equal")


def test_what_only_the_rerun_has(lab: Lab) -> None:
    """New metrics and outputs, and another number of points, are told and do not count; what is ignored is not told of points."""
    path = lab.path("data/again")
    lab.write("data/x")
    code = f"echo loss=1; test -e {path} && echo loss=1 extra=2 && echo x >b; touch {path}; echo a >a"
    lab.run("run", "--name", "r", "--metrics-from", "stdout", "--out", "a", "--out", "b", "--", *as_shell(code))
    expected = {
        "status status": "equal",
        "metric loss": "equal",
        "points loss": "noted",
        "metric extra": "new",
        "output a": "equal",
        "output b": "unknown",
    }
    assert verdicts(lab, status=0) == expected
    ignored = verdicts(lab, "--ignore", "loss", "--ignore", "extra", status=0)
    assert (ignored["metric loss"], ignored["metric extra"], ignored.get("points loss")) == ("ignored", "ignored", None)
    lines = [" ".join(line.split()) for line in lab.run("reproduce", "r", "--name", "s").stdout.decode().splitlines()]
    assert "points loss 1 2 another number" in lines
    assert "metric extra 2 new" in lines


def test_new_outputs() -> None:
    """A new output is told by its digest; what others may have written, and a logger's file beside compared metrics, is not new."""
    outputs = [
        {"path": "p", "xxh3_128": "a"},
        {"path": "q", "xxh3_128": "a", "source": "scan"},
        {"path": "metrics.json", "xxh3_128": "a", "source": "opened"},
        {"path": "none", "reason": "a FIFO"},
    ]
    again = run_of(metrics=point(1), outputs=outputs)
    found = compare(run_of(metrics=point(1)), again, tolerance=0, ignore=(), printed=None)
    told = {f.name: f.verdict for f in found if f.kind == "output"}
    assert told == {"p": "new", "metrics.json": "metrics"}
    alone = compare(run_of(), again, tolerance=0, ignore=(), printed=False)
    assert [(f.name, f.verdict) for f in alone if f.kind in {"metric", "printed"}] == [
        ("m", "new"),
        ("output", "different"),
    ]


def test_another_ending(lab: Lab) -> None:
    """A run that failed is reproduced where it fails in the same way; another exit status is a difference."""
    lab.write("data/count", "3")
    path = lab.path("data/count")
    lab.run("run", "--name", "r", "--", *as_shell(f"echo said; exit $(cat {path})"))
    assert verdicts(lab, status=0) == {"status status": "equal", "printed output": "equal"}
    lab.write("data/count", "4")
    assert verdicts(lab, status=NOT_REPRODUCED)["status status"] == "different"


def test_where_there_is_nothing_else_what_was_printed_counts(lab: Lab) -> None:
    """Without metrics and outputs, the bytes that were printed decide."""
    lab.write("data/count", "3\n")
    lab.run("run", "--name", "r", "--", "cat", lab.path("data/count"))
    assert verdicts(lab, status=0)["printed output"] == "equal"
    lab.write("data/count", "4\n")
    assert verdicts(lab, status=NOT_REPRODUCED)["printed output"] == "different"


def test_the_folder_that_was_printed_does_not_count(lab: Lab, tmp_path: Path) -> None:
    """Absolute paths in a traceback are below another folder in each run: what is printed is the same but for that."""
    lab.write("fail.py", "import os\nraise ValueError(os.getcwd())\n")
    lab.run("run", "--name", "r", "--", sys.executable, "fail.py")
    done = lab.run("reproduce", "r", "--name", "again")
    assert done.status == 0, done.stdout
    assert lab.run("reproduce", "again").status == 0
    assert verdicts(lab, "--to", str(tmp_path / "elsewhere"), status=0)["printed output"] == "equal"


def test_a_rerun_that_was_interrupted(lab: Lab) -> None:
    """Whoever presses Ctrl-C gets what was found, and an end by that signal; not where the run itself had ended so."""
    code = 'echo x=1; test -z "$GITXP_TEST_AGAIN" || kill -INT $$'
    lab.run("run", "--name", "r", "--metrics-from", "stdout", "--", *as_shell(code))
    done = lab.run("reproduce", "r", "--name", "s", env={"GITXP_TEST_AGAIN": "1"})
    assert done.status == -signal.SIGINT, done.stderr
    assert "r is not reproduced by s." in done.stdout.decode()
    assert lab.run("reproduce", "s", env={"GITXP_TEST_AGAIN": "1"}).status == 0


def test_a_run_that_is_running(lab: Lab) -> None:
    """Nobody knows yet what it gives: it is refused, and nothing is run."""
    Factory(lab.top).make("r", status="running", exit_code=None, finished_at=None)
    done = lab.run("reproduce", "r", "--trust")
    assert (done.status, "r is running" in done.stderr) == (1, True), done.stderr
    assert lab.say("for-each-ref", "--format=%(refname)", "refs/experiments").split() == ["refs/experiments/r"]


@pytest.mark.parametrize("words", [("--tolerance", "-1"), ("--tolerance", "x"), ("--tolerance", "nan"), ("--to", "")])
def test_words_that_do_not_fit(lab: Lab, words: tuple[str, ...]) -> None:
    """A tolerance is a number from 0 on."""
    lab.run("run", "--name", "r", "--", "true")
    assert lab.run("reproduce", "r", *words).status == 2
    assert lab.names() == ["r"]


def run_of(**record: Any) -> Run:
    """A run with this record."""
    keys = {"format": 1, "id": "1", "name": "r", "status": "completed", "exit_code": 0}
    return Run(RunName("r"), RefName("refs/experiments/r"), Oid("0" * 40), {**keys, **record})


def point(last: object, **keys: object) -> dict[str, Any]:
    """A metric's summary."""
    return {"m": {"last": last, "min": last, "max": last, "count": 1, "step": 0, **keys}}


@pytest.mark.parametrize(
    ("a", "b", "tolerance", "wanted"),
    [
        (point(1), point(1.0), 0, "equal"),
        (point(1), point(1.0000001), 0, "different"),
        (point(1), point(1.01), 0.02, "within"),
        (point(-1), point(-1.01), 0.02, "within"),
        (point(1), point(1.01), 0.001, "different"),
        (point(0), point(1e-300), 0.5, "different"),
        (point("nan"), point("nan"), 0, "equal"),
        (point("nan"), point(1), 9, "different"),
        (point("inf"), point("inf"), 0, "equal"),
        (point("inf"), point("-inf"), 9, "different"),
        (point("inf"), point(1e308), 0.9, "different"),
        (point(1, min=0), point(1, min=0.5), 0, "different"),
        (point(1, max=2), point(1, max=2.1), 0.1, "within"),
        ({"m": {"last": 1}}, point(1, max=7), 0, "equal"),
    ],
)
def test_each_kind_of_verdict_on_a_metric(a: Any, b: Any, tolerance: float, wanted: str) -> None:
    """Last, smallest and largest value count, and the worst of them decides; nan is equal to nan."""
    found = compare(run_of(metrics=a), run_of(metrics=b), tolerance=tolerance, ignore=(), printed=None)
    assert [f.verdict for f in found if f.kind == "metric"] == [wanted]


@pytest.mark.parametrize(
    ("entry", "other", "wanted"),
    [
        ({"xxh3_128": "a"}, {"xxh3_128": "a"}, "equal"),
        ({"xxh3_128": "a"}, {"xxh3_128": "b"}, "different"),
        ({"xxh3_128": "a"}, {"reason": "there is no such file"}, "missing"),
        ({"xxh3_128": "a"}, None, "missing"),
        ({"reason": "a FIFO"}, {}, "unknown"),
        ({"xxh3_128": "a", "changed": True}, {"xxh3_128": "b"}, "unknown"),
        ({"link": "x"}, {"link": "x"}, "equal"),
        ({"link": "x"}, {"xxh3_128": "a"}, "different"),
    ],
)
def test_each_kind_of_verdict_on_an_output(entry: Any, other: Any, wanted: str) -> None:
    """Outputs are compared by digest, links by where they lead; what has no digest decides nothing."""
    outputs = [{"path": "p", **entry}]
    others = [] if other is None else [{"path": "p", **other}]
    found = compare(run_of(outputs=outputs), run_of(outputs=others), tolerance=0, ignore=(), printed=None)
    assert [f.verdict for f in found if f.kind == "output"] == [wanted]


def test_what_the_machine_and_others_did_does_not_count() -> None:
    """Metrics of the machine, and files that merely changed meanwhile, are not compared."""
    system = {"system/cpu": point(1)["m"]}
    outputs = [{"path": "p", "xxh3_128": "a", "source": "scan"}, {"path": "q/", "files": 7}]
    found = compare(run_of(metrics=system, outputs=outputs), run_of(), tolerance=0, ignore=(), printed=True)
    assert [(f.kind, f.verdict) for f in found] == [("status", "equal"), ("printed", "equal")]


@pytest.mark.parametrize(
    ("verdicts", "wanted"),
    [
        ([], False),
        (["ignored", "unknown"], False),
        (["equal", "ignored", "unknown"], True),
        (["equal", "within"], True),
        (["equal", "missing"], False),
        (["equal", "different"], False),
    ],
)
def test_what_is_reproduced(verdicts: list[str], wanted: bool) -> None:
    """A run is reproduced where something was compared, and nothing differs."""
    findings = [Finding("status", "status", "equal"), *(Finding("metric", "m", verdict) for verdict in verdicts)]
    assert Reproduction("r", "s", tuple(findings)).reproduced is wanted


def test_values_that_differ_look_different() -> None:
    """Of a metric that is different, the two values are never shown as the same."""
    found = [Finding("metric", "loss", "different", 0.12345671, 0.12345672)]
    text = render_reproduction(as_object("r", "s", found, reproduced=False))
    assert "0.12345671  0.12345672  different" in text


@pytest.mark.parametrize(
    ("path", "more", "wanted"),
    [
        ("metrics.json", {"source": "opened"}, ["metrics", "metrics", "equal"]),
        ("runs/events.out.tfevents.1700000000.host.1.0", {"source": "opened"}, ["metrics", "metrics", "equal"]),
        ("model.json", {"source": "opened"}, ["different", "missing", "equal"]),
        ("metrics.json", {}, ["different", "missing", "equal"]),
    ],
)
def test_a_file_of_a_logger_counts_by_its_metrics(path: str, more: dict[str, str], wanted: list[str]) -> None:
    """Where metrics were compared, the bytes of a logger's file that nobody named decide nothing."""
    run = run_of(metrics=point(1), outputs=[{"path": path, "xxh3_128": "a", **more}])
    seen = []
    for outputs in ([{"path": path, "xxh3_128": "b"}], [], [{"path": path, "xxh3_128": "a"}]):
        found = compare(run, run_of(metrics=point(1), outputs=outputs), tolerance=0, ignore=(), printed=None)
        seen += [f.verdict for f in found if f.kind == "output"]
    assert seen == wanted
    alone = compare(run_of(outputs=run.record["outputs"]), run_of(), tolerance=0, ignore=(), printed=None)
    assert [f.verdict for f in alone if f.kind == "output"] == ["missing"]


def test_a_tolerance_is_one_of_the_file_that_has_the_metrics(lab: Lab) -> None:
    """A run whose metrics are within the tolerance is reproduced, although the file that they were read from differs."""
    code = "import os; n = 1 + os.path.exists('../again') / 1e6; open('metrics.json', 'w').write('{\"loss\": %r}' % n)"
    lab.run("run", "--name", "r", "--", "python", "-c", code)
    assert verdicts(lab, status=0)["output metrics.json"] == "equal"
    lab.write("../again")
    found = verdicts(lab, "--tolerance", "0.001", status=0)
    assert (found["metric loss"], found["output metrics.json"]) == ("within", "metrics")
    assert verdicts(lab, status=20)["metric loss"] == "different"
    assert b"as its metrics" in lab.run("reproduce", "r").stdout
