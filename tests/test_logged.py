from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import event_files as ev
from gitxp.format import parse_time
from gitxp.recording.journal import Journal, read_journal
from gitxp.recording.logged import Logged, take_metrics
from gitxp.repo import Repo

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Git, Gitxp
    from gitxp.format import Record

NAME = "events.out.tfevents.4000000000.host.1.0"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)
RECORD: Record = {"cwd": ".", "started_at": "2026-01-02T03:04:05.000Z"}
BEGAN = parse_time(RECORD["started_at"])

# A program that writes TensorBoard's file, tells us that it did, and waits for a line.
WRITES = """\
import os, sys
os.makedirs("runs/one")
with open("runs/one/{name}", "wb") as file:
    file.write(bytes.fromhex("{data}"))
print("written", flush=True)
sys.stdin.readline()
"""


def events(*values: tuple[str, int, float]) -> bytes:
    """An event file with these scalars: tag, step, value."""
    return ev.event_file(ev.event(step, ev.simple(tag, value), at=1.7e9 + step) for tag, step, value in values)


def write(path: Path, data: bytes) -> Path:
    """A file in a folder that is made for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def said(folder: Path) -> list[dict[str, Any]]:
    """All statements of a live folder."""
    files = sorted((folder / "said").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text("ascii").splitlines()]


def test_metrics_of_others_come_into_the_journal(tmp_path: Path) -> None:
    """What TensorBoard's file has is in the journal after it, point for point."""
    write(tmp_path / "top" / "runs" / NAME, events(("loss", 0, 0.5), ("loss", 1, 0.25), ("acc", 1, 0.75)))
    live = tmp_path / "live"
    assert take_metrics(str(live), RECORD, str(tmp_path / "top"), BEGAN) == []
    found = {name: list(series) for name, series in read_journal(str(live / "journal")).items()}
    assert found == {"loss": [(0, 1.7e9, 0.5), (1, 1.7e9 + 1, 0.25)], "acc": [(1, 1.7e9 + 1, 0.75)]}
    assert not (live / "said").exists()


def test_no_point_is_there_twice(tmp_path: Path) -> None:
    """A metric that was logged to gitxp, too, is taken from there alone."""
    write(tmp_path / "top" / "runs" / NAME, events(("loss", 0, 0.5), ("acc", 1, 0.75)))
    live = tmp_path / "live"
    Journal(str(live / "journal")).append("loss", 7, 1.0, 0.125)
    logged = Logged(str(live), RECORD, str(tmp_path / "top"))
    before = {name: list(series) for name, series in logged.read().items()}
    take_metrics(str(live), RECORD, str(tmp_path / "top"), BEGAN)
    assert {name: list(series) for name, series in read_journal(str(live / "journal")).items()} == before
    assert before == {"loss": [(7, 1.0, 0.125)], "acc": [(1, 1.7e9 + 1, 0.75)]}


def test_images_and_parameters_are_said(tmp_path: Path) -> None:
    """Images are files of the live folder and statements; so are hyperparameters, by their source."""
    image = ev.field(1, "a") + ev.field(4, ev.field(4, PNG))
    session = ev.field(3, ev.field(1, ev.field(1, "lr") + ev.field(2, ev.field(2, 0.5))))
    start = ev.field(1, "_hparams_/session_start_info") + ev.field(9, ev.metadata("hparams", session))
    path = write(tmp_path / "elsewhere" / NAME, ev.event_file([ev.event(3, image), ev.event(0, start)]))
    live = tmp_path / "live"
    (tmp_path / "top").mkdir()
    others = [3, "relative.tfevents.1", "/absent.tfevents.1", "/etc/hostname"]
    files = {"kind": "files", "at": 1.0, "written": [*others, str(path)]}
    write(live / "said" / "0-00000000.jsonl", json.dumps(files).encode() + b"\n")
    assert Logged(str(live), RECORD, str(tmp_path / "top")).read() == {}
    assert take_metrics(str(live), RECORD, str(tmp_path / "top"), BEGAN) == []
    artifact, params = said(live)[1:]
    assert artifact.pop("at") == params.pop("at")
    source = str(live / "artifacts" / "tensorboard" / "a" / "3.png")
    assert artifact == {
        "kind": "artifact",
        "path": "tensorboard/a/3.png",
        "source": source,
        "type": "image",
        "key": "a",
        "step": 3,
    }
    with open(source, "rb") as file:
        assert file.read() == PNG
    assert params == {"kind": "params", "source": "tensorboard", "params": {"lr": 0.5}, "given": []}


