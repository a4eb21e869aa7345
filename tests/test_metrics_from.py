from __future__ import annotations

import itertools
import json
import math
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitxp.capture.metrics import MAX_LINE, MAX_METRICS, LineMetrics, from_json_file
from gitxp.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from gitxp.capture.metrics import Found


def read(data: bytes) -> list[Found]:
    """What one reader finds in all of it."""
    reader = LineMetrics()
    return reader.feed(data) + reader.close()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("loss: 0.5", [("loss", 0, 0.5)]),
        ("loss=0.5", [("loss", 0, 0.5)]),
        ("loss = -1e-3", [("loss", 0, -1e-3)]),
        ("epoch 3 loss=0.1 acc: 0.93", [("loss", 3, 0.1), ("acc", 3, 0.93)]),
        ("Epoch: 3/10, loss=1", [("loss", 3, 1.0)]),
        ("Epoch [1/10], Step [100/600], Loss: 0.5", [("Loss", 100, 0.5)]),
        ("step=7 epoch=2 a=1", [("a", 7, 1.0)]),
        ("step=5.5 a=1", [("a", 0, 1.0)]),
        ("{'loss': 0.25, \"acc\": .5, 'epoch': 0.33}", [("loss", 0, 0.25), ("acc", 0, 0.5)]),
        ("9/9 [===] - 2s 1ms/step - loss: 0.25 - accuracy: 93%", [("loss", 0, 0.25), ("accuracy", 0, 93.0)]),
        ("[7]\ttrain-rmse:0.48\teval-rmse:0.49", [("train-rmse", 7, 0.48), ("eval-rmse", 7, 0.49)]),
        ("3/10 [00:01<00:03,  2.1it/s, loss=0.5, v=1]", [("loss", 0, 0.5), ("v", 0, 1.0)]),
        ("\x1b[1;32mval/loss\x1b[0m:\x1b[K 0.5\x1b]0;t=1\x07", [("val/loss", 0, 0.5)]),
        ("(a=1)[b=2]{c=3};d=4|e=5,f=6.", [(name, 0, float(i)) for i, name in enumerate("abcdef", 1)]),
        ("x=inf y=-inf", [("x", 0, math.inf), ("y", 0, -math.inf)]),
        ("a=1 a=2", [("a", 0, 1.0), ("a", 1, 2.0)]),
        ("12:30:01 INFO trainer: loss: 0.5", [("loss", 0, 0.5)]),
        ("12:30:01 2026-01-02 date=2026-01-02 time: 12:30", []),
        ("http://host:80 localhost:8080 python:3.11 host: 10.0.0.1", []),
        ("took: 3s size=5MB mask=0x1f version=1.2.3 n: 1,234", []),
        ("INFO: 3 files, Warning: 5", []),
        ("train.py:42: UserWarning", []),
        ("epoch: 3", []),
        ("2x=1 é=2 =3 : 4", []),
        ("nothing at all", []),
        ("", []),
    ],
)
def test_lines(line: str, expected: list[Found]) -> None:
    """Names with numbers are metrics; times, addresses, units, versions and the prefixes of logs are none."""
    assert read(line.encode()) == expected


def test_nan() -> None:
    """A loss that became nan is a value."""
    ((name, step, value),) = read(b"epoch 2 loss=nan")
    assert (name, step) == ("loss", 2)
    assert math.isnan(value)


def test_steps_go_on() -> None:
    """Without a step in the line, a metric's step is one more than its last; each metric counts for itself."""
    assert read(b"a=1\nb=1\na=2\nepoch 10 a=3\na=4\n") == [
        ("a", 0, 1.0),
        ("b", 0, 1.0),
        ("a", 1, 2.0),
        ("a", 10, 3.0),
        ("a", 11, 4.0),
    ]


def test_progress_bars() -> None:
    """A carriage return and a backspace end a line as a newline does."""
    assert [value for _, _, value in read(b"a=1\ra=2\r\na=3\x08\x08a=4")] == [1.0, 2.0, 3.0, 4.0]


