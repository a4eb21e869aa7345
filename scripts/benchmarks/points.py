"""The rows about many points: a run that logged a million, shown, read back, and read from TensorBoard's files.

The other side is what the same bytes cost without gitxp: `sort` and `git hash-object -w` of the journal, `cat` of an
event file. The budget is in seconds, as users wait in seconds.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

from measure import Work, check, take_turns
from rows import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rows import Bench

POINTS = 1_000_000
_SHAPES = ((1, "1,000,000 points of one metric"), (2_000, "1,000,000 points of 2,000 metrics"))
_ROUNDS = 5
_START = 1.7e9
_TABLE: list[int] = []


def finish(bench: Bench) -> Iterator[Result]:
    """`gitxp run` of a command that logs 1,000,000 points, whole; against sort and git hash-object of the journal."""
    for metrics, what in _SHAPES:
        folder, journal = bench.fresh(f"points-{metrics}"), make_journal(bench, metrics)
        copy = f'mkdir -p "$GITXP_RUN_DIR/journal" && cp {journal} "$GITXP_RUN_DIR/journal/1-00000000.tsv"'
        ours = Work([bench.gitxp, "run", "--", "sh", "-c", copy], folder)
        theirs = Work(["sh", "-c", f"sort {journal} >/dev/null && git hash-object -w --no-filters {journal}"], folder)
        yield _result(bench, "finish-points", f"gitxp run, {what}", "sort, git hash-object -w", ours, theirs, 10)


def read(bench: Bench) -> Iterator[Result]:
    """`gitxp show` of a run with 1,000,000 points, and `Repo.series` of all of one metric."""
    for metrics, what in _SHAPES:
        folder, journal = bench.fresh(f"read-points-{metrics}"), make_journal(bench, metrics)
        copy = f'mkdir -p "$GITXP_RUN_DIR/journal" && cp {journal} "$GITXP_RUN_DIR/journal/1-00000000.tsv"'
        check([bench.gitxp, "run", "--name", "a", "--", "sh", "-c", copy], folder, bench.environ)
        theirs = Work(["git", "cat-file", "blob", "experiments/a:.gitxp/metrics/m0.tsv"], folder)
        show = Work([bench.gitxp, "show", "a"], folder)
        yield _result(bench, "read-points", f"gitxp show, {what}", "git cat-file of a series", show, theirs, 1)
        code = "import gitxp; repo = gitxp.Repo(); print(len(repo.series(repo.get('a'), 'm0')))"
        series = Work([python_of(bench), "-P", "-c", code], folder)
        yield _result(bench, "read-points", f"Repo.series, {what}", "git cat-file of a series", series, theirs, 3)


def events(bench: Bench) -> Iterator[Result]:
    """Reading 1,000,000 scalars from an event file of TensorBoard's, against `cat` of it."""
    for metrics, what in _SHAPES:
        path = os.path.join(bench.path("events"), f"events.out.tfevents.1.{metrics}")
        _write_events(path, metrics)
        code = "import sys; from gitxp.capture.readers import MetricFile, read_metrics\n"
        code += "found = read_metrics([MetricFile(sys.argv[1], 'events')])\n"
        code += f"assert sum(map(len, found.points.values())) == {POINTS} and not found.problems"
        ours = Work([python_of(bench), "-P", "-c", code, path], bench.folder)
        theirs = Work(["sh", "-c", f"cat {path} >/dev/null"], bench.folder)
        yield _result(bench, "events", f"event file, {what}", "cat", ours, theirs, 10)


def _result(bench: Bench, row: str, work: str, against: str, ours: Work, theirs: Work, budget: float) -> Result:
    pair = take_turns(ours, theirs, bench.environ, min(bench.settings.pairs, _ROUNDS))
    taken, other = pair.medians
    return Result(
        row,
        work,
        f"{taken:.2f} s",
        f"{other:.2f} s {against}",
        f"{taken:.2f} s",
        f"≤ {budget:g} s",
        "met" if taken <= budget else "MISSED",
        pair._asdict(),
    )


def python_of(bench: Bench) -> str:
    return os.path.join(os.path.dirname(bench.gitxp), "python")


def make_journal(bench: Bench, metrics: int) -> str:
    """The journal of a process that logged so many metrics in turns."""
    path = bench.path(f"journal-{metrics}.tsv")
    if not os.path.exists(path):
        with open(path, "w") as file:
            for number in range(POINTS):
                step, at, value = number // metrics, _START + number * 0.0013, number * 0.37
                file.write(f"m{number % metrics}.tsv\t{step}\t{at!r}\t{value!r}\n")
    return path


def _write_events(path: str, metrics: int) -> None:
    """The same points as PyTorch's SummaryWriter stores them."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        for number in range(POINTS):
            tag = f"m{number % metrics}".encode()
            value = b"\x0a" + bytes([len(tag)]) + tag + b"\x15" + struct.pack("<f", number * 0.37)
            summary = b"\x0a" + bytes([len(value)]) + value
            event = b"\x09" + struct.pack("<d", _START + number * 0.0013) + b"\x10" + _varint(number // metrics)
            event += b"\x2a" + bytes([len(summary)]) + summary
            length = struct.pack("<Q", len(event))
            file.write(length + _masked(length) + event + _masked(event))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _masked(data: bytes) -> bytes:
    """CRC-32C, masked as TFRecord has it."""
    if not _TABLE:
        for entry in range(256):
            for _ in range(8):
                entry = entry >> 1 ^ (0x82F63B78 if entry & 1 else 0)  # noqa: PLW2901
            _TABLE.append(entry)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 255]
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


ROWS: dict[str, Callable[[Bench], Iterator[Result]]] = {
    "finish-points": finish,
    "read-points": read,
    "events": events,
}