def test_nothing_to_read(tmp_path: Path) -> None:
    """In a folder without anything of a logger's nothing is read and nothing is written."""
    (tmp_path / "src").mkdir()
    assert take_metrics(str(tmp_path / "live"), RECORD, str(tmp_path), BEGAN) == []
    assert not (tmp_path / "live").exists()


def test_reading_on(tmp_path: Path) -> None:
    """Of a run that is running each look gives what is there by then, from the journal and from files."""
    path = write(tmp_path / "runs" / NAME, events(("loss", 0, 0.5)))
    logged = Logged(str(tmp_path / "live"), RECORD, str(tmp_path))
    assert {name: len(series) for name, series in logged.read().items()} == {"loss": 1}
    with path.open("ab") as file:
        file.write(ev.record(ev.event(1, ev.simple("loss", 0.25))))
    Journal(str(tmp_path / "live" / "journal")).append("acc", 0, 1.0, 1.0)
    assert {name: len(series) for name, series in logged.read().items()} == {"acc": 1, "loss": 2}
    assert logged.size() > 0


def test_a_run_that_is_running_and_its_end(repo: str, gitxp: Gitxp, git: Git) -> None:
    """TensorBoard's values are shown while the run goes on, and are in the run's last commit."""
    with open(os.path.join(repo, "train.py"), "w") as file:
        file.write(WRITES.format(name=NAME, data=events(("train/loss", 0, 0.5), ("train/loss", 1, 0.25)).hex()))
    running = gitxp.start("run", "--name", "one", "python", "train.py", stdin=-1)
    try:
        assert running.stdout is not None
        assert running.stdout.readline().strip() == b"written"
        with Repo(repo) as here:
            run = here.get("one")
            assert run.metrics == {}
            shown = here.show(run)
            assert shown["series"] == ["train/loss"]
            assert shown["metrics"]["train/loss"] == {"last": 0.25, "min": 0.25, "max": 0.5, "count": 2, "step": 1}
            assert here.series(run, "train/loss") == [(0, 1.7e9, 0.5), (1, 1.7e9 + 1, 0.25)]
            assert [one.metrics for one in here.runs()] == [{"train/loss": 0.25}]
    finally:
        running.communicate(b"\n", timeout=60)
    assert running.returncode == 0
    assert git("show", "experiments/one:.gitxp/metrics/train/loss.tsv") == "0\t1700000000.0\t0.5\n1\t1700000001.0\t0.25"
    with Repo(repo) as here:
        assert here.get("one").metrics == {"train/loss": 0.25}


def test_files_of_an_earlier_run(repo: str, gitxp: Gitxp) -> None:
    """A file that an earlier run wrote is not taken for this one's, nor is an old one that was copied here."""
    write_file = os.path.join(repo, "runs", NAME)
    os.makedirs(os.path.dirname(write_file))
    with open(write_file, "wb") as file:
        file.write(events(("loss", 0, 0.5)))
    old = NAME.replace("4000000000", "1500000000")
    gitxp("run", "--name", "one", "cp", write_file, os.path.join("runs", old))
    with Repo(repo) as here:
        assert here.get("one").metrics == {}


def test_a_broken_file_is_a_line_in_the_record(repo: str, gitxp: Gitxp) -> None:
    """What cannot be read of a logger's file is one of the run's problems, and the run is as it is."""
    script = f"import os; os.makedirs('runs'); open('runs/{NAME}', 'wb').write(bytes(500))"
    answer = gitxp("run", "--name", "one", "python", "-c", script)
    assert answer.returncode == 0
    with Repo(repo) as here:
        record = here.get("one").record
    assert record["status"] == "completed"
    assert record["problems"] == [f"{NAME}: it is damaged from byte 0 on."]


def test_signals_do_not_cost_the_metrics(repo: str, gitxp: Gitxp) -> None:
    """A run that is interrupted has the metrics that were in the file by then."""
    with open(os.path.join(repo, "train.py"), "w") as file:
        file.write(WRITES.format(name=NAME, data=events(("loss", 0, 0.5)).hex()))
    running = gitxp.start("run", "--name", "one", "python", "train.py", stdin=-1, start_new_session=True)
    assert running.stdout is not None
    assert running.stdout.readline().strip() == b"written"
    os.killpg(running.pid, signal.SIGINT)
    running.communicate(timeout=60)
    with Repo(repo) as here:
        run = here.get("one")
    assert run.status in {"interrupted", "failed"}
    assert run.metrics == {"loss": 0.5}