_pieces = st.sampled_from(
    [b"loss=0.1", b" acc: 0.93", b"\n", b"\r\n", b"\x1b[31m", b"epoch 3", b"x" * 50, b"\xff", b" "]
)


@given(st.lists(_pieces | st.binary(max_size=5), max_size=30).map(b"".join), st.lists(st.integers(0, 300), max_size=8))
def test_chunks_do_not_matter(data: bytes, cuts: list[int]) -> None:
    """However the bytes are cut, the same metrics are found."""
    reader = LineMetrics()
    places = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    found = [item for start, end in itertools.pairwise(places) for item in reader.feed(data[start:end])]
    assert repr(found + reader.close()) == repr(read(data))


def test_endless_line() -> None:
    """A line without an end holds 64 KiB and no more, and half of a last number is no metric."""
    reader = LineMetrics()
    assert reader.feed(b"a=1 ") == []
    filler = b"y" * (MAX_LINE - 10)
    for piece in (filler, b" b=0.123456", *[b"z" * 100_000] * 20):
        assert reader.feed(piece) == []
        assert len(reader._line) <= MAX_LINE + 1
    assert reader.feed(b"\nc=1\n") == [("a", 0, 1.0), ("c", 0, 1.0)]


def test_too_many_names() -> None:
    """Names that never end are not counted for ever; those that are known go on."""
    reader = LineMetrics()
    found = reader.feed(b"".join(b"m%d=1\n" % i for i in range(3000)))
    assert len(found) == MAX_METRICS
    assert reader.feed(b"m0=2\nm2999=2\n") == [("m0", 1, 2.0)]


@given(st.floats(allow_nan=False))
def test_numbers_as_python_prints_them(value: float) -> None:
    """Any float that Python prints is read back equal."""
    assert read(f"x={value!r}".encode()) == [("x", 0, value)]


def write(tmp_path: Path, text: str) -> str:
    """The path of a metrics.json with this text."""
    path = tmp_path / "metrics.json"
    path.write_text(text)
    return str(path)


def test_json(tmp_path: Path) -> None:
    """Numbers are metrics by dotted names, in the file's order; booleans, texts and null are none."""
    text = '{"acc": 0.9, "n": 3, "test": {"f1": {"a": 1e-3}}, "per_class": [0.5, {"x": 1}], "ok": true, "s": "1", "z": null}'
    found = from_json_file(write(tmp_path, text))
    assert list(found.items()) == [
        ("acc", 0.9),
        ("n", 3.0),
        ("test.f1.a", 1e-3),
        ("per_class.0", 0.5),
        ("per_class.1.x", 1.0),
    ]


def test_json_without_finite_numbers(tmp_path: Path) -> None:
    """NaN and Infinity, as Python's json writes them, are values, and so is what no float can hold."""
    found = from_json_file(write(tmp_path, json.dumps({"a": math.nan, "b": -math.inf, "c": 10**400})))
    assert repr(found) == "{'a': nan, 'b': -inf, 'c': inf}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ('{"a": ', "not JSON"),
        ("[1, 2]", "a list"),
        ("3", "no object"),
        ("[" * 100_000, "not JSON"),
        ('{"a": ' + "9" * 10_000 + "}", "not JSON"),
        (json.dumps({f"m{i}": i for i in range(2000)}), "more than 1,000 numbers"),
    ],
)
def test_bad_json(tmp_path: Path, text: str, words: str) -> None:
    """A file that is no object of numbers is an error that names it and says what is wanted."""
    with pytest.raises(ConfigError, match=words) as caught:
        from_json_file(write(tmp_path, text))
    assert "metrics.json" in caught.value.message
    assert caught.value.hint


def test_json_file_that_cannot_be_read(tmp_path: Path) -> None:
    """An absent file and a folder are errors; a FIFO is one, too, and does not block."""
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "absent.json", tmp_path, tmp_path / "fifo"):
        with pytest.raises(ConfigError):
            from_json_file(str(path))
