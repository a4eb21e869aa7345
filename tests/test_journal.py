from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitxp.errors import FormatError
from gitxp.format import decode_number, encode_point, metric_path
from gitxp.recording import journal
from gitxp.recording.journal import Journal, JournalReader, read_journal, write_journal
from gitxp.series import Series, decode_values

if TYPE_CHECKING:
    from pathlib import Path

    from gitxp.format import Point

whole = st.integers(-(2**63), 2**63 - 1)
logged = st.lists(st.tuples(whole, st.floats(0, 4e9), st.floats()), min_size=1, max_size=20)


def points(folder: Path) -> dict[str, list[Point]]:
    """The points that a journal has, as tuples."""
    return {name: list(series) for name, series in read_journal(str(folder)).items()}


@given(logged)
def test_series_are_what_the_format_says(items: list[Point]) -> None:
    """A series in memory is encoded and summed up as its points are, one by one."""
    series = Series(items)
    assert b"".join(series.encode()) == b"".join(encode_point(*point) for point in items)
    step, _, last = items[-1]
    numbers = sorted(value for _, _, value in items if not math.isnan(value)) or [math.nan]
    expected = {"last": last, "min": numbers[0], "max": numbers[-1], "count": len(items), "step": step}
    summary = {key: decode_number(value) for key, value in series.summary().items()}
    assert {key: value + 0 for key, value in summary.items()} == pytest.approx(expected, rel=0, abs=0, nan_ok=True)
    assert len(series) == len(items)
    assert repr(series[-1]) == repr(items[-1])


@given(logged)
def test_values_alone(items: list[Point]) -> None:
    """The values of a series file are those of its points; a torn last line is dropped from both."""
    data = b"".join(Series(items).encode())
    assert repr(decode_values(data)) == repr(Series.decode(data).values)
    assert repr(decode_values(data + b"1\t2.0\t3")) == repr(Series.decode(data).values)


@pytest.mark.parametrize("line", [b"1\t2.0\n", b"1\t2.0\tx\n", b"1\t2.0\t3.0\t4\n", b"\n"])
def test_values_of_what_is_no_series(line: bytes) -> None:
    """A line that is none is an error, as where whole points are read."""
    for decode in (decode_values, Series.decode):
        with pytest.raises(FormatError):
            decode(b"1\t2.0\t3.0\n" + line)


@given(logged)
def test_sorting(items: list[Point]) -> None:
    """Points are sorted by time, and equal times stay in the order in which they were logged."""
    series = Series(items)
    series.sort()
    assert repr(list(series)) == repr(sorted(items, key=lambda point: point[1]))


def test_a_step_that_is_too_large() -> None:
    """A step over 64 bits is refused, and leaves nothing behind."""
    series = Series()
    with pytest.raises(OverflowError):
        series.append(2**63, 1.0, 1.0)
    assert list(series) == []


def test_what_was_logged_is_read(tmp_path: Path) -> None:
    """Values of one process come back in their order, whatever the metric is called."""
    names = ["loss", "train/loss", "../x", "ta\tb\n", "é.tsv/y", ""]
    writer = Journal(str(tmp_path / "journal"))
    for step in range(3):
        for name in names:
            writer.append(name, step, 1.5 + step, step / 3)
    assert points(tmp_path / "journal") == {name: [(n, 1.5 + n, n / 3) for n in range(3)] for name in names}


def test_no_journal(tmp_path: Path) -> None:
    """A run that logged nothing has no metrics."""
    assert points(tmp_path / "absent") == {}


def test_several_processes(tmp_path: Path) -> None:
    """What several processes logged of a metric is one series, by time."""
    first, second = Journal(str(tmp_path)), Journal(str(tmp_path))
    for at in (1.0, 3.0):
        first.append("loss", 0, at, at)
        second.append("loss", 1, at + 1, at + 1)
    assert points(tmp_path) == {"loss": [(0, 1.0, 1.0), (1, 2.0, 2.0), (0, 3.0, 3.0), (1, 4.0, 4.0)]}


