from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

import event_files as ev
from gitxp.capture import logger_files
from gitxp.capture.logger_files import find_metric_files
from gitxp.capture.readers import Readers, read_metrics

if TYPE_CHECKING:
    from pathlib import Path

    from gitxp.capture.readers import Found

EVENTS = "events.out.tfevents.4000000000.host.1.0"


def write(path: Path, text: str | bytes) -> str:
    """A file, and the folders that it lies in: its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def read(root: Path, *written: str) -> Found:
    """What all files below this folder say that were written since 1970, or that are named."""
    return read_metrics(find_metric_files(written, str(root), 0.0))


def points(found: Found) -> dict[str, list[tuple[int, float]]]:
    """Step and value of each point."""
    return {name: list(zip(series.steps, series.values, strict=True)) for name, series in found.points.items()}


def test_lightning(tmp_path: Path) -> None:
    """Lightning's rows are sparse: each metric has the steps at which it was logged; epoch and step are no metrics."""
    text = "epoch,step,train_loss,val_loss\n0,49,0.5,\n0,99,,0.75\n1,149,0.25,\n1,199,,nan\n"
    write(tmp_path / "lightning_logs" / "version_0" / "metrics.csv", text)
    found = read(tmp_path)
    assert points(found)["train_loss"] == [(49, 0.5), (149, 0.25)]
    assert repr(points(found)["val_loss"]) == "[(99, 0.75), (199, nan)]"
    assert set(found.points) == {"train_loss", "val_loss"}


def test_lightning_writes_anew_with_another_metric(tmp_path: Path) -> None:
    """A table whose first line changed is read anew; one that grew is read on."""
    path = write(tmp_path / "metrics.csv", "step,a\n1,0.5\n")
    readers, files = Readers(), find_metric_files([path], str(tmp_path), 0.0)
    assert points(readers.read(files)) == {"a": [(1, 0.5)]}
    with open(path, "a") as file:
        file.write("2,0.25\n3,0.1")
    assert points(readers.read(files)) == {"a": [(1, 0.5), (2, 0.25)]}
    write(tmp_path / "metrics.csv", "step,a,b\n1,0.5,\n2,0.25,\n3,0.125,7\n")
    assert points(readers.read(files)) == {"a": [(1, 0.5), (2, 0.25), (3, 0.125)], "b": [(3, 7.0)]}


def test_folds(tmp_path: Path) -> None:
    """Several versions in one run are told apart by their folders."""
    for fold in range(2):
        write(tmp_path / "lightning_logs" / f"version_{fold}" / "metrics.csv", f"step,loss\n1,{fold}\n")
    assert points(read(tmp_path)) == {"version_0/loss": [(1, 0.0)], "version_1/loss": [(1, 1.0)]}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_keras(separator: str, tmp_path: Path) -> None:
    """Keras's CSVLogger, whatever its file is called and its separator: one point an epoch."""
    rows = ["epoch,accuracy,loss,val_loss", "0,0.5,1.5,NA", "1,0.75,1.25,1.0", '2,"[0.1, 0.2]",1.0,0.5']
    write(tmp_path / "training.log", "".join(row.replace(",", separator) + "\r\n" for row in rows[:3]))
    assert points(read(tmp_path)) == {
        "accuracy": [(0, 0.5), (1, 0.75)],
        "loss": [(0, 1.5), (1, 1.25)],
        "val_loss": [(1, 1.0)],
    }
    with open(tmp_path / "training.log", "a") as file:
        file.write(rows[3] + "\n")
    assert separator != "," or points(read(tmp_path))["loss"][-1] == (2, 1.0)


def test_yolo(tmp_path: Path) -> None:
    """The names of YOLO's results.csv are padded with blanks."""
    write(tmp_path / "runs" / "train" / "results.csv", "   epoch,   train/box_loss\n   1,   0.5\n   2,   0.25\n")
    assert points(read(tmp_path)) == {"train/box_loss": [(1, 0.5), (2, 0.25)]}


@pytest.mark.parametrize(
    "text",
    [
        "id,value\n1,2\n",
        "epoch\n1\n",
        "epochs and other words, in a log\n",
        "\x00\xff\xfe",
        "",
        "no,newline",
        "2026-01-02 INFO epoch, 3\n",
    ],
)
def test_tables_of_other_things(text: str, tmp_path: Path) -> None:
    """Data, logs and bytes that are no table of epochs hold no metrics, and are no problem."""
    write(tmp_path / "results.csv", text)
    write(tmp_path / "out.log", text)
    found = read(tmp_path)
    assert (found.points, found.problems) == ({}, [])


