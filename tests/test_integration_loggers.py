"""The readers against files that the real packages write, where those are installed."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.capture.logger_files import find_metric_files
from gitxp.capture.readers import read_metrics

if TYPE_CHECKING:
    from pathlib import Path

    from gitxp.capture.readers import Found

pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore")]


def load(name: str) -> Any:
    """A package that the test needs, imported without a word about what is deprecated in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


def read(root: Path) -> Found:
    """What the files below a folder say."""
    return read_metrics(find_metric_files([], str(root), 0.0))


def log_everything(writer: Any, numpy: Any) -> None:
    """What SummaryWriters of PyTorch and tensorboardX can do, in the words of both."""
    for step in range(300):
        writer.add_scalar("train/loss", 1 / (step + 1), step)
    writer.add_scalars("acc", {"train": 0.5, "valid": 0.25}, 3)
    writer.add_image("sample", numpy.zeros((3, 8, 8), dtype=numpy.uint8), 1)
    writer.add_histogram("weights", numpy.arange(100.0), 2)
    writer.add_text("note", "hello", 4)
    writer.close()


def check_everything(found: Found) -> None:
    """All of it is there."""
    loss = found.points["train/loss"]
    assert list(loss.steps) == list(range(300))
    assert list(loss.values) == pytest.approx([1 / (step + 1) for step in range(300)])
    accuracies = {name: list(series.values) for name, series in found.points.items() if "acc" in name}
    flat, nested = (
        {f"acc{between}{part}/acc": [x] for part, x in (("train", 0.5), ("valid", 0.25))} for between in "_/"
    )
    assert accuracies in (flat, nested)
    kept = {artifact.key: artifact for artifact in found.artifacts}
    assert kept["sample"].read().startswith(b"\x89PNG")
    assert kept["sample"].step == 1
    (histogram,) = json.loads(kept["weights"].read())["steps"]
    assert sum(count for _, _, count in histogram["buckets"]) == pytest.approx(100)
    assert histogram["buckets"][0][0] == 0
    (text,) = (artifact for artifact in found.artifacts if artifact.type == "text")
    assert text.read() == b"hello"
    assert found.problems == []


@pytest.mark.parametrize("package", ["tensorboardX", "torch.utils.tensorboard"])
def test_summary_writers(package: str, tmp_path: Path) -> None:
    """All that a SummaryWriter logs is found: scalars, several at once, images, histograms, texts."""
    numpy = load("numpy")
    load("PIL")
    if package.startswith("torch"):
        load("tensorboard")
        load("torch")
    writers = load(package)
    log_everything(writers.SummaryWriter(str(tmp_path / "runs" / "one")), numpy)
    check_everything(read(tmp_path))


@pytest.mark.parametrize("package", ["tensorboardX", "torch.utils.tensorboard"])
def test_add_hparams(package: str, tmp_path: Path) -> None:
    """The hyperparameters are parameters, and the metrics beside them have no strange prefix."""
    load("numpy")
    if package.startswith("torch"):
        load("tensorboard")
        load("torch")
    writer = load(package).SummaryWriter(str(tmp_path / "runs" / "one"))
    writer.add_scalar("loss", 0.5, 1)
    writer.add_hparams({"lr": 0.1, "batch": 32, "opt": "adam", "amp": True}, {"hparam/acc": 0.75})
    writer.close()
    found = read(tmp_path)
    assert found.params == {"tensorboard": {"lr": 0.1, "batch": 32, "opt": "adam", "amp": True}}
    assert {name: list(series.values) for name, series in found.points.items()} == {"loss": [0.5], "hparam/acc": [0.75]}


def test_events_of_tensorboard(tmp_path: Path) -> None:
    """Files of TensorBoard's own writer, with values as TensorFlow 2 writes them."""
    numpy = load("numpy")
    events = load("tensorboard.compat.proto.event_pb2")
    summaries = load("tensorboard.compat.proto.summary_pb2")
    tensors = load("tensorboard.util.tensor_util")
    writers = load("tensorboard.summary.writer.event_file_writer")
    writer = writers.EventFileWriter(str(tmp_path / "logs" / "train"))
    plugin = summaries.SummaryMetadata(plugin_data=summaries.SummaryMetadata.PluginData(plugin_name="scalars"))
    for step in range(300):
        tensor = tensors.make_tensor_proto(numpy.float32(step / 4))
        value = summaries.Summary.Value(tag="epoch_loss", tensor=tensor, metadata=None if step else plugin)
        writer.add_event(events.Event(wall_time=1.7e9 + step, step=step, summary=summaries.Summary(value=[value])))
    writer.close()
    found = read(tmp_path)
    assert list(found.points["epoch_loss"]) == [(step, 1.7e9 + step, step / 4) for step in range(300)]
    assert found.problems == []


def test_dvclive_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that dvclive writes: metrics with their steps, and parameters."""
    package = load("dvclive")
    monkeypatch.chdir(tmp_path)
    live = package.Live(str(tmp_path / "dvclive"), save_dvc_exp=False, dvcyaml=None)
    live.log_params({"lr": 0.1})
    for step in range(3):
        live.log_metric("train/loss", step / 4)
        live.next_step()
    live.end()
    found = read(tmp_path)
    assert list(found.points["train/loss"].values) == [0.0, 0.25, 0.5]
    assert found.params == {"dvclive": {"lr": 0.1}}
