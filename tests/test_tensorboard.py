from __future__ import annotations

import json
import math
import os
import random
import struct
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import event_files as ev
from gitxp.capture.logger_files import EVENTS
from gitxp.capture.readers import MetricFile, Readers, read_metrics
from gitxp.capture.readers.crc32c import crc32c, crc32c_each
from gitxp.capture.readers.tensorboard import MAX_EACH, EventFile

if TYPE_CHECKING:
    from pathlib import Path

    from gitxp.capture.readers import Found

NAME = "events.out.tfevents.1700000000.host.1.0"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "
HALF = struct.unpack("<H", struct.pack("<e", 0.5))[0]


def write(folder: Path, *events: bytes, name: str = NAME) -> str:
    """An event file with these events: its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(ev.event_file(events))
    return str(path)


def read(*paths: str) -> Found:
    """What these event files say."""
    return read_metrics([MetricFile(path, EVENTS) for path in paths])


def points(found: Found) -> dict[str, list[tuple[int, float]]]:
    """Step and value of each point."""
    return {name: list(zip(series.steps, series.values, strict=True)) for name, series in found.points.items()}


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=8))
def test_checksums(items: list[bytes]) -> None:
    """The checksums of many strings at once are those of the definition; 123456789 gives the check value of RFC 3720."""
    size = min(map(len, items))
    items = [item[:size] for item in items]
    assert list(crc32c_each(items)) == [ev.crc32c(item) for item in items]
    assert crc32c(b"123456789") == 0xE3069283


def test_scalars_as_pytorch_writes_them(tmp_path: Path) -> None:
    """Each tag is a metric; steps of any size, among them 0 (which is left out) and negative ones; time and value."""
    steps = [0, 1, 127, 128, 20_000, 3_000_000_000, -5]
    events = [ev.event(step, ev.simple("train/loss", step / 4), at=1.7e9 + n) for n, step in enumerate(steps)]
    found = read(write(tmp_path, *events, ev.event(1, ev.simple("acc", 0.5))))
    assert points(found)["train/loss"] == [(step, step / 4) for step in steps]
    assert list(found.points["train/loss"].times) == [1.7e9 + n for n in range(len(steps))]
    assert points(found)["acc"] == [(1, 0.5)]
    assert found.problems == []


def test_several_values_in_one_event(tmp_path: Path) -> None:
    """A summary may have several values, and one tag need not have a value in each event."""
    events = [ev.event(n, ev.simple("a", float(n)), ev.simple("b", -float(n))) for n in range(3)]
    found = read(write(tmp_path, *events, ev.event(3, ev.simple("b", 9.0))))
    assert points(found) == {"a": [(0, 0.0), (1, 1.0), (2, 2.0)], "b": [(0, 0.0), (1, -1.0), (2, -2.0), (3, 9.0)]}


def test_values_that_are_not_finite(tmp_path: Path) -> None:
    """What is not finite, nan and the infinities, is a value."""
    events = [ev.event(n + 1, ev.simple("x", x)) for n, x in enumerate([math.inf, -math.inf, math.nan])]
    values = list(read(write(tmp_path, *events)).points["x"].values)
    assert values[:2] == [math.inf, -math.inf]
    assert math.isnan(values[2])


@pytest.mark.parametrize(
    "what",
    [
        ev.tensor(1, ev.field(4, struct.pack("<f", 0.5))),
        ev.tensor(1, ev.field(5, struct.pack("<f", 0.5))),
        ev.tensor(1, ev.field(5, 0.5, "f")),
        ev.tensor(2, ev.field(4, struct.pack("<d", 0.5)), shape=(1,)),
        ev.tensor(2, ev.field(6, struct.pack("<d", 0.5))),
        ev.tensor(14, ev.field(4, b"\x00\x3f")),
        ev.tensor(14, ev.field(13, 0x3F00)),
        ev.tensor(19, ev.field(4, struct.pack("<e", 0.5))),
        ev.tensor(19, ev.field(13, ev.varint(HALF))),
    ],
)
def test_tensors_of_one_number(what: bytes, tmp_path: Path) -> None:
    """A scalar of TensorFlow 2 is read in every type that it may have, packed or not, with plugin or without."""
    for plugin in (b"", ev.metadata("scalars")):
        events = [ev.event(n, ev.value("loss", what, plugin)) for n in range(4)]
        assert points(read(write(tmp_path, *events))) == {"loss": [(n, 0.5) for n in range(4)]}


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (3, ev.field(4, struct.pack("<i", -3))),
        (3, ev.field(7, -3)),
        (9, ev.field(4, struct.pack("<q", -3))),
        (9, ev.field(10, ev.varint(-3))),
        (6, ev.field(4, struct.pack("<b", -3))),
    ],
)
def test_tensors_of_one_whole_number(kind: int, data: bytes, tmp_path: Path) -> None:
    """So is one of whole numbers, negative ones too."""
    assert points(read(write(tmp_path, ev.event(7, ev.value("n", ev.tensor(kind, data)))))) == {"n": [(7, -3.0)]}


def test_the_plugin_is_named_once(tmp_path: Path) -> None:
    """Only the first value of a tag needs to say which plugin it belongs to; other tensors are no scalars."""
    half = ev.tensor(1, ev.field(4, struct.pack("<f", 0.5)))
    events = [
        ev.event(0, ev.value("curve", half, ev.metadata("pr_curves"))),
        ev.event(1, ev.value("curve", half)),
        ev.event(1, ev.value("vector", ev.tensor(1, ev.field(4, struct.pack("<2f", 1, 2)), shape=(2,)))),
    ]
    found = read(write(tmp_path, *events))
    assert (found.points, found.artifacts, found.problems) == ({}, [], [])


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "loss", "a/b", "0000"]), st.integers(0, 400), st.floats(width=32)),
        max_size=40,
    )
)
def test_shortcuts_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, logged: list[tuple[str, int, float]]
) -> None:
    """What is remembered of earlier events never gives another tag, step or value than the events have."""
    folder = tmp_path_factory.mktemp("events")
    found = read(write(folder, *(ev.event(step, ev.simple(tag, x)) for tag, step, x in logged)))
    expected: dict[str, list[tuple[int, float]]] = {}
    for tag, step, x in logged:
        expected.setdefault(tag, []).append((step, x))
    assert repr(points(found)) == repr(expected)


def test_a_torn_end_is_awaited(tmp_path: Path) -> None:
    """A file that ends anywhere within a record gives those before it, no problem, and the record once it is whole."""
    events = [ev.event(n, ev.simple("loss", float(n))) for n in range(3)]
    whole = ev.event_file(events)
    path = tmp_path / NAME
    for cut in range(len(ev.event_file(events[:2])), len(whole)):
        path.write_bytes(whole[:cut])
        reader = Readers()
        file = MetricFile(str(path), EVENTS)
        found = reader.read([file])
        assert points(found) == {"loss": [(0, 0.0), (1, 1.0)]}
        assert found.problems == []
        with path.open("ab") as stream:
            stream.write(whole[cut:])
        assert points(reader.read([file])) == {"loss": [(0, 0.0), (1, 1.0), (2, 2.0)]}


def test_damaged_data(tmp_path: Path) -> None:
    """A record whose data has another checksum costs itself, and is counted."""
    events = [ev.event(n, ev.simple("loss", float(n))) for n in range(5)]
    data = bytearray(ev.event_file(events))
    data[len(ev.event_file(events[:2])) + 30] ^= 0xFF
    path = tmp_path / NAME
    path.write_bytes(data)
    found = read(str(path))
    assert [step for step, _ in points(found)["loss"]] == [0, 1, 3, 4]
    assert found.problems == [f"{NAME}: damaged records left out: 1."]


def test_damaged_length(tmp_path: Path) -> None:
    """Where a length cannot be trusted the file ends, and it is said; what came before stays."""
    events = [ev.event(n, ev.simple("loss", float(n))) for n in range(5)]
    data = bytearray(ev.event_file(events))
    place = len(ev.event_file(events[:2]))
    data[place] ^= 1
    path = tmp_path / NAME
    path.write_bytes(data)
    found = read(str(path))
    assert [step for step, _ in points(found)["loss"]] == [0, 1]
    assert found.problems == [f"{NAME}: it is damaged from byte {place:,} on."]


def test_zeros_at_the_end(tmp_path: Path) -> None:
    """Blocks of zeros, as a file system leaves them after a power cut, are damage and not records without end."""
    path = tmp_path / NAME
    path.write_bytes(ev.event_file([ev.event(1, ev.simple("loss", 1.0))]) + bytes(4096))
    found = read(str(path))
    assert points(found) == {"loss": [(1, 1.0)]}
    assert "damaged" in found.problems[0]


def test_what_is_no_event(tmp_path: Path) -> None:
    """A sound record with strange bytes in it costs itself."""
    strange = [b"\xff" * 20, b"\x09" + bytes(8) + b"\x10\xff\xff\xff", b"\x0b\x0c", b"", b"\x2a\x7f\x00"]
    found = read(write(tmp_path, *strange, ev.event(1, ev.simple("loss", 1.0))))
    assert points(found) == {"loss": [(1, 1.0)]}
    assert found.problems == [f"{NAME}: records that could not be understood: 4."]


@given(st.integers(0, 2**32), st.integers(1, 30))
def test_any_damage(tmp_path_factory: pytest.TempPathFactory, seed: int, count: int) -> None:
    """Whatever bytes are changed, cut out or put in, reading ends, and raises nothing."""
    chance = random.Random(seed)  # noqa: S311  (damage, not secrets)
    blobs = [ev.simple("loss", 0.1), ev.field(1, "i") + ev.field(4, ev.field(4, PNG[:40]))]
    data = bytearray(ev.event_file(ev.event(n, chance.choice(blobs)) for n in range(12)))
    for _ in range(count):
        place = chance.randrange(len(data))
        data[place : place + chance.choice([0, 1, 1, 1, 9])] = chance.randbytes(chance.choice([0, 1, 1, 1, 5]))
    path = tmp_path_factory.mktemp("events") / NAME
    path.write_bytes(data)
    found = read(str(path))
    assert not any("Error" in problem for problem in found.problems)


def test_reading_on(tmp_path: Path) -> None:
    """A second look reads only what is new; a file that got shorter is read anew."""
    first = [ev.event(n, ev.simple("loss", float(n))) for n in range(3)]
    reader = EventFile(write(tmp_path, *first))
    reader.update()
    assert len(reader.series["loss"]) == 3
    with open(reader.path, "ab") as file:
        file.write(ev.record(ev.event(3, ev.simple("loss", 3.0))))
    reader.update()
    reader.update()
    assert list(reader.series["loss"].steps) == [0, 1, 2, 3]
    write(tmp_path, ev.event(7, ev.simple("other", 1.0)))
    reader.update()
    assert {name: list(series.steps) for name, series in reader.series.items()} == {"other": [7]}


def test_folders_of_one_run(tmp_path: Path) -> None:
    """Keras writes train/ and validation/ with the same tags: the folder comes before them; one folder alone does not."""
    train = write(tmp_path / "logs" / "train", ev.event(0, ev.simple("epoch_loss", 1.0)))
    valid = write(tmp_path / "logs" / "validation", ev.event(0, ev.simple("epoch_loss", 2.0)))
    assert points(read(train, valid)) == {"train/epoch_loss": [(0, 1.0)], "validation/epoch_loss": [(0, 2.0)]}
    assert points(read(train)) == {"epoch_loss": [(0, 1.0)]}


def test_several_files_in_one_folder(tmp_path: Path) -> None:
    """A writer that was opened twice continues its metrics; the points are in the order of their times."""
    later = write(tmp_path, ev.event(1, ev.simple("loss", 1.0), at=1.7e9 + 1))
    sooner = write(tmp_path, ev.event(0, ev.simple("loss", 2.0), at=1.7e9), name=f"{NAME}.v2")
    assert points(read(later, sooner)) == {"loss": [(0, 2.0), (1, 1.0)]}


def test_hyperparameters_of_pytorch(tmp_path: Path) -> None:
    """add_hparams writes into a folder named after the moment: its values are parameters, its metrics have no prefix."""
    values: dict[str, tuple[int, Any]] = {"lr": (2, 0.1), "batch": (2, 32.0), "opt": (3, "adam"), "amp": (4, 1)}
    entries = [ev.field(1, ev.field(1, name) + ev.field(2, ev.field(*pair))) for name, pair in values.items()]
    plugin = ev.metadata("hparams", ev.field(3, b"".join(entries)))
    start = ev.field(1, "_hparams_/session_start_info") + ev.field(9, plugin)
    main = write(tmp_path / "runs", ev.event(0, ev.simple("loss", 1.0)))
    moment = write(tmp_path / "runs" / "1700000000.123", ev.event(0, start), ev.event(0, ev.simple("hparam/acc", 0.5)))
    found = read(main, moment)
    assert found.params == {"tensorboard": {"lr": 0.1, "batch": 32, "opt": "adam", "amp": True}}
    assert isinstance(found.params["tensorboard"]["batch"], int)
    assert set(found.points) == {"loss", "hparam/acc"}


def test_images(tmp_path: Path) -> None:
    """Images of both forms are artifacts, byte for byte, by tag and step; what is no image file is none."""
    old = ev.field(1, "sample/a") + ev.field(4, ev.field(1, 8) + ev.field(4, PNG))
    new = ev.value("../b", ev.tensor(7, *(ev.field(8, x) for x in (b"8", b"8", PNG, PNG[:50]))), ev.metadata("images"))
    strange = ev.field(1, "c") + ev.field(4, ev.field(4, b"not an image"))
    found = read(write(tmp_path, ev.event(3, old), ev.event(4, new), ev.event(5, strange)))
    kept = {artifact.path: (artifact.type, artifact.key, artifact.step) for artifact in found.artifacts}
    assert kept == {
        "tensorboard/sample/a/3.png": ("image", "sample/a", 3),
        "tensorboard/%2E./b/4.png": ("image", "../b", 4),
        "tensorboard/%2E./b/4-1.png": ("image", "../b", 4),
    }
    assert {artifact.path: artifact.read() for artifact in found.artifacts} == {
        "tensorboard/sample/a/3.png": PNG,
        "tensorboard/%2E./b/4.png": PNG,
        "tensorboard/%2E./b/4-1.png": PNG[:50],
    }


def test_many_images(tmp_path: Path) -> None:
    """Of one tag the latest images are kept."""
    image = ev.field(1, "sample") + ev.field(4, ev.field(4, PNG[:60]))
    found = read(write(tmp_path, *(ev.event(step, image) for step in range(MAX_EACH + 20))))
    assert sorted(artifact.step or 0 for artifact in found.artifacts) == list(range(20, MAX_EACH + 20))


def test_histograms(tmp_path: Path) -> None:
    """Histograms of both forms are one JSON file for each tag: step, time and (left, right, count) of the buckets."""
    limits, counts = struct.pack("<4d", -1, 0, 1, 2), struct.pack("<4d", 0, 3, 4, 5)
    old = ev.field(1, -0.5) + ev.field(2, 1.5) + ev.field(6, limits) + ev.field(7, counts)
    rows = ev.tensor(2, ev.field(4, struct.pack("<6d", 0, 1, 7, 1, 2, 8)), shape=(2, 3))
    events = [
        ev.event(1, ev.field(1, "w") + ev.field(5, old)),
        ev.event(2, ev.value("v", rows, ev.metadata("histograms"))),
        ev.event(3, ev.value("v", rows)),
    ]
    found = read(write(tmp_path, *events))
    kept = {artifact.path: json.loads(artifact.read()) for artifact in found.artifacts}
    assert kept["tensorboard/w.histogram.json"] == {
        "steps": [{"step": 1, "at": 1.7e9, "buckets": [[-0.5, 0.0, 3.0], [0.0, 1.0, 4.0], [1.0, 1.5, 5.0]]}]
    }
    steps = kept["tensorboard/v.histogram.json"]["steps"]
    assert [(entry["step"], entry["buckets"]) for entry in steps] == [(n, [[0, 1, 7], [1, 2, 8]]) for n in (2, 3)]
    assert {artifact.type for artifact in found.artifacts} == {"histogram"}


def test_texts_and_sounds(tmp_path: Path) -> None:
    """Texts and sounds are artifacts, too."""
    text = ev.value("note", ev.tensor(7, ev.field(8, "hello é")), ev.metadata("text"))
    sound = ev.value("voice", ev.tensor(7, ev.field(8, WAV), ev.field(8, b"label")), ev.metadata("audio"))
    found = read(write(tmp_path, ev.event(1, text), ev.event(2, sound)))
    assert {artifact.path: (artifact.type, artifact.read()) for artifact in found.artifacts} == {
        "tensorboard/note/1.txt": ("text", "hello é".encode()),
        "tensorboard/voice/2.wav": ("audio", WAV),
    }


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that went away is a sentence; a FIFO blocks nobody; neither costs the others."""
    good = write(tmp_path, ev.event(1, ev.simple("loss", 1.0)))
    os.mkfifo(tmp_path / "fifo.tfevents.1.x")
    found = read(str(tmp_path / "gone.tfevents.1.x"), str(tmp_path / "fifo.tfevents.1.x"), good)
    assert points(found) == {"loss": [(1, 1.0)]}
    assert found.problems == ["gone.tfevents.1.x could not be read: No such file or directory."]