def test_strange_tables(tmp_path: Path) -> None:
    """Short rows, empty ones, steps that are none and quotes cost what they must and no more."""
    text = 'step,a,"b, c"\n1\n\nx,0.5,1\n1e300,0.25,2\n5,0.125,"3"\n6,"x\n'
    write(tmp_path / "metrics.csv", text)
    found = read(tmp_path)
    assert points(found)["a"][-1] == (5, 0.125)
    assert [value for _, value in points(found)["b, c"]] == [1.0, 2.0, 3.0]


def state(*entries: dict[str, Any]) -> str:
    """A trainer_state.json with this history."""
    return json.dumps({"global_step": 1, "log_history": list(entries)})


def test_hugging_face(tmp_path: Path) -> None:
    """The Trainer's history by the names that its own callbacks give: train/, eval/, test/; what is no number is none."""
    text = state(
        {"epoch": 0.5, "loss": 2.5, "learning_rate": 1e-4, "step": 10},
        {"epoch": 1.0, "eval_loss": 2.0, "eval_runtime": 1.5, "step": 20, "note": "x", "ok": True},
        {"test_f1": 0.5, "step": 20},
        {"loss": 1.0},
    )
    write(tmp_path / "output" / "checkpoint-20" / "trainer_state.json", text)
    assert points(read(tmp_path)) == {
        "train/loss": [(10, 2.5)],
        "train/learning_rate": [(10, 1e-4)],
        "eval/loss": [(20, 2.0)],
        "eval/runtime": [(20, 1.5)],
        "test/f1": [(20, 0.5)],
    }


def test_newest_checkpoint(tmp_path: Path) -> None:
    """Of one training only the newest state is read, since it has all the others; another training is told apart."""
    for step in (10, 20):
        path = write(
            tmp_path / "output" / f"checkpoint-{step}" / "trainer_state.json",
            state(*({"loss": float(n), "step": n} for n in range(10, step + 1, 10))),
        )
        os.utime(path, (step, step))
    assert points(read(tmp_path)) == {"train/loss": [(10, 10.0), (20, 20.0)]}
    write(tmp_path / "outputs" / "trainer_state.json", state({"loss": 0.0, "step": 1}))
    assert set(read(tmp_path).points) == {"output/train/loss", "outputs/train/loss"}


@pytest.mark.parametrize("text", ["{", "[]", '{"log_history": 3}', '{"log_history": [1, {"step": "x", "a": 1}]}'])
def test_broken_states(text: str, tmp_path: Path) -> None:
    """A state that is broken or something else gives nothing, and only what is no JSON is a problem."""
    write(tmp_path / "output" / "trainer_state.json", text)
    found = read(tmp_path)
    assert found.points == {}
    assert len(found.problems) == (text == "{")


def test_dvclive(tmp_path: Path) -> None:
    """The tables of dvclive, their own times, metrics.json for what has no table, and params.yaml."""
    live = tmp_path / "dvclive"
    write(live / "plots" / "metrics" / "train" / "loss.tsv", "timestamp\tstep\tloss\n1700000000500\t0\t0.5\n")
    write(live / "plots" / "metrics" / "acc.tsv", "step\tacc\n0\t0.25\n1\t0.75\n")
    write(live / "metrics.json", json.dumps({"train": {"loss": 9.0}, "test": {"f1": 0.5}, "step": 1}))
    write(live / "params.yaml", "lr: 0.1\nmodel:\n  depth: 3\n")
    found = read(tmp_path)
    assert points(found) == {"train/loss": [(0, 0.5)], "acc": [(0, 0.25), (1, 0.75)], "test/f1": [(1, 0.5)]}
    assert list(found.points["train/loss"].times) == [1700000000.5]
    assert found.params == {"dvclive": {"lr": 0.1, "model.depth": 3}}


def test_metrics_json(tmp_path: Path) -> None:
    """Numbers of metrics.json are metrics by dotted names, one point each."""
    write(tmp_path / "metrics.json", json.dumps({"test": {"acc": 0.5}, "loss": 1, "name": "x"}))
    assert points(read(tmp_path)) == {"test.acc": [(0, 0.5)], "loss": [(0, 1.0)]}


def test_lines_of_json(tmp_path: Path) -> None:
    """So are those of a file with one object a line, at the step that the line has; a torn end is passed over."""
    lines = [{"iteration": 19, "loss": 0.5, "eta": None}, {"iteration": 39, "loss": 0.25, "acc": 0.5}]
    write(tmp_path / "output" / "metrics.json", "".join(json.dumps(line) + "\n" for line in lines) + '{"iter')
    assert points(read(tmp_path)) == {"loss": [(19, 0.5), (39, 0.25)], "acc": [(39, 0.5)]}