@given(
    st.lists(
        st.sampled_from(
            [
                b"loss.tsv\t1\t2.0\t3.0\n",
                b"a/b.tsv\t4\t5.0\tnan\n",
                b"loss.tsv\t1\t2.0\n",
                b"loss.tsv\t1\t2.0\t3.0\t4\n",
                b"loss.tsv\t99999999999999999999\t2.0\t3.0\n",
                b"loss.tsv\tx\t2.0\t3.0\n",
                b"loss.tsv\t1.5\t2.0\t3.0\n",
                b"loss\t1\t2.0\t3.0\n",
                b"only.tsv\t\t\t\n",
                b"\xff.tsv\t1\t2.0\t3.0\n",
                b"\n",
            ]
        ),
        max_size=12,
    )
)
def test_lines_that_are_none(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    """A line that is no point costs itself: the others are there, and no metric is there without a point."""
    folder = tmp_path_factory.mktemp("journal")
    (folder / "1-00000000.tsv").write_bytes(b"".join(lines))
    expected = {
        "loss": [(1, 2.0, 3.0)] * lines.count(b"loss.tsv\t1\t2.0\t3.0\n"),
        "a/b": [(4, 5.0, math.nan)] * lines.count(b"a/b.tsv\t4\t5.0\tnan\n"),
    }
    found = {name: of for name, of in points(folder).items() if "\ufffd" not in name}
    assert repr(sorted(found.items())) == repr(sorted((name, of) for name, of in expected.items() if of))


def test_reading_on(tmp_path: Path) -> None:
    """A second look reads on where the first stopped, in the middle of a line, too; and sees new processes."""
    file = tmp_path / "1-00000000.tsv"
    file.write_bytes(b"loss.tsv\t1\t1.0\t0.5\nloss.tsv\t2\t2.0\t0.")
    reader = JournalReader(str(tmp_path))
    assert {name: list(series.steps) for name, series in reader.read().items()} == {"loss": [1]}
    with file.open("ab") as stream:
        stream.write(b"25\n")
    Journal(str(tmp_path)).append("acc", 7, 3.0, 1.0)
    found = reader.read()
    assert {name: list(series) for name, series in found.items()} == {
        "loss": [(1, 1.0, 0.5), (2, 2.0, 0.25)],
        "acc": [(7, 3.0, 1.0)],
    }


def test_pieces_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that is read in pieces of any size is read alike; a line without an end is passed over."""
    writer = Journal(str(tmp_path))
    for step in range(50):
        writer.append("loss" if step % 3 else "acc", step, step / 7, step / 3)
    expected = points(tmp_path)
    for size in (60, 77, 100, 1000):
        monkeypatch.setattr(journal, "_CHUNK", size)
        assert points(tmp_path) == expected
    (path,) = tmp_path.iterdir()
    with path.open("ab") as stream:
        stream.write(b"x" * 5000 + b"\n" + b"acc.tsv\t50\t1.0\t1.0\n")
    assert points(tmp_path)["acc"][-1] == (50, 1.0, 1.0)


def test_whole_series_at_once(tmp_path: Path) -> None:
    """Series that are written at once are read back as they were."""
    series = {"a/b": Series([(n, n / 2, n / 3) for n in range(100)]), "c": Series([(0, 1.0, math.inf)])}
    write_journal(str(tmp_path), series)
    assert read_journal(str(tmp_path)) == series


def test_too_many_metrics(tmp_path: Path) -> None:
    """Metrics over the limit are left out and told, since no reader would take a record with all of them."""
    lines = [f"{metric_path(f'm{n}')[15:]}\t0\t1.0\t1.0\n" for n in range(journal.MAX_METRICS + 5)]
    (tmp_path / f"{os.getpid()}-00000000.tsv").write_text("".join(lines))
    problems: list[str] = []
    found = read_journal(str(tmp_path), problems)
    assert list(found) == [f"m{n}" for n in range(journal.MAX_METRICS)]
    assert problems == ["Over 10,000 metrics, and names over 2,000 bytes, are left out."]


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    """So is a metric whose name is longer than a path may be."""
    writer = Journal(str(tmp_path))
    writer.append("x" * 3000, 0, 1.0, 1.0)
    writer.append("y", 0, 1.0, 1.0)
    problems: list[str] = []
    assert list(read_journal(str(tmp_path), problems)) == ["y"]
    assert len(problems) == 1