@pytest.mark.parametrize("text", ["", "[1, 2]", "null", "{\n}", '{"a": {"b": "c"}}', "\x00"])
def test_metrics_json_of_other_things(text: str, tmp_path: Path) -> None:
    """A metrics.json with something else in it has no metrics, and is no problem."""
    write(tmp_path / "metrics.json", text)
    found = read(tmp_path)
    assert (found.points, found.problems) == ({}, [])


def test_two_loggers_of_one_metric(tmp_path: Path) -> None:
    """TensorBoard counts before tables, and tables before metrics.json: no point is there twice."""
    write(tmp_path / "runs" / EVENTS, ev.event_file([ev.event(1, ev.simple("loss", 0.5))]))
    write(tmp_path / "metrics.csv", "step,loss,acc\n1,0.75,0.5\n")
    write(tmp_path / "metrics.json", '{"acc": 0.25, "f1": 0.125}')
    assert points(read(tmp_path)) == {"loss": [(1, 0.5)], "acc": [(1, 0.5)], "f1": [(0, 0.125)]}


def test_only_what_was_written_since(tmp_path: Path) -> None:
    """A file counts if it changed since the run began, whatever times it was given, or if the run is known to have written it."""
    path = write(tmp_path / "metrics.csv", "step,a\n1,0.5\n")
    os.utime(path, (1, 1))
    now = time.time()
    assert [file.path for file in find_metric_files([], str(tmp_path), now - 60)] == [path]
    assert find_metric_files([], str(tmp_path), now + 60) == []
    assert [file.path for file in find_metric_files([path], str(tmp_path), now + 60)] == [path]


def test_where_is_looked(tmp_path: Path) -> None:
    """At the top, in the folder of the command, and below the usual folders; not in others, and not in .git."""
    names = [
        "metrics.csv",
        "runs/a/b/metrics.csv",
        "Outputs2/metrics.csv",
        "checkpoints/metrics.csv",
        "work/metrics.csv",
        "work/runs/metrics.csv",
    ]
    others = ["src/metrics.csv", "work/src/metrics.csv", "runs/.git/metrics.csv", "data/runs/metrics.csv"]
    for name in names + others:
        write(tmp_path / name, "step,a\n1,0.5\n")
    found = find_metric_files([], str(tmp_path), 0.0, str(tmp_path / "work"))
    assert sorted(os.path.relpath(file.path, tmp_path) for file in found) == sorted(names)


def test_links(tmp_path: Path) -> None:
    """A usual folder may be a link to a larger disk; a link below it that leads around in a circle is no matter."""
    disk = tmp_path / "disk"
    write(disk / "x" / "metrics.csv", "step,a\n1,0.5\n")
    (disk / "circle").symlink_to(disk)
    top = tmp_path / "top"
    top.mkdir()
    (top / "runs").symlink_to(disk)
    (found,) = find_metric_files([], str(top), 0.0)
    assert found.path == str(top / "runs" / "x" / "metrics.csv")


def test_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with more entries than may be looked at ends the search, and what was found counts."""
    for number in range(30):
        write(tmp_path / "runs" / f"{number}" / "metrics.csv", "step,a\n1,0.5\n")
    monkeypatch.setattr(logger_files, "_MAX_ENTRIES", 50)
    assert 0 < len(find_metric_files([], str(tmp_path), 0.0)) < 30
    monkeypatch.setattr(logger_files, "MAX_FILES", 3)
    assert len(find_metric_files([], str(tmp_path), 0.0)) == 3


def test_limits_of_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics and points over the limits are left out, with a sentence."""
    monkeypatch.setattr("gitxp.capture.readers.MAX_METRICS", 2)
    write(tmp_path / "metrics.csv", "step,a,b,c\n1,1,1,1\n")
    found = read(tmp_path)
    assert list(found.points) == ["a", "b"]
    assert found.problems == ["Metrics left out: 1. 2 metrics and 10,000,000 points are the most."]


def test_a_reader_that_crashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of a reader's costs its file, and is a sentence."""

    def crash(self: object) -> None:
        del self
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("gitxp.capture.readers.tables.Table.update", crash)
    write(tmp_path / "metrics.csv", "step,a\n1,1\n")
    write(tmp_path / "metrics.json", '{"b": 1}')
    found = read(tmp_path)
    assert points(found) == {"b": [(0, 1.0)]}
    assert found.problems == ["metrics.csv could not be read: ZeroDivisionError: oh."]
